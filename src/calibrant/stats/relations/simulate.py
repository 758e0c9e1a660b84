"""Rows in families with known correlations, to measure methods on; and what peers say of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHAPES: dict[str, tuple[int, ...]] = {
    "23 unequal": (10, 10, 9, 8, 8, 6, 5, 4, 4, 3, 3, 2, 2, *(1,) * 10),
    "20 of 4": (4,) * 20,
    "8 of 5": (5,) * 8,
    "10, one large": (10, 3, 3, 2, 2, 1, 1, 1, 1, 1),
    "40 of 1": (1,) * 40,
    "26 in 9": (8, 4, 3, 3, 2, 2, 2, 1, 1),
    "77 in 21": (8, 8, 7, 5, 5, *(4,) * 5, *(3,) * 5, 2, 2, 2, 1, 1, 1),
}
"""Sizes of families; the first is like the makers of LiveBench's models, the last two like those
of chat models in the safetywashing table and of base models in the observational one."""


def families_of(shape: str) -> Ints:
    """The number of each subject's family, shape (subjects,)."""
    return np.repeat(np.arange(len(SHAPES[shape])), SHAPES[shape])


def normal(rng: np.random.Generator, family: Ints, columns: int, icc: float) -> Floats:
    """Independent standard normal columns whose relatives correlate with `icc`."""
    own = rng.standard_normal((family.size, columns))
    shared = rng.standard_normal((int(family.max()) + 1, columns))[family]
    return np.asarray(np.sqrt(1 - icc) * own + np.sqrt(icc) * shared)


def correlated(rng: np.random.Generator, family: Ints, r: float, icc: float) -> Floats:
    """Two standard normal columns that correlate with r within and between families."""
    z = normal(rng, family, 2, icc)
    return np.column_stack([z[:, 0], r * z[:, 0] + np.sqrt(1 - r**2) * z[:, 1]])


def percentile(
    statistic: Callable[[Ints], float],
    family: Ints | None,
    n: int,
    rng: np.random.Generator,
    draws: int = 199,
    level: float = 0.95,
) -> tuple[float, float]:
    """A percentile bootstrap: of subjects, or of families where these are given."""
    found = np.empty(draws)
    groups = None if family is None else [np.flatnonzero(family == g) for g in np.unique(family)]
    for d in range(draws):
        if groups is None:
            rows = rng.integers(0, n, n)
        else:
            chosen = rng.integers(0, len(groups), len(groups))
            rows = np.concatenate([groups[c] for c in chosen])
        found[d] = statistic(rows)
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
