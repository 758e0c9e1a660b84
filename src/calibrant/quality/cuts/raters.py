"""Which raters are severe, outlying or inconsistent? Each rater beside the panel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtr

from calibrant.quality.bank import Bank
from calibrant.quality.cuts.panel import Panel
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]

_ALPHA = 0.05
_FAR = 10.0
"""Abilities beyond this are not told apart."""


@dataclass(frozen=True)
class Rater:
    """One rater of a panel.

    Attributes:
        name: who.
        cut: the rater's own cut.
        judged: how many items.
        away: how far the cut lies from the other raters', in their standard deviations; None for
            fewer than 4 raters or others who all agree.
        p: adjusted for looking at every rater (Holm); None likewise.
        outlying: p is below 5 %.
        correlation: with the other raters' mean judgement of each item; None if either is
            constant.
        difficulty: correlation with the observed share of right answers; None if unknown.
        ability: at which a bank expects this rater's cut; None without a bank, or beyond its ends.
        consistency: van der Linden's index (1982), 0–1, 1 if every judgement is the bank's
            probability at that ability; None without a bank.
    """

    name: str
    cut: float
    judged: int
    away: float | None
    p: float | None
    outlying: bool
    correlation: float | None
    difficulty: float | None
    ability: float | None
    consistency: float | None


def raters_of(
    names: tuple[str, ...],
    values: Floats,
    panel: Panel,
    observed: Floats | None,
    bank: Bank | None,
) -> tuple[Rater, ...]:
    """Every rater who judged something, in order.

    Args:
        values: shape (raters, items), NaN where missing.
        observed: shape (items,), shares of right answers, NaN where unknown.
        bank: the items, in order, each with two scores.
    """
    there = ~np.isnan(values)
    heard = np.nonzero(there.any(axis=1))[0]
    away, p = _outlying(panel.cuts)
    found = []
    for at, r in enumerate(heard):
        own = there[r]
        rest = np.delete(values, r, axis=0)[:, own]
        count = (~np.isnan(rest)).sum(axis=0)
        others = np.full(count.size, np.nan)
        np.divide(np.nansum(rest, axis=0), count, out=others, where=count > 0)
        mine = values[r, own]
        ability, consistency = (None, None)
        if bank is not None:
            ability, consistency = _against(bank.select(np.nonzero(own)[0]), mine)
        found.append(
            Rater(
                names[r], float(panel.cuts[at]), int(own.sum()),
                None if away is None else float(away[at]), None if p is None else float(p[at]),
                p is not None and bool(p[at] <= _ALPHA), _correlation(mine, others),
                None if observed is None else _correlation(mine, observed[own]),
                ability, consistency,
            )
        )  # fmt: skip
    return tuple(found)


def _outlying(cuts: Floats) -> tuple[Floats | None, Floats | None]:
    """Deviations from the others in their own standard deviations, and Holm's p."""
    n = cuts.size
    if n < 4:
        return None, None
    away = np.zeros(n)
    for at in range(n):
        rest = np.delete(cuts, at)
        spread = float(np.std(rest, ddof=1))
        if spread <= 1e-12:
            return None, None
        away[at] = (cuts[at] - rest.mean()) / (spread * np.sqrt(1 + 1 / (n - 1)))
    p = 2 * stdtr(n - 2, -np.abs(away))
    return away, adjust(p, "holm")


def _correlation(x: Floats, y: Floats) -> float | None:
    both = ~np.isnan(x) & ~np.isnan(y)
    x, y = x[both], y[both]
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    a, b = x - x.mean(), y - y.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _against(bank: Bank, mine: Floats) -> tuple[float | None, float | None]:
    """The ability that gives a rater's cut, and how far single judgements are from it."""
    theta = ability_at(bank, float(mine.mean()))
    if theta is None:
        return None, None
    p = bank.expected(np.array([theta]))[0]
    worst = float(np.maximum(p, 1 - p).mean())
    return theta, 1.0 - float(np.abs(mine - p).mean()) / worst


def ability_at(bank: Bank, score: float) -> float | None:
    """The ability at which the mean expected score of a bank is this; None if beyond its ends."""

    def short(theta: float) -> float:
        return float(bank.expected(np.array([theta])).mean()) - score

    if short(-_FAR) * short(_FAR) >= 0:
        return None
    return float(brentq(short, -_FAR, _FAR, xtol=1e-10))
