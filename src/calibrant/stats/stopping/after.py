"""Which rates are compatible with a run that stopped early? Exact intervals after stopping."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from calibrant.stats.estimates.intervals import (
    Interval,
    Side,
    check_counts,
    first_rate,
    last_rate,
    tails,
)
from calibrant.stats.stopping.designs import Design
from calibrant.stats.stopping.paths import Stops


def after_stopping(
    design: Design, n: int, k: int, *, level: float = 0.95, side: Side = "two"
) -> Interval:
    """The exact interval for the rate of events, given that the design stopped at (n, k).

    The sample space is ordered by the observed rate k/n, and the two one-sided tests are
    inverted over the exact distribution of stopping points (Jennison and Turnbull, *Group
    Sequential Methods*, 2000, section 8.4). The upper limit of a supported claim at one-sided
    level 1 - alpha lies below the threshold. A point where the design does not stop is
    taken as the end of a run cut short, which makes the interval approximate there: the method
    says so.

    Args:
        n, k: trials and events, 0 ≤ k ≤ n ≤ `design.at_most`.

    Raises:
        ValueError: for impossible counts or a level outside 0–1.
    """
    check_counts(k, n, level)
    if n == 0:
        return Interval(0.0, 1.0, level, "nothing observed")
    below, above = tails(level, side)

    def at_most(rate: float) -> float:
        return _tail(design.stops(rate), n, k, low=True)

    def at_least(rate: float) -> float:
        return _tail(design.stops(rate), n, k, low=False)

    ends = _reference(design, n, k)
    reached = bool(np.any((ends.n == n) & (ends.k == k)))
    method = "exact, for the stopping rule" if reached else "for the stopping rule; run cut short"
    items = design.rates.items
    if items is None:
        low = 0.0 if k == 0 or below == 0 else _cross(at_least, below, 0.0, k / n)
        high = 1.0 if k == n or above == 0 else _cross(lambda r: -at_most(r), -above, k / n, 1.0)
    else:
        least, most = k, items - (n - k)
        low = least / items if below == 0 else first_rate(at_least, below, least, most, items)
        high = most / items if above == 0 else last_rate(at_most, above, least, most, items)
    return Interval(low, high, level, method)


def _reference(design: Design, n: int, k: int) -> Stops:
    return design.stops(min(max(k / n, 0.5 / n), 1 - 0.5 / n))


def _tail(stops: Stops, n: int, k: int, *, low: bool) -> float:
    """Chance of stopping at an observed rate at most (or at least) k/n."""
    # Compare k'/n' with k/n in whole numbers: exact, so that ties are ties.
    left, right = stops.k * n, k * stops.n
    return float(stops.mass[left <= right if low else left >= right].sum())


def _cross(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a function that rises from `low` to `high` reaches `target`, within 1e-10."""
    from scipy.optimize import brentq

    if rising(low) >= target:
        return low
    if rising(high) < target:
        return high
    return float(brentq(lambda rate: rising(rate) - target, low, high, xtol=1e-10))
