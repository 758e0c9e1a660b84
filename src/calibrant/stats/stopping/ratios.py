"""What do k events in n trials say for one rate over another? Claims and likelihood ratios."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from calibrant.errors import DesignError
from calibrant.stats.stopping.paths import NEVER, Floats, Ints


@dataclass(frozen=True)
class Rates:
    """What a design must tell apart, in events per trial or, for a finite set, in whole events.

    Attributes:
        threshold: the claim is false at this rate and above.
        alternative: the rate at which the claim should be supported, or None.
        items: size of the finite set the claim is about, or None for an endless generator.
        doubt: the claim may be true up to this rate, which is all a refutation excludes. It is
            the threshold unless events are read off an imperfect instrument: then between the
            threshold and here nobody can tell.
    """

    threshold: float
    alternative: float | None
    items: int | None
    doubt: float

    @property
    def false_events(self) -> int:
        """Finite sets: the smallest number of events at which the claim is false."""
        assert self.items is not None
        return math.ceil(self.threshold * self.items - 1e-9)

    @property
    def true_events(self) -> int:
        """Finite sets: the largest number of events within the design alternative."""
        assert self.items is not None and self.alternative is not None
        return math.floor(self.alternative * self.items + 1e-9)


def check(
    threshold: float,
    alternative: float | None,
    alpha: float,
    items: int | None,
    doubt: float | None = None,
) -> Rates:
    if not 0 < threshold < 1:
        raise DesignError(f"threshold: wanted a rate strictly between 0 and 1, got {threshold!r}")
    if not 0 < alpha < 0.5:
        raise DesignError(f"alpha: wanted an error rate between 0 and 0.5, got {alpha!r}")
    if alternative is not None and not 0 <= alternative < threshold:
        raise DesignError(
            f"alternative: wanted a rate from 0 to below the threshold {threshold:g}, "
            f"got {alternative!r}"
        )
    if items is not None and items < 1:
        raise DesignError(f"items: wanted at least 1, got {items!r}")
    if doubt is not None and not (items is None and threshold <= doubt < 1):
        raise DesignError(
            f"doubt: wanted a rate from the threshold {threshold:g} to below 1, and no finite set "
            f"of items, got {doubt!r}"
        )
    return Rates(threshold, alternative, items, threshold if doubt is None else doubt)


def check_beta(beta: float) -> None:
    if not 0 < beta < 1:
        raise DesignError(f"beta: wanted an error rate between 0 and 1, got {beta!r}")


LogRatio = Callable[[Ints, Ints], Floats]


def log_ratio(for_: float, against: float, items: int | None) -> LogRatio:
    """Log likelihood ratio of a true rate `for_` over `against` after k events in n trials."""
    if items is not None:
        return finite_log_ratio(round(for_ * items), round(against * items), items)
    event = math.log(for_ / against) if for_ > 0 else -math.inf
    none = math.log1p(-for_) - math.log1p(-against) if for_ < 1 else -math.inf

    def ratio(n: Ints, k: Ints) -> Floats:
        with np.errstate(invalid="ignore"):
            part = np.where(k > 0, k * event, 0.0)
            return np.asarray(part + np.where(n > k, (n - k) * none, 0.0))

    return ratio


def finite_log_ratio(for_: int, against: int, items: int) -> LogRatio:
    def choose(n: Floats, k: Floats) -> Floats:
        inside = (k >= 0) & (k <= n) & (n >= 0)
        m, j = np.where(inside, n, 0.0), np.where(inside, k, 0.0)
        value = gammaln(m + 1) - gammaln(j + 1) - gammaln(m - j + 1)
        return np.where(inside, value, -np.inf)

    total = float(items)
    offset = choose(np.array(total), np.array(float(against))) - choose(
        np.array(total), np.array(float(for_))
    )

    def ratio(n: Ints, k: Ints) -> Floats:
        left = (items - n).astype(float)
        top, bottom = (
            choose(left, (for_ - k).astype(float)),
            choose(left, (against - k).astype(float)),
        )
        with np.errstate(invalid="ignore"):
            value = np.where(np.isneginf(top), -np.inf, top - bottom + offset)
        # Impossible under both: no evidence either way.
        return np.where(np.isneginf(top) & np.isneginf(bottom), 0.0, value)

    return ratio


def first_n(ratio: LogRatio, bound: float, rows: int, horizon: int) -> Ints:
    """Smallest n ≥ k with ratio(n, k) ≥ bound, for a ratio that rises with n; else `NEVER`."""
    k = np.arange(rows, dtype=np.int64)
    low, high = k.copy(), np.full(rows, horizon + 1, dtype=np.int64)
    while np.any(low < high):
        middle = (low + high) // 2
        enough = ratio(middle, k) >= bound
        high = np.where(enough, middle, high)
        low = np.where(enough, low, np.minimum(middle + 1, high))
    return np.where((high <= horizon) & (k <= horizon), high, NEVER)


def last_n(ratio: LogRatio, bound: float, rows: int, horizon: int) -> Ints:
    """Largest n ≥ k with ratio(n, k) ≥ bound, for a ratio that falls with n; else -1."""
    k = np.arange(rows, dtype=np.int64)
    low, high = k - 1, np.full(rows, horizon, dtype=np.int64)
    while np.any(low < high):
        middle = (low + high + 1) // 2
        enough = ratio(middle, k) >= bound
        low = np.where(enough, middle, low)
        high = np.where(enough, high, np.maximum(middle - 1, low))
    last = np.where((low >= k) & (k <= horizon), low, -1)
    last[0] = -1
    return last


def mirror(threshold: float, alternative: float) -> float:
    """The rate whose log-odds lie as far above the threshold as the alternative's lie below."""

    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    floor = threshold / 10
    z = 2 * logit(threshold) - logit(max(alternative, floor))
    return min(1 / (1 + math.exp(-z)), (1 + threshold) / 2)


def refutation_ratio(rates: Rates, against: float) -> LogRatio:
    """Evidence that the claim is false: a rate above the threshold over the largest true one."""
    if rates.items is None:
        return log_ratio(against, rates.doubt, None)
    true = rates.false_events - 1
    false = max(round(against * rates.items), true + 1)
    return finite_log_ratio(min(false, rates.items), true, rates.items)
