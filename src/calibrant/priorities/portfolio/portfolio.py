"""What to fund with a budget, when nobody is sure what is promising?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import GateError, InputError
from calibrant.priorities.portfolio.program import (
    LATE,
    NEAR,
    Choices,
    choices,
    solve,
    solve_robust,
)
from calibrant.priorities.portfolio.result import Funded, Other, Portfolio, Span
from calibrant.priorities.portfolio.terms import Terms
from calibrant.priorities.portfolio.worth import UTILITIES, limits, worth
from calibrant.priorities.posterior import AreaPosterior

Floats = NDArray[np.float64]
Bought = NDArray[np.bool_]

LEVEL = 0.9
WORST = 0.1
"""Share of draws that the robust portfolio looks at."""

_SOLVED = 200
_ROBUST = 200
_CLOSE = 10


def _said(utility: str, most: int) -> str:
    if utility != "product":
        return UTILITIES[utility].__doc__ or utility
    important, hard = limits(most)
    return (
        f"near term: importance times tractability; long term, where importance is at least "
        f"{important:g} and tractability at most {hard:g}: importance times (importance minus "
        "tractability); Likert points are taken as a scale of equal steps"
    )


@dataclass(frozen=True, eq=False)
class _Case:
    """A posterior under terms: what can be bought, and what it is worth draw by draw."""

    posterior: AreaPosterior
    keep: NDArray[np.int64]
    terms: Terms
    offered: Choices

    def values(self, utility: str) -> Floats:
        near, late = (part[:, self.keep] for part in worth(self.posterior, utility))
        return self.offered.value(near, late)


def plan_portfolio(
    posterior: AreaPosterior,
    terms: Terms,
    *,
    utility: str = "product",
    min_ratings: int = 3,
    robust: bool = True,
    names: Mapping[str, str] | None = None,
    categories: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Portfolio:
    """The portfolio of the highest expected worth, what it may lose, and what would change it.

    Args:
        utility: one of `UTILITIES`; all of them are tried.
        min_ratings: areas rated by fewer are not funded, as in the paper's exclusion rule.
        robust: also find the portfolio whose worst tenth of draws is best.
        names, categories: of areas.
        seed: which draws are solved one by one.

    Raises:
        InputError: for costs of unknown areas, or rules and a budget that no portfolio fits.
    """
    case = _case(posterior, terms, min_ratings, categories or {})
    rng = np.random.default_rng(seed)
    values = case.values(utility)
    bought = solve(case.offered, values.mean(axis=0))
    total = values[:, bought].sum(axis=1)
    picked = rng.permutation(len(values))[: None if _simple(case) else _SOLVED]
    best = _best_of_each(case, values[picked])
    lost = (values[picked] * best).sum(axis=1) - total[picked]
    in_best = _share(case, best)
    at_best = float((values[picked] * best).sum(axis=1).mean())
    spent = float(case.offered.cost[bought].sum())
    value, regret = float(total.mean()), float(max(lost.mean(), 0.0))
    low, high = _span(total)
    hedged, said = _robust(case, bought, values, rng) if robust else (None, [])
    worst = np.sort(total)[: max(1, int(WORST * total.size))]
    return Portfolio(
        funded=_funded(case, bought, values, in_best, names or {}, categories or {}),
        close=_close(case, bought, in_best, names or {}),
        budget=terms.budget,
        spent=spent,
        value=value,
        value_interval=(low, high),
        level=LEVEL,
        at_risk=float(np.quantile(total, 0.05)),
        shortfall=float(worst.mean()),
        regret=regret,
        regret_error=float(lost.std(ddof=1) / lost.size**0.5),
        regret_share=regret / at_best if at_best > 0 else 0.0,
        regret_money=regret / value * spent if value > 0 else 0.0,
        p_exact=float((best == bought).all(axis=1).mean()),
        robust=hedged,
        sensitivity=tuple(_other(case, bought, u) for u in UTILITIES if u != utility),
        utility=_said(utility, posterior.most),
        method=posterior.method,
        draws=len(values),
        seed=seed,
        notes=(*posterior.notes, *_notes(case, bought), *said),
    )


def _case(
    posterior: AreaPosterior, terms: Terms, least: int, categories: Mapping[str, str]
) -> _Case:
    unknown = [a for a in terms.costs if a not in posterior.areas]
    if len(unknown) == len(terms.costs) and unknown:
        raise InputError(f"costs: no area of theirs was rated, such as {unknown[0]!r}")
    rated = np.max(np.stack([np.asarray(v) for v in posterior.n.values()]), axis=0)
    keep = np.flatnonzero(rated >= least)
    if not keep.size:
        raise InputError(f"portfolio: no area has {least} ratings or more")
    areas = [posterior.areas[a] for a in keep]
    offered = choices(areas, terms, [categories.get(a) for a in areas])
    return _Case(posterior, keep, terms, offered)


def _simple(case: _Case) -> bool:
    """Whether the best portfolio is the first few by value: one price, one strategy, no rules."""
    o, t = case.offered, case.terms
    free = t.category_share is None and t.categories <= 1
    return bool(free and o.first.all() and np.ptp(o.cost) == 0 and np.ptp(o.strategy) == 0)


def _best_of_each(case: _Case, values: Floats) -> Bought:
    """The best portfolio of every draw, shape (draws, choices)."""
    if not _simple(case):
        return np.stack([solve(case.offered, v) for v in values])
    o = case.offered
    money = case.terms.budgets()[int(o.strategy[0])]
    count = min(int(money / o.cost[0] + 1e-9), o.area.size)
    best = np.zeros(values.shape, bool)
    first = np.argsort(-values, axis=1, kind="stable")[:, :count]
    np.put_along_axis(best, first, True, axis=1)
    # As in `solve`, nothing is bought that is worth nothing.
    return np.asarray(best & (values > 0))


def _share(case: _Case, best: Bought) -> Floats:
    """The share of draws in which each area (row) is bought under each strategy (column)."""
    o = case.offered
    found = np.zeros((case.keep.size, 2))
    chosen = (best & o.first).mean(axis=0)
    np.add.at(found, (o.area, o.strategy), chosen)
    return found


def _funded(
    case: _Case, bought: Bought, values: Floats, in_best: Floats, names: Mapping[str, str],
    categories: Mapping[str, str],
) -> tuple[Funded, ...]:  # fmt: skip
    o, rows = case.offered, []
    for strategy, said in ((NEAR, "near term"), (LATE, "long term")):
        for a in np.unique(o.area[bought & (o.strategy == strategy)]):
            mine = bought & (o.area == a) & (o.strategy == strategy)
            at = int(case.keep[a])
            id = case.posterior.areas[at]
            worth_ = values[:, mine].sum(axis=1)
            rows.append(Funded(
                id, names.get(id, id), categories.get(id), said,  # type: ignore[arg-type]
                int(o.grants[mine].sum()), float(o.cost[mine].sum()),
                float(case.posterior.draws["importance"][:, at].mean()),
                float(case.posterior.draws["tractability"][:, at].mean()),
                float(worth_.mean()), _span(worth_), float(in_best[a, strategy]),
            ))  # fmt: skip
    return tuple(sorted(rows, key=lambda f: (f.strategy != "near term", -f.value)))


def _close(
    case: _Case, bought: Bought, in_best: Floats, names: Mapping[str, str]
) -> tuple[tuple[str, str, float], ...]:
    left = in_best.sum(axis=1)
    left[np.unique(case.offered.area[bought])] = -1.0
    order = [a for a in np.argsort(-left, kind="stable")[:_CLOSE] if left[a] > 0]
    ids = [case.posterior.areas[case.keep[a]] for a in order]
    return tuple((i, names.get(i, i), float(left[a])) for i, a in zip(ids, order, strict=True))


def _span(draws: Floats) -> Span:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _ids(case: _Case, bought: Bought) -> set[str]:
    return {case.posterior.areas[case.keep[a]] for a in np.unique(case.offered.area[bought])}


def _changed(case: _Case, name: str, bought: Bought, other: Bought, loss: float) -> Other:
    ours, theirs = _ids(case, bought), _ids(case, other)
    order = {a: i for i, a in enumerate(case.posterior.areas)}
    return Other(
        name,
        tuple(sorted(theirs - ours, key=order.__getitem__)),
        tuple(sorted(ours - theirs, key=order.__getitem__)),
        max(loss, 0.0),
    )


def _robust(
    case: _Case, bought: Bought, values: Floats, rng: np.random.Generator
) -> tuple[Other | None, list[str]]:
    some = values[rng.permutation(len(values))[:_ROBUST]]
    try:
        other = solve_robust(case.offered, some, WORST)
    except GateError as e:
        # The portfolio itself is not touched by this.
        return None, [f"no robust portfolio: {e}"]

    def worst(which: Bought) -> float:
        total = np.sort(values[:, which].sum(axis=1))
        return float(total[: max(1, int(WORST * total.size))].mean())

    ours, theirs = worst(bought), worst(other)
    # Found on some of the draws, it may be no better on all of them.
    if theirs <= ours:
        other, theirs = bought, ours
    loss = (theirs - ours) / abs(theirs) if theirs else 0.0
    return _changed(case, "robust", bought, other, loss), []


def _other(case: _Case, bought: Bought, utility: str) -> Other:
    mean = case.values(utility).mean(axis=0)
    other = solve(case.offered, mean)
    ours, theirs = float(mean[bought].sum()), float(mean[other].sum())
    return _changed(case, utility, bought, other, (theirs - ours) / theirs if theirs > 0 else 0)


def _notes(case: _Case, bought: Bought) -> list[str]:
    notes = []
    out = len(case.posterior.areas) - case.keep.size
    if out:
        notes.append(f"{out} areas have too few ratings to be funded: unknown, not unpromising")
    spent = float(case.offered.cost[bought].sum())
    left = case.terms.budget - spent
    if left > 1e-6 * case.terms.budget:
        from calibrant.priorities.portfolio.terms import short_money

        notes.append(f"{short_money(left)} is left over: no further grant fits or is worth it")
    return notes
