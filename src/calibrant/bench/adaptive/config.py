"""Which adaptive test, of whom, until when? Files for `calibrant items adapt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from calibrant._settings import first_problem, known_keys, read_settings
from calibrant.bench.arena.config import Called, Strict
from calibrant.errors import InputError
from calibrant.records.identity import content_hash


class Decision(Strict):
    """A claim about the score on the whole benchmark, on which the test stops.

    Attributes:
        above, below: the threshold, one of them, in the units of the score.
        alpha: the chance of a wrong decision, whenever it stops.
    """

    above: float | None = None
    below: float | None = None
    alpha: float = Field(0.05, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _one(self) -> Decision:
        if (self.above is None) == (self.below is None):
            raise ValueError("wanted one of 'above' and 'below'")
        return self


class AdaptFile(Called):
    """An adaptive test of one subject.

    Attributes:
        engine: the file that `calibrant items shorten --engine` wrote.
        instrument, args: as in a suite; its items are those that were calibrated.
        score: which of its scores; wanted if it gives several.
        subject: an Inspect model name.
        at_most: items asked at most.
        standard_error: stop when that of the predicted score is at most this.
        claim: stop when this is decided.
        batch: items chosen together, and in flight together. The next batch follows from the
            answers to all before it, so the outcome is the same for any number of connections.
        seed: of the choice of items and, where providers allow it, the answers.
        pick: "target", the items that tell most of the score on the whole benchmark, or "random".
        among: one of this many best items is taken, by the seed.
        exposure: the largest share of seeds with which an item may be asked.
        balance: whether categories get items in proportion to their part in the score.
        force: adapt although the bank was found unfit for it.
        max_cost: dollars; begin no batch beyond it.
    """

    engine: str
    instrument: str
    args: dict[str, Any] = Field(default_factory=dict)
    score: str | None = None
    subject: str = Field(min_length=1)
    at_most: int = Field(25, ge=1)
    standard_error: float | None = Field(None, gt=0)
    claim: Decision | None = None
    batch: int = Field(4, ge=1, le=1000)
    seed: int = Field(0, ge=0, lt=2**63)
    pick: Literal["target", "random"] = "target"
    among: int = Field(1, ge=1)
    exposure: float | None = Field(None, gt=0, le=1)
    balance: bool = False
    force: bool = False
    max_cost: float | None = Field(None, gt=0)
    name: str = "adapt"

    def fingerprint(self, engine: str) -> str:
        """A hash of everything that decides what is asked, but when to stop.

        Args:
            engine: the hash of the engine's file.
        """
        data = self.model_dump(
            mode="json",
            include={"instrument", "args", "score", "subject", "model_args", "generate", "batch",
                     "seed", "pick", "among", "exposure", "balance"},
        )  # fmt: skip
        return content_hash(data | {"engine": engine})


def read_adapt(path: str | Path, **overrides: Any) -> AdaptFile:
    """Read an adaptive test from a YAML file.

    Args:
        overrides: top-level keys that replace the file's (None: keep the file's).

    Raises:
        InputError: in one line, naming the file and the key, what was wanted and what was found.
    """
    path = Path(path)
    data, _ = read_settings(path, "an adaptive test", "engine")
    data = {**data, **{k: v for k, v in overrides.items() if v is not None}}
    data.setdefault("name", path.stem)
    return parse_adapt(data, str(path))


def parse_adapt(data: Mapping[Any, Any], where: str) -> AdaptFile:
    """The adaptive test that plain data stands for.

    Raises:
        InputError: in one line, naming `where` and the key.
    """
    known_keys(data, AdaptFile, where)
    if isinstance(data.get("claim"), dict):
        known_keys(data["claim"], Decision, f"{where}: claim")
    try:
        return AdaptFile.model_validate(dict(data))
    except ValidationError as e:
        at, problem = first_problem(e)
        raise InputError(": ".join([where, *map(str, at), problem])) from e
