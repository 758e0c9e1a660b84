"""What does a tail allow? Profile-likelihood intervals of anything that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.scaling.rare import pareto
from calibrant.scaling.rare.region import Region, trace
from calibrant.scaling.rare.thresholds import Threshold

Floats = NDArray[np.float64]
Functional = Callable[[Floats, Floats, Floats], Floats]
"""From shape, scale and the share above the threshold, of one shape, to values of that shape."""

WIDER = 25.0
_SHARES = np.linspace(0.0, 1.0, 9)
"""How the allowed fall of the likelihood is split between the tail and the share above it."""


@dataclass(frozen=True)
class Estimate:
    """A value with its profile-likelihood interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """A tail with the region of parameters that the data allow."""

    threshold: float
    count: int
    n: int
    best: tuple[float, float]
    region: Region
    drop: float

    @classmethod
    def of(cls, x: Floats, at: Threshold, level: float) -> Fitted:
        """The tail of `x` above a threshold; `level` is the highest that will be asked for."""
        y = x[x > at.threshold] - at.threshold
        # The largest interval asked for spends half of its error on the draw.
        drop = drop_of(1 - (1 - level) / 2, y.size)
        top = np.array([at.shape, np.log(at.scale)])
        region = trace(
            lambda p: pareto.loglik(y, p[:, 0], np.exp(p[:, 1])), top, drop,
            low=np.array([pareto.LEAST_SHAPE, top[1] - 10]),
            high=np.array([pareto.MOST_SHAPE, top[1] + 10]),
        )  # fmt: skip
        return cls(
            at.threshold, y.size, x.size, (at.shape, at.scale), region, drop_of(level, y.size)
        )

    def estimate(self, f: Functional, drop: float | None = None) -> Estimate:
        """The value of `f` at the best parameters, and its range over those allowed.

        `f` must rise with the share above the threshold, or not depend on it.
        """
        allowed = self.drop if drop is None else drop
        shares = _share_limits(self.count, self.n, allowed)
        low, high = np.inf, -np.inf
        for part, (least, most) in zip(_SHARES, shares, strict=True):
            points = self.region.at(allowed * part)
            xi, sigma = points[:, 0], np.exp(points[:, 1])
            low = min(low, float(f(xi, sigma, np.full(xi.size, least)).min()))
            high = max(high, float(f(xi, sigma, np.full(xi.size, most)).max()))
        value = float(f(*(np.array([v]) for v in (*self.best, self.count / self.n)))[0])
        return Estimate(value, min(low, value), max(high, value))

    def reached(self, share: float) -> Functional:
        """The level that a query exceeds with a given chance, at least the threshold."""

        def level(xi: Floats, sigma: Floats, above: Floats) -> Floats:
            within = np.minimum(share / above, 1.0)
            return self.threshold + pareto.quantile(within, xi, sigma)

        return level


def drop_of(level: float, count: int) -> float:
    """How far the log-likelihood of a tail may fall within an interval.

    Half the square of Student's quantile, times 1 + 25/count: small tails, whose threshold was
    chosen from them as well, would be covered too rarely without it (see the certificate).
    """
    half = float(stdtrit(max(count - 2, 1), (1 + level) / 2)) ** 2 / 2
    return half * (1 + WIDER / count)


@lru_cache(maxsize=64)
def _share_limits(k: int, n: int, allowed: float) -> tuple[tuple[float, float], ...]:
    """The shares at which the log-likelihood of k of n has fallen by what the tail leaves."""
    drops = allowed * (1 - _SHARES)

    def value(z: Floats) -> Floats:
        return np.asarray(k * np.log(z) + (n - k) * np.log1p(-z))

    best = k / n
    ends = []
    for edge in (1e-12 * best, 1 - 1e-12):
        inner, outer = np.full(drops.size, best), np.full(drops.size, edge)
        for _ in range(60):
            middle = (inner + outer) / 2
            within = value(np.array([best])) - value(middle) <= drops
            inner, outer = np.where(within, middle, inner), np.where(within, outer, middle)
        ends.append(inner)
    return tuple(zip(ends[0].tolist(), ends[1].tolist(), strict=True))
