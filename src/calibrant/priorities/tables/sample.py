"""Draws from a posterior of a few parameters: its mode, then importance sampling, then a gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from calibrant.errors import GateError

Floats = NDArray[np.float64]
Density = Callable[[Floats], Floats]

_DF = 6.0
_STEP = 1e-3
_BATCH = 64
_GOOD = 0.4


@dataclass(frozen=True)
class Sample:
    """Weighted draws.

    Attributes:
        points: shape (size, parameters).
        weights: shape (size,), summing to 1.
    """

    points: Floats
    weights: Floats

    @property
    def effective(self) -> float:
        """Effective number of independent draws."""
        return float(1 / (self.weights**2).sum())

    def resampled(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """Places of draws in proportion to the weights, systematically."""
        at = (rng.random() + np.arange(size)) / size
        found = np.searchsorted(np.cumsum(self.weights), at)
        return np.asarray(rng.permutation(np.minimum(found, self.weights.size - 1)), dtype=np.int64)


def sample(
    density: Density,
    start: Floats,
    rng: np.random.Generator,
    *,
    size: int = 800,
    rounds: int = 6,
    least: float = 0.1,
) -> Sample:
    """Importance draws from a density, by a t distribution fitted to it in rounds.

    Args:
        density: log density of a batch of points, up to a constant.
        start: where the search for the mode begins.
        size: draws of a round.
        rounds: how many are tried; the best is kept, and a good one ends the search.
        least: the least effective share of the best.

    Raises:
        GateError: if the effective share is below that.
    """
    centre, scale = _mode(density, start)
    best: Sample | None = None
    for _ in range(rounds):
        found = _round(density, centre, scale, rng, size)
        if best is None or found.effective > best.effective:
            best = found
        if best.effective >= _GOOD * size:
            break
        # Weights to a power keep a round with few effective draws from collapsing onto one.
        power = min(1.0, found.effective / (4 * start.size))
        w = found.weights**power / (found.weights**power).sum()
        centre = w @ found.points
        apart = found.points - centre
        spread = (w[:, None] * apart).T @ apart
        scale = cholesky(spread + 1e-9 * np.eye(start.size), lower=True)
    assert best is not None
    share = best.effective / size
    if share < least:
        raise GateError(
            f"posterior of the table: importance sampling failed, effective share {share:.3f}",
            [{"name": "effective share", "value": share, "limit": least, "passed": False}],
        )
    return best


def _round(
    density: Density, centre: Floats, scale: Floats, rng: np.random.Generator, number: int
) -> Sample:
    k = centre.size
    z = rng.standard_normal((number, k)) / np.sqrt(rng.chisquare(_DF, (number, 1)) / _DF)
    points = centre + z @ scale.T
    log_q = -0.5 * (_DF + k) * np.log1p((z * z).sum(axis=1) / _DF)
    log_p = np.concatenate([density(points[i : i + _BATCH]) for i in range(0, number, _BATCH)])
    log_w = log_p - log_q
    w = np.exp(log_w - log_w.max())
    return Sample(points, w / w.sum())


def _mode(density: Density, start: Floats) -> tuple[Floats, Floats]:
    """The mode and a square root of the covariance there."""
    k = start.size
    steps = np.concatenate([np.zeros((1, k)), _STEP * np.eye(k), -_STEP * np.eye(k)])

    def slope(x: Floats) -> tuple[float, Floats]:
        f = density(x + steps)
        return -float(f[0]), -(f[1 : k + 1] - f[k + 1 :]) / (2 * _STEP)

    best = minimize(slope, start, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    h = 0.05
    curve = np.empty((k, k))
    for i in range(k):
        e = np.zeros(k)
        e[i] = h
        curve[i] = (slope(best + e)[1] - slope(best - e)[1]) / (2 * h)
    values, vectors = np.linalg.eigh((curve + curve.T) / 2)
    # Flat or upward directions are searched as widely as the prior allows at most.
    root = vectors / np.sqrt(np.maximum(values, 1.0))
    root = cholesky(root @ root.T, lower=True)
    assert np.isfinite(solve_triangular(root, np.ones(k), lower=True)).all()
    return np.asarray(best), np.asarray(root)
