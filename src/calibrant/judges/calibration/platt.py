"""Which probability of the gold label belongs to a judge's score, on a logistic curve?

Platt, "Probabilistic outputs for support vector machines", in *Advances in Large Margin
Classifiers*, 2000, with his smoothed targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

SLOPE_SD = 5.0
"""Of the normal prior of the slope per standard deviation of the scores: wide, but finite."""

_STEPS = 100


@dataclass(frozen=True, repr=False)
class Platt:
    """A logistic curve: probability = 1/(1 + exp(-(intercept + slope × score)))."""

    intercept: float
    slope: float

    def __repr__(self) -> str:
        return f"logistic map with intercept {self.intercept:.4g} and slope {self.slope:.4g}"

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities at `scores`."""
        return np.asarray(expit(self.intercept + self.slope * scores))


def targets(y: Floats) -> Floats:
    """Platt's targets: labels drawn in, as if one more of either had been seen."""
    ones, zeros = float(y.sum()), float((1 - y).sum())
    return np.asarray(y * (ones + 1) / (ones + 2) + (1 - y) / (zeros + 2))


def platt(scores: Floats, y: Floats) -> Platt:
    """Fit the curve to Platt's targets, with a slope of prior N(0, 5²) per standard deviation.

    The targets lie strictly between 0 and 1 and the slope is held, so that labels which the
    scores separate give a steep curve and not an infinite one. Newton steps, halved where needed;
    the function is strictly convex.

    Args:
        scores: shape (n,), n at least 1.
        y: labels in 0–1.
    """
    centre, spread = float(scores.mean()), float(scores.std())
    if not spread > 1e-12 * max(1.0, abs(centre)):  # one score: nothing to learn but the rate
        rate = float(targets(y).mean())
        return Platt(float(np.log(rate / (1 - rate))), 0.0)
    x, t = (scores - centre) / spread, targets(y)
    held = 1 / SLOPE_SD**2
    rate = float(t.mean())
    beta = np.array([np.log(rate / (1 - rate)), 0.0])

    def loss(b: Floats) -> float:
        eta = b[0] + b[1] * x
        return float(np.sum(np.logaddexp(0, eta) - t * eta) + held * b[1] ** 2 / 2)

    now = loss(beta)
    for _ in range(_STEPS):
        p = expit(beta[0] + beta[1] * x)
        gradient = np.array([np.sum(p - t), np.sum((p - t) * x) + held * beta[1]])
        v = p * (1 - p)
        a, b, c = float(v.sum()), float(v @ x), float(v @ x**2) + held
        step = np.array([c * gradient[0] - b * gradient[1], a * gradient[1] - b * gradient[0]])
        step /= a * c - b * b
        size = 1.0
        while (new := loss(beta - size * step)) > now and size > 1e-8:
            size /= 2
        beta, gain, now = beta - size * step, now - new, new
        if gain <= 1e-12 * (1 + abs(now)) and np.abs(step).max() < 1e-8:
            break
    slope = float(beta[1]) / spread
    return Platt(float(beta[0]) - slope * centre, slope)
