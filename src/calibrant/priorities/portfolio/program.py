"""Which grants are worth most for the money? A whole-number program, solved exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, vstack

from calibrant.errors import GateError, InputError
from calibrant.priorities.portfolio.terms import Terms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR, LATE = 0, 1

_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Choices:
    """Everything that can be bought: the first bundle of grants to an area, then one more each.

    Attributes:
        area, strategy: shape (choices,): what for, `NEAR` or `LATE`.
        cost: in money; `weight`: in units of the worth of a first grant; `grants`: how many.
        first: whether it is the area's first bundle.
        rows, low, high: the rules: low <= rows @ bought <= high.
        extra: variables of the rules beside the choices.
    """

    area: Ints
    strategy: Ints
    cost: Floats
    weight: Floats
    grants: Ints
    first: NDArray[np.bool_]
    rows: csr_array
    low: Floats
    high: Floats
    extra: int

    def value(self, near: Floats, late: Floats) -> Floats:
        """What each choice is worth, from the worth of a first grant to each area.

        Args:
            near, late: shape (..., areas).

        Returns:
            Shape (..., choices).
        """
        both = np.stack([near, late])
        found: Floats = both[self.strategy, ..., self.area]
        return np.moveaxis(found, 0, -1) * self.weight


def choices(areas: Sequence[str], terms: Terms, categories: Sequence[str | None]) -> Choices:
    """All choices under the rules.

    Args:
        categories: of each area; needed only for rules about them.

    Raises:
        InputError: if nothing can be afforded, or rules need categories that areas lack.
    """
    budgets = terms.budgets()
    numbers: list[tuple[int, int, int, bool]] = []
    prices: list[tuple[float, float]] = []
    for a, area in enumerate(areas):
        cost = terms.cost(area)
        for strategy in (NEAR, LATE):
            if cost.most < cost.least or cost.grant * cost.least > budgets[strategy] * (1 + 1e-12):
                continue
            shares = terms.returns ** np.arange(cost.most)
            numbers.append((a, strategy, cost.least, True))
            prices.append((cost.grant * cost.least, float(shares[: cost.least].sum())))
            more = range(cost.least, min(cost.most, int(budgets[strategy] / cost.grant + 1e-9)))
            numbers += [(a, strategy, 1, False) for _ in more]
            prices += [(cost.grant, float(shares[j])) for j in more]
    if not numbers:
        raise InputError("portfolio: the budget pays for no grant to any area")
    area, strategies, grants, lead = np.array(numbers, np.int64).T
    price, weight = np.array(prices, float).T
    first = lead.astype(bool)
    rules = _rules(terms, area, strategies, price, first, categories)
    return Choices(area, strategies, price, weight, grants, first, *rules)


def _rules(
    terms: Terms, area: Ints, strategy: Ints, cost: Floats, first: NDArray[np.bool_],
    categories: Sequence[str | None],
) -> tuple[csr_array, Floats, Floats, int]:  # fmt: skip
    size = area.size
    rows: list[Floats] = []
    low: list[float] = []
    high: list[float] = []

    def rule(row: Floats, least: float, most: float) -> None:
        rows.append(row)
        low.append(least)
        high.append(most)

    for s, budget in enumerate(terms.budgets()):
        if (strategy == s).any():
            # In units of the budget: solvers allow errors of 1e-6.
            rule(np.where(strategy == s, cost / budget, 0.0), 0, 1 + 1e-9)
    for a in np.unique(area):
        both = (area == a) & first
        if both.sum() > 1:
            rule(both.astype(float), 0, 1)
        for s in (NEAR, LATE):
            later = np.flatnonzero((area == a) & (strategy == s) & ~first)
            lead = np.flatnonzero(both & (strategy == s))
            for place in later:
                row = np.zeros(size)
                row[place], row[lead] = 1, -1
                rule(row, -math.inf, 0)
    of = np.array([categories[a] or "" for a in area])
    needed = terms.category_share is not None or terms.categories > 1
    if needed and (of == "").any():
        raise InputError("portfolio: rules about categories, but areas have none: give a taxonomy")
    names = sorted(set(of.tolist()))
    for name in names if terms.category_share is not None else ():
        limit = float(terms.category_share or 0.0)
        rule(np.where(of == name, cost / terms.budget, 0.0), 0, limit + 1e-9)
    if terms.categories <= 1:
        return csr_array(np.array(rows)), np.array(low), np.array(high), 0
    if len(names) < terms.categories:
        raise InputError(
            f"categories: wanted at most {len(names)}, as many as can be funded, got "
            f"{terms.categories}"
        )
    wide = np.zeros((len(rows) + len(names) + 1, size + len(names)))
    wide[: len(rows), :size] = rows
    for c, name in enumerate(names):
        wide[len(rows) + c, :size] = -((of == name) & first).astype(float)
        wide[len(rows) + c, size + c] = 1
    wide[-1, size:] = 1
    low += [-math.inf] * len(names) + [float(terms.categories)]
    high += [0.0] * len(names) + [math.inf]
    return csr_array(wide), np.array(low), np.array(high), len(names)


def solve(offered: Choices, value: Floats) -> NDArray[np.bool_]:
    """The choices of the highest total value under the rules.

    Args:
        value: shape (choices,).

    Raises:
        InputError: if no portfolio fits the rules.
        GateError: if the solver does not come to an end.
    """
    size = offered.area.size
    # An area worth nothing is never bought only to spend the budget.
    price = 1e-9 * offered.cost / offered.cost.max()
    cost = np.concatenate([price - value, np.zeros(offered.extra)])
    return _bought(offered, cost, offered.rows, offered.low, offered.high, size)


def solve_robust(offered: Choices, values: Floats, share: float) -> NDArray[np.bool_]:
    """The choices whose mean value over the worst draws is highest.

    The mean of the worst share is a linear program's maximum (Rockafellar and Uryasev, J. Risk 2
    (2000) 21): of t - sum_d max(0, t - value_d) / (share draws), over t.

    Args:
        values: shape (draws, choices).
        share: of the draws that are worst, 0–1.
    """
    draws, size = values.shape
    scale = float(np.abs(values).max()) or 1.0
    width = size + offered.extra
    cost = np.concatenate([np.zeros(width), [-1.0], np.full(draws, 1 / (share * draws))])
    before = csr_array((offered.rows.shape[0], 1 + draws))
    rows = csr_array(
        np.hstack([values / scale, np.zeros((draws, offered.extra)), -np.ones((draws, 1)),
                   np.eye(draws)])
    )  # fmt: skip
    from scipy.sparse import hstack

    whole = csr_array(vstack([hstack([offered.rows, before]), rows]))
    low = np.concatenate([offered.low, np.zeros(draws)])
    high = np.concatenate([offered.high, np.full(draws, np.inf)])
    return _bought(offered, cost, whole, low, high, size)


def _bought(
    offered: Choices, cost: Floats, rows: csr_array, low: Floats, high: Floats, size: int
) -> NDArray[np.bool_]:
    width = size + offered.extra
    kind = np.zeros(cost.size)
    kind[:width] = 1
    upper = np.full(cost.size, np.inf)
    upper[:width] = 1
    floor = np.zeros(cost.size)
    if cost.size > width:
        floor[width] = -np.inf
    found = milp(
        cost, integrality=kind, bounds=Bounds(floor, upper),
        constraints=LinearConstraint(rows, low, high),
        options={"time_limit": _SECONDS, "mip_rel_gap": 1e-6 if cost.size == width else 1e-3},
    )  # fmt: skip
    if found.status == 2:
        raise InputError("portfolio: no portfolio fits these rules")
    if found.x is None or found.status != 0:
        raise GateError(f"portfolio: no proven best within {_SECONDS:g} s: {found.message}", [])
    return np.asarray(found.x[:size] > 0.5)
