"""How likely does a z statistic cross its boundaries, look by look? Exact recursive integration.

Armitage, McPherson and Rowe, JRSS-A 132 (1969) 235; Jennison and Turnbull, *Group Sequential
Methods*, 2000, chapter 19. The statistics of the looks are those of a Brownian motion B(t) with
drift, seen at information fractions t: Z = B(t)/√t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from calibrant.errors import InputError

Floats = NDArray[np.float64]

FAR = 8.5
"""Standard deviations that integrals reach: the tail beyond is 1e-17."""

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(24)
_PANEL = 5.0
"""Length of an integration panel in standard deviations of an increment."""

LOOKS = 100
"""Most looks, and `CLOSEST` the least step to the next as a share of the information so far:
together they bound the number of nodes."""

CLOSEST = 1e-3


@dataclass(frozen=True)
class Crossing:
    """Where a study ends, for one drift.

    Attributes:
        upper, lower: shape (looks,), chance of first crossing each boundary at each look.
        expected: expected information at the end, as a fraction of the largest.
    """

    upper: Floats
    lower: Floats
    expected: float

    @property
    def power(self) -> float:
        """Chance of ever crossing the upper boundary."""
        return float(self.upper.sum())


def crossing(
    fractions: ArrayLike, upper: ArrayLike, lower: ArrayLike | None = None, drift: float = 0.0
) -> Crossing:
    """Exact chances that z first crosses given boundaries at each look.

    Args:
        fractions: shape (looks,), information fractions, rising, the last at most 1.
        upper, lower: shape (looks,), boundaries for z; ±inf for none.
        drift: E[Z] at information fraction 1.

    Raises:
        InputError: for fractions that do not rise, or boundaries that do not match them.
    """
    t = rising(fractions)
    b = _boundary(upper, t, "upper")
    a = np.full(t.size, -np.inf) if lower is None else _boundary(lower, t, "lower")
    if np.any(a > b):
        raise InputError(f"lower: wanted at most upper, got {a[a > b][0]:g} above {b[a > b][0]:g}")
    state = Going.start(drift)
    above, below = np.zeros(t.size), np.zeros(t.size)
    going = np.ones(t.size)
    for k in range(t.size):
        above[k] = state.above(t[k], b[k])
        below[k] = state.below(t[k], a[k])
        if k < t.size - 1:
            state = state.inside(t[k], a[k], b[k], t[k + 1])
        going[k] = max(1 - above[: k + 1].sum() - below[: k + 1].sum(), 0.0)
    expected = float(t[0] + np.sum(np.diff(t) * going[:-1]))
    return Crossing(above, below, expected)


@dataclass(frozen=True)
class Going:
    """The sub-density of B(t) among studies still going, on integration nodes."""

    t: float
    drift: float
    at: Floats
    mass: Floats

    @classmethod
    def start(cls, drift: float) -> Going:
        """Before the first look."""
        return cls(0.0, drift, np.zeros(1), np.ones(1))

    def above(self, t: float, z: float) -> float:
        """Chance of going on so far and then z at t at least this."""
        return float(self.mass @ ndtr(-self._steps(t, z)))

    def below(self, t: float, z: float) -> float:
        """Chance of going on so far and then z at t at most this."""
        return float(self.mass @ ndtr(self._steps(t, z)))

    def _steps(self, t: float, z: float) -> Floats:
        more = t - self.t
        return np.asarray((z * math.sqrt(t) - self.at - self.drift * more) / math.sqrt(more))

    def inside(self, t: float, low: float, high: float, following: float) -> Going:
        """The state after a look at t whose z lay between `low` and `high`.

        `following` is the time of the next look: the nodes must resolve its increment too.
        """
        root, centre, more = math.sqrt(t), self.drift * t, t - self.t
        left = max(low * root, centre - FAR * root)
        right = min(high * root, centre + FAR * root)
        if left >= right or self.mass.size == 0:
            return Going(t, self.drift, np.zeros(0), np.zeros(0))
        # The narrower of the increments before and after is the finest detail of the integrand.
        finest = math.sqrt(min(more, following - t))
        panels = max(2, math.ceil((right - left) / (_PANEL * finest)))
        edges = np.linspace(left, right, panels + 1)
        half = (right - left) / panels / 2
        at = (edges[:-1, None] + half * (1 + _NODES)).ravel()
        distance = (at[:, None] - self.at - self.drift * more) / math.sqrt(more)
        density = np.exp(-0.5 * distance**2) @ self.mass / math.sqrt(2 * math.pi * more)
        return Going(t, self.drift, at, density * np.tile(half * _NODE_WEIGHTS, panels))


def rising(fractions: ArrayLike) -> Floats:
    """Return information fractions that rise from above 0 to at most 1, or raise InputError."""
    t = np.atleast_1d(np.asarray(fractions, dtype=np.float64))
    if t.ndim != 1 or t.size == 0 or not np.all(np.isfinite(t)):
        raise InputError(f"fractions: wanted a list of finite numbers, got {fractions!r}")
    if t[0] <= 0 or np.any(np.diff(t) <= 0) or t[-1] > 1 + 1e-12:
        raise InputError("fractions: wanted numbers that rise from above 0 to at most 1")
    if t.size > LOOKS:
        raise InputError(f"fractions: wanted at most {LOOKS} looks, got {t.size}")
    close = np.flatnonzero(np.diff(t) < CLOSEST * t[1:])
    if close.size:
        raise InputError(
            f"fractions: wanted steps of at least {CLOSEST:.1%} of the information so far, "
            f"got {t[close[0]]:g} then {t[close[0] + 1]:g}"
        )
    return t


def _boundary(bounds: ArrayLike, t: Floats, name: str) -> Floats:
    array = np.asarray(bounds, dtype=np.float64)
    if array.shape != t.shape or np.any(np.isnan(array)):
        raise InputError(f"{name}: wanted one boundary for each of {t.size} looks")
    return array
