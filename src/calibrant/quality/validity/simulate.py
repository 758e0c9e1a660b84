"""Models in families with known meaning, to measure the methods on; and what peers say of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.validity.measures import Measures, reliability_of
from calibrant.stats.relations.simulate import normal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
