"""What people use today on the same scores, in a few lines each: for certificates alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]


def fixed_threshold(seen: Floats, clean: Floats) -> float:
    """The threshold that tells best, of one subject, seen from unseen items (Youden's J)."""
    every = np.unique(np.concatenate([seen, clean]))
    gain = [np.mean(seen > t) - np.mean(clean > t) for t in every]
    return float(every[int(np.argmax(gain))])


def welch_p(left: Floats, right: Floats) -> float:
    """One-sided p-value of Welch's t test that `left` has the larger mean."""
    own, other = left.var(ddof=1) / left.size, right.var(ddof=1) / right.size
    if own + other == 0:
        return 1.0
    t = (left.mean() - right.mean()) / np.sqrt(own + other)
    df = (own + other) ** 2 / (own**2 / (left.size - 1) + other**2 / (right.size - 1))
    return float(stdtr(df, -t))


def oren_p(table: Floats) -> float:
    """One-sided p-value of a t test of published orders less the means of permuted ones.

    As in the code of Oren et al. (2024): NumPy's standard deviation, which divides by n, in the
    place of the sample's, and shards of unequal spread taken for alike.

    Args:
        table: shape (shards, 1 + permutations), the published order's in the first column.
    """
    apart = table[:, 0] - table[:, 1:].mean(axis=1)
    spread = float(np.std(apart))
    if spread == 0:
        return 1.0
    return float(stdtr(apart.size - 1, -apart.mean() / spread * np.sqrt(apart.size)))
