"""What came of an adaptive test? The predicted score with its interval, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from calibrant._text import dumps, one_line

if TYPE_CHECKING:
    from calibrant._figure import Figure

VERDICT_CODES = {"supported": 0, "refuted": 1, "undetermined": 3}


@dataclass(frozen=True)
class Step:
    """What was known after a batch.

    Attributes:
        asked: items so far.
        value, low, high: of the predicted score on the whole benchmark.
    """

    asked: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Asked:
    """One item that was asked.

    Attributes:
        score: null if the trial failed; error says why.
    """

    item: str
    batch: int
    score: float | None
    error: str | None


@dataclass(frozen=True, repr=False)
class Adapted:
    """The outcome of an adaptive test.

    Attributes:
        subject, instrument: who was tested, with which items.
        value, standard_error, interval, level: the subject's predicted mean score on all
            `benchmark_items` items of the benchmark, asked and not asked, in units of the score.
        asked: the items, in the order they were chosen.
        path: what was known after each batch.
        failed: of them, how many trials failed.
        stopped: why it ended, in words.
        claim: if one was given, its relation, threshold and verdict.
        baselines: mean absolute error on subjects of families that were not used in calibration,
            at this many items: of this method and of three that use no adaptation at all.
        bank_check: the verdict on the bank.
        absent: names of calibrated items that the instrument does not have.
        cost: dollars, where known.
        provenance: seeds, versions, hashes.
        warnings, notes: what a reader must know, one sentence each.
        folder: the run folder.
    """

    subject: str
    instrument: str
    value: float
    standard_error: float
    interval: tuple[float, float]
    level: float
    benchmark_items: int
    asked: tuple[Asked, ...]
    path: tuple[Step, ...]
    failed: int
    stopped: str
    claim: Mapping[str, Any] | None
    baselines: tuple[Mapping[str, Any], ...]
    bank_check: Mapping[str, Any]
    absent: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    cost: float | None
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str = field(default="", repr=False)

    @property
    def exit_code(self) -> int:
        """0; with a claim 0 if it is supported, 1 if refuted, 3 if undetermined."""
        return 0 if self.claim is None else VERDICT_CODES[self.claim["verdict"]]

    def __repr__(self) -> str:
        low, high = self.interval
        text = (
            f"{one_line(self.subject, 60)}: {self.value:.3f} [{low:.3f}, {high:.3f}] on "
            f"{self.benchmark_items:,} items, from {len(self.asked)} asked"
        )
        return text if self.claim is None else f"{text}; {_said(self.claim)}"

    def plot(self) -> Figure:
        """How the predicted score settled."""
        from calibrant.bench.adaptive.figure import path_figure

        return path_figure(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `adapted.json`."""
        data = asdict(self)
        data.pop("folder")
        return data

    def to_json(self) -> str:
        """One JSON document."""
        return dumps(self.to_dict(), indent=1)


def _said(claim: Mapping[str, Any]) -> str:
    return f"{claim['relation']} {claim['threshold']:g}: {claim['verdict']}"
