"""Draws from a posterior of few dimensions: importance resampling, and tempering where that fails.

Particles are drawn from Student's t about the mode. Where they weigh about the same, they are
resampled; where few of them weigh all, the proposal is turned into the posterior by degrees, with
resampling and random-walk Metropolis at each (Del Moral, Doucet and Jasra, 2006, Sequential Monte
Carlo samplers, J. R. Stat. Soc. B 68, 411).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.errors import UnfitError

Floats = NDArray[np.float64]
Loss = Callable[[Floats], Floats]

MANY = 1000
"""Particles."""

ENOUGH = 100
"""Independent draws that importance weights must be worth for their resampling to do."""

MOVES, LAST, STAGES = 3, 8, 40
"""Metropolis steps at each degree and at the last, and degrees after which it is given up."""

_DF = 5.0


def sample(
    mode: Floats, covariance: Floats, loss: Loss, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Equally likely draws, shape (MANY, d), and how many independent ones they are worth, about.

    Args:
        mode, covariance: of the normal approximation.
        loss: minus the log posterior, up to a constant, of vectors of shape (n, d).

    Raises:
        UnfitError: if particles do not move, or the posterior is not reached.
    """
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(mode.size))

    def log_proposal(x: Floats) -> Floats:
        z = np.linalg.solve(root, (x - mode).T)
        return np.asarray(-(_DF + mode.size) / 2 * np.log1p((z**2).sum(axis=0) / _DF))

    wide = np.sqrt(_DF / rng.chisquare(_DF, (MANY, 1)))
    x = mode + (rng.standard_normal((MANY, mode.size)) * wide) @ root.T
    target, proposal = -loss(x), log_proposal(x)
    worth = _worth(target - proposal)
    if worth >= ENOUGH:
        return x[_pick(target - proposal, rng)], worth
    degree = 0.0
    for _ in range(STAGES):
        step = _step(target - proposal, 1.0 - degree)
        kept = _pick(step * (target - proposal), rng)
        x, target, proposal = x[kept], target[kept], proposal[kept]
        degree = min(degree + step, 1.0)
        last = degree >= 1.0 - 1e-12
        moved = 0.0
        for _ in range(LAST if last else MOVES):
            x, target, proposal, share = _move(x, target, proposal, degree, loss, log_proposal, rng)
            moved += share / (LAST if last else MOVES)
        if moved < 0.02:
            raise UnfitError("axes: draws of the posterior do not move; fewer axes may do")
        if last:
            return x, float(min(MANY * moved, MANY))
    raise UnfitError(f"axes: the posterior was not reached in {STAGES} steps; fewer axes may do")


def _move(
    x: Floats, target: Floats, proposal: Floats, degree: float, loss: Loss, log_proposal: Loss,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats, float]:  # fmt: skip
    """One random-walk step of every particle; the share that moved."""
    d = x.shape[1]
    spread = np.cov(x.T).reshape(d, d) + 1e-10 * np.eye(d)
    # Steps of several sizes: the posterior may be far narrower in places than it is as a whole.
    size = rng.choice([2.4, 1.2, 0.4], (MANY, 1)) / np.sqrt(d)
    new = x + size * (rng.standard_normal(x.shape) @ np.linalg.cholesky(spread).T)
    there, said = -loss(new), log_proposal(new)
    gain = degree * (there - target) + (1 - degree) * (said - proposal)
    yes = np.log(rng.random(MANY)) < gain
    return (
        np.where(yes[:, None], new, x), np.where(yes, there, target),
        np.where(yes, said, proposal), float(yes.mean()),
    )  # fmt: skip


def _step(log_weight: Floats, most: float) -> float:
    """The largest step of the degree at which weights are still worth half of the particles."""
    if _worth(most * log_weight) >= MANY / 2:
        return most
    low, high = 0.0, most
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _worth(middle * log_weight) >= MANY / 2 else (low, middle)
    return max(low, 1e-6)


def _worth(log_weight: Floats) -> float:
    share = special.softmax(log_weight)
    return float(1 / (share**2).sum())


def _pick(log_weight: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Systematic resampling."""
    edges = np.cumsum(special.softmax(log_weight))
    at = (rng.random() + np.arange(MANY)) / MANY
    return np.minimum(np.searchsorted(edges, at), MANY - 1)
