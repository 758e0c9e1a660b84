"""When does a claim with a design alternative stop? Wald's test, tuned exactly, and fixed sizes."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from calibrant.errors import DesignError
from calibrant.stats.stopping.designs import Design, assemble, refuting_rows, tune_refutation
from calibrant.stats.stopping.paths import NEVER, Ints, Stops
from calibrant.stats.stopping.ratios import (
    Rates,
    check,
    check_beta,
    first_n,
    last_n,
    log_ratio,
    mirror,
    refutation_ratio,
)
from calibrant.stats.tails import binomial_cdf, hypergeometric_cdf, largest


@lru_cache(maxsize=256)
def sprt(
    threshold: float,
    alternative: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.10,
    at_most: int | None = None,
    items: int | None = None,
    pursue: bool = True,
    doubt: float | None = None,
) -> Design:
    """A truncated sequential probability ratio test whose exact error rates meet alpha and beta.

    The two bounds and the number of events still accepted at the last trial are chosen by dynamic
    programming to need the fewest expected trials at `alternative`. When `at_most` is too small
    for beta, alpha still holds and the design with the most power is returned; see `power`.

    Args:
        threshold: the claim "rate below threshold" is false at this rate and above; 0–1.
        alternative: a rate below the threshold at which the claim should be supported.
        alpha: chance of supporting a false claim, at most; also of refuting a true one.
        beta: chance of not supporting the claim at `alternative`, at most.
        at_most: largest number of trials; by default three times the fixed design's.
        items: size of the finite set the claim is about; draws are then without replacement.
        pursue: go on for a refutation once support is out of reach, while the observed rate is
            above the threshold. Without it a run ends as soon as support is decided.
        doubt: the claim may be true up to this rate, by default the threshold; a refutation
            must exclude it. For generators only.

    Raises:
        DesignError: for rates that cannot be told apart, or if even a run without a single event
            could not support the claim within `at_most`.
    """
    rates = check(threshold, alternative, alpha, items, doubt)
    check_beta(beta)
    horizon = at_most or 3 * fixed_size(threshold, alternative, alpha=alpha, beta=beta, items=items)
    horizon = horizon if items is None else min(horizon, items)
    return _Tuner(rates, alpha, beta, horizon).design(pursue=pursue)


class _Tuner:
    """Searches the bounds of a truncated sequential probability ratio test."""

    def __init__(self, rates: Rates, alpha: float, beta: float, horizon: int) -> None:
        assert rates.alternative is not None
        self.rates, self.alpha, self.beta, self.horizon = rates, alpha, beta, horizon
        if rates.items is None:
            self.null, self.truth = rates.threshold, rates.alternative
        else:
            self.null = rates.false_events / rates.items
            self.truth = rates.true_events / rates.items
        self.accept = self._accepted_at_horizon()
        if self.accept < 0:
            raise DesignError(
                f"at_most {horizon} is too few: even without a single event, {horizon} trials "
                f"cannot show a rate below {rates.threshold:g} at alpha {alpha:g}"
            )
        self.rows = self.accept + 2
        self.ratio = log_ratio(self.truth, self.null, rates.items)
        self._futile: dict[float, Ints] = {}

    def _accepted_at_horizon(self) -> int:
        """Most events with which `horizon` trials alone would still support the claim."""
        if self.horizon == self.rates.items:
            return self.rates.false_events - 1
        return largest(
            lambda k: _accept_chance(self.rates, k, self.horizon, null=True) <= self.alpha,
            self.horizon - 1,
        )

    def _bounds(self, upper: float, lower: float, accept: int) -> tuple[Ints, Ints]:
        k = np.arange(self.rows)
        support = first_n(self.ratio, upper, self.rows, self.horizon)
        support = np.where(k <= accept, np.minimum(support, self.horizon), NEVER)
        if lower not in self._futile:  # the same for every upper bound that is tried with it
            # The ratio rises with n, so its negative falls: the last n with -ratio ≥ lower.
            falling = last_n(lambda n, k: -self.ratio(n, k), lower, self.rows, self.horizon)
            self._futile[lower] = falling
        return support, self._futile[lower]

    def _evaluate(self, upper: float, lower: float, accept: int, at: float) -> Stops:
        support, futile = self._bounds(upper, lower, accept)
        # With no pursuit of a refutation the path ends where support is closed.
        none = np.full(self.rows, -1, dtype=np.int64)
        ends = assemble(self.rates, support, futile, none, self.horizon, pursue=False)
        return Design("sprt", self.rates, self.alpha, None, ends).stops(at)

    def _smallest_upper(self, lower: float, accept: int) -> float | None:
        """The smallest upper bound with false support at most alpha, or None."""

        def chance(upper: float) -> float:
            return self._evaluate(upper, lower, accept, self.null).probability("supported")

        low, high = math.log(1 / self.alpha) - 1, math.log(1 / self.alpha) + 1e-6
        if chance(high) > self.alpha:
            # The terminal acceptance uses up more of alpha than a tighter bound can give back.
            high = math.log(1 / self.alpha) + 6
            if chance(high) > self.alpha:
                return None
        for _ in range(10):
            middle = (low + high) / 2
            low, high = (low, middle) if chance(middle) <= self.alpha else (middle, high)
        return high

    def _candidate(
        self, lower: float, accept: int
    ) -> tuple[float, float, float, int, float] | None:
        upper = self._smallest_upper(lower, accept)
        if upper is None:
            return None
        at_truth = self._evaluate(upper, lower, accept, self.truth)
        miss = max(0.0, 1 - at_truth.probability("supported") - self.beta)
        return miss, at_truth.expected_n, upper, accept, lower

    def _search(self) -> tuple[float, float, float, int, float]:
        wald = math.log((1 - self.alpha) / self.beta)
        lowers = list(np.linspace(0.55, 1.15, 9) * wald)
        # With room to spare the last trial hardly matters; when tight it is nearly a fixed design.
        accepts = sorted({self.accept, max(0, self.accept - 1), max(0, int(self.accept * 0.9))})
        found = [c for a in accepts for b in lowers if (c := self._candidate(b, a))]
        if not found or min(found)[0] > 0:
            extra = [
                c
                for a in accepts
                for b in (1.5 * wald, 3 * wald, 30.0)
                if (c := self._candidate(b, a))
            ]
            found += extra
        if not found:
            raise DesignError(
                f"no design with at most {self.horizon} trials keeps alpha at {self.alpha:g}"
            )
        best = min(found)
        step = 0.0375 * wald
        fine = np.concatenate(
            [best[4] - step * np.arange(1, 8) / 4, best[4] + step * np.arange(1, 5) / 4]
        )
        found += [c for b in fine if b > 0 and (c := self._candidate(float(b), best[3]))]
        return min(found)

    def design(self, *, pursue: bool) -> Design:
        _, _, upper, accept, lower = self._search()
        support, futile = self._bounds(upper, lower, accept)
        # Rows past the last one that can support go on, for a refutation only.
        against = mirror(self.rates.doubt, self.truth)
        ratio, bound = refutation_ratio(self.rates, against), math.log(1 / self.alpha)
        rows = refuting_rows(self.rates, self.horizon, self.rows, ratio, bound)
        support = np.concatenate([support, np.full(rows - self.rows, NEVER, dtype=np.int64)])
        futile = np.concatenate([futile, np.full(rows - self.rows, self.horizon, dtype=np.int64)])
        futile = np.where(support == NEVER, self.horizon, futile)
        boundary, refuting = tune_refutation(
            self.rates,
            support,
            futile,
            alpha=self.alpha,
            horizon=self.horizon,
            against=against,
            pursue=pursue,
        )
        tuning = {
            "upper": upper,
            "lower": -lower,
            "accept_at_most": float(accept),
            "refuting": refuting,
            "refuting_alternative": against,
        }
        return Design("sprt", self.rates, self.alpha, self.beta, boundary, tuning)


@lru_cache(maxsize=256)
def fixed_size(
    threshold: float,
    alternative: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.10,
    items: int | None = None,
) -> int:
    """The smallest fixed number of trials whose exact test meets alpha and beta.

    For a finite set the whole set is always enough, so the answer is at most `items`.

    Raises:
        DesignError: for rates that cannot be told apart, or more than 10 million trials.
    """
    rates = check(threshold, alternative, alpha, items)
    check_beta(beta)

    def enough(k: int) -> bool:
        n = _needed(rates, k, alpha)
        return n == items or _accept_chance(rates, k, n, null=False) >= 1 - beta

    low, high = -1, 0
    while not enough(high):
        low, high = high, 2 * high + 1
        if high / threshold > 10_000_000:
            raise DesignError(
                f"telling {alternative:g} from {threshold:g} needs more than 10 million trials"
            )
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    # Power rises with k but for small dips, so a smaller k just below may do as well.
    first = next(k for k in range(max(0, high - 25), high + 1) if enough(k))
    return _needed(rates, first, alpha)


def _accept_chance(rates: Rates, k: int, n: int, *, null: bool) -> float:
    if rates.items is None:
        rate = rates.threshold if null else rates.alternative
        assert rate is not None
        return binomial_cdf(k, n, rate)
    events = rates.false_events if null else rates.true_events
    return hypergeometric_cdf(k, n, rates.items, events)


def _needed(rates: Rates, k: int, alpha: float) -> int:
    """Smallest n at which k events or fewer have chance at most alpha at the threshold."""
    low, high = k, max(2 * k, math.ceil(1 / rates.threshold))
    top = rates.items or 20_000_000
    high = min(high, top)
    while high < top and _accept_chance(rates, k, high, null=True) > alpha:
        low, high = high, min(2 * high, top)
    while low + 1 < high:
        middle = (low + high) // 2
        if _accept_chance(rates, k, middle, null=True) <= alpha:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=256)
def fixed(
    threshold: float,
    alternative: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.10,
    trials: int | None = None,
    items: int | None = None,
) -> Design:
    """A fixed number of trials, stopped early only when the outcome is already certain.

    Args: as `sprt`; `trials` fixes the number, by default the smallest that meets beta.

    Raises:
        DesignError: for rates that cannot be told apart, or too few trials to support anything.
    """
    rates = check(threshold, alternative, alpha, items)
    size = trials or fixed_size(threshold, alternative, alpha=alpha, beta=beta, items=items)
    size = size if items is None else min(size, items)
    tuner = _Tuner(rates, alpha, beta, size)
    against = mirror(threshold, tuner.truth)
    ratio = refutation_ratio(rates, against)
    rows = refuting_rows(rates, size, tuner.rows, ratio, math.log(1 / alpha))
    k = np.arange(rows, dtype=np.int64)
    # With k events, support is certain once too few trials are left for more than `accept`.
    support = np.where(k <= tuner.accept, size - tuner.accept + k, NEVER)
    futile = np.where(k > tuner.accept, size, -1)
    boundary, refuting = tune_refutation(
        rates, support, futile, alpha=alpha, horizon=size, against=against, pursue=False
    )
    tuning = {"accept_at_most": float(tuner.accept), "refuting": refuting}
    return Design("fixed", rates, alpha, beta, boundary, tuning)
