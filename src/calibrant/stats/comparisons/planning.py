"""How many items, by Student's t with its own degrees of freedom, and what do n items show?

The items of a comparison are independent, or come in clusters; a cluster's mean difference is taken
as normal. Powers are then exact: the standard uncertainty is estimated, with one degree of freedom
less than there are clusters (items).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainccinv, gammaincinv, ndtr, stdtrit

from calibrant.errors import InputError
from calibrant.stats.comparisons.power import mcnemar_power, normal_power

Floats = NDArray[np.float64]

_Z = np.linspace(-8.5, 8.5, 341)
_WEIGHTS = np.exp(-0.5 * _Z**2)
_WEIGHTS /= _WEIGHTS.sum()
_LARGE = 100_000
"""Degrees of freedom from which on Student's t is taken as normal."""
_MOST = 10_000_000


def t_power(n: int, effect: float, sd: float, *, alpha: float = 0.05) -> float:
    """The chance that a two-sided t test of n differences sees a mean of `effect`.

    Args:
        n: independent units (items, or clusters), at least 2.
        effect: the true mean difference.
        sd: standard deviation of a unit's difference, above 0.

    Raises:
        InputError: for values that cannot be.
    """
    _check(n, effect, sd, alpha)
    u, df = sd / math.sqrt(n), n - 1
    if df > _LARGE:
        return normal_power(effect, u, alpha=alpha)
    critical, shift = -float(stdtrit(df, alpha / 2)), abs(effect) / u
    wide = critical * _spread(df)
    return float((ndtr(shift - wide) + ndtr(-shift - wide)) @ _WEIGHTS)


def not_inferior_power(
    n: int, difference: float, margin: float, sd: float, *, alpha: float = 0.05
) -> float:
    """The chance that a one-sided t test at alpha rules out a difference of -margin or below.

    Args:
        difference: the true mean of A minus B.
        margin: the smallest difference that matters, above 0.

    Raises:
        InputError: for values that cannot be.
    """
    _check(n, difference, sd, alpha)
    _check_margin(margin)
    u, df = sd / math.sqrt(n), n - 1
    shift = (difference + margin) / u
    if df > _LARGE:
        return float(ndtr(shift + stdtrit(df, alpha)))
    return float(ndtr(shift + stdtrit(df, alpha) * _spread(df)) @ _WEIGHTS)


def equivalence_power(
    n: int, difference: float, margin: float, sd: float, *, alpha: float = 0.05
) -> float:
    """The chance that two one-sided t tests at alpha each show the difference within ±margin.

    Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657. The estimated standard uncertainty is
    averaged out by quadrature.

    Args: as `not_inferior_power`.

    Raises:
        InputError: for values that cannot be.
    """
    _check(n, difference, sd, alpha)
    _check_margin(margin)
    u, df = sd / math.sqrt(n), n - 1
    wide = -float(stdtrit(df, alpha)) * _spread(df)
    inside = ndtr((margin - difference) / u - wide) - ndtr(wide - (margin + difference) / u)
    return float(np.maximum(inside, 0.0) @ _WEIGHTS)


def _spread(df: int) -> Floats:
    """The estimated standard deviation over the true one, at the normal quantiles `_Z`.

    Averages with `_WEIGHTS` (the trapezoid rule) are exact to about 12 digits, for any df. SciPy's
    noncentral t is not used: it gives NaN for some ordinary arguments.
    """
    low, high = _Z[_Z <= 0], _Z[_Z > 0]
    square = [gammaincinv(df / 2, ndtr(low)), gammainccinv(df / 2, ndtr(-high))]
    return np.asarray(np.sqrt(np.concatenate(square) / (df / 2)))


def units_for(power_of: Callable[[int], float], power: float) -> int:
    """The smallest n from 2 on with `power_of(n)` at least `power`, for a power that rises with n.

    Raises:
        InputError: if more than ten million are needed.
    """
    if not 0 < power < 1:
        raise InputError(f"power: wanted strictly between 0 and 1, got {power!r}")
    low, high = 1, 2
    while power_of(high) < power:
        low, high = high, 2 * high
        if high > _MOST:
            raise InputError(f"items: more than {_MOST:,} would be needed")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= power else (middle, high)
    return high


def t_effect(n: int, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest mean difference that a two-sided t test of n differences sees (MDE).

    Raises:
        InputError: for values that cannot be.
    """
    high = sd
    while t_power(n, high, sd, alpha=alpha) < power:
        high *= 2
    return _bisect(lambda d: t_power(n, d, sd, alpha=alpha) >= power, high)


def mcnemar_effect(
    n: int, discordant: float, *, alpha: float = 0.05, power: float = 0.8, mid: bool = False
) -> float | None:
    """The smallest difference of two rates that the exact McNemar test of n items sees (MDE).

    Args:
        discordant: the chance that just one of the two subjects gets an item right, in 0–1.

    Returns:
        None if not even a difference as large as `discordant` would be seen.

    Raises:
        InputError: for values that cannot be.
    """

    def seen(difference: float) -> bool:
        only_b = max(discordant - difference, 0.0) / 2
        return mcnemar_power(n, discordant - only_b, only_b, alpha=alpha, mid=mid) >= power

    return _bisect(seen, discordant) if seen(discordant) else None


def _bisect(seen: Callable[[float], bool], high: float) -> float:
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


def _check(n: int, effect: float, sd: float, alpha: float) -> None:
    if not n >= 2:
        raise InputError(f"n: wanted at least 2, got {n!r}")
    if not 0 < sd < math.inf:
        raise InputError(f"sd: wanted finite and above 0, got {sd!r}")
    if not math.isfinite(effect):
        raise InputError(f"difference: wanted finite, got {effect!r}")
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha: wanted an error rate between 0 and 0.5, got {alpha!r}")


def _check_margin(margin: float) -> None:
    if not 0 < margin < math.inf:
        raise InputError(f"margin: wanted finite and above 0, got {margin!r}")
