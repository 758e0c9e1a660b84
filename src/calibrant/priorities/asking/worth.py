"""What is one more answer worth to the decision? Expected fall in regret, and simpler guides."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, roots_hermitenorm

from calibrant.priorities.linear import Belief

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Strategy = Literal["regret", "boundary", "uncertainty", "fewest", "random"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)

AHEAD = (1, 2, 4, 8)
"""So many answers about an area are imagined at most: one alone often cannot change what is funded,
and would seem worth nothing."""

_NODES, _WEIGHTS = roots_hermitenorm(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def promise(belief: Belief) -> tuple[Floats, Floats]:
    """Expected promise of each area, and its gradient in the coefficients.

    Returns:
        Shapes (areas,) and (areas, 2 × coefficients).
    """
    x, y = belief.areas(0), belief.areas(1)
    m, t = x @ belief.mean, y @ belief.mean
    # The expectation of a product holds the covariance of its factors.
    together = np.einsum("ij,ij->i", x @ belief.covariance, y)
    return m * t + together, t[:, None] * x + m[:, None] * y


def shifts(
    belief: Belief, gradient: Floats, rater: int, areas: Ints, own: Bools, ahead: int = 1
) -> Floats:
    """How far an answer about an area is expected to move every area's promise.

    Args:
        rater: who answers both questions.
        areas: shape (candidates,).
        own: shape (areas,), where the rater works.
        ahead: answers that are imagined at once; if more than one, of raters yet unknown.

    Returns:
        Shape (candidates, areas): standard deviations along the direction that moves the area
        asked about most.
    """
    if ahead == 1:
        x0, x1 = (belief.answers(rater, q, own)[areas] for q in range(2))
        noise = belief.noise
    else:
        # Those who would answer later are others, whose severity averages out as noise does.
        x0, x1 = (belief.areas(q)[areas] for q in range(2))
        noise = (belief.noise + belief.spread[2]) / ahead
    moved0, moved1 = x0 @ belief.covariance, x1 @ belief.covariance
    v = np.empty((areas.size, 2, 2))
    v[:, 0, 0] = np.einsum("ij,ij->i", moved0, x0)
    v[:, 1, 1] = np.einsum("ij,ij->i", moved1, x1)
    v[:, 0, 1] = v[:, 1, 0] = np.einsum("ij,ij->i", moved0, x1)
    v = v + noise
    root = np.linalg.cholesky(v)
    moved = np.stack([moved0 @ gradient.T, moved1 @ gradient.T], axis=1)
    shift = np.linalg.solve(root, moved)
    at_own = np.take_along_axis(shift, np.repeat(areas[:, None, None], 2, axis=1), axis=2)
    direction = at_own[:, :, 0]
    norm = np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)
    return np.asarray(np.einsum("cq,cqa->ca", direction / norm, shift))


def gain(mean: Floats, shift: Floats, k: int) -> Floats:
    """Expected rise of the best k areas' summed expected promise, once an answer is known.

    As much as the expected regret falls (the knowledge gradient: Frazier, Powell and Dayanik,
    INFORMS Journal on Computing 21 (2009) 599), by Gauss–Hermite quadrature.

    Args:
        mean: shape (areas,).
        shift: shape (candidates, areas).

    Returns:
        Shape (candidates,), per funded area.
    """
    size = mean.size
    now = np.sort(mean)[size - k :].sum()
    after = mean + _NODES[:, None, None] * shift
    top = np.partition(after, size - k, axis=2)[:, :, size - k :].sum(axis=2)
    return np.asarray(np.maximum((_WEIGHTS @ top) - now, 0.0) / k)


def worths(
    belief: Belief, strategy: Strategy, k: int, rater: int, areas: Ints, own: Bools
) -> Floats:
    """What asking the rater about each of `areas` is worth, for the strategies that use a belief.

    "regret": the fall in expected regret per answer, for the best number of answers imagined;
    "boundary": the fall in the expected number of areas on the wrong side of the top k;
    "uncertainty": the fall in the variance of the area's promise.
    """
    mean, gradient = promise(belief)
    if strategy == "regret":
        each = [gain(mean, shifts(belief, gradient, rater, areas, own, m), k) / m for m in AHEAD]
        return np.asarray(np.max(each, axis=0))
    variance = np.einsum("ij,ij->i", gradient @ belief.covariance, gradient)[areas]
    shift = shifts(belief, gradient, rater, areas, own)
    fall = np.square(shift[np.arange(areas.size), areas])
    if strategy == "uncertainty":
        return np.asarray(fall)
    ordered = np.sort(mean)
    edge = (ordered[-k] + ordered[-k - 1]) / 2
    away = -np.abs(mean[areas] - edge)
    rest = np.sqrt(np.maximum(variance - fall, 1e-12))
    return np.asarray(np.maximum(ndtr(away / np.sqrt(variance)) - ndtr(away / rest), 0.0))


def updated(belief: Belief, rater: int, area: int, own: Bools) -> Belief:
    """The belief once the rater's answers about the area will be in: the mean is expected to stay,
    and only the covariance shrinks."""
    x = np.stack([belief.answers(rater, q, own)[area] for q in range(2)])
    moved = belief.covariance @ x.T
    fall = moved @ np.linalg.solve(x @ moved + belief.noise, moved.T)
    covariance = belief.covariance - fall
    return replace(belief, covariance=(covariance + covariance.T) / 2)
