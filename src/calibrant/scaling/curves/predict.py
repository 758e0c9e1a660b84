"""What will a score be at a scale? A curve's posterior as a predictive distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.errors import UnfitError
from calibrant.scaling.curves.posterior import Known, Posterior, posterior, variance
from calibrant.scaling.curves.shapes import Shape
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores

Floats = NDArray[np.float64]

COMPONENTS = 48
"""Most components of a predictive distribution."""
PARTS = 256
"""Draws of the posterior, of equal weight, from which they are merged, times the effort."""
LEAST_SCALES = 4
"""Scales below which no curve is fitted."""
DRIFT = 1.0
"""Beyond a family's largest known member its slope is drawn again, so many times as widely as
slopes differ between families."""
NOISE_DF = 5.0
"""Degrees of freedom of noise that is forecast: subjects stray further than a normal has it."""
_BELOW, _ROOM = 0.2, 2.0
"""Where there are no limits: what lies below the lowest known score, and the whole unit, relative
to the range of known scores."""
_LINEAR = 0.3
"""The part of a family's variance that is carried by the width of components; the rest moves
them."""


@dataclass(frozen=True)
class Units:
    """What turns scores and scales of one measure into a shape's units, and back.

    Attributes:
        middle, step: of the scale.
        floor, reach: of the score.
        low, high: limits of the score.
    """

    middle: float
    step: float
    floor: float
    reach: float
    low: float
    high: float

    def z(self, scale: Floats) -> Floats:
        """Scales in quarters of the range that was seen, from its middle."""
        return np.asarray((scale - self.middle) / self.step)


@dataclass(frozen=True)
class Fit:
    """A shape fitted to the scores of one measure.

    Attributes:
        shape, known, units: what was fitted, to what.
        families: the name of each family by its number.
        posterior: what is open about its parameters.
        usual: the variance of a score that is known beforehand, in the shape's units; 0 if none.
        effort: how fine forecasts are.
    """

    shape: Shape
    known: Known
    units: Units
    families: tuple[str, ...]
    posterior: Posterior
    usual: float
    effort: int

    def __repr__(self) -> str:
        return f"Fit of a {self.shape.name} to {self.known.y.size} scores"

    def predict(self, at: Scores) -> Predictive:
        """Predictive distributions of scores, for families that were seen and others.

        A forecast depends on its own scale, family and standard error alone: the same for one row
        as for many.

        Args:
            at: rows of this measure; their scores are not read.
        """
        of = {name: k for k, name in enumerate(self.families)}
        group = np.array([of.get(str(f), -1) for f in at.family])
        z = self.units.z(at.scale)
        # Draws in the order of what they say at the largest scales, and with each a part of what
        # families differ by, so that both fill their range evenly.
        end = self.shape.curve(self.posterior.theta, np.array([2.0]), 0.0).value[:, 0]
        parts = PARTS * self.effort
        kept = self.posterior.chosen(parts, end)
        normal = special.ndtri(_turned(parts))[:, None]
        mean, doubt = np.zeros((parts, len(at))), np.zeros((parts, len(at)))
        if self.known.shifts:
            old = group >= 0
            mean[:, old], within = kept.shifts.at(z[old], group[old])
            drift = DRIFT * kept.spread[:, 1:] * self._beyond(z, group)[old]
            doubt[:, old] = np.hypot(within, drift)
            doubt[:, ~old] = np.hypot(kept.spread[:, :1], kept.spread[:, 1:] * z[~old])
        u = mean + np.sqrt(1 - _LINEAR) * doubt * normal
        with np.errstate(over="ignore", under="ignore"):
            curve = self.shape.curve(kept.theta, z, u)
        error = np.where(np.isfinite(at.se), (at.se / self.units.reach) ** 2, self.usual)
        var = variance(kept.noise, curve.value, self.known.limited) + error
        var = var + _LINEAR * (curve.shifted * doubt) ** 2
        return Predictive.of(
            self.units.floor + self.units.reach * np.clip(curve.value, -50, 50),
            self.units.reach * np.sqrt(np.minimum(var, 100.0)),
            df=NOISE_DF,
            low=self.units.low,
            high=self.units.high,
        ).compressed(COMPONENTS)

    def _beyond(self, z: Floats, group: NDArray[np.int64]) -> Floats:
        """How far scales lie beyond the largest known one of their family, 0 for new families."""
        largest = np.full(self.known.groups + 1, np.inf)
        largest[:-1] = [self.known.z[self.known.group == k].max() for k in range(self.known.groups)]
        return np.asarray(np.maximum(z - largest[group], 0.0))


def fit(
    shape: Shape, known: Scores, rng: np.random.Generator, *, families: bool = True, effort: int = 1
) -> Fit:
    """Fit a shape to the scores of one measure.

    Args:
        shape: one of `SHAPES`.
        known: rows of one measure; those without a scale or score are left out.
        rng: draws the posterior.
        families: whether families differ by a shift of the curve; where there is one family, or
            False, what they differ by is noise.
        effort: so many times as many draws; 1 suits the many fits of back-tests.

    Raises:
        UnfitError: if there are fewer than `LEAST_SCALES` scales, no limits where the shape stands
            on them, or the fit does not settle.
    """
    known = known.take(np.isfinite(known.scale) & np.isfinite(known.score))
    units = units_of(shape, known)
    names, group = np.unique(known.family, return_inverse=True)
    error = np.where(np.isfinite(known.se), (known.se / units.reach) ** 2, np.nan)
    usual = float(np.median(error[np.isfinite(error)])) if np.isfinite(error).any() else 0.0
    data = Known(
        units.z(known.scale),
        (known.score - units.floor) / units.reach,
        np.asarray(group, dtype=np.int64),
        len(names),
        np.where(np.isfinite(error), error, usual),
        families and len(names) > 1,
        bool(np.isfinite(known.high[0] - known.floor[0])),
    )
    drawn = posterior(shape, data, rng, effort=effort)
    return Fit(shape, data, units, tuple(map(str, names)), drawn, usual, effort)


def units_of(shape: Shape, known: Scores) -> Units:
    """The units of one measure, from its known scores.

    Raises:
        UnfitError: as `fit` does.
    """
    scales = np.unique(known.scale)
    if scales.size < LEAST_SCALES:
        raise UnfitError(
            f"{shape.name}: wanted at least {LEAST_SCALES} scales with scores, got {scales.size}"
        )
    low, high = float(known.low[0]), float(known.high[0])
    floor = float(known.floor[0])
    reach = high - floor
    if not np.isfinite(reach):
        if shape.limited:
            raise UnfitError(f"{shape.name}: it stands on a lowest and a highest score")
        seen = float(np.ptp(known.score))
        if seen <= 0:
            raise UnfitError(f"{shape.name}: every score is {float(known.score.min()):g}")
        # What was seen fills half of the unit, so that the end of a curve may lie well beyond it.
        floor, reach = float(known.score.min()) - _BELOW * seen, _ROOM * seen
    middle = float(scales[0] + scales[-1]) / 2
    return Units(middle, float(scales[-1] - scales[0]) / 4, floor, reach, low, high)


def _turned(count: int) -> Floats:
    """The numbers below `count` with their bits turned round, as shares: van der Corput's.

    With its own order the sequence fills a square evenly (Hammersley's points).
    """
    left, found, unit = np.arange(count), np.full(count, 0.5 / count), 0.5
    while left.any():
        found, left, unit = found + unit * (left & 1), left >> 1, unit / 2
    return found
