"""Do able subjects get an item right? Each item against all the rest, as it was keyed.

Facility, item-rest correlation with its interval, and the chance of one as negative as seen if the
item told nothing, for all items at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, stdtr

from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    seen = ~np.isnan(unit)
    count = seen.sum(axis=0)
    scores = np.where(seen, unit, 0.0)
    facility = scores.sum(axis=0) / np.maximum(count, 1)
    x = np.where(seen, scores - facility, 0.0)
    used = seen if trusted is None else seen & trusted
    kept = np.where(used, x, 0.0)
    others = used.sum(axis=1, keepdims=True) - used
    rest = np.divide(
        kept.sum(axis=1, keepdims=True) - kept, others, out=np.zeros_like(x),
        where=seen & (others > 0),
    )  # fmt: skip
    y = np.where(seen, rest - rest.sum(axis=0) / np.maximum(count, 1), 0.0)
    xx, yy, xy = (x * x).sum(axis=0), (y * y).sum(axis=0), (x * y).sum(axis=0)
    usable = (xx > 1e-12) & (yy > 1e-12) & (count >= 4)
    r = np.full(count.size, np.nan)
    np.divide(xy, np.sqrt(xx * yy), out=r, where=usable)
    r = np.clip(r, -1 + 1e-12, 1 - 1e-12)
    error, free = _error(x, y, yy, xx, r, count, families)
    t = np.divide(r, error, out=np.zeros_like(r), where=usable & (error > 0))
    p = np.where(usable, stdtr(np.maximum(free, 1.0), t), 1.0)
    p = np.maximum(p, _least(unit, seen, count))
    # On Fisher's scale, with the same relative error as the test's.
    half = ndtri((1 + level) / 2) / np.sqrt(np.maximum(np.minimum(count, free + 2) - 3.0, 1.0))
    z = np.arctanh(np.where(usable, r, 0.0))
    low, high = (np.where(usable, np.tanh(z + s * half), np.nan) for s in (-1, 1))
    return Rest(
        count.astype(np.int64), np.where(count > 0, facility, np.nan), r, low, high,
        _upper_lower(scores, seen, rest), p, adjust(p, "benjamini-hochberg"),
    )  # fmt: skip


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
