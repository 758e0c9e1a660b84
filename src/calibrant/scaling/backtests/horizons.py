"""Which part of the past speaks for a forecast? That which reached as far, on the same measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.scaling.backtests.cuts import Rule
from calibrant.scaling.backtests.gate import Gate, judge
from calibrant.scaling.backtests.outcomes import Outcomes, distances_of, ends_of
from calibrant.scaling.scores import Floats

UNITS = {
    "scale": "orders of magnitude", "date": "months", "axis": "standard deviations of ability",
}  # fmt: skip
"""What distances are counted in."""

FARTHEST = 3
"""Families that must lie at least as far out as a forecast."""


@dataclass(frozen=True)
class Horizon:
    """A range of distances, and what the past says of it.

    Attributes:
        measure: the measure, or None for all.
        low, high: the distances, in `unit`; low = high = 0 is within what was known.
        unit: one of `UNITS`.
        reach: how far out at least three families lie among the outcomes it is judged by.
        borrowed: whether outcomes farther out were added, as too few lay within.
        gate: the verdict.
    """

    measure: str | None
    low: float
    high: float
    unit: str
    reach: float
    borrowed: bool
    gate: Gate

    def __repr__(self) -> str:
        return f"Horizon {self.name}: {self.gate.says}"

    @property
    def name(self) -> str:
        """Such as "1 to 2 orders of magnitude"."""
        if self.high == 0:
            return "within what was known"
        if np.isinf(self.high):
            return f"beyond {self.low:g} {self.unit}"
        return f"{self.low:g} to {self.high:g} {self.unit}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        ends = {"low": self.low, "high": self.high if np.isfinite(self.high) else None}
        return {
            "horizon": self.name, "measure": self.measure, **ends, "unit": self.unit,
            "reach": self.reach, "borrowed": self.borrowed, **self.gate.to_dict(),
            "says": self.gate.says,
        }  # fmt: skip


def unit_of(rule: Rule) -> str:
    """What distances are counted in."""
    return UNITS[rule.along]


def edges_of(rule: Rule, index: int) -> tuple[float, float]:
    """The two ends of a horizon."""
    edges = (*ends_of(rule), np.inf)
    return (0.0, 0.0) if index == 0 else (edges[index - 1], edges[index])


def horizon(
    once: Outcomes, index: int, rule: Rule, level: float, measure: str | None = None
) -> Horizon:
    """What the past says at one horizon.

    Where too few outcomes lie within it, those farther out are added, horizon by horizon: a
    forecast is only ever judged by others that reached at least as far.

    Args:
        once: outcomes, each once at each horizon.
        index: of the horizon.
        measure: only outcomes of it; None for all.
    """
    low, high = edges_of(rule, index)
    mine = once.horizon >= index
    if measure is not None:
        mine &= once.measure == measure
    some = once.take(np.flatnonzero(mine))
    last = int(some.horizon.max()) if len(some) else index
    used, gate = some, judge(some.covered, some.transform, some.family, level)
    borrowed = False
    for until in range(index, last + 1):
        used = _nearest(some.take(some.horizon <= until))
        gate = judge(used.covered, used.transform, used.family, level)
        borrowed = bool((used.horizon > index).any())
        if gate.verdict != "too few":
            break
    return Horizon(measure, low, high, unit_of(rule), reach_of(used, rule), borrowed, gate)


def reaches(h: Horizon, distance: float) -> bool:
    """Whether the outcomes that a horizon is judged by lie as far out as a forecast."""
    return h.gate.n > 0 and distance <= h.reach + 0.05 * max(h.reach, 1.0)


def judging(at: Callable[[int], Horizon], index: int, last: int, distance: float) -> Horizon:
    """The horizon that a forecast is judged by: its own, or the next that reaches as far.

    Outcomes of its own horizon may all lie nearer than the forecast while others lie farther out;
    these then speak for it. Where its own horizon failed, nothing farther out can mend that.

    Args:
        at: the horizon of an index, of the forecast's measure.
        index: of its own horizon.
        last: the farthest index that was tried.
        distance: how far out it lies.
    """
    own = at(index)
    for farther in range(index + 1, last + 1):
        if own.gate.verdict == "failed" or reaches(own, distance):
            break
        if reaches(at(farther), distance):
            return at(farther)
    return own


def silence(h: Horizon, distance: float, tried: float) -> str | None:
    """Why a forecast that far out is withheld; None if it may be said.

    Args:
        h: the horizon it falls into.
        distance: how far out it lies.
        tried: how far out its measure was tried at all, by `reach_of`.
    """
    if np.isnan(distance):
        return "how far out it lies is not known"
    where = h.name if h.measure is None else f"{h.measure}, {h.name}"
    if h.gate.verdict == "failed":
        return f"intervals failed on the past ({where}): {h.gate.says}"
    if not reaches(h, distance):
        return (
            f"no back-test reaches that far: it lies {distance:.3g} {h.unit} out, at least "
            f"{FARTHEST} families were tried up to {tried if tried < distance else h.reach:.3g}"
        )
    if h.gate.verdict == "too few":
        return f"the past is too thin to tell ({where}): {h.gate.says}"
    return None


def distances(once: Outcomes, rule: Rule) -> Floats:
    """The distances that count."""
    return distances_of(once, rule)


def table(once: Outcomes, rule: Rule, level: float, measures: Sequence[str]) -> list[Horizon]:
    """Every horizon of every measure that was tried, nearest first."""
    return [
        horizon(once, index, rule, level, m)
        for m in measures
        for index in sorted({int(h) for h in once.horizon[once.measure == m] if h >= 0})
    ]


def _nearest(some: Outcomes) -> Outcomes:
    """Each outcome once, at its nearest horizon."""
    order = np.argsort(some.horizon, kind="stable")
    _, first = np.unique(some.row[order], return_index=True)
    return some.take(np.sort(order[first]))


def reach_of(used: Outcomes, rule: Rule) -> float:
    """How far out at least three families lie."""
    d = distances(used, rule)
    far = sorted((float(d[used.family == f].max()) for f in np.unique(used.family)), reverse=True)
    return far[FARTHEST - 1] if len(far) >= FARTHEST else 0.0
