"""Models in families with known meaning, to measure the methods on; and what peers say of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.validity.measures import Measures, reliability_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHAPES: dict[str, tuple[int, ...]] = {
    "23 unequal": (10, 10, 9, 8, 8, 6, 5, 4, 4, 3, 3, 2, 2, *(1,) * 10),
    "20 of 4": (4,) * 20,
    "8 of 5": (5,) * 8,
    "10, one large": (10, 3, 3, 2, 2, 1, 1, 1, 1, 1),
    "40 of 1": (1,) * 40,
}
"""Sizes of families; the first is like the makers of LiveBench's models."""


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


def items_of(
    rng: np.random.Generator, traits: Floats, items: int, loading: float | Floats
) -> list[Floats]:
    """Standardised items of each trait, shape (subjects, items) each, with these loadings."""
    load = np.broadcast_to(np.asarray(loading, np.float64), (items,))
    shape = (len(traits), items)
    noise = np.sqrt(1 - load**2)
    return [t[:, None] * load + noise * rng.standard_normal(shape) for t in traits.T]


def measures_from(parts: list[Floats], family: Ints) -> Measures:
    """Measures of made-up items."""
    return Measures(
        tuple(f"s{i}" for i in range(family.size)), tuple(f"m{j}" for j in range(len(parts))),
        np.column_stack([p.mean(axis=1) for p in parts]), family, tuple(parts),
        np.array([reliability_of(p) for p in parts]), (), (), None, (),
    )  # fmt: skip


def plain_measures(values: Floats, family: Ints) -> Measures:
    """A table of made-up scores."""
    k = values.shape[1]
    return Measures(
        tuple(f"s{i}" for i in range(family.size)), tuple(f"m{j}" for j in range(k)), values,
        family, (), np.full(k, np.nan), (), (), None, (),
    )  # fmt: skip


def factor_scores(
    rng: np.random.Generator, family: Ints, general: float, groups: int, icc: float, columns: int
) -> Floats:
    """Scores with a general factor (loading `general`) and group factors of loading 0.5."""
    loads = np.zeros((columns, 1 + groups))
    loads[:, 0] = general
    for g in range(groups):
        loads[g::groups, 1 + g] = 0.5
    unique = np.sqrt(1 - (loads**2).sum(axis=1))
    scores = normal(rng, family, 1 + groups + columns, icc)
    return np.asarray(scores @ np.column_stack([loads, np.diag(unique)]).T)


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
