"""How many trials, and when to stop? Designs for "the rate of events is below a threshold".

Three designs, all with exactly computed error rates:

- `sprt`: Wald's sequential probability ratio test (Wald, *Sequential Analysis*, 1947) of the
  threshold against a design alternative, with both bounds and a truncation point tuned by dynamic
  programming until the true error rates, not Wald's approximations, meet alpha and beta.
- `anytime`: two e-processes (mixtures of likelihood ratios; Robbins 1970, Ramdas et al. 2023,
  "Game-theoretic statistics and safe anytime-valid inference"), for claims without a design
  alternative. By Ville's inequality its error rates hold however often one looks.
- `fixed`: a fixed number of trials, curtailed as soon as the outcome is certain.

A verdict is supported or refuted only with evidence for that verdict: the chance of supporting a
false claim is at most alpha for every rate at or above the threshold, and so is the chance of
refuting a true one. A run that has lost all hope of support goes on for a refutation only while
the observed rate is above the threshold; otherwise it ends undetermined ("futile").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from calibrant.stats.stopping.paths import (
    NEVER,
    Boundary,
    Ints,
    Stops,
    stops,
    supports,
    without_replacement,
)
from calibrant.stats.stopping.ratios import LogRatio, Rates, last_n, refutation_ratio

Method = Literal["sprt", "anytime", "fixed"]
Walk = Callable[[Boundary, float], Stops]


@dataclass(frozen=True)
class Design:
    """A stopping rule with its claim and its exact error rates.

    Attributes:
        method: "sprt", "anytime" or "fixed".
        rates: what it tells apart.
        alpha: largest chance of supporting a false claim, and of refuting a true one.
        beta: chance of not supporting a claim whose rate is the alternative; None without one.
        boundary: the rule itself.
        tuning: the tuned constants of the rule, for the record.
    """

    method: Method
    rates: Rates
    alpha: float
    beta: float | None
    boundary: Boundary
    tuning: dict[str, float] = field(default_factory=dict)

    @property
    def at_most(self) -> int:
        """The largest number of trials."""
        return self.boundary.horizon

    def stops(self, rate: float) -> Stops:
        """The exact distribution of the stopping point at a true rate of events (0–1)."""
        return self._walk(stops, rate)

    def probability(self, verdict: Literal["supported", "refuted"], rate: float) -> float:
        """The exact chance of this verdict at a true rate of events (0–1)."""
        if verdict == "supported":
            return self._walk(supports, rate).probability(verdict)
        return self.stops(rate).probability(verdict)

    def _walk(self, walk: Walk, rate: float) -> Stops:
        items = self.rates.items
        if items is None:
            return walk(self.boundary, rate)
        return _finite_stops(self.boundary, round(rate * items), items, walk)

    def expected_trials(self, rate: float) -> float:
        """The exact expected number of trials at a true rate of events (0–1)."""
        return self.stops(rate).expected_n

    @property
    def false_support(self) -> float:
        """The exact chance of support at the threshold, the worst case of a false claim."""
        return self.probability("supported", self._false_rate)

    @property
    def false_refutation(self) -> float:
        """The exact chance of refutation as the rate approaches the largest true one from below."""
        return self.probability("refuted", self._true_rate)

    @property
    def power(self) -> float | None:
        """The exact chance of support at the design alternative."""
        if self.rates.alternative is None:
            return None
        items = self.rates.items
        at = self.rates.alternative if items is None else self.rates.true_events / items
        return self.probability("supported", at)

    @property
    def _false_rate(self) -> float:
        items = self.rates.items
        return self.rates.threshold if items is None else self.rates.false_events / items

    @property
    def _true_rate(self) -> float:
        items = self.rates.items
        return self.rates.doubt if items is None else (self.rates.false_events - 1) / items

    def __repr__(self) -> str:
        r = self.rates
        of = f" of {r.items} items" if r.items else ""
        against = "" if r.alternative is None else f" against {r.alternative:g}"
        return (
            f"{self.method} design: rate{of} below {r.threshold:g}{against}, "
            f"at most {self.at_most} trials; chance of false support {self.false_support:.4f}"
        )


def _finite_stops(boundary: Boundary, events: int, items: int, walk: Walk = stops) -> Stops:
    if events in (0, items):
        return walk(boundary, float(events > 0))
    p = events / items
    return without_replacement(walk(boundary, p), events, items, p)


def assemble(
    rates: Rates, support: Ints, futile: Ints, refute: Ints, horizon: int, *, pursue: bool = True
) -> Boundary:
    """Add what follows from the horizon, and for finite sets from counting, to the bounds."""
    rows = support.size
    k = np.arange(rows, dtype=np.int64)
    if rates.items is not None:
        false = rates.false_events
        certain = rates.items - false + k + 1  # too few items are left to reach `false` events
        support = np.where(k < false, np.minimum(support, np.maximum(certain, k)), NEVER)
        refute = np.where(k >= false, horizon, refute)
    support = np.where(support <= horizon, support, NEVER)
    # A row from which support can no longer come closes support at once.
    futile = np.where(support == NEVER, horizon, np.maximum(futile, refute))
    futile[0] = -1
    give_up = np.ceil(k / rates.doubt - 1e-9).astype(np.int64) if pursue else np.ones_like(k)
    return Boundary(
        support.astype(np.int64),
        futile.astype(np.int64),
        np.minimum(refute, futile).astype(np.int64),
        np.maximum(give_up, 1),
        horizon,
    )


def tune_refutation(
    rates: Rates,
    support: Ints,
    futile: Ints,
    *,
    alpha: float,
    horizon: int,
    against: float,
    pursue: bool,
) -> tuple[Boundary, float]:
    """Choose the refuting bound so that a true claim is refuted with chance at most alpha."""
    ratio = refutation_ratio(rates, against)

    def boundary(bound: float) -> Boundary:
        refute = last_n(ratio, bound, support.size, horizon)
        # Refuting is never easier than giving up support.
        return assemble(rates, support, futile, np.minimum(refute, futile), horizon, pursue=pursue)

    def chance(bound: float) -> float:
        return Design("sprt", rates, alpha, None, boundary(bound)).false_refutation

    low, high = 0.0, math.log(1 / alpha)
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) <= alpha else (middle, high)
    return boundary(high), high


def refuting_rows(rates: Rates, horizon: int, least: int, ratio: LogRatio, bound: float) -> int:
    """Rows enough that any path to the last one is refuted there or earlier.

    Args:
        ratio, bound: evidence for a refutation, and the most that is asked of it.
    """
    if rates.items is not None:
        return max(least, rates.false_events + 1)
    low, high = 0, horizon
    while low < high:
        middle = (low + high) // 2
        enough = ratio(np.array([horizon]), np.array([middle]))[0] >= bound
        low, high = (low, middle) if enough else (middle + 1, high)
    return max(least, high + 1)
