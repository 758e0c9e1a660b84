"""How does a mixture of thousands become one of dozens, that says nearly the same?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.scaling.predictive import Predictive

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPS = (12, 4)
"""Components that are left: groups of like spread, and groups of like location in each."""


def merged(mean: Floats, spread: Floats, weight: Floats, df: float) -> Predictive:
    """A mixture of at most `GROUPS` components in place of a large one.

    Components of like spread, and among them of like location, become one that has their weight,
    mean and mean square: quantiles move by a few thousandths of their distance.

    Args:
        mean, spread: shape (g, m); of m mixtures of g components with weights of shape (g,).
    """
    g, m = mean.shape
    wide, near = GROUPS
    if g <= wide * near:
        return Predictive.of(mean, spread, df=df, weight=weight)
    cells = np.empty((g, m), dtype=np.int64)
    for j in range(m):
        cells[:, j] = _cells(spread[:, j], weight, wide) * near
        for cell in range(wide):
            some = np.flatnonzero(cells[:, j] == cell * near)
            cells[some, j] += _cells(mean[some, j], weight[some], near)
    size = wide * near
    at = (cells + size * np.arange(m)).ravel()

    def total(values: Floats) -> Floats:
        whole = np.bincount(at, weights=values.ravel(), minlength=size * m)
        return np.asarray(whole.reshape(m, size).T)

    each = np.repeat(weight[:, None], m, axis=1)
    share = total(each)
    over = np.where(share > 0, share, 1.0)
    place = total(each * mean) / over
    # A distance between locations counts as so much spread as gives the same mean square.
    factor = (df - 2) / df if 2 < df < np.inf else 1.0
    apart = np.maximum(total(each * mean**2) / over - place**2, 0.0)
    square = total(each * spread**2) / over + factor * apart
    none = share == 0
    place, square = np.where(none, mean[0], place), np.where(none, spread[0] ** 2, square)
    return Predictive.of(place, np.sqrt(square), df=df, weight=share)


def _cells(values: Floats, weight: Floats, count: int) -> Ints:
    """Which of `count` groups of like weight each value belongs to, in order."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order]) - weight[order] / 2
    found = np.empty(values.size, dtype=np.int64)
    found[order] = np.minimum((below / weight.sum() * count).astype(np.int64), count - 1)
    return found
