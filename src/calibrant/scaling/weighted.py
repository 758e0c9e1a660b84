"""Quantiles of draws that count unequally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_quantiles(values: Floats, weight: Floats, at: Sequence[float]) -> list[float]:
    """Values, shape (m,), below which shares `at` of the weight lie; linear between middles.

    Args:
        values: shape (m,).
        weight: shape (m,); not negative, summing to 1.
        at: shares between 0 and 1.
    """
    order = np.argsort(values)
    below = np.cumsum(weight[order]) - weight[order] / 2
    return [float(v) for v in np.interp(np.asarray(at), below, values[order])]
