"""What does a design do at every true rate? Operating curves, exact, from few passes.

Every path to the stopping point (n, k) has probability p^k (1 - p)^(n - k), whatever the design.
So the number of paths to each point, found once at a reference rate, gives the distribution at
any other rate without walking again. The masses of a distribution add up to one: where those
carried over do not, the reference was too far, and a new one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from calibrant.errors import DesignError
from calibrant.stats.stopping.designs import Design
from calibrant.stats.stopping.paths import KINDS, Floats, Stops, stops

_SLACK = 1e-11
"""How far from one the masses may add up, before a new reference is taken."""


@dataclass(frozen=True)
class Curve:
    """What a design does over the true rate: arrays of one shape, exact.

    Attributes:
        rates: true rates of events, rising.
        supported, refuted: chances of these verdicts.
        expected_trials: mean number of trials.
    """

    rates: Floats
    supported: Floats
    refuted: Floats
    expected_trials: Floats


def curve(design: Design, rates: ArrayLike) -> Curve:
    """The exact operating curve of a design.

    Args:
        rates: shape (rates,), true rates of events in 0–1; for a finite set each is rounded to a
            whole number of its items.

    Raises:
        DesignError: for no rates, or rates outside 0–1.
    """
    wanted = np.unique(np.asarray(rates, dtype=np.float64))
    if wanted.size == 0 or not bool(np.all((wanted >= 0) & (wanted <= 1))):
        raise DesignError("rates: wanted at least one, all in 0–1")
    items = design.rates.items
    if items is not None:
        wanted = np.unique(np.round(wanted * items)) / items
    found = np.zeros((3, wanted.size))
    paths: _Paths | None = None
    # Downwards: a reference reaches all rows of lower rates, but not those of higher ones.
    for i in range(wanted.size - 1, -1, -1):
        rate = float(wanted[i])
        if rate in (0.0, 1.0):
            found[:, i] = _summary(stops(design.boundary, rate))
            continue
        at = None if paths is None else paths.at(rate)
        if at is None or abs(at.mass.sum() - 1) > _SLACK:
            paths = _Paths(stops(design.boundary, rate), rate, items)
            at = paths.at(rate)
        found[:, i] = _summary(at)
    return Curve(wanted, *found)


def _summary(at: Stops) -> tuple[float, float, float]:
    return at.probability(KINDS[0]), at.probability(KINDS[1]), at.expected_n


class _Paths:
    """How many paths lead to each stopping point (as logarithms), from one distribution."""

    def __init__(self, at: Stops, rate: float, items: int | None) -> None:
        self.stops, self.items = at, items
        self.n, self.k = at.n.astype(float), at.k.astype(float)
        none = self.n - self.k
        self.log_count = np.log(at.mass) - self.k * np.log(rate) - none * np.log1p(-rate)

    def at(self, rate: float) -> Stops:
        """The distribution of the stopping point at another rate."""
        if self.items is None:
            each = self.k * np.log(rate) + (self.n - self.k) * np.log1p(-rate)
        else:
            each = self._drawn(round(rate * self.items), self.items)
        # A point that lies beyond this reference may overflow here; the sum shows it.
        mass = np.exp(np.minimum(self.log_count + each, 700.0))
        return Stops(self.stops.n, self.stops.k, self.stops.kind, mass)

    def _drawn(self, events: int, items: int) -> Floats:
        """Log chance of one path when `events` of `items` are drawn without replacement."""
        n, k = self.n, self.k
        possible = (k <= events) & (n - k <= items - events)
        rest, left = np.where(possible, items - n, 1.0), np.where(possible, events - k, 0.0)
        each = _log_choose(rest, left) - _log_choose(float(items), float(events))
        return np.asarray(np.where(possible, each, -np.inf))


def _log_choose(n: Floats | float, k: Floats | float) -> Floats:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
