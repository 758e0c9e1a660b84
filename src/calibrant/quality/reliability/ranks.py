"""Is the order of two subjects right? Chances over items drawn like these."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints
from calibrant.quality.reliability.conditional import errors

SURE = 0.95


@dataclass(frozen=True)
class Neighbours:
    """Two subjects next to each other in the ranking: the chance that `above` truly is above."""

    above: str
    below: str
    difference: float
    error: float
    right: float


@dataclass(frozen=True)
class Ranks:
    """How far the order of subjects can be trusted.

    Attributes:
        any_pair: expected chance that the order of two subjects drawn at random is right.
        neighbours: every two that are next to each other, the highest first.
        sure: share of all pairs whose order is right with a chance of at least 95 %.
        sure_neighbours: the same among neighbours.
        pairs: how many.
        normal: chance for a random pair by Eρ² alone, ½ + arcsin(√Eρ²) / π.
    """

    any_pair: float
    neighbours: tuple[Neighbours, ...]
    sure: float
    sure_neighbours: float
    pairs: int
    normal: float

    def __repr__(self) -> str:
        return (
            f"the order of two subjects is right with chance {self.any_pair:.3f} on average; "
            f"{self.sure_neighbours:.0%} of neighbours are told apart"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "neighbours": [dict(n.__dict__) for n in self.neighbours]}


def rank_reliability(
    x: Floats,
    subjects: tuple[str, ...],
    universe: float,
    coefficient: float,
    clusters: Ints | None = None,
) -> Ranks:
    """Chances that the order of two subjects' means is that of all items of this kind.

    The difference of two means has its own error, from the differences on the items both met;
    subjects' universe scores are taken as normal with the variance found, which draws differences
    towards 0 (an empirical Bayes posterior).

    Args:
        x: shape (subjects, items), NaN where there is none.
        universe: variance of subjects' universe scores.
        coefficient: Eρ², for the chance by it alone.
        clusters: shape (items,), 0, 1, …

    Raises:
        InputError: if two subjects have fewer than 2 items (or clusters) in common.
    """
    difference, variance = differences(x, clusters)
    prior = 2.0 * universe
    total = prior + variance
    # Where both variances are 0 nothing is known of the order.
    signal = np.divide(prior, total, out=np.zeros_like(total), where=total > 0)
    spread = np.sqrt(signal * variance)
    away = np.abs(difference) * signal
    score = np.divide(away, spread, out=np.where(away > 0, np.inf, 0.0), where=spread > 0)
    right = ndtr(score)
    upper = np.triu_indices(len(subjects), 1)
    chances = right[upper]
    order = np.argsort(-np.nanmean(x, axis=1), kind="stable")
    found = tuple(
        Neighbours(
            subjects[a], subjects[b], float(abs(difference[a, b])), float(np.sqrt(variance[a, b])),
            float(right[a, b]),
        )
        for a, b in itertools.pairwise(order)
    )  # fmt: skip
    sure = float(np.mean([n.right >= SURE for n in found]))
    return Ranks(
        float(chances.mean()), found, float((chances >= SURE).mean()), sure, chances.size,
        0.5 + float(np.arcsin(np.sqrt(min(max(coefficient, 0.0), 1.0)))) / np.pi,
    )  # fmt: skip


def differences(x: Floats, clusters: Ints | None) -> tuple[Floats, Floats]:
    """Shape (subjects, subjects): differences of means on common items, and their variances."""
    n = x.shape[0]
    if not np.isnan(x).any():
        mean = x.mean(axis=1)
        apart = x - mean[:, None]
        k = x.shape[1]
        if clusters is not None:
            units = int(clusters.max()) + 1
            sums = np.zeros((units, n))
            np.add.at(sums, clusters, apart.T)
            apart, factor = sums.T, units / (units - 1.0) / k**2
        else:
            factor = 1.0 / (k * (k - 1.0))
        cross = apart @ apart.T * factor
        own = np.diag(cross)
        return mean[:, None] - mean, np.maximum(own[:, None] + own - 2 * cross, 0.0)
    difference, variance = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n - 1):
        gap = x[i] - x[i + 1 :]
        shared = (~np.isnan(gap)).sum(axis=1)
        if (shared < 2).any():
            raise InputError(
                f"ranks: subjects {i + 1} and {i + 2 + int(np.argmax(shared < 2))} have fewer than "
                "2 items in common"
            )
        difference[i, i + 1 :] = np.nansum(gap, axis=1) / shared
        variance[i, i + 1 :] = errors(gap, clusters) ** 2
    return difference - difference.T, variance + variance.T
