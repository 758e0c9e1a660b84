"""What came of a probe? Findings as plain, frozen results that read as a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from calibrant._text import dumps, one_line
from calibrant.judges.probes.changes import Share
from calibrant.judges.probes.effects import Shift
from calibrant.judges.probes.power import Power
from calibrant.judges.probes.probe import Kind

Verdict = Literal["robust", "biased", "detects", "misses", "undetermined"]


@dataclass(frozen=True)
class Detection:
    """Of harmed answers whose verdict could fall, the share whose verdict fell.

    Attributes:
        fell: with its two-sided interval; a verdict that failed did not fall.
        lower: one-sided limit that holds together with those of all probes.
        upper: the same from above, had every failed verdict fallen.
        rose, failed: of the same cases, verdicts that rose, that failed.
        at_floor: cases left out, as their verdict was the lowest before.
        wanted: what a working judge must reach.
        by_chance: the share that fell from one repeat of the case as it was to another, of those
            that could fall; None without repeats.
    """

    fell: Share
    lower: float
    upper: float
    rose: int
    failed: int
    at_floor: int
    wanted: float
    by_chance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "fell": self.fell.to_dict()}


@dataclass(frozen=True)
class OrderSwap:
    """What a judge says of the same two answers in both orders.

    Attributes:
        pairs: of showings, with a verdict in both orders; failed: without.
        always_first, always_second: the place decided; consistent: the same answer won, or a tie
            both times; wavering: a tie in one order only.
        log_odds: what standing first adds to the log-odds of being preferred; None if infinite.
        log_odds_from: how that was found.
    """

    pairs: int
    failed: int
    always_first: Share
    always_second: Share
    consistent: Share
    wavering: int
    log_odds: float | None
    log_odds_interval: tuple[float | None, float | None]
    log_odds_from: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data; infinite limits are None."""
        return {
            **self.__dict__,
            "always_first": self.always_first.to_dict(),
            "always_second": self.always_second.to_dict(),
            "consistent": self.consistent.to_dict(),
            "log_odds_interval": [_finite(x) for x in self.log_odds_interval],
        }


@dataclass(frozen=True)
class Retest:
    """How often two repeats of one unaltered showing differ: inconsistency by chance.

    Attributes:
        differ: the share of pairs of repeats that differ.
        gap: their mean absolute difference.
    """

    repeats: int
    differ: Share
    gap: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "differ": self.differ.to_dict()}


@dataclass(frozen=True)
class Finding:
    """What one probe found.

    Attributes:
        cases: that it was put on; not_applicable: that it had nothing to change in.
        failed_base, failed_altered: verdicts that failed, of these cases.
        shift: of verdicts, in units of the verdict; see `Shift`.
        simultaneous: interval that holds together with those of all probes.
        inner: the interval (of twice the error, for all probes together, whatever failed verdicts
            would have been) that has to lie within the margin for "robust".
        power: what so many cases can show.
        changed: the raw share of verdicts that changed: in either direction, and by chance too.
        excess: (how much oftener than between repeats, p-value); None without repeats.
        detection: for probes that harm an answer.
        p_holm, p_bh, p_by: p-values adjusted over all probes.
        verdict: "robust", "biased", "undetermined"; for harm "detects", "misses", "undetermined".
    """

    name: str
    family: str
    asks: str
    expect: str
    source: str
    cases: int
    not_applicable: int
    failed_base: int
    failed_altered: int
    shift: Shift
    simultaneous: tuple[float, float]
    inner: tuple[float, float]
    power: Power
    changed: Share | None = None
    excess: tuple[float, float] | None = None
    detection: Detection | None = None
    p_holm: float = 1.0
    p_bh: float = 1.0
    p_by: float = 1.0
    verdict: Verdict = "undetermined"

    def judged(self, holm: float, bh: float, by: float, alpha: float, margin: float) -> Finding:
        """The finding with adjusted p-values and its verdict.

        "robust" needs an interval inside the margin: no evidence of bias is no evidence of none.
        """
        verdict: Verdict = "undetermined"
        if self.detection is not None:
            # Of verdicts of pure chance those chosen for being high fall too; their mean does not.
            falls = holm <= alpha and self.shift.value < 0
            if falls and self.detection.fell.n and self.detection.lower >= self.detection.wanted:
                verdict = "detects"
            elif self.detection.fell.n and self.detection.upper < self.detection.wanted:
                verdict = "misses"
        elif -margin < self.inner[0] and self.inner[1] < margin:
            verdict = "robust"
        elif holm <= alpha:
            verdict = "biased"
        return replace(self, p_holm=holm, p_bh=bh, p_by=by, verdict=verdict)

    def __repr__(self) -> str:
        lost = self.failed_base + self.failed_altered
        text = f"{self.name}: {self.verdict}"
        if self.detection is not None:
            text += f", fell in {self.detection.fell!r}"
        else:
            i = self.shift.interval
            text += f", shift {self.shift.value:+.3g} [{i.low:+.3g}, {i.high:+.3g}], "
            text += f"Holm p = {self.p_holm:.3g}"
        return text + f", {self.cases} cases" + (f", {lost} failed verdicts" if lost else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        parts = {
            "shift": self.shift.to_dict(),
            "simultaneous": list(self.simultaneous),
            "inner": list(self.inner),
            "power": self.power.to_dict(),
            "changed": None if self.changed is None else self.changed.to_dict(),
            "excess": None if self.excess is None else list(self.excess),
            "detection": None if self.detection is None else self.detection.to_dict(),
        }
        return {**self.__dict__, **parts}


@dataclass(frozen=True)
class Summary:
    """What all probes found of one judge.

    Attributes:
        kind: pointwise or pairwise; low, high: the range of a verdict.
        cases, items, repeats: how many were put, and how often.
        findings: one a probe, the place among them for pairwise judges.
        order: what the judge says in both orders; None pointwise.
        retest: how often repeats differ; None without.
        alpha: chance of any false "biased", and of any false "robust" or "detects", over all.
        margin: the largest shift that does not matter, as a share of the range.
        wanted: the share of harmed answers that must fall.
        verdicts, failed: asked for, and of them without a verdict.
    """

    kind: Kind
    low: float
    high: float
    cases: int
    items: int
    repeats: int
    findings: tuple[Finding, ...]
    order: OrderSwap | None
    retest: Retest | None
    alpha: float
    margin: float
    wanted: float
    verdicts: int
    failed: int


@dataclass(frozen=True, repr=False, kw_only=True)
class Probing(Summary):
    """A judge put to probes: what all found, and what it took.

    Attributes:
        judge: its name.
        cost, input_tokens, output_tokens: of all, where known.
        provenance: seeds, versions, what the judge is.
        warnings, notes: what a reader must know.
        folder: the run folder; empty if none was kept.
    """

    judge: str
    cost: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str = ""

    def __getitem__(self, name: str) -> Finding:
        for f in self.findings:
            if f.name == name:
                return f
        raise KeyError(name)

    def __repr__(self) -> str:
        said = [f"{v} {self._named(v)}" for v in ("biased", "misses", "robust", "detects")
                if self._named(v)]  # fmt: skip
        open_ = sum(f.verdict == "undetermined" for f in self.findings)
        said += [f"{open_} undetermined"] if open_ else []
        lost = f"; {self.failed} of {self.verdicts} verdicts failed" if self.failed else ""
        return (
            f"judge {one_line(self.judge, 60)} on {self.cases} cases, {len(self.findings)} probes: "
            + ("; ".join(said) or "nothing was probed")
            + lost
        )

    def _named(self, verdict: str) -> str:
        return ", ".join(one_line(f.name, 40) for f in self.findings if f.verdict == verdict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `probing.json`."""
        data = dict(self.__dict__)
        data.pop("folder")
        return {
            **data,
            "findings": [f.to_dict() for f in self.findings],
            "order": None if self.order is None else self.order.to_dict(),
            "retest": None if self.retest is None else self.retest.to_dict(),
            "provenance": dict(self.provenance),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """One JSON document."""
        return dumps(self.to_dict(), indent=1)


def _finite(x: float | None) -> float | None:
    return x if x is not None and math.isfinite(x) else None
