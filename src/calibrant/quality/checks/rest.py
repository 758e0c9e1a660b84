"""Do able subjects get an item right? Each item against all the rest, as it was keyed.

Facility, item-rest correlation with its interval, and the chance of one as negative as seen if the
item told nothing, for all items at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, stdtr, stdtrit

from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 512
"""Items that are worked on at once."""


@dataclass(frozen=True, eq=False)
class Rest:
    """Items against the rest, each array of shape (items,).

    Attributes:
        count: subjects with a score.
        facility: mean score, 0–1.
        correlation: with the mean of the others' scores, each less its item's mean; NaN if either
            does not vary, or fewer than 4 subjects have both.
        low, high: its interval by Fisher's z; NaN as above.
        upper_lower: the facility among the upper third of subjects less that among the lower.
        p_negative: one-sided, of a correlation as low as seen if the item were unrelated to the
            rest; 1 where it is NaN.
        q_negative: the same with the false discovery rate kept over all items (Benjamini-Hochberg).
    """

    count: Ints
    facility: Floats
    correlation: Floats
    low: Floats
    high: Floats
    upper_lower: Floats
    p_negative: Floats
    q_negative: Floats


def item_rest(
    unit: Floats,
    *,
    families: Sequence[str | None] | None = None,
    trusted: NDArray[np.bool_] | None = None,
    level: float = 0.95,
) -> Rest:
    """Each item's correlation with the rest of the test.

    The rest is a subject's mean, over the other items it has a score on, of score less item mean:
    with complete data the usual rest score; with holes, hard items do not pull it down.

    Args:
        unit: shape (subjects, items), in 0–1, NaN where there is none.
        families: of each subject; if given, subjects of a family may resemble each other: standard
            errors are robust to it, with one degree of freedom a family.
        trusted: shape (items,), which items the rest is made of; by default all.
        level: of the interval.
    """
    total, number = np.zeros((unit.shape[0], 1)), np.zeros((unit.shape[0], 1))
    parts = [slice(k, k + BLOCK) for k in range(0, unit.shape[1], BLOCK)]
    for part in parts:
        seen, _, x = _centred(unit[:, part])
        used = seen if trusted is None else seen & trusted[part]
        total += np.where(used, x, 0.0).sum(axis=1, keepdims=True)
        number += used.sum(axis=1, keepdims=True)
    found = [
        _block(unit[:, part], total, number, None if trusted is None else trusted[part],
               families, level)
        for part in parts
    ]  # fmt: skip
    count, facility, r, low, high, gap, p = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    return Rest(
        count.astype(np.int64), facility, r, low, high, gap, p, adjust(p, "benjamini-hochberg")
    )


def _centred(unit: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """What is seen, means of items, and scores less them, 0 where there is none."""
    seen = ~np.isnan(unit)
    mean = np.where(seen, unit, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return seen, mean, np.where(seen, unit - mean, 0.0)


def _block(
    unit: Floats, total: Floats, number: Floats, trusted: NDArray[np.bool_] | None,
    families: Sequence[str | None] | None, level: float,
) -> tuple[Floats, ...]:  # fmt: skip
    """Some of the items, against the sums and counts of each subject over all."""
    seen, facility, x = _centred(unit)
    count = seen.sum(axis=0)
    used = seen if trusted is None else seen & trusted
    others = number - used
    rest = np.divide(
        total - np.where(used, x, 0.0), others, out=np.zeros_like(x), where=seen & (others > 0)
    )
    y = np.where(seen, rest - rest.sum(axis=0) / np.maximum(count, 1), 0.0)
    xx, yy, xy = (x * x).sum(axis=0), (y * y).sum(axis=0), (x * y).sum(axis=0)
    usable = (xx > 1e-12) & (yy > 1e-12) & (count >= 4)
    r = np.full(count.size, np.nan)
    np.divide(xy, np.sqrt(xx * yy), out=r, where=usable)
    r = np.clip(r, -1 + 1e-12, 1 - 1e-12)
    error, free = _error(x, y, yy, xx, r, count, families)
    t = np.divide(r, error, out=np.zeros_like(r), where=usable & (error > 0))
    p = np.where(usable, stdtr(free, t), 1.0)
    p = np.maximum(p, _least(unit, seen, count))
    # Fisher's z, as much wider as the robust error is than the plain one.
    plain = np.sqrt(np.maximum(1.0 - np.nan_to_num(r) ** 2, 1e-12) / np.maximum(count - 2.0, 1.0))
    wider = np.where(usable, np.nan_to_num(error) / plain, 1.0)
    quantile = stdtrit(free, (1 + level) / 2) if families is not None else ndtri((1 + level) / 2)
    half = quantile * wider / np.sqrt(np.maximum(count - 3.0, 1.0))
    z = np.arctanh(np.where(usable, r, 0.0))
    low, high = (np.where(usable, np.tanh(z + s * half), np.nan) for s in (-1, 1))
    gap = _upper_lower(np.where(seen, unit, 0.0), seen, rest)
    return count, np.where(count > 0, facility, np.nan), r, low, high, gap, p


def _least(unit: Floats, seen: NDArray[np.bool_], count: Ints) -> Floats:
    """The least chance an ordering can have: one over the ways to choose who is right."""
    whole = (~seen | (unit == 0) | (unit == 1)).all(axis=0)
    right = np.where(seen, unit, 0.0).sum(axis=0)
    ways = gammaln(count + 1.0) - gammaln(right + 1.0) - gammaln(count - right + 1.0)
    return np.where(whole, np.exp(-ways), 0.0)


def _error(
    x: Floats, y: Floats, yy: Floats, xx: Floats, r: Floats, count: Ints,
    families: Sequence[str | None] | None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Standard errors of correlations, and their degrees of freedom."""
    free = np.maximum(count - 2.0, 1.0)
    if families is None:
        return np.sqrt(np.maximum(1.0 - r**2, 0.0) / free), free
    names = [f if f is not None else f"\0{i}" for i, f in enumerate(families)]
    _, group = np.unique(np.array(names), return_inverse=True)
    size = int(group.max()) + 1
    slope = np.divide(r * np.sqrt(xx), np.sqrt(yy), out=np.zeros_like(r), where=yy > 0)
    slope = np.nan_to_num(slope)
    member = np.zeros((size, group.size))
    member[group, np.arange(group.size)] = 1.0
    # Residuals without the item's slope: the null is that there is none.
    sums = member @ (x * y)
    present = (member @ (y != 0)) > 0
    g = np.maximum(present.sum(axis=0), 2)
    meat = ((sums - slope * (member @ (y * y))) ** 2).sum(axis=0) * g / (g - 1)
    scale = np.sqrt(np.maximum(xx * yy, 1e-300))
    plain = np.sqrt(np.maximum(1.0 - r**2, 0.0) / free)
    return np.fmax(np.sqrt(meat) / scale, plain), np.maximum(np.minimum(g - 1.0, free), 1.0)


def _upper_lower(scores: Floats, seen: NDArray[np.bool_], rest: Floats) -> Floats:
    """Facility in the upper third of subjects less that in the lower, by the rest score."""
    found = np.full(scores.shape[1], np.nan)
    order = np.argsort(np.where(seen, rest, np.inf), axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    total = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(ranked, axis=0)])
    n = seen.sum(axis=0)
    third = n // 3
    columns = np.arange(scores.shape[1])
    gap = (total[n, columns] - total[n - third, columns]) - total[third, columns]
    np.divide(gap, third, out=found, where=third > 0)
    return found
