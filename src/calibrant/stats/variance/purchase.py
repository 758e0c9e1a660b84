"""The cheapest design that is precise enough, or the most precise that can be paid for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.stats.variance.generalizability import DStudy, Error, GStudy
from calibrant.stats.variance.terms import parse_term

DESIGNS_LIMIT = 3_000_000
"""Designs that are looked at; one facet, the widest, is solved for and does not count."""


@dataclass(frozen=True)
class Marginal:
    """What one more level of a facet would bring.

    Attributes:
        facet: which.
        reduction: fall of the error variance.
        cost: rise of the cost.
        ratio: reduction per unit of cost; infinite if it costs nothing and helps.
    """

    facet: str
    reduction: float
    cost: float
    ratio: float


@dataclass(frozen=True)
class Purchase:
    """The best design.

    Attributes:
        n: levels of each facet.
        cost: of the whole design.
        error: "absolute" or "relative".
        error_variance: of that kind; its square root is `standard_error`.
        study: the D study of the design.
        marginals: what one more level of each facet would bring, the best first, seen from
            `current` where that was given and else from the best design.
        next: the facet to buy next; None if none helps.
    """

    n: tuple[tuple[str, int], ...]
    cost: float
    error: Error
    error_variance: float
    study: DStudy
    marginals: tuple[Marginal, ...]
    next: str | None

    @property
    def standard_error(self) -> float:
        """Square root of the error variance."""
        return float(self.error_variance**0.5)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "n": dict(self.n),
            "cost": self.cost,
            "error": self.error,
            "error_variance": self.error_variance,
            "standard_error": self.standard_error,
            "study": self.study.to_dict(),
            # An infinite ratio is not JSON.
            "marginals": [
                {
                    "facet": m.facet,
                    "reduction": m.reduction,
                    "cost": m.cost,
                    "ratio": m.ratio if isfinite(m.ratio) else None,
                }
                for m in self.marginals
            ],
            "next": self.next,
        }

    def __repr__(self) -> str:
        design = ", ".join(f"{n} {f}" + "s" * (n != 1) for f, n in self.n)
        following = f"next, buy {self.next}s" if self.next else "nothing more would help"
        return (
            f"Buy {design} at a cost of {self.cost:.6g}: {self.error} standard error "
            f"{self.standard_error:.4g}; {following}"
        )


def what_to_buy(
    study: GStudy,
    costs: Mapping[str, float],
    *,
    budget: float | None = None,
    target: float | None = None,
    error: Error = "absolute",
    at_least: Mapping[str, int] | None = None,
    at_most: Mapping[str, int] | None = None,
    fixed: Iterable[str] = (),
    current: Mapping[str, int] | None = None,
) -> Purchase:
    """The best whole-number design, found by looking at every one.

    Args:
        study: the G study.
        costs: price of one unit, by facets joined with ":": `{"item": 2.0, "item:epoch": 0.01,
            "item:epoch:grader": 0.03}` pays 2.0 to write an item, 0.01 for each answer and 0.03
            for each grade. A unit's number is the product of its facets' levels.
        budget: highest cost; the design with the least error is sought, the cheapest of equals.
        target: highest standard error; the cheapest design is sought, the most precise of equals.
            Exactly one of `budget` and `target` is needed.
        error: "absolute" or "relative".
        at_least, at_most: limits on levels (1 and what can be paid for, if left out). A facet
            that costs nothing needs one in `at_most`.
        fixed: facets taken as fixed; their number must be pinned by `at_least` = `at_most`.
        current: a design that exists; `marginals` and `next` are then seen from there.

    Raises:
        InputError: for impossible prices, limits or goals, a target that no design reaches, or
            more designs than can be looked at.
    """
    fixed = frozenset(fixed)
    problem = _Problem(study, costs, error, fixed, dict(at_least or {}), dict(at_most or {}))
    if (budget is None) == (target is None):
        raise InputError("goal: wanted either a budget or a target, got both or neither")
    goal = budget if budget is not None else target
    assert goal is not None
    if not (isfinite(goal) and goal > 0):
        raise InputError(f"goal: wanted a finite number above 0, got {goal!r}")
    n = problem.within(goal) if budget is not None else problem.reach(goal**2)
    design = dict(zip(study.facets, n, strict=True))
    seen_from = design if current is None else dict(current)
    d = study.d_study(design, fixed=fixed)
    marginals = problem.marginals(seen_from)
    return Purchase(
        tuple(design.items()),
        float(problem.cost([np.array([v]) for v in n])[0]),
        error,
        problem.error_of(d),
        d,
        marginals,
        marginals[0].facet if marginals and marginals[0].reduction > 0 else None,
    )


def marginals(
    study: GStudy,
    costs: Mapping[str, float],
    current: Mapping[str, int],
    *,
    error: Error = "absolute",
) -> tuple[Marginal, ...]:
    """What one more level of each facet would bring to a design that exists, the best first.

    Args:
        study, costs, error: as for `what_to_buy`.
        current: levels of each facet.

    Raises:
        InputError: for impossible prices or levels.
    """
    return _Problem(study, costs, error, frozenset(), {}, {}).marginals(current)


class _Problem:
    """Cost and error variance as sums of products of powers of the levels."""

    def __init__(
        self,
        study: GStudy,
        costs: Mapping[str, float],
        error: Error,
        fixed: frozenset[str],
        at_least: dict[str, int],
        at_most: dict[str, int],
    ) -> None:
        if error not in ("absolute", "relative"):
            raise InputError(f"error: wanted 'absolute' or 'relative', got {error!r}")
        if error == "relative" and study.object is None:
            raise InputError("error: relative error needs an object of measurement")
        self.study, self.error, self.fixed = study, error, fixed
        self.prices = _prices(study, costs)
        self.low, self.high = _limits(study, at_least, at_most)
        for facet in fixed & set(study.facets):
            i = study.facets.index(facet)
            if self.low[i] != self.high[i]:
                raise InputError(f"{facet!r}: is fixed, so wanted its number in both limits")
        roles = study.d_study(dict.fromkeys(study.facets, 1), fixed=fixed).parts
        wanted = ("relative",) if error == "relative" else ("relative", "absolute")
        self.errors = [
            (own - {study.object}, value)
            for (_, own, value), (_, _, role) in zip(study.terms, roles, strict=True)
            if role in wanted and value > 0
        ]
        # What brings nothing is not bought.
        useful = {f for own, _ in self.errors for f in own}
        self.top = [
            b if f in useful else float(a)
            for f, a, b in zip(study.facets, self.low, self.high, strict=True)
        ]

    def error_of(self, d: DStudy) -> float:
        """The error variance that counts."""
        value = d.absolute_error if self.error == "absolute" else d.relative_error
        assert value is not None
        return value

    def cost(self, n: list[NDArray[Any]]) -> NDArray[Any]:
        """Cost of each design."""
        return self._split(self.prices, n, None, power=1)[0]

    def variance(self, n: list[NDArray[Any]]) -> NDArray[Any]:
        """Error variance of each design."""
        return self._split(self.errors, n, None, power=-1)[0]

    def _split(
        self,
        terms: list[tuple[frozenset[str], float]],
        n: list[NDArray[Any]],
        last: int | None,
        *,
        power: int,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Sums over terms without and with the last facet, that facet's own level left out."""
        names = self.study.facets
        shape = np.broadcast_shapes(*(x.shape for x in n)) if n else (1,)
        without, with_last = np.zeros(shape), np.zeros(shape)
        for own, value in terms:
            product = np.full(shape, value)
            for i, facet in enumerate(names):
                if facet in own and i != last:
                    product = product * n[i].astype(float) ** power
            if last is not None and names[last] in own:
                with_last += product
            else:
                without += product
        return without, with_last

    def within(self, budget: float) -> list[int]:
        """The most precise design that the budget allows, the cheapest of equals."""
        n, last = self._designs(budget)
        n[last] = self._affordable(n, last, budget)
        variance, cost = self.variance(n), self.cost(n)
        equals = np.flatnonzero(variance <= float(variance.min()) * (1 + 1e-12))
        chosen = equals[np.argmin(cost[equals])]
        return [int(x[chosen]) for x in n]

    def reach(self, target: float) -> list[int]:
        """The cheapest design with at most this error variance, the most precise of equals."""
        best = float(self.variance([np.array([v], dtype=float) for v in self.top])[0])
        if best > target:
            raise InputError(
                f"target: no design within the limits has a standard error of {target**0.5:g}; "
                f"they allow {best**0.5:g}"
            )
        # Whatever is cheapest costs no more than a budget that allows some design to reach it.
        budget = float(self.cost([np.array([float(v)]) for v in self.low])[0]) or 1.0
        while True:
            n, last = self._designs(budget)
            a, b = self._split(self.errors, n, last, power=-1)
            room = target - a
            need = np.ceil(b / np.where(room > 0, room, 1.0) * (1 - 1e-12))
            need = np.where((room > 0) | ((b == 0) & (room >= 0)), need, np.inf)
            need = np.maximum(need, self.low[last])
            keep = need <= self._affordable(n, last, budget)
            if keep.any():
                break
            budget *= 1.5
        n[last] = need
        n = [x[keep] for x in n]
        cost, variance = self.cost(n), self.variance(n)
        equals = np.flatnonzero(cost <= cost.min() * (1 + 1e-12))
        chosen = equals[np.argmin(variance[equals])]
        return [int(x[chosen]) for x in n]

    def _affordable(self, n: list[NDArray[Any]], facet: int, budget: float) -> NDArray[Any]:
        """The highest level of a facet that each design can pay for, at least 0."""
        rest, slope = self._split(self.prices, n, facet, power=1)
        room = np.maximum(budget * (1 + 1e-12) - rest, -1.0)
        paid = np.where(slope > 0, np.floor(room / np.where(slope > 0, slope, 1.0)), np.inf)
        most: NDArray[Any] = np.minimum(np.maximum(paid, 0.0), self.top[facet])
        if not np.isfinite(most).all():
            name = self.study.facets[facet]
            raise InputError(f"{name!r}: costs nothing, so wanted a limit in at_most")
        return most

    def _designs(self, budget: float) -> tuple[list[NDArray[Any]], int]:
        """All designs that a budget allows, with the facet of the widest range at its least."""
        n = [np.array([float(v)]) for v in self.low]
        least = float(self.cost(n)[0])
        if least > budget * (1 + 1e-12):
            raise InputError(
                f"budget: wanted at least {least:g} for the smallest design, got {budget:g}"
            )
        reach = [float(self._affordable(n, i, budget)[0]) for i in range(len(n))]
        last = int(np.argmax(np.subtract(reach, self.low)))
        for i in sorted(range(len(n)), key=lambda i: reach[i] - self.low[i]):
            if i == last:
                continue
            choices = (self._affordable(n, i, budget) - self.low[i] + 1).astype(np.int64)
            designs = int(choices.sum())
            if designs > DESIGNS_LIMIT:
                raise InputError(
                    f"at_most: wanted limits that leave {DESIGNS_LIMIT:,} designs, got {designs:,}"
                )
            n = [np.repeat(x, choices) for x in n]
            first = np.repeat(np.cumsum(choices) - choices, choices)
            n[i] = self.low[i] + (np.arange(designs) - first).astype(float)
        return n, last

    def marginals(self, n: Mapping[str, int]) -> tuple[Marginal, ...]:
        """One more level of each facet, the best first."""
        d = self.study.d_study(n, fixed=self.fixed)
        here = [np.array([float(n[f])]) for f in self.study.facets]
        cost = float(self.cost(here)[0])
        found = []
        for i, facet in enumerate(self.study.facets):
            if facet in self.fixed or n[facet] + 1 > self.high[i]:
                continue
            more = self.study.d_study({**n, facet: n[facet] + 1}, fixed=self.fixed)
            reduction = self.error_of(d) - self.error_of(more)
            there = [x + (j == i) for j, x in enumerate(here)]
            extra = float(self.cost(there)[0]) - cost
            ratio = reduction / extra if extra > 0 else (np.inf if reduction > 0 else 0.0)
            found.append(Marginal(facet, reduction, extra, float(ratio)))
        return tuple(sorted(found, key=lambda m: -m.ratio))


def _prices(study: GStudy, costs: Mapping[str, float]) -> list[tuple[frozenset[str], float]]:
    prices = []
    for unit, price in costs.items():
        own = frozenset(parse_term(unit))
        if not own <= set(study.facets):
            raise InputError(f"costs: wanted facets of {list(study.facets)}, got {unit!r}")
        if not (isfinite(price) and price >= 0):
            raise InputError(f"costs[{unit!r}]: wanted a price of 0 or more, got {price!r}")
        prices.append((own, float(price)))
    if not any(p > 0 for _, p in prices):
        raise InputError("costs: wanted at least one price above 0")
    return prices


def _limits(
    study: GStudy, at_least: dict[str, int], at_most: dict[str, int]
) -> tuple[list[int], list[float]]:
    for where, given in (("at_least", at_least), ("at_most", at_most)):
        for facet, value in given.items():
            if facet not in study.facets:
                raise InputError(f"{where}: wanted facets of {list(study.facets)}, got {facet!r}")
            if not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"{where}[{facet!r}]: wanted 1 or more, got {value!r}")
    low = [int(at_least.get(f, 1)) for f in study.facets]
    high = [float(at_most.get(f, np.inf)) for f in study.facets]
    for facet, a, b in zip(study.facets, low, high, strict=True):
        if a > b:
            raise InputError(f"{facet!r}: at_least {a} is above at_most {b:g}")
    return low, high
