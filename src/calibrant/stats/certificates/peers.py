"""What do people use today? Their intervals, for many data sets at once.

Each function names whose formula it is. `tests/stats/test_peers.py` compares those of packages with
the packages.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from calibrant.stats.estimates.intervals import Side

Floats = NDArray[np.float64]
Limits = tuple[Floats, Floats]

NORMAL = "lm-eval and Inspect `stderr()`, ± 1.96"
T = "Inspect `ci()`"
WILSON = "Inspect `ci_wilson()`"
CLUSTER_NORMAL = "Inspect `stderr(cluster=…)`, statsmodels `cov_type='cluster'`"
CLUSTER_T = "Inspect `ci(cluster=…)`"
CLUSTER_WILSON = "Inspect `ci_wilson(cluster=…)`"
PERCENTILE = "Inspect `ci(method='bootstrap')`"


def tail(side: Side) -> float:
    """The error allowed on one side at a level of 0.95."""
    return 0.025 if side == "two" else 0.05


def around(centre: Any, reach: Any, side: Side = "two") -> Limits:
    """Centre ± reach, without a bound on the other side if one-sided."""
    low, high = np.asarray(centre - reach), np.asarray(centre + reach)
    if side == "upper":
        low = np.full_like(low, -np.inf)
    if side == "lower":
        high = np.full_like(high, np.inf)
    return low, high


def z(side: Side = "two") -> float:
    """The normal quantile."""
    return -float(ndtri(tail(side)))


def t(df: Any, side: Side = "two") -> Any:
    """Student's quantile."""
    return -stdtrit(df, tail(side))


def stderr(x: Floats) -> Floats:
    """The standard error of a mean along the last axis: lm-eval `mean_stderr`, Inspect `stderr`."""
    return np.asarray(x.std(axis=-1, ddof=1) / x.shape[-1] ** 0.5)


def rate_stderr(k: ArrayLike, n: int) -> Floats:
    """`stderr` of k ones and n - k zeros."""
    p = np.asarray(k) / n
    return np.asarray(np.sqrt(p * (1 - p) / max(n - 1, 1)))


def cluster_stderr(sums: ArrayLike, sizes: ArrayLike, *, correct: bool = True) -> Floats:
    """The clustered standard error of a mean over all trials, clusters along the last axis.

    CR1, as Inspect's `stderr(cluster=…)`; for a mean also that of statsmodels. CR0, Liang and
    Zeger's, without the correction G/(G - 1).
    """
    s, n = np.asarray(sums, float), np.asarray(sizes, float)
    trials = n.sum(-1, keepdims=True)
    rest = s - s.sum(-1, keepdims=True) / trials * n
    many = s.shape[-1]
    factor = many / (many - 1) if correct else 1.0
    return np.asarray(np.sqrt((rest**2).sum(-1) * factor) / trials[..., 0])


def wilson(rate: ArrayLike, n: ArrayLike, quantile: Any) -> Limits:
    """Wilson's interval of a rate from n trials, for a quantile, as Inspect's `ci_wilson`."""
    p, m, q = np.asarray(rate, float), np.asarray(n, float), np.asarray(quantile, float)
    below = 1 + q * q / m
    centre = (p + q * q / (2 * m)) / below
    reach = q * np.sqrt(p * (1 - p) / m + q * q / (4 * m * m)) / below
    return np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)


def cluster_wilson(sums: ArrayLike, sizes: ArrayLike, side: Side = "two") -> Limits:
    """Inspect's `ci_wilson(cluster=…)`: effective size p(1 - p)/v, all trials where that fails."""
    s, n = np.asarray(sums, float), np.asarray(sizes, float)
    trials = n.sum(-1)
    p = s.sum(-1) / trials
    v = cluster_stderr(s, n) ** 2
    spread = p * (1 - p)
    known = (spread > 0) & (v > 0)
    worth = np.where(known, np.minimum(spread / np.where(known, v, 1.0), trials), trials)
    return wilson(p, worth, t(s.shape[-1] - 1, side))


def percentile(x: Floats, rng: np.random.Generator, *, resamples: int = 400) -> Limits:
    """The two-sided percentile bootstrap of the mean of each row, single scores redrawn."""
    n = x.shape[-1]
    means = np.empty((resamples, x.shape[0]))
    for b in range(resamples):
        means[b] = np.take_along_axis(x, rng.integers(n, size=x.shape), axis=1).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high


def held(truth: Any, limits: Limits) -> float:
    """How often the limits hold the truth; 1e-9 forgives rounding."""
    low, high = limits
    return float(np.mean((low <= truth + 1e-9) & (truth <= high + 1e-9)))
