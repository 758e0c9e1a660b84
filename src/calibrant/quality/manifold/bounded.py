"""What does each item with bounded scores say about ability? Calibrated items with their curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from calibrant.errors import InputError
from calibrant.quality.manifold.limited import FIXED, LOG_2PI, Limited
from calibrant.quality.manifold.scale import Scale

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoundedItems:
    """Items with scores from `low` to `high`, calibrated on one ability.

    The latent response is y* = (a θ + d + ε) / τ with ε ~ N(0, 1), on the scale −1 to 1 of
    `scale.Scale`; the score is its inverse between the limits, and the limit beyond them.

    Attributes:
        items: names.
        discrimination: shape (items,), a: what one standard deviation of ability changes, in
            standard deviations of the noise.
        intercepts: shape (items,), d.
        precision: shape (items,), τ: standard deviations of the noise from the middle of the
            scale to its end; 0 for an item whose scores are all at the ends.
        edge: of the scale.
        low, high: the range of scores.
    """

    items: tuple[str, ...]
    discrimination: Floats
    intercepts: Floats
    precision: Floats
    edge: float
    low: float = 0.0
    high: float = 1.0

    def expected(self, ability: Floats) -> Floats:
        """Shape (abilities, items): the expected score, in the units of the scores."""
        z = self._centre(ability)
        # E y = ∫ P(Y > y) dy, by Gauss–Legendre on the scale on which noise is normal.
        x, w = np.polynomial.legendre.leggauss(64)
        scale = Scale(self.edge)
        step = np.exp(-scale.log_slope(scale.back(x))) * w
        mean = np.zeros_like(z)
        for h, weight in zip(x, step / step.sum(), strict=True):
            mean += weight * ndtr(z - self.precision * h)
        found: Floats = self.low + (self.high - self.low) * mean
        return found

    def information(self, ability: Floats) -> Floats:
        """Shape (abilities, items): Fisher information about ability."""
        z = self._centre(ability)
        below, above = -self.precision - z, z - self.precision
        found: Floats = self.discrimination**2 * (
            _end(below) + _end(above) + ndtr(-above) - ndtr(below)
            + above * _density(above) + below * _density(below)
        )  # fmt: skip
        return np.maximum(found, 0.0)

    def log_density(self, scores: Floats, ability: Floats) -> Floats:
        """Shape (subjects, abilities): log-likelihood of each row of scores at each ability.

        Scores at the ends count with their probability, others with their density per unit of
        score; NaN counts for nothing.

        Raises:
            InputError: for scores that do not fit the items.
        """
        model, x = self._model(scores)
        at = np.asarray(ability, np.float64).ravel()
        theta = np.broadcast_to(at, (model.subjects, at.size))
        own = model.own_constant - model.between.sum(axis=1) * np.log(self.high - self.low)
        found: Floats = model.log_likelihood(theta, x) + own[:, None]
        return found

    def score(self, scores: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of ability of each row of scores, N(0, 1) a priori.

        Raises:
            InputError: for scores that do not fit the items.
        """
        model, x = self._model(scores)
        theta, w, _ = model.posterior(x)
        mean = (w * theta).sum(axis=1)
        return mean, np.sqrt((w * (theta - mean[:, None]) ** 2).sum(axis=1))

    def draw(self, ability: Floats, rng: np.random.Generator) -> Floats:
        """Shape (abilities, items): scores of subjects of these abilities."""
        y = self._centre(ability)
        y = y + rng.standard_normal(y.shape)
        with_middle = self.precision > 0
        h = np.where(with_middle, y / np.where(with_middle, self.precision, 1.0), np.sign(y))
        found: Floats = self.low + (self.high - self.low) * Scale(self.edge).back(h)
        return found

    def select(self, items: NDArray[np.int64]) -> BoundedItems:
        """Only these items, by number, in the order given."""
        return BoundedItems(
            tuple(self.items[j] for j in items), self.discrimination[items],
            self.intercepts[items], self.precision[items], self.edge, self.low, self.high,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "model": "continuous", "items": list(self.items), "edge": self.edge,
            "discrimination": self.discrimination.tolist(),
            "intercepts": self.intercepts.tolist(), "precision": self.precision.tolist(),
            "low": self.low, "high": self.high,
        }  # fmt: skip

    def _centre(self, ability: Floats) -> Floats:
        theta = np.asarray(ability, np.float64).reshape(-1, 1)
        found: Floats = self.discrimination * theta + self.intercepts
        return found

    def _model(self, scores: Floats) -> tuple[Limited, Floats]:
        scores = np.atleast_2d(np.asarray(scores, np.float64))
        if scores.shape[1] != len(self.items):
            raise InputError(f"scores: wanted {len(self.items)} items, got {scores.shape[1]}")
        seen = scores[~np.isnan(scores)]
        if seen.size and not ((seen >= self.low) & (seen <= self.high)).all():
            wrong = float(seen[~((seen >= self.low) & (seen <= self.high))][0])
            raise InputError(f"scores: wanted {self.low:g} to {self.high:g}, got {wrong:g}")
        unit = (scores - self.low) / (self.high - self.low)
        middle = ((unit > 0) & (unit < 1)).any(axis=0) & (self.precision == 0)
        if middle.any():
            j = int(np.argmax(middle))
            raise InputError(
                f"item {self.items[j]}: was calibrated on scores of {self.low:g} and {self.high:g} "
                "only, got one between them"
            )
        model = Limited(unit, Scale(self.edge), prior=None)
        log = np.log(np.where(self.precision > 0, self.precision, 1.0))
        log = np.where(self.precision > 0, log, FIXED)
        return model, np.stack([self.discrimination, self.intercepts, log], axis=1)


def _density(x: Floats) -> Floats:
    found: Floats = np.exp(-(x**2) / 2 - LOG_2PI / 2)
    return found


def _end(u: Floats) -> Floats:
    """φ(u)² / Φ(u), the information of being beyond a limit."""
    found: Floats = np.exp(-(u**2) - LOG_2PI - log_ndtr(u))
    return found
