"""Which parameters are compatible with the data? Likelihood regions of two parameters.

The profile-likelihood interval of any function of the parameters is the range of that function over
the region where the log-likelihood is within q²/2 of its top. The region is traced once, along rays
from the top, and then serves every function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular

Floats = NDArray[np.float64]
LogLikelihood = Callable[[Floats], Floats]
"""From points, shape (points, 2), to log-likelihoods, shape (points,)."""

RAYS = 96
_STEPS = 12
_FAR = 9
"""Doublings of the radius, in standard errors, after which a ray counts as open."""


@dataclass(frozen=True, eq=False)
class Region:
    """A log-likelihood along rays from its top.

    Attributes:
        top: shape (2,), where it is largest.
        points: shape (rays, steps, 2), from the top outward, inside the box of the parameters.
        roots: shape (rays, steps), the root of how far it has fallen there; never decreasing.
        open: whether some ray never falls far enough: the region does not end in the box.
    """

    top: Floats
    points: Floats
    roots: Floats
    open: bool

    def at(self, drop: float) -> Floats:
        """The points, shape (rays, 2), at which the log-likelihood has fallen by `drop`."""
        root = drop**0.5
        after = np.minimum((self.roots < root).sum(axis=1), self.roots.shape[1] - 1)
        after = np.maximum(after, 1)
        ray = np.arange(after.size)
        low, high = self.roots[ray, after - 1], self.roots[ray, after]
        part = np.clip((root - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
        inner, outer = self.points[ray, after - 1], self.points[ray, after]
        return np.asarray(inner + part[:, None] * (outer - inner))


def trace(
    loglik: LogLikelihood, top: Floats, drop: float, *, low: Floats, high: Floats, rays: int = RAYS
) -> Region:
    """Trace the region where `loglik` is within `drop` of its value at `top`.

    Args:
        top: shape (2,), the maximum within the box from `low` to `high`.

    The region must be star-shaped about its top: along a ray only the first crossing counts.
    """
    peak = float(loglik(top[None])[0])
    angle = 2 * np.pi * np.arange(rays) / rays
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ _spread(loglik, top, low, high)

    def fallen(radius: Floats) -> tuple[Floats, Floats]:
        """Points and drops at radii of shape (rays, steps)."""
        points = np.clip(top + radius[..., None] * ways[:, None], low, high)
        value = loglik(points.reshape(-1, 2)).reshape(radius.shape)
        gone = np.where(np.isfinite(value), np.maximum(peak - value, 0.0), 4 * drop)
        return points, np.minimum(gone, 4 * drop)

    reach = np.full(rays, (2 * drop) ** 0.5)
    inside = np.ones(rays, dtype=bool)
    for _ in range(_FAR):
        gone = fallen(reach[:, None])[1][:, 0]
        inside &= gone < drop
        if not inside.any():
            break
        reach = np.where(inside, 2 * reach, reach)
    points, gone = fallen(reach[:, None] * np.linspace(0, 1, _STEPS + 1))
    roots = np.maximum.accumulate(gone**0.5, axis=1)
    return Region(top, points, roots, bool(inside.any()))


def _spread(loglik: LogLikelihood, top: Floats, low: Floats, high: Floats) -> Floats:
    """Rows that turn the unit circle into about one standard error around the top."""
    step = 1e-4 * np.maximum(np.minimum(high - low, 10.0), 1e-3)
    # Differences are taken inside the box, so the centre may lie beside the top.
    at = np.clip(top, low + step, high - step)
    moves = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    f = loglik(at + moves * step).reshape(3, 3)
    mixed = (f[2, 2] - f[2, 0] - f[0, 2] + f[0, 0]) / 4
    bend = -np.array(
        [[f[2, 1] - 2 * f[1, 1] + f[0, 1], mixed], [mixed, f[1, 2] - 2 * f[1, 1] + f[1, 0]]]
    ) / np.outer(step, step)
    if np.all(np.isfinite(bend)):
        try:
            root = cholesky(bend, lower=True)
            rows = solve_triangular(root, np.eye(2), lower=True)
            if np.all(np.isfinite(rows)) and np.abs(rows).max() < 1e3:
                return np.asarray(rows)
        except LinAlgError:
            pass  # flat or at the edge of the box: the axes themselves will do
    return np.diag(np.minimum(high - low, 10.0) / 20)
