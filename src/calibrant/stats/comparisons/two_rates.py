"""How do two rates differ? Counts of two subjects: on the same items (pairs), or independent.

Pairs are four counts of items: `both` right, `only_a`, `only_b`, `neither`. Differences are A minus
B, in -1…1; one-sided "greater" means that A's rate is greater.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv, gammaln, ndtr, ndtri

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import Interval, clopper_pearson

Alternative = Literal["two-sided", "greater", "less"]
Floats = NDArray[np.float64]

# Nodes for means over a beta distribution, evenly spaced on the scale of normal quantiles, where
# the trapezoidal rule converges faster than any power of the spacing.
_Z = np.linspace(-8.0, 8.0, 129)
_MASS = np.exp(-(_Z**2) / 2) / np.exp(-(_Z**2) / 2).sum()


def check_level(level: float) -> float:
    """Return the error 1 - level; refuse a level outside 0–1."""
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    return 1 - level


def check_counts(**counts: int) -> None:
    """Refuse what is not a whole number of at least 0; the error names it."""
    for name, count in counts.items():
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if not whole or count < 0:
            raise InputError(f"{name}: wanted a whole number of at least 0, got {count!r}")


def _check_rates(k_a: int, n_a: int, k_b: int, n_b: int) -> None:
    check_counts(k_a=k_a, n_a=n_a, k_b=k_b, n_b=n_b)
    for name, k, n in (("A", k_a, n_a), ("B", k_b, n_b)):
        if n < 1 or k > n:
            raise InputError(f"counts of {name}: wanted 0 ≤ events ≤ trials ≥ 1, got {k} of {n}")


def sided(less: float, greater: float, alternative: Alternative) -> float:
    """The p-value of the asked side; two-sided is twice the smaller one, at most 1."""
    found = {"less": less, "greater": greater, "two-sided": 2 * min(less, greater)}
    if alternative not in found:
        raise InputError(f"alternative: wanted one of {', '.join(found)}, got {alternative!r}")
    return float(min(1.0, found[alternative]))


def mcnemar(
    only_a: int, only_b: int, *, alternative: Alternative = "two-sided", mid: bool = False
) -> float:
    """The exact McNemar p-value: given that they differ, is either subject as often the right one?

    A sign test on discordant items (McNemar, Psychometrika 12 (1947) 153). `mid` counts half of
    the observed outcome's probability (Fagerland, Lydersen and Laake, BMC Med. Res. Methodol. 13
    (2013) 91): more power, and almost always, but not provably, within alpha.

    Args:
        only_a, only_b: items that only A, only B got right. With none of either, p is 1.

    Raises:
        InputError: for negative counts or an unknown alternative.
    """
    check_counts(only_a=only_a, only_b=only_b)
    n = only_a + only_b
    if n == 0:
        return sided(1.0, 1.0, alternative)
    at = math.exp(_log_choose(n, only_a) - n * math.log(2)) / 2 if mid else 0.0
    less = betainc(only_b, only_a + 1, 0.5) if only_b else 1.0
    greater = betainc(only_a, only_b + 1, 0.5) if only_a else 1.0
    return sided(less - at, greater - at, alternative)


def matched_difference(only_a: int, only_b: int, n: int, *, level: float = 0.95) -> Interval:
    """The interval for the difference of two rates on the same n items that goes with `mcnemar`.

    It leaves out 0 exactly when the exact two-sided McNemar p-value is below 1 - level. The
    difference is (share of items that differ) × (2 · A's share of those - 1); Clopper and
    Pearson's confidence distributions of the two shares are melded (Fay and Lumbard, Stat. Med.
    40 (2021) 1147). With no differing item it is ±(1 - (error/2)^(1/n)), near the rule of three.

    Raises:
        InputError: for counts that do not fit, or a level outside 0–1.
    """
    error = check_level(level)
    _check_pairs(only_a, only_b, n)
    low = melded_low(only_a, only_b, n, error / 2)
    return Interval(low, -melded_low(only_b, only_a, n, error / 2), level, "exact, melded")


def _check_pairs(only_a: int, only_b: int, n: int) -> None:
    check_counts(only_a=only_a, only_b=only_b, n=n)
    if n < 1 or only_a + only_b > n:
        raise InputError(f"pairs: wanted only_a + only_b ≤ n ≥ 1, got {only_a} + {only_b} of {n}")


@lru_cache(maxsize=4096)
def melded_low(a: float, b: float, n: float, error: float) -> float:
    """The lower limit, missed with chance `error`; counts may be effective ones, not whole."""
    m = a + b
    if a == 0:  # A's share of the differing items may be 0: all is up to how many differ
        return -1.0 if m >= n else -float(betaincinv(m + 1, n - m, 1 - error))
    above = betainc(a, b + 1, 0.5) <= error
    shape = (m, n - m + 1) if above else (m + 1, n - m)
    if n <= m and not above:
        return float(2 * betaincinv(a, b + 1, error) - 1)
    share, span = betaincinv(*shape, ndtr(_Z)), 2 * betaincinv(a, b + 1, ndtr(_Z)) - 1

    def below(x: float) -> float:
        """P(share · span ≤ x), where share is of the items, span is 2 · A's share of it - 1."""
        # The mean is taken over the narrower of the two distributions, so that the integrand, the
        # distribution function of the wider one, is smooth between the nodes.
        if (x * n) ** 2 * (2 * n - m) <= m * m * n:
            q = np.divide(x, share, out=np.full_like(share, np.sign(x)), where=share > abs(x))
            return float(betainc(a, b + 1, (1 + q) / 2) @ _MASS)
        q = np.divide(abs(x), abs(span), out=np.ones_like(span), where=abs(span) > abs(x))
        inside = betainc(*shape, q)
        part = (span > 0, inside, 1.0) if above else (span < 0, 1 - inside, 0.0)
        return float(np.where(*part) @ _MASS)

    ends = (0.0, 1.0) if above else (-1.0, 0.0)
    return float(brentq(lambda x: below(x) - error, *ends, xtol=1e-11))


def _cross(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a rising function reaches the target; it may be infinite or flat at the ends."""
    for _ in range(44):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= target else (middle, high)
        if high - low < 1e-10:
            break
    return (low + high) / 2


def wilson(k: int, n: int, *, level: float = 0.95) -> Interval:
    """The score interval for a rate (Wilson, JASA 22 (1927) 209); refuses n = 0."""
    z = -float(ndtri(check_level(level) / 2))
    check_counts(k=k, n=n)
    if n < 1 or k > n:
        raise InputError(f"counts: wanted 0 ≤ events ≤ trials ≥ 1, got {k} of {n}")
    centre, half = (k + z * z / 2), z * math.sqrt(k * (n - k) / n + z * z / 4)
    low = 0.0 if k == 0 else (centre - half) / (n + z * z)
    high = 1.0 if k == n else (centre + half) / (n + z * z)
    return Interval(low, high, level, "Wilson")


def mover(
    a: float, around_a: Interval, b: float, around_b: Interval, *, correlation: float = 0.0
) -> Interval:
    """The interval for the difference a - b from the intervals of its two parts.

    The method of variance estimates recovery (Zou and Donner, Stat. Med. 27 (2008) 1693): the
    distances to the limits that matter are added as squares.

    Args:
        a, b: the estimates, inside their intervals.
        correlation: of the two estimates, -1…1.

    Raises:
        InputError: for intervals of different levels, estimates outside, or no correlation.
    """
    if around_a.level != around_b.level:
        raise InputError(f"levels: wanted one, got {around_a.level} and {around_b.level}")
    if not (around_a.low <= a <= around_a.high and around_b.low <= b <= around_b.high):
        raise InputError(f"estimates: wanted inside their intervals, got {a!r} and {b!r}")
    if not -1 <= correlation <= 1:
        raise InputError(f"correlation: wanted -1…1, got {correlation!r}")

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(0.0, x * x - 2 * correlation * x * y + y * y))

    low = a - b - reach(a - around_a.low, around_b.high - b)
    high = a - b + reach(around_a.high - a, b - around_b.low)
    return Interval(low, high, around_a.level, f"MOVER of {around_a.method}")


def newcombe(both: int, only_a: int, only_b: int, neither: int, *, level: float = 0.95) -> Interval:
    """The paired difference of rates by Newcombe's method 10 (Stat. Med. 17 (1998) 2635).

    Wilson intervals of the two rates, joined as in `mover` with the correlation of the pairs, which
    is shrunk by a continuity correction when positive. Cheap and close to nominal; not exact.

    Raises:
        InputError: for negative counts, no items, or a level outside 0–1.
    """
    check_counts(both=both, only_a=only_a, only_b=only_b, neither=neither)
    n = both + only_a + only_b + neither
    if n < 1:
        raise InputError("pairs: wanted at least one item, got none")
    k_a, k_b = both + only_a, both + only_b
    excess = float(both) * neither - float(only_a) * only_b
    scale = math.sqrt(float(k_a) * (n - k_a)) * math.sqrt(float(k_b) * (n - k_b))
    excess = max(excess - n / 2, 0.0) if excess > 0 else excess
    correlation = max(-1.0, excess / scale) if scale > 0 else 0.0
    found = mover(
        k_a / n, wilson(k_a, n, level=level), k_b / n, wilson(k_b, n, level=level),
        correlation=correlation,
    )  # fmt: skip
    return Interval(max(found.low, -1.0), min(found.high, 1.0), level, "Newcombe, method 10")


def tango(only_a: int, only_b: int, n: int, *, level: float = 0.95) -> Interval:
    """The score interval for the paired difference of rates (Tango, Stat. Med. 17 (1998) 891).

    Raises:
        InputError: for counts that do not fit, or a level outside 0–1.
    """
    z = -float(ndtri(check_level(level) / 2))
    _check_pairs(only_a, only_b, n)

    def score(d: float) -> float:
        # The likeliest chance of "only B" if the difference is d: a root of a quadratic.
        b = -only_a - only_b + (2 * n - only_a + only_b) * d
        c = -only_b * d * (1 - d)
        q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * q + d * (1 - d))
        return _standardised(only_a - only_b - n * d, variance)

    middle = (only_a - only_b) / n
    low = -1.0 if only_b == n else _cross(lambda d: -score(d), -z, -1.0, middle)
    high = 1.0 if only_a == n else _cross(lambda d: -score(d), z, middle, 1.0)
    return Interval(low, high, level, "Tango score")


def _standardised(distance: float, variance: float) -> float:
    if variance > 1e-300:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0


def fisher(
    k_a: int, n_a: int, k_b: int, n_b: int, *, alternative: Alternative = "two-sided",
    mid: bool = False,
) -> float:  # fmt: skip
    """Fisher's exact p-value for two independent rates, k_a of n_a against k_b of n_b.

    Two-sided, it adds up all outcomes no likelier than the observed one, as R does. `mid` takes
    off half of the observed outcome's probability (Lancaster, JASA 56 (1961) 223).

    Raises:
        InputError: for impossible counts or an unknown alternative.
    """
    _check_rates(k_a, n_a, k_b, n_b)
    x, logs = table(n_a, n_b, k_a + k_b)
    mass = tilted(x, logs, 0.0)
    at = float(mass[x == k_a][0])
    off = at / 2 if mid else 0.0
    if alternative == "two-sided":
        # Equal probabilities may differ in their last digits.
        return min(1.0, float(mass[mass <= at * (1 + 1e-7)].sum()) - off)
    return sided(float(mass[x <= k_a].sum()) - off, float(mass[x >= k_a].sum()) - off, alternative)


def _log_choose(n: float, k: float) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def table(n_a: int, n_b: int, total: int) -> tuple[Floats, Floats]:
    """A's possible events given the total, and the logarithms of their unnormalised chances."""
    x = np.arange(max(0, total - n_b), min(n_a, total) + 1, dtype=float)
    y = total - x
    logs = -(gammaln(x + 1) + gammaln(n_a - x + 1) + gammaln(y + 1) + gammaln(n_b - y + 1))
    return x, np.asarray(logs - logs.max())


def tilted(x: Floats, logs: Floats, theta: float) -> Floats:
    """The distribution of A's events at the logarithm theta of the odds ratio."""
    bent = logs + theta * (x - x.mean())
    mass = np.exp(bent - bent.max())
    return np.asarray(mass / mass.sum())


def odds_ratio(
    k_a: int, n_a: int, k_b: int, n_b: int, *, level: float = 0.95
) -> tuple[float, Interval]:
    """The odds ratio of two independent rates: conditional likelihood estimate, exact interval.

    Fisher's noncentral hypergeometric distribution given the total of events (Cornfield 1956; as
    R's `fisher.test`). It is 0 or infinite, as is the near limit, where the counts allow it.

    Raises:
        InputError: for impossible counts, no events or only events at all, a level outside 0–1.
    """
    error = check_level(level)
    _check_rates(k_a, n_a, k_b, n_b)
    x, logs = table(n_a, n_b, k_a + k_b)
    if x.size == 1:
        raise InputError(
            f"odds ratio: wanted some events and some non-events, got {k_a + k_b} of {n_a + n_b}"
        )

    def solve(statistic: Callable[[Floats], float], target: float) -> float:
        # |log odds ratio| beyond 700 is not a number any more.
        return math.exp(_cross(lambda t: statistic(tilted(x, logs, t)), target, -700.0, 700.0))

    first, last = k_a == x[0], k_a == x[-1]
    low = 0.0 if first else solve(lambda m: float(m[x >= k_a].sum()), error / 2)
    high = math.inf if last else solve(lambda m: -float(m[x <= k_a].sum()), -error / 2)
    at = 0.0 if first else math.inf if last else solve(lambda m: float(m @ x), float(k_a))
    return at, Interval(low, high, level, "conditional exact")


def rate_ratio(
    k_a: int, k_b: int, *, exposure_a: float = 1.0, exposure_b: float = 1.0, level: float = 0.95
) -> tuple[float, Interval]:
    """The ratio of two rates of rare events (A's over B's) and its exact interval.

    Given the total, A's share of the events is binomial if the counts are Poisson: Clopper and
    Pearson's limits for the share give the ratio's (Przyborowski and Wilenski 1940; as R's
    `poisson.test`). For binomial counts the limits cover and are the wider the commoner the event.

    Args:
        exposure_a, exposure_b: trials, hours or tokens behind the counts, above 0.

    Raises:
        InputError: for negative counts, no events at all, exposures not above 0, a bad level.
    """
    check_level(level)
    check_counts(k_a=k_a, k_b=k_b)
    for exposure in (exposure_a, exposure_b):
        if not 0 < exposure < math.inf:
            raise InputError(f"exposure: wanted a finite number above 0, got {exposure!r}")
    if k_a + k_b == 0:
        raise InputError("rate ratio: wanted at least one event, got none")
    share, scale = clopper_pearson(k_a, k_a + k_b, level=level), exposure_b / exposure_a

    def ratio(p: float) -> float:
        return math.inf if p == 1 else scale * p / (1 - p)

    interval = Interval(ratio(share.low), ratio(share.high), level, "conditional exact")
    return ratio(k_a / (k_a + k_b)), interval


def _score(k_a: int, n_a: int, k_b: int, n_b: int, d: float, *, corrected: bool) -> float:
    """The score statistic of the difference d, with the likeliest rates that differ by d."""
    p_a, p_b, t = k_a / n_a, k_b / n_b, n_b / n_a
    a = 1 + t
    b = -(1 + t + p_a + t * p_b + d * (t + 2))
    c = d * d + d * (2 * p_a + t + 1) + p_a + t * p_b
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) - p_a * d * (1 + d) / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, (b / (3 * a)) ** 2 - c / (3 * a))), v)
    w = math.acos(min(1.0, max(-1.0, v / u**3))) if abs(u) > 1e-100 else 0.0
    rate_a = 2 * u * math.cos((math.pi + w) / 3) - b / (3 * a)
    rate_a = min(max(rate_a, d, 0.0), 1 + d, 1.0)
    rate_b = min(max(rate_a - d, 0.0), 1.0)
    variance = rate_a * (1 - rate_a) / n_a + rate_b * (1 - rate_b) / n_b
    n = n_a + n_b
    return _standardised(p_a - p_b - d, variance * (n / (n - 1) if corrected else 1.0))


def score_test(
    k_a: int, n_a: int, k_b: int, n_b: int, *, difference: float = 0.0,
    alternative: Alternative = "two-sided",
) -> float:  # fmt: skip
    """The score p-value that two independent rates differ by `difference` (A minus B).

    Farrington and Manning, Stat. Med. 9 (1990) 1447. Non-inferiority of A within a margin is
    `difference=-margin, alternative="greater"`. Asymptotic.

    Raises:
        InputError: for impossible counts, a difference not inside -1…1, an unknown alternative.
    """
    _check_rates(k_a, n_a, k_b, n_b)
    if not -1 < difference < 1:
        raise InputError(f"difference: wanted strictly between -1 and 1, got {difference!r}")
    z = _score(k_a, n_a, k_b, n_b, difference, corrected=False)
    return sided(float(ndtr(z)), float(ndtr(-z)), alternative)


def miettinen_nurminen(k_a: int, n_a: int, k_b: int, n_b: int, *, level: float = 0.95) -> Interval:
    """The score interval for the difference of two independent rates.

    Miettinen and Nurminen, Stat. Med. 4 (1985) 213, with their factor n/(n - 1). Asymptotic, and
    close to nominal for rates near 0 and 1 too.

    Raises:
        InputError: for impossible counts or a level outside 0–1.
    """
    z = -float(ndtri(check_level(level) / 2))
    _check_rates(k_a, n_a, k_b, n_b)
    d = k_a / n_a - k_b / n_b

    def falling(x: float) -> float:
        return -_score(k_a, n_a, k_b, n_b, x, corrected=True)

    low = -1.0 if d == -1 else _cross(falling, -z, -1.0, d)
    high = 1.0 if d == 1 else _cross(falling, z, d, 1.0)
    return Interval(low, high, level, "Miettinen–Nurminen score")
