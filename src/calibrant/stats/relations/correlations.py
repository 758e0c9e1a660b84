"""How do two orders of the same subjects agree? Pearson's, Spearman's, Kendall's coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 512


def standard(values: Floats) -> Floats:
    """Columns less their mean, over their standard deviation (n); 0 where a column is constant."""
    apart = values - values.mean(axis=0)
    size = np.sqrt((apart**2).mean(axis=0))
    # What is constant but for rounding is constant.
    tiny = 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.asarray(np.where(size > tiny, apart / np.where(size > tiny, size, 1.0), 0.0))


def pearson(values: Floats) -> Floats:
    """Correlations of columns, shape (measures, measures); NaN for constant columns."""
    z = standard(values)
    r = z.T @ z / len(z)
    flat = ~z.any(axis=0)
    r[flat] = np.nan
    r[:, flat] = np.nan
    r = np.clip(r, -1.0, 1.0)
    r[np.diag_indices_from(r)] = np.where(flat, np.nan, 1.0)
    return np.asarray(r)


def ranks(values: Floats | Ints) -> Floats:
    """Ranks from 1 in each column, ties at their mean.

    Whole numbers from 0, as of `places`, are counted and not sorted: for a jackknife of many rows.
    """
    out = np.empty(values.shape)
    for j, column in enumerate(values.T):
        if np.issubdtype(values.dtype, np.integer):
            which, count = column, np.bincount(column)
        else:
            _, which, count = np.unique(column, return_inverse=True, return_counts=True)
        out[:, j] = (np.cumsum(count) - (count - 1) / 2)[which.ravel()]
    return out


def places(values: Floats) -> Ints:
    """The place of each value among those of its column, from 0; the same for ties."""
    found = [np.unique(column, return_inverse=True)[1].ravel() for column in values.T]
    return np.column_stack(found).astype(np.int64) if found else np.zeros(values.shape, np.int64)


def spearman(values: Floats) -> Floats:
    """Correlations of ranks, shape (measures, measures)."""
    return pearson(ranks(values))


def kendall(x: Floats, y: Floats) -> float:
    """Kendall's τ-b of two columns; NaN if either is constant."""
    return float(kendall_without(x, y, np.zeros(x.size, np.int64))[0])


def kendall_without(x: Floats, y: Floats, family: Ints) -> Floats:
    """Kendall's τ-b of all subjects, and without each family, in one pass over pairs.

    Args:
        x, y: shape (subjects,).
        family: shape (subjects,), numbers from 0 without gaps.

    Returns:
        Shape (1 + families,): τ-b, then τ-b without family 0, 1, …; NaN where one is constant.
    """
    n, groups = x.size, int(family.max()) + 1
    # Per subject, over all others: concordant less discordant, apart in x, apart in y.
    row = np.zeros((n, 3))
    for start in range(0, n, _ROWS):
        here = slice(start, start + _ROWS)
        sx = np.sign(x[here, None] - x[None, :])
        sy = np.sign(y[here, None] - y[None, :])
        row[here] = np.column_stack(
            [(sx * sy).sum(axis=1), np.abs(sx).sum(axis=1), np.abs(sy).sum(axis=1)]
        )
    total = row.sum(axis=0)
    sums = np.column_stack([np.bincount(family, row[:, k], groups) for k in range(3)])
    inside = np.zeros((groups, 3))
    order = np.argsort(family, kind="stable")
    for g, rows in enumerate(np.split(order, np.cumsum(np.bincount(family))[:-1])):
        sx = np.sign(x[rows, None] - x[None, rows])
        sy = np.sign(y[rows, None] - y[None, rows])
        inside[g] = (sx * sy).sum(), np.abs(sx).sum(), np.abs(sy).sum()
    every = np.vstack([total, total - 2 * sums + inside])
    under = np.sqrt(every[:, 1] * every[:, 2])
    return np.asarray(np.where(under > 0, every[:, 0] / np.where(under > 0, under, 1.0), np.nan))


def first_component(values: Floats) -> Floats:
    """Scores of subjects on the first principal component of standardised columns.

    Its sign is such that most columns load positively, by their sum.
    """
    z = standard(values)
    n, k = z.shape
    if k <= n:
        weights = np.linalg.eigh(z.T @ z)[1][:, -1]
        score = z @ weights
    else:
        score = np.linalg.eigh(z @ z.T)[1][:, -1]
    return np.asarray(score if score @ z.sum(axis=1) >= 0 else -score)
