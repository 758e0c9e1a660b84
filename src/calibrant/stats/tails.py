"""How likely is at most k? Exact binomial and hypergeometric tails, without heavy imports."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X ≤ k) for n independent trials with chance p each; 0 for k < 0, 1 for k ≥ n."""
    if k < 0 or k >= n:
        return float(k >= n)
    return float(betainc(n - k, k + 1, 1 - p))


def hypergeometric_cdf(k: int, n: int, items: int, events: int) -> float:
    """P(X ≤ k) for n draws without replacement from `items`, of which `events` are events."""
    low, high = max(0, n - (items - events)), min(n, events)
    if k < low or k >= high:
        return float(k >= high)
    # Sum the shorter tail: it is the one that may be small.
    upper = k - low > high - k
    x = np.arange(k + 1, high + 1) if upper else np.arange(low, k + 1)
    logs = (
        log_choose(events, x) + log_choose(items - events, n - x) - log_choose(items, np.array(n))
    )
    tail = float(np.exp(logs).sum())
    return 1.0 - tail if upper else tail


def log_choose(
    n: int | NDArray[np.float64], k: NDArray[np.int64] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """The logarithm of how many ways there are to choose k of n."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def largest(accepted: Callable[[int], bool], top: int) -> int:
    """The largest k in 0…top for which `accepted` holds, -1 if none; it holds up to some k only."""
    low, high = -1, top + 1
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low
