"""How many items, and what difference can be seen? Planning comparisons before they are run.

Normal approximations are for planning scores; for rates the power of the exact tests is computed
from the full distribution. All tests are two-sided at `alpha`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln, ndtr, ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.stats.comparisons.two_rates import table, tilted

Floats = NDArray[np.float64]


def _check_share(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise InputError(f"{name}: wanted strictly between 0 and 1, got {share!r}")


def _check_size(**sizes: float) -> None:
    for name, size in sizes.items():
        if not 1 <= size < math.inf:
            raise InputError(f"{name}: wanted at least 1, got {size!r}")


def quantiles(alpha: float, power: float, df: float = math.inf) -> float:
    """How many standard uncertainties a difference must be from 0 to be seen with this power.

    The upper alpha/2 and 1 - power points of Student's t (of the normal, for infinite df), added.

    Raises:
        InputError: for alpha or power outside 0–1, power below alpha, df not above 0.
    """
    _check_share(alpha=alpha, power=power)
    if power <= alpha:
        raise InputError(f"power: wanted above alpha = {alpha!r}, got {power!r}")
    if not df > 0:
        raise InputError(f"df: wanted above 0, got {df!r}")
    if df > 1e10:
        return -float(ndtri(alpha / 2) + ndtri(1 - power))
    return -float(stdtrit(df, alpha / 2) + stdtrit(df, 1 - power))


def design_effect(size: float, icc: float, *, variation: float = 0.0) -> float:
    """How many times the variance of a mean grows because items come in clusters.

    1 + ((1 + variation²) · size - 1) · icc (Kish, *Survey Sampling*, 1965, section 5.4; Eldridge,
    Ashby and Kerry, Int. J. Epidemiol. 35 (2006) 1292, for sizes that vary).

    Args:
        size: mean items per cluster, at least 1.
        icc: the intraclass correlation of the paired differences, 0–1.
        variation: coefficient of variation of the sizes, at least 0.

    Raises:
        InputError: for values outside these ranges.
    """
    _check_size(size=size)
    if not 0 <= icc <= 1:
        raise InputError(f"icc: wanted 0–1, got {icc!r}")
    if not 0 <= variation < math.inf:
        raise InputError(f"variation: wanted at least 0, got {variation!r}")
    return 1 + ((1 + variation**2) * size - 1) * icc


def paired_variance(
    between: float,
    within_a: float = 0.0,
    within_b: float = 0.0,
    *,
    epochs_a: float = 1,
    epochs_b: float = 1,
) -> float:
    """The variance of one item's paired difference: ω² + σ²_A/K_A + σ²_B/K_B.

    Miller, "Adding error bars to evals" (arXiv 2411.00640, 2024), section 5.

    Args:
        between: ω², the variance over items of the difference of expected scores.
        within_a, within_b: σ², the mean over items of the variance between epochs.
        epochs_a, epochs_b: K, epochs averaged per item, at least 1; may be infinite.

    Raises:
        InputError: for negative or non-finite variances, all of them 0, or epochs below 1.
    """
    for name, value in (("between", between), ("within_a", within_a), ("within_b", within_b)):
        if not 0 <= value < math.inf:
            raise InputError(f"{name}: wanted a finite variance of at least 0, got {value!r}")
    for name, value in (("epochs_a", epochs_a), ("epochs_b", epochs_b)):
        if not value >= 1:
            raise InputError(f"{name}: wanted at least 1, got {value!r}")
    variance = between + within_a / epochs_a + within_b / epochs_b
    if variance == 0:
        raise InputError("variances: wanted at least one above 0, got none")
    return variance


def paired_items(
    effect: float,
    variance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    deff: float = 1.0,
) -> int:
    """How many items show a mean paired difference of `effect` with this power.

    n = deff · (z_α/2 + z_β)² · variance / effect² (Miller 2024, equation for n), rounded up.

    Args:
        effect: the smallest difference worth seeing, not 0.
        variance: of one item's difference, see `paired_variance`.
        deff: see `design_effect`.

    Raises:
        InputError: for an effect of 0, a variance not above 0, deff below 1, bad alpha or power.
    """
    _check_variance(variance, deff)
    if not 0 < abs(effect) < math.inf:
        raise InputError(f"effect: wanted finite and not 0, got {effect!r}")
    # Rounding down by a relative 1e-12 keeps exact whole numbers from being rounded up.
    return math.ceil(deff * quantiles(alpha, power) ** 2 * variance / effect**2 * (1 - 1e-12))


def paired_effect(
    n: int,
    variance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    deff: float = 1.0,
) -> float:
    """The smallest mean paired difference that n items show with this power (MDE).

    The inverse of `paired_items`.

    Raises:
        InputError: for n below 1, a variance not above 0, deff below 1, bad alpha or power.
    """
    _check_variance(variance, deff)
    _check_size(n=n)
    return quantiles(alpha, power) * math.sqrt(deff * variance / n)


def _check_variance(variance: float, deff: float) -> None:
    if not 0 < variance < math.inf:
        raise InputError(f"variance: wanted finite and above 0, got {variance!r}")
    _check_size(deff=deff)


def _binomial(n: int, p: float) -> Floats:
    """The binomial distribution, for p strictly inside 0–1 or at an end."""
    k = np.arange(n + 1)
    if p <= 0 or p >= 1:
        return np.asarray(k == (0 if p <= 0 else n), dtype=float)
    logs = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.asarray(np.exp(logs + k * math.log(p) + (n - k) * math.log1p(-p)))


def mcnemar_critical(n: int, *, alpha: float = 0.05, mid: bool = False) -> NDArray[np.int64]:
    """For 0…n differing items, the fewest in A's favour at which `mcnemar` finds A better.

    Two-sided at alpha: p ≤ alpha there. Where no outcome is extreme enough it is m + 1.
    """
    _check_share(alpha=alpha)
    m = np.arange(n + 1)
    low, high = m // 2, m + 1  # one-sided p at `low` is above alpha/2; at `high` it counts as 0
    while bool(np.any(high - low > 1)):
        middle = (low + high) // 2
        tail = betainc(middle.clip(1), m - middle + 1, 0.5)
        if mid:
            at = np.exp(
                gammaln(m + 1) - gammaln(middle + 1) - gammaln(m - middle + 1) - m * math.log(2)
            )
            tail = tail - at / 2
        small = (2 * tail <= alpha) & (middle > 0)
        low, high = np.where(small, low, middle), np.where(small, middle, high)
    return np.asarray(high)


def mcnemar_power(
    n: int, only_a: float, only_b: float, *, alpha: float = 0.05, mid: bool = False
) -> float:
    """The exact power of the exact (or mid-P) two-sided McNemar test with n items.

    The number of differing items is averaged out. Rejections in either direction count.

    Args:
        n: items, at least 1.
        only_a, only_b: the chances that only A, only B gets an item right; their sum in 0–1.

    Raises:
        InputError: for n below 1, chances that cannot be, or alpha outside 0–1.
    """
    _check_size(n=n)
    if not (only_a >= 0 and only_b >= 0 and 0 < only_a + only_b <= 1):
        raise InputError(
            f"only_a, only_b: wanted at least 0, with a sum in 0–1, got {only_a!r} and {only_b!r}"
        )
    differ = only_a + only_b
    chance = _binomial(n, differ)
    high = int(np.max(np.flatnonzero(chance > 1e-15)))  # beyond, nothing can be added
    m = np.arange(high + 1)
    critical = mcnemar_critical(high, alpha=alpha, mid=mid)
    reject = np.zeros(high + 1)
    possible = critical <= m
    k, of = critical[possible], m[possible]
    share = only_a / differ
    reject[possible] = betainc(k, of - k + 1, share) + betainc(k, of - k + 1, 1 - share)
    return min(1.0, float(reject @ chance[: high + 1]))


def mcnemar_items(
    only_a: float, only_b: float, *, alpha: float = 0.05, power: float = 0.8, mid: bool = False
) -> int:
    """How many items give the two-sided McNemar test this exact power.

    Exact power is a saw-tooth in n: this is the first n from which on the power is reached, as
    far as 5 % (and at least 20 items) beyond it.

    Raises:
        InputError: for equal chances, chances that cannot be, bad alpha or power, or more than
            a million items.
    """
    if only_a == only_b:
        raise InputError(f"only_a, only_b: wanted to differ, got {only_a!r} twice")
    quantiles(alpha, power)  # checks both

    def reached(n: int) -> bool:
        return mcnemar_power(n, only_a, only_b, alpha=alpha, mid=mid) >= power

    return _first_from(reached, 1_000_000)


def _first_from(reached: Callable[[int], bool], most: int) -> int:
    high = 8
    while not reached(high):
        high *= 2
        if high > most:
            raise InputError(f"items: wanted at most {most:,}, but the power needs more")
    low = high // 2 if high > 8 else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    # Teeth of the saw: step over any later n at which the power is missed again.
    n, start = high, high
    while n <= start + max(20, start // 20):
        n += 1
        if not reached(n):
            start = n + 1
    return start


def fisher_power(
    n_a: int, rate_a: float, n_b: int, rate_b: float, *, alpha: float = 0.05, mid: bool = False
) -> float:
    """The exact power of Fisher's two-sided test for two independent rates.

    Adds up all outcomes that matter: for up to some thousand trials each.

    Raises:
        InputError: for fewer than one trial, rates outside 0–1 or alpha outside it.
    """
    _check_share(alpha=alpha)
    _check_size(n_a=n_a, n_b=n_b)
    for name, rate in (("rate_a", rate_a), ("rate_b", rate_b)):
        if not 0 <= rate <= 1:
            raise InputError(f"{name}: wanted 0–1, got {rate!r}")
    a, b = _binomial(n_a, rate_a), _binomial(n_b, rate_b)
    power = 0.0
    for total in range(n_a + n_b + 1):
        k = np.arange(max(0, total - n_b), min(n_a, total) + 1)
        joint = a[k] * b[total - k]
        if joint.sum() > 1e-15:
            power += float(joint[np.less_equal(_fisher_all(n_a, n_b, total, mid=mid), alpha)].sum())
    return min(1.0, power)


def _fisher_all(n_a: int, n_b: int, total: int, *, mid: bool) -> Floats:
    """`fisher`'s two-sided p-values of all outcomes with this total of events."""
    mass = tilted(*table(n_a, n_b, total), 0.0)
    ordered = np.sort(mass)
    upto = np.searchsorted(ordered, mass * (1 + 1e-7), side="right") - 1
    return np.asarray(np.cumsum(ordered)[upto] - (mass / 2 if mid else 0.0))


def two_rates_trials(
    rate_a: float,
    rate_b: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    deff: float = 1.0,
) -> int:
    """How many independent trials of each subject tell two rates apart with this power.

    The normal approximation with the pooled variance under no difference (Fleiss, Levin and Paik,
    *Statistical Methods for Rates and Proportions*, 2003, section 4.2; as R's `power.prop.test`).
    For rates near 0 and 1 check the answer with `fisher_power`.

    Raises:
        InputError: for rates outside 0–1 or equal, deff below 1, bad alpha or power.
    """
    if not (0 <= rate_a <= 1 and 0 <= rate_b <= 1) or rate_a == rate_b:
        raise InputError(f"rates: wanted in 0–1 and different, got {rate_a!r} and {rate_b!r}")
    quantiles(alpha, power)
    _check_size(deff=deff)
    pooled = (rate_a + rate_b) / 2
    null = math.sqrt(2 * pooled * (1 - pooled))
    alternative = math.sqrt(rate_a * (1 - rate_a) + rate_b * (1 - rate_b))
    root = -float(ndtri(alpha / 2)) * null - float(ndtri(1 - power)) * alternative
    return math.ceil(deff * (root / (rate_a - rate_b)) ** 2 * (1 - 1e-12))


def normal_power(effect: float, standard_uncertainty: float, *, alpha: float = 0.05) -> float:
    """The chance that a two-sided normal test sees `effect`, in either direction.

    Raises:
        InputError: for a standard uncertainty not above 0 or alpha outside 0–1.
    """
    _check_share(alpha=alpha)
    if not (math.isfinite(effect) and 0 < standard_uncertainty < math.inf):
        raise InputError(
            f"effect, uncertainty: wanted finite, the latter above 0, got {effect!r} and "
            f"{standard_uncertainty!r}"
        )
    z, shift = float(ndtri(alpha / 2)), effect / standard_uncertainty
    return float(ndtr(z - shift) + ndtr(z + shift))
