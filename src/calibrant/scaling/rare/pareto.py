"""How do exceedances over a threshold fall off? The generalised Pareto distribution.

Y > 0 has P(Y > y) = (1 + shape y / scale)^(-1/shape); shape 0 is the exponential, below 0 there is
an end at -scale/shape (Pickands, Annals of Statistics 3 (1975) 119; Coles, *An Introduction to
Statistical Modeling of Extreme Values*, 2001, chapter 4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import boxcox

Floats = NDArray[np.float64]

LEAST_SHAPE, MOST_SHAPE = -0.5, 5.0
"""Shapes that are fitted. Below -½ likelihood intervals do not hold (Smith, Biometrika 72 (1985)
67)."""

_CELLS = 2**19


def log_survival(y: Floats, shape: Floats, scale: Floats) -> Floats:
    """log P(Y > y), of the broadcast shape; -inf beyond the end of the distribution."""
    z = np.asarray(y / scale, dtype=np.float64)
    inside = 1 + shape * z > 0
    small = np.abs(shape * z) < 1e-7
    safe = np.where(small, 1.0, shape)
    curved = -np.log1p(np.where(inside & ~small, shape * z, 0.0)) / safe
    near = -z * (1 - shape * z / 2)
    return np.where(inside, np.where(small, near, curved), -np.inf)


def quantile(share: Floats, shape: Floats, scale: Floats) -> Floats:
    """The y that Y exceeds with chance `share`, of the broadcast shape."""
    # (1/share)^shape - 1 over shape, with its limit -log(share) at shape 0.
    return np.asarray(scale * boxcox(1 / np.asarray(share, dtype=np.float64), shape))


def loglik(y: Floats, shape: ArrayLike, scale: ArrayLike) -> Floats:
    """The log-likelihood of exceedances, shape (n,), for each of many parameters, shape (p,)."""
    shape, scale = np.broadcast_arrays(
        np.atleast_1d(np.asarray(shape, np.float64)), np.atleast_1d(np.asarray(scale, np.float64))
    )
    total = np.empty(shape.size)
    step = max(1, _CELLS // y.size)
    for start in range(0, shape.size, step):
        part = slice(start, start + step)
        xi, sigma = shape[part, None], scale[part, None]
        total[part] = ((1 + xi) * log_survival(y, xi, sigma)).sum(axis=1)
    return np.asarray(total - y.size * np.log(scale))


def fit(y: Floats) -> tuple[float, float]:
    """Shape and scale of largest likelihood, with shape in `LEAST_SHAPE`…`MOST_SHAPE`.

    With tau = shape/scale given, the best shape is the mean of log(1 + tau y), so one parameter is
    left to search (Grimshaw, Technometrics 35 (1993) 185): first on a grid, as there may be two
    maxima, then by Brent's method.

    Args:
        y: shape (n,), above 0, not all equal.
    """
    top, mean = float(y.max()), float(y.mean())
    z = y / top

    def profile(t: ArrayLike) -> tuple[Floats, Floats]:
        """Log-likelihood and shape at tau times the largest exceedance, above -1."""
        t = np.atleast_1d(np.asarray(t, np.float64))
        logs = np.log1p(t[:, None] * z)
        xi = logs.mean(axis=1)
        flat = np.abs(t) < 1e-9
        scale = np.where(flat, mean / top, xi / np.where(flat, 1.0, t))
        value = -y.size * (np.log(scale * top) + 1 + xi)
        return np.where((xi < LEAST_SHAPE) | (xi > MOST_SHAPE), -np.inf, value), xi

    grid = _GRID
    value = profile(grid)[0]
    at = int(np.argmax(value))
    ends = grid[max(at - 1, 0)], grid[min(at + 1, grid.size - 1)]
    best = minimize_scalar(
        lambda t: -max(float(profile(t)[0][0]), value[at] - 1e6),
        bounds=ends, method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    t = float(best.x) if -best.fun > value[at] else float(grid[at])
    xi = float(profile(t)[1][0])
    scale = mean if abs(t) < 1e-9 else xi / t * top
    edge = _edge(y, LEAST_SHAPE)
    if float(loglik(y, LEAST_SHAPE, edge)[0]) > float(loglik(y, xi, scale)[0]):
        return LEAST_SHAPE, edge
    return xi, scale


_GRID: Floats = np.unique(
    np.concatenate([np.geomspace(1e-6, 1.0, 22) - 1, np.linspace(-0.2, 0.2, 9),
                    np.geomspace(0.05, 1e3, 20), np.geomspace(3e3, 1e14, 12)])
)  # fmt: skip


def _edge(y: Floats, shape: float) -> float:
    """The best scale for a given shape below 0."""
    least = -shape * float(y.max())
    best = minimize_scalar(
        lambda s: -float(loglik(y, shape, np.exp(s))[0]),
        bounds=(np.log(least) + 1e-9, np.log(least + 20 * float(y.mean()))), method="bounded",
    )  # fmt: skip
    return float(np.exp(best.x))
