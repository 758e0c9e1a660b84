"""How many labels does a design need? The fewest with which enough simulated studies succeed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.planning.designs import neyman
from calibrant.judges.planning.estimate import Measurand
from calibrant.judges.planning.model import Model
from calibrant.judges.planning.operating import gold_only_power, two_strata_power
from calibrant.judges.planning.simulate import Design, Studies, simulate
from calibrant.stats.estimates.intervals import Side

Relation = Literal["below", "above"]

SEARCH, CHECK = 400, 2000
"""Simulated studies per number of labels tried, and for the number that is reported."""

LACKS = 0.02
"""How far below the level the simulated coverage of a plan may lie."""

EXACT_UP_TO = 3000
"""Labels of two strata up to which chances are summed exactly and not simulated."""


@dataclass(frozen=True)
class Goal:
    """What the labels are for: a width, or a verdict on a claim.

    Attributes:
        width: of the two-sided interval, or None.
        threshold, relation: of the claim, or None.
        power: wanted chance to reach it, 0–1.
        level: confidence, 0–1.
        measurand: "items" or "population".
    """

    width: float | None
    threshold: float | None
    relation: Relation | None
    power: float
    level: float
    measurand: Measurand

    @property
    def side(self) -> Side:
        """Widths are of two-sided intervals, claims are decided by one-sided limits."""
        if self.width is not None:
            return "two"
        return "upper" if self.relation == "below" else "lower"

    def reached(self, s: Studies) -> NDArray[np.bool_]:
        """In which studies."""
        if self.width is not None:
            return np.asarray(s.high - s.low <= self.width + 1e-12)
        assert self.threshold is not None
        return np.asarray(
            s.high < self.threshold if self.relation == "below" else s.low > self.threshold
        )

    def __repr__(self) -> str:
        if self.width is not None:
            return f"an interval of width {self.width:g} or less ({self.level:.0%})"
        return f"{self.relation} {self.threshold:g} supported ({self.level:.0%})"


@dataclass(frozen=True)
class Costs:
    """Prices of a gold label and of a judge's verdict."""

    label: float
    judge: float


@dataclass(frozen=True)
class Option:
    """One way of choosing items, with what it needs.

    Attributes:
        design: "gold only" (at random, the judge ignored), "uniform" (at random, PPI),
            "stratified" (by the judge) or "active" (by its doubt).
        labels: gold labels in all, those of the pilot included; None if the goal is out of reach.
        more: labels to buy.
        cost: of the labels to buy and of the judge's verdicts.
        chance: of reaching the goal with `labels` (or with all that may be bought).
        width: mean width of the two-sided interval then.
        coverage: simulated, of the intervals.
        exact: whether the chance is a sum over all counts, not a simulation.
        note: why it is out of reach, or empty.
    """

    design: Design
    labels: int | None
    more: int | None
    cost: float | None
    chance: float
    width: float
    coverage: float
    exact: bool = False
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def option(
    model: Model, goal: Goal, design: Design, *, costs: Costs, most: int, seed: int,
    search: int = SEARCH, check: int = CHECK,
) -> Option:  # fmt: skip
    """The fewest labels of a design that reach the goal, at most `most` in all."""
    have = int(model.pilot.size)
    least = max(have, 3 * model.sizes.size, 10)
    most = min(most, model.items)

    def enough(o: Option) -> bool:
        return o.chance >= goal.power and o.coverage >= goal.level - LACKS

    def at(n: int, draws: int, salt: int) -> Option:
        return evaluate(
            model, goal, design, n, seed=seed + salt, costs=costs, draws=draws,
        )  # fmt: skip

    found = None
    if least <= most:
        found = fewest(lambda n: enough(at(n, search, 0)), least, most)
    # The number is checked on studies that did not choose it; it may need a few more.
    result = at(max(most, 2) if found is None else found, check, 1)
    while found is not None and not enough(result):
        if found >= most:
            found = None
            break
        found = min(most, max(found + 1, round(found * 1.02)))
        result = at(found, check, 1)
    if found is None:
        return replace(result, labels=None, more=None, cost=None,
                       note=f"not reached with {max(most, 2):,} labels")  # fmt: skip
    fewer = at(max(least, round(0.93 * found)), check, 1)
    if fewer.chance >= goal.power and fewer.coverage < goal.level - LACKS:
        return replace(result, note="fewer would not cover")
    return result


def evaluate(
    model: Model, goal: Goal, design: Design, n: int, *, seed: int,
    costs: Costs | None = None, draws: int = CHECK,
) -> Option:  # fmt: skip
    """What a design does with a given number of labels."""

    def studies(side: Side, salt: int) -> Studies:
        return simulate(
            model, design, n, measurand=goal.measurand, level=goal.level, side=side,
            draws=draws, seed=seed + salt,
        )  # fmt: skip

    s = studies(goal.side, 1)
    exact = exact_chance(model, goal, design, n)
    width = s.width if goal.side == "two" else studies("two", 2).width
    more = max(0, n - int(model.pilot.size))
    price = costs or Costs(0.0, 0.0)
    cost = more * price.label + (model.items * price.judge if design != "gold only" else 0.0)
    share = float(goal.reached(s).mean()) if exact is None else exact
    return Option(design, n, more, cost, share, width, s.coverage, exact is not None)


def exact_chance(model: Model, goal: Goal, design: Design, n: int) -> float | None:
    """The chance of a verdict as a sum over all counts, where that is possible."""
    if goal.threshold is None or goal.relation is None or np.isfinite(model.strength).any():
        return None
    if design == "gold only" and goal.measurand == "population":
        return gold_only_power(n, model.overall, goal.threshold, goal.relation, level=goal.level)
    if design == "stratified" and model.sizes.size == 2 and n <= EXACT_UP_TO:
        labels = neyman(n, model.sizes, model.spread)
        return two_strata_power(
            (int(labels[0]), int(labels[1])),
            (float(model.rate[0]), float(model.rate[1])),
            (int(model.sizes[0]), int(model.sizes[1])),
            goal.threshold, goal.relation, measurand=goal.measurand, level=goal.level,
        )  # fmt: skip
    return None


def fewest(good: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest number between two that is good, if larger ones are good too."""
    if good(low):
        return low
    step = max(8, low // 2)
    top = low
    while True:
        low, top = top, min(top + step, high)
        if good(top):
            break
        if top == high:
            return None
        step *= 2
    while top - low > max(1, low // 200):
        middle = (low + top) // 2
        low, top = (low, middle) if good(middle) else (middle, top)
    return top
