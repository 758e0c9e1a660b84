"""What would one more item, wording, answer or grade bring, and what is best for the money?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calibrant.errors import InputError
from calibrant.measurement.facets import FACETS
from calibrant.stats.variance.generalizability import Error, GStudy
from calibrant.stats.variance.layout import REPLICATE, Layout
from calibrant.stats.variance.purchase import marginals, what_to_buy
from calibrant.stats.variance.terms import parse_term


@dataclass(frozen=True)
class Goal:
    """What is to be bought."""

    costs: dict[str, float]
    budget: float | None
    target: float | None
    at_most: dict[str, int]
    fresh: bool
    error: Error

    def check(self) -> None:
        """Refuse what is wrong whatever the table."""
        if self.error not in ("absolute", "relative"):
            raise InputError(f"error: wanted 'absolute' or 'relative', got {self.error!r}")
        for where, names in (("cost", self.costs), ("at_most", self.at_most)):
            for name in names:
                parts = parse_term(name)
                if not set(parts) <= {*FACETS, REPLICATE} or (
                    where == "at_most" and len(parts) > 1
                ):
                    raise InputError(f"{where}: wanted some of {', '.join(FACETS)}, got {name!r}")
        for name, n in self.at_most.items():
            if n < 1:
                raise InputError(f"at_most {name!r}: wanted 1 or more, got {n}")
        for name, price in self.costs.items():
            if not (math.isfinite(price) and price >= 0):
                raise InputError(f"cost {name!r}: wanted a price of 0 or more, got {price!r}")
        for name, x in (("budget", self.budget), ("target", self.target)):
            if x is not None and not (math.isfinite(x) and x > 0):
                raise InputError(f"{name}: wanted a finite number above 0, got {x!r}")


def shopping(plan: Layout, g: GStudy, goal: Goal, where: str) -> dict[str, Any]:
    """Prices, what one more level of each facet brings, and the best design."""
    current = {f.name: max(1, round(f.typical)) for f in plan.estimated}
    if not g.facets:
        return {}
    prices = _prices(plan, goal.costs)
    spent = sum(p * math.prod(current[f] for f in parse_term(unit)) for unit, p in prices.items())
    found: dict[str, Any] = {
        "costs": tuple(prices.items()),
        "spent": spent,
        "marginals": marginals(g, prices, current, error=goal.error),
    }
    if goal.budget is None and goal.target is None:
        return found
    least = dict.fromkeys(current, 1) if goal.fresh else current
    limits = {f: max(n, least[f]) for f, n in goal.at_most.items() if f in current}
    total = goal.budget
    if total is not None and not goal.fresh:
        total += spent
    try:
        found["purchase"] = what_to_buy(
            g, prices, budget=total, target=goal.target, error=goal.error, at_least=least,
            at_most=limits,
        )  # fmt: skip
    except InputError as e:
        raise InputError(f"{where}: {e}") from e
    return found


def _prices(plan: Layout, given: Mapping[str, float]) -> dict[str, float]:
    """Prices by unit of the study.

    A bare facet is paid for in each place that it is repeated in: an answer for each item, wording
    and epoch. Facets of one level do not count.
    """
    order = {f.name: f for f in plan.estimated}
    if not given:
        return {":".join(order): 1.0}
    rank = [*FACETS[:3], REPLICATE, "grader"]
    prices: dict[str, float] = {}
    for unit, price in given.items():
        parts = set(parse_term(unit))
        if len(parts) == 1:
            (name,) = parts
            parts = {f for f in order if rank.index(f) <= rank.index(name)}
            parts |= set(order[name].within) if name in order else set()
        key = ":".join(f for f in order if f in parts)
        if key:
            prices[key] = prices.get(key, 0.0) + price
    return prices
