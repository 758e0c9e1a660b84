"""Which rates are compatible with k events in n independent trials? Four intervals, one call.

Clopper–Pearson keeps its level for every rate and is the default; mid-P and Jeffreys keep it on
average over rates and are shorter; Wilson is quick and close, but one-sided near 0 and 1 too short.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betainccinv, betaincinv, gammaln, ndtri, xlog1py, xlogy

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import (
    Interval,
    Side,
    first_rate,
    hypergeometric,
    last_rate,
    tails,
)
from calibrant.stats.tails import hypergeometric_cdf

RateMethod = Literal["clopper-pearson", "mid-p", "wilson", "jeffreys"]
METHODS: tuple[RateMethod, ...] = ("clopper-pearson", "mid-p", "wilson", "jeffreys")
_NAMES = {
    "clopper-pearson": "Clopper–Pearson",
    "mid-p": "mid-P",
    "wilson": "Wilson",
    "jeffreys": "Jeffreys",
}
Floats = NDArray[np.float64]


def interval(
    k: int,
    n: int,
    *,
    method: RateMethod = "clopper-pearson",
    level: float = 0.95,
    side: Side = "two",
    items: int | None = None,
) -> Interval:
    """The interval for a rate from k events in n independent trials.

    Args:
        k, n: events and trials, 0 ≤ k ≤ n. With n = 0 the interval is [0, 1].
        method: "clopper-pearson" (Biometrika 26 (1934) 404), which covers at least `level` for
            every rate; "mid-p" (Lancaster, JASA 56 (1961) 223), which covers `level` on average
            over rates; "wilson" (JASA 22 (1927) 209), the score interval; "jeffreys", equal
            tails of Beta(k + ½, n − k + ½) with the ends of Brown, Cai and DasGupta (Statistical
            Science 16 (2001) 101): 0 where k = 0, 1 where k = n.
        side: "two", or one-sided "upper" (low is 0) or "lower" (high is 1).
        items: the number of items in the finite set that the trials were drawn from without
            replacement, if the measurand is the rate in that set. Only for "clopper-pearson"
            and "mid-p", which then invert hypergeometric tests.

    Raises:
        InputError: for impossible counts, a level outside 0–1, an unknown method or side, or
            `items` with a method that has no finite-set form.
    """
    for name, count in (("events", k), ("trials", n)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer):
            raise InputError(f"{name}: wanted a whole number, got {count!r}")
    if items is None:
        low, high = bounds(k, n, method=method, level=level, side=side)
        return Interval(float(low), float(high), level, _NAMES[method])
    _check(np.asarray(k), np.asarray(n), method, level, side)
    if isinstance(items, bool) or not isinstance(items, int | np.integer) or items < max(n, 1):
        raise InputError(f"items: wanted a whole number of at least the {n} draws, got {items!r}")
    if method == "clopper-pearson":
        return hypergeometric(int(k), int(n), int(items), level=level, side=side)
    if method == "mid-p":
        return _finite_mid_p(int(k), int(n), int(items), level, side)
    raise InputError(
        f"items: wanted method clopper-pearson or mid-p for a finite set, got {method}"
    )


def bounds(
    k: ArrayLike,
    n: ArrayLike,
    *,
    method: RateMethod = "clopper-pearson",
    level: float = 0.95,
    side: Side = "two",
) -> tuple[Floats, Floats]:
    """The bounds of `interval` for arrays of counts.

    Args:
        k, n: events and trials, arrays of whole numbers of one broadcast shape.

    Returns:
        Two arrays of that shape, rates in 0–1.

    Raises:
        InputError: as `interval`.
    """
    try:
        events, trials = np.broadcast_arrays(np.asarray(k), np.asarray(n))
    except ValueError as error:
        shapes = f"{np.shape(k)} and {np.shape(n)}"
        raise InputError(f"counts: wanted shapes that fit together, got {shapes}") from error
    _check(events, trials, method, level, side)
    below, above = tails(level, side)
    x, m = events.astype(np.float64), trials.astype(np.float64)
    find = {
        "clopper-pearson": _clopper_pearson,
        "mid-p": _mid_p,
        "wilson": _wilson,
        "jeffreys": _jeffreys,
    }[method]
    # An upper bound is one minus the lower bound of the non-events.
    low = np.zeros_like(x) if below == 0 else find(x, m, below)
    high = np.ones_like(x) if above == 0 else 1 - find(m - x, m, above)
    if above > 0 and method == "clopper-pearson":
        # Near 0 the complement would lose digits.
        high = np.where(x == m, 1.0, betainccinv(x + 1, np.maximum(m - x, 1e-300), above))
    return low, high


def _clopper_pearson(k: Floats, n: Floats, tail: float) -> Floats:
    # betaincinv needs a positive first parameter; those entries are replaced.
    return np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1.0), n - k + 1, tail))


def _jeffreys(k: Floats, n: Floats, tail: float) -> Floats:
    return np.where(k == 0, 0.0, betaincinv(k + 0.5, n - k + 0.5, tail))


def _wilson(k: Floats, n: Floats, tail: float) -> Floats:
    z = -ndtri(tail)
    rate = k / np.maximum(n, 1)
    centre = k + z * z / 2
    reach = z * np.sqrt(n * rate * (1 - rate) + z * z / 4)
    # At k = 0 the two terms are equal: rounding must not leave a bound above or below zero.
    return np.where(k == 0, 0.0, np.clip((centre - reach) / (n + z * z), 0.0, 1.0))


def _mid_p(k: Floats, n: Floats, tail: float) -> Floats:
    """The rate at which P(X > k) + ½ P(X = k) = tail: Newton's steps on the log tail, bracketed."""
    inside = (k > 0) & (n > 0)
    x, m = np.where(inside, k, 1.0), np.where(inside, n, 1.0)
    # The tail lies between P(X > k) and P(X ≥ k), so the root lies between their roots.
    low = betaincinv(x, m - x + 1, tail)
    high = np.where(x == m, 1.0, betaincinv(x + 1, np.maximum(m - x, 1.0), tail))
    choose = gammaln(m + 1) - gammaln(x + 1) - gammaln(m - x + 1)
    rate = (low + high) / 2
    for _ in range(60):
        mass = np.exp(choose + xlogy(x, rate) + xlog1py(m - x, -rate))
        found = betainc(x, m - x + 1, rate) - mass / 2
        low, high = np.where(found > tail, low, rate), np.where(found > tail, rate, high)
        slope = mass / 2 * (x / rate + (m - x) / np.where(rate < 1, 1 - rate, 1.0))
        with np.errstate(all="ignore"):  # a useless step is replaced just below
            step = rate - np.log(found / tail) * found / slope
        ok = (step > low) & (step < high)
        after = np.where(ok, step, (low + high) / 2)
        done = np.all(np.abs(after - rate) <= 1e-13 * rate)
        rate = after
        if done:
            break
    return np.where(inside, rate, 0.0)


def _finite_mid_p(k: int, n: int, items: int, level: float, side: Side) -> Interval:
    below, above = tails(level, side)
    least, most = k, items - (n - k)
    low, high = least / items, most / items

    def at_most(rate: float) -> float:
        events = round(rate * items)
        both = hypergeometric_cdf(k, n, items, events)
        return float(both + (hypergeometric_cdf(k - 1, n, items, events) if k > 0 else 0.0)) / 2

    if below > 0:
        low = first_rate(lambda r: 1 - at_most(r), below, least, most, items)
    if above > 0:
        high = last_rate(at_most, above, least, most, items)
    return Interval(low, high, level, "hypergeometric, mid-P")


def _check(k: NDArray[Any], n: NDArray[Any], method: str, level: float, side: str) -> None:
    if method not in METHODS:
        raise InputError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")
    check_level(level, side)
    for name, counts in (("events", k), ("trials", n)):
        if counts.dtype.kind not in "iu":
            raise InputError(f"{name}: wanted whole numbers, got an array of {counts.dtype}")
    wrong = (n < 0) | (k < 0) | (k > n)
    if np.any(wrong):
        at = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))
        found = f"{np.atleast_1d(k)[at]} of {np.atleast_1d(n)[at]}"
        raise InputError(f"counts: wanted 0 ≤ events ≤ trials, got {found}")


def check_level(level: float, side: str) -> None:
    """Refuse a level outside 0–1 or an unknown side."""
    if not isinstance(level, int | float | np.floating) or not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if side not in ("two", "upper", "lower"):
        raise InputError(f"side: wanted two, upper or lower, got {side!r}")
