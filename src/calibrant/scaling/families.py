"""How sure is a mean over outcomes in families, whose members miss together?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.stats.comparisons.paired import paired_t
from calibrant.stats.estimates.clusters import Clusters, cluster_interval
from calibrant.stats.estimates.intervals import clopper_pearson

Ends = tuple[float, float] | None
Values = np.ndarray[Any, Any]


def mean_interval(
    values: Values,
    family: Sequence[str] | Values,
    *,
    low: float = -np.inf,
    level: float = 0.9,
    least: int = 2,
) -> Ends:
    """The interval for a mean, robust to families; None for too few of them, or equal values.

    Args:
        values: shape (n,).
        family: shape (n,); what goes up and down together.
        low: the lowest mean there can be.
        least: families below which there is none.
    """
    groups = [str(f) for f in family]
    if len(set(groups)) < least:
        return None
    try:
        found = paired_t(values, groups, level=level).interval
    except InputError:
        return None
    return max(float(found.low), low), float(found.high)


def share_interval(
    inside: Values, family: Sequence[str] | Values, *, level: float = 0.9, draws: int = 1000
) -> Ends:
    """The interval for a share of outcomes held, in families that miss together.

    Exact (Clopper–Pearson) if every outcome is of another family. None for fewer than two.

    Args:
        inside: shape (n,); whether each was held.
        family: shape (n,).
        draws: of the calibration of `cluster_interval`.
    """
    groups, which = np.unique(np.asarray(family, dtype=str), return_inverse=True)
    if groups.size < 2:
        return None
    held = np.asarray(inside, dtype=np.float64)
    if groups.size == held.size:
        exact = clopper_pearson(int(held.sum()), held.size, level=level)
        return float(exact.low), float(exact.high)
    # Where none is missed, the families are few to see how they cluster; misses are the rare ones.
    found = cluster_interval(Clusters.of(1.0 - held, which), level=level, draws=draws)
    return 1 - float(found.high), 1 - float(found.low)
