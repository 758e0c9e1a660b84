"""Which axes make factors readable? Orthogonal and oblique rotations by gradient projection.

Jennrich, Psychometrika 66 (2001) 289 and 67 (2002) 7; Bernaards and Jennrich, Educ. Psychol. Meas.
65 (2005) 676. Promax: Hendrickson and White, Br. J. Stat. Psychol. 17 (1964) 65.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Rotation = Literal["none", "varimax", "promax", "oblimin"]
ROTATIONS: tuple[Rotation, ...] = ("none", "varimax", "promax", "oblimin")
Criterion = Callable[[Floats], tuple[float, Floats]]
STARTS = 12


def rotate(loadings: Floats, rotation: Rotation, *, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Rotated loadings Λ, the factors' correlations Φ, and T: the new factors are θ T.

    Args:
        loadings: shape (items, factors), of uncorrelated factors.
        rotation: oblimin is with γ = 0 (quartimin).
        seed: of the random starts, of which the best is kept.

    Raises:
        InputError: for a rotation that there is not.
    """
    if rotation not in ROTATIONS:
        raise InputError(f"rotation: wanted {', '.join(ROTATIONS)}, got {rotation!r}")
    size = loadings.shape[1]
    if rotation == "none" or size == 1:
        turn = np.eye(size)
    elif rotation == "varimax":
        turn = _best(loadings, varimax, seed, oblique=False)
    elif rotation == "oblimin":
        turn = _best(loadings, quartimin, seed, oblique=True)
    else:
        turn = _promax(loadings, seed)
    return _aligned(loadings, turn)


def varimax(loadings: Floats) -> tuple[float, Floats]:
    """Minus the variance of squared loadings within factors, and its gradient."""
    square = loadings**2
    centred = square - square.mean(axis=0)
    return -float((centred**2).sum()) / 4, -loadings * centred


def quartimin(loadings: Floats) -> tuple[float, Floats]:
    """Products of squared loadings of one item on two factors, and its gradient."""
    square = loadings**2
    others = square.sum(axis=1, keepdims=True) - square
    return float((square * others).sum()) / 4, loadings * others


def _best(loadings: Floats, criterion: Criterion, seed: int, *, oblique: bool) -> Floats:
    size = loadings.shape[1]
    rng = np.random.default_rng(seed)
    best, lowest = np.eye(size), np.inf
    for start in range(STARTS):
        turn = np.eye(size) if start == 0 else np.linalg.qr(rng.normal(size=(size, size)))[0]
        turn, value = (_oblique if oblique else _orthogonal)(loadings, criterion, turn)
        if value < lowest - 1e-12:
            best, lowest = turn, value
    return best


def _orthogonal(loadings: Floats, criterion: Criterion, turn: Floats) -> tuple[Floats, float]:
    value, slope = criterion(loadings @ turn)
    gradient, step = loadings.T @ slope, 1.0
    for _ in range(500):
        inner = turn.T @ gradient
        along = gradient - turn @ (inner + inner.T) / 2
        size = float(np.linalg.norm(along))
        if size < 1e-9:
            break
        step *= 2
        for _ in range(30):
            u, _, v = np.linalg.svd(turn - step * along)
            trial, trial_slope = criterion(loadings @ (u @ v))
            if trial < value - 0.5 * size**2 * step:
                break
            step /= 2
        else:
            break
        turn, value, gradient = u @ v, trial, loadings.T @ trial_slope
    return turn, value


def _oblique(loadings: Floats, criterion: Criterion, turn: Floats) -> tuple[Floats, float]:
    def at(t: Floats) -> tuple[float, Floats]:
        inverse = np.linalg.inv(t)
        rotated = loadings @ inverse.T
        value, slope = criterion(rotated)
        return value, -(rotated.T @ slope @ inverse).T

    value, gradient = at(turn)
    step = 1.0
    for _ in range(1000):
        along = gradient - turn * (turn * gradient).sum(axis=0)
        size = float(np.linalg.norm(along))
        if size < 1e-9:
            break
        step *= 2
        for _ in range(40):
            trial = turn - step * along
            trial = trial / np.sqrt((trial**2).sum(axis=0))
            found, slope = (np.inf, gradient) if np.linalg.cond(trial) > 1e8 else at(trial)
            if found < value - 0.5 * size**2 * step:
                break
            step /= 2
        else:
            break
        turn, value, gradient = trial, found, slope
    return turn, value


def _promax(loadings: Floats, seed: int, power: int = 4) -> Floats:
    turn = _best(loadings, varimax, seed, oblique=False)
    simple = loadings @ turn
    target = simple * np.abs(simple) ** (power - 1)
    fitted = np.linalg.lstsq(simple, target, rcond=None)[0]
    fitted = fitted * np.sqrt(np.diag(np.linalg.inv(fitted.T @ fitted)))
    # Λ = A (Tᵀ)⁻¹, so that T = (U⁻¹)ᵀ where Λ = A U.
    found: Floats = np.linalg.inv(turn @ fitted).T
    return found


def _aligned(loadings: Floats, turn: Floats) -> tuple[Floats, Floats, Floats]:
    """The strongest factor first, and every factor's loadings mostly positive."""
    rotated = loadings @ np.linalg.inv(turn).T
    order = np.argsort(-(rotated**2).sum(axis=0), kind="stable")
    turn, rotated = turn[:, order], rotated[:, order]
    sign = np.where(rotated.sum(axis=0) < 0, -1.0, 1.0)
    turn, rotated = turn * sign, rotated * sign
    return rotated, turn.T @ turn, turn
