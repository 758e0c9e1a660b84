"""Where can a sequence of clusters of trials stop, and with what probability? Exactly.

A cluster of m trials adds a beta-binomial count of events (Skellam, JRSS-B 10 (1948) 257): its rate
has a beta distribution with the true rate as mean and the intraclass correlation (ICC) as spread.
A rule looks at the total after each cluster. The total's distribution among runs still going is
carried from cluster to cluster by exact convolution: only positive numbers are added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from calibrant.errors import DesignError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NEVER = np.iinfo(np.int64).max // 4
"""A total no run reaches."""


def check_clusters(size: int, icc: float) -> None:
    """Raise DesignError for a cluster size below 1 or an ICC outside 0–1."""
    if not 1 <= size <= 10_000 or size != int(size):
        raise DesignError(f"cluster size: wanted a whole number in 1–10,000, got {size!r}")
    if not 0 <= icc <= 1:
        raise DesignError(f"icc: wanted an intraclass correlation in 0–1, got {icc!r}")


def beta_binomial(size: int, rates: ArrayLike, icc: ArrayLike) -> Floats:
    """The chances of 0…size events in a cluster; shape (rates, size + 1).

    Args:
        size: trials in the cluster, at least 1.
        rates: mean rate of events, in 0–1; shape (rates,).
        icc: correlation of two trials of a cluster, in 0–1; one, or one for each rate.
    """
    rates, icc = np.broadcast_arrays(
        np.atleast_1d(np.asarray(rates, float)), np.atleast_1d(np.asarray(icc, float))
    )
    found = np.zeros((rates.size, size + 1))
    x = np.arange(size + 1)
    choose = gammaln(size + 1) - gammaln(x + 1) - gammaln(size - x + 1)
    for row, p, rho in zip(found, rates, icc, strict=True):
        if p in (0.0, 1.0) or rho == 1.0:
            row[0], row[-1] = 1 - p, p
            continue
        # Products of (p + iθ), (1 - p + iθ) and (1 + iθ): as good near ICC 0, where gamma
        # functions of huge numbers would cancel, as near 1.
        spread = rho / (1 - rho) * np.arange(size)
        event, none, all_ = (
            np.concatenate([[0.0], np.cumsum(np.log(base + spread))]) for base in (p, 1 - p, 1.0)
        )
        row[:] = np.exp(choose + event + none[::-1] - all_[-1])
        row /= row.sum()
    return found


@dataclass(frozen=True)
class ClusterRule:
    """A stopping rule on the total of events, looked at after each cluster.

    Attributes:
        size: trials in a cluster.
        support: largest total that supports the claim after cluster 1, 2, …; -1 for none.
        refute: smallest total that refutes it; `NEVER` for none.
        futile: smallest total that ends the run otherwise, undetermined.

    All arrays have the same length, the largest number of clusters. At the last one every run ends.
    """

    size: int
    support: Ints
    refute: Ints
    futile: Ints

    @property
    def at_most(self) -> int:
        """The largest number of clusters."""
        return int(self.support.size)


@dataclass(frozen=True)
class ClusterStops:
    """How a rule ends, for one or several rates: arrays of one shape.

    Attributes:
        supported, refuted: chances of these verdicts.
        clusters: mean number of clusters.
    """

    supported: Floats
    refuted: Floats
    clusters: Floats


def ends(rule: ClusterRule, rates: ArrayLike, icc: ArrayLike) -> ClusterStops:
    """The exact chances of each verdict and the mean number of clusters.

    Args:
        rates, icc: as `beta_binomial`.
    """
    pmf = beta_binomial(rule.size, rates, icc)
    return walk(rule.support[None], rule.refute[None], rule.futile[None], pmf)


def walk(support: Ints, refute: Ints, futile: Ints, pmf: Floats) -> ClusterStops:
    """Walk several rules, or one rule at several rates, side by side.

    Args:
        support, refute, futile: shape (rules, clusters) or (1, clusters), as `ClusterRule`.
        pmf: shape (rates, size + 1) or (1, size + 1): chances of the count of a cluster.
    """
    many, size = max(len(support), len(pmf)), pmf.shape[1] - 1
    looks = support.shape[1]
    end = np.minimum(refute, futile)
    end[:, -1] = 0
    top = np.where(end < NEVER, end, 0).max(axis=0)  # beyond it nobody goes on
    floor = support.min(axis=0)
    live, low = np.ones((many, 1)), 0
    supported, refuted, clusters = np.zeros(many), np.zeros(many), np.zeros(many)
    for g in range(looks):
        going = live.sum(axis=1)
        clusters += going
        total = np.zeros((many, live.shape[1] + size))
        for x in range(size + 1):
            total[:, x : x + live.shape[1]] += pmf[:, x : x + 1] * live
        s = low + np.arange(total.shape[1])
        holds = s <= support[:, g : g + 1]
        supported += np.where(holds, total, 0.0).sum(axis=1)
        refuted += np.where(~holds & (s >= refute[:, g : g + 1]), total, 0.0).sum(axis=1)
        stay = ~holds & (s < end[:, g : g + 1])
        first = max(int(floor[g]) + 1 - low, 0)
        last = int(top[g]) - low if bool(np.all(end[:, g] < NEVER)) else total.shape[1]
        live = np.where(stay, total, 0.0)[:, first : max(last, first)]
        low += first
        if live.size == 0 or live.sum() < 1e-18:
            break
    return ClusterStops(supported, refuted, clusters)
