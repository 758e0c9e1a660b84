"""The last of the way up: Newton steps where accelerated EM creeps, for tests of moderate size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from calibrant.quality.models.climb import (
    STEEPEST,
    Summit,
    largest_derivative,
    ordered,
    regrid,
    tamed,
)
from calibrant.quality.models.kernel import Kernel
from calibrant.quality.models.whole import whole

Floats = NDArray[np.float64]

LONGEST = 3.0
"""The most that a step may move a parameter."""

LEAST = 1e-4
"""Least curvature that a step relies on, of the information scaled to a diagonal of 1."""


def ascend(kernel: Kernel, summit: Summit, tolerance: float, most: int = 100) -> Summit:
    """Newton steps from a summit, with curvature turned to point uphill and steps cut back.

    Args:
        tolerance: the largest derivative per subject at which to stop.
    """
    people = kernel.data.subjects
    for _ in range(most):
        if summit.gradient <= tolerance * people:
            break
        higher = _step(kernel, summit)
        if higher is None:
            break
        summit = _bounded(kernel, higher)
    return summit


def _step(kernel: Kernel, summit: Summit) -> Summit | None:
    """One step; None if none goes up."""
    found = whole(kernel, summit, drift=False)
    slope = summit.found.gradient + summit.prior.slope(summit.xi)
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(found.information)), 1e-6))
    values, vectors = linalg.eigh(found.information * scale[:, None] * scale)
    uphill = vectors.T @ (scale * (found.spread.T @ slope.reshape(-1)))
    move = scale * (vectors @ (uphill / np.maximum(np.abs(values), LEAST)))
    # One item that runs away must not hold up the others.
    move, size = np.clip(move, -LONGEST, LONGEST), 1.0
    whole_move = (found.spread @ move).reshape(summit.xi.shape)
    now = summit.found.log_likelihood + summit.prior.value(summit.xi)
    for _ in range(25):
        xi = summit.xi + size * whole_move
        if ordered(xi, kernel.family):
            tried = kernel.evaluate(xi, summit.grid)
            gradient = largest_derivative(tried.gradient + summit.prior.slope(xi), kernel.family)
            value = tried.log_likelihood + summit.prior.value(xi)
            # At the top the likelihood is flat to rounding: there the derivatives decide.
            flat = abs(value - now) <= 1e-11 * abs(now) and gradient < summit.gradient
            if value > now or flat:
                return replace(
                    summit, xi=xi, found=tried, gradient=gradient,
                    iterations=summit.iterations + 1,
                )  # fmt: skip
        size *= 0.5
    return None


def _bounded(kernel: Kernel, summit: Summit) -> Summit:
    """With a grid that fits, and weak priors on slopes that ran away."""
    away = (np.abs(summit.xi[:, 0]) > STEEPEST) & ~summit.separated
    grid = regrid(summit.found, summit.xi, summit.grid)
    if not away.any() and grid is None:
        return summit
    separated, prior = summit.separated, summit.prior
    xi = summit.xi
    if away.any():
        separated = separated | away
        prior = prior.of_separated(separated, kernel.family)
        xi = tamed(xi, away)
    grid = grid or summit.grid
    found = kernel.evaluate(xi, grid)
    gradient = largest_derivative(found.gradient + prior.slope(xi), kernel.family)
    return replace(
        summit, xi=xi, grid=grid, found=found, prior=prior, separated=separated, gradient=gradient
    )
