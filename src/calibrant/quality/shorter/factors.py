"""How do items go together? A logistic factor model of few subjects' scores on many items.

P(x_ij = 1) = expit(b_j + a_j · z_i), z_i ~ N(0, I), and (b_j, a_j) ~ N(m_c, S) with a mean for each
category c of items. Leaderboards have tens of subjects and hundreds of items, so that a slope of
one item alone is mostly chance: the normal distribution that slopes share, learnt from all items,
shrinks them, and every prediction carries what remains unknown of them. Slopes have signs: an item
that able subjects fail predicts, the other way round.

Variational Bayes with Pólya–Gamma weights (Polson, Scott and Windle, JASA 108 (2013); Jaakkola and
Jordan 2000). A score between 0 and 1 counts as a share of right answers, and is the more precise
the smaller the item's dispersion (the quasi-likelihood of Wedderburn 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ITERATIONS, TOLERANCE = 80, 2e-3
DISPERSION = 0.3
"""Least dispersion of an item: what one graded answer may tell beyond a right or wrong one."""
_PRIOR_SUBJECTS = 5.0
"""Subjects' worth of dispersion 1 that an item's own is drawn towards."""
_RIDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Factors:
    """Items' parameters, K dimensions.

    Attributes:
        mean: shape (items, 1 + K), intercept and slopes, on the logit scale.
        covariance: shape (items, 1 + K, 1 + K), what is unknown of them.
        dispersion: shape (items,), variance of a score over that of a right-or-wrong one, 0.3–1.
    """

    mean: Floats
    covariance: Floats
    dispersion: Floats

    @property
    def dimensions(self) -> int:
        """How many numbers describe a subject."""
        return int(self.mean.shape[1] - 1)

    def expected(self, places: Floats) -> Floats:
        """Shape (places, items): expected scores, averaged over what is unknown of the items.

        Args:
            places: shape (places, K), standard normal among calibration subjects.
        """
        ones = np.hstack([np.ones((len(places), 1)), places])
        squares = (ones[:, :, None] * ones[:, None, :]).reshape(len(ones), -1)
        spread = squares @ self.covariance.reshape(len(self.covariance), -1).T
        # The mean of a logistic curve over a normal, by the probit's (MacKay 1992).
        shares: Floats = expit((ones @ self.mean.T) / np.sqrt(1.0 + np.pi / 8.0 * spread))
        return np.clip(shares, 1e-6, 1.0 - 1e-6)


def fit_factors(scores: Floats, dimensions: int, groups: Ints | None = None) -> Factors:
    """Fit the model.

    Args:
        scores: shape (subjects, items), 0–1, NaN where there is none; every item has some.
        dimensions: K, at least 1; more than are there do no harm, as slopes shrink together.
        groups: the number of each item's category; by default all are of one.
    """
    items = scores.shape[1]
    group = np.zeros(items, np.int64) if groups is None else groups
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, 0.0)
    places, unsure = _start(filled, seen, dimensions)
    wide = dimensions + 1
    spread = np.eye(wide)
    centre = np.zeros((int(group.max()) + 1, wide))
    centre[:, 1] = 1.0
    half = np.where(seen, filled - 0.5, 0.0)
    tilt = np.ones(scores.shape)
    mean, before = np.zeros((items, wide)), np.zeros((items, wide))
    covariance = np.zeros((items, wide, wide))
    for _ in range(ITERATIONS):
        second = _second(places, unsure)
        weight = _weights(tilt, seen)
        covariance, mean = _of_items(half, weight, places, second, centre[group], spread)
        for c in range(len(centre)):
            centre[c] = mean[group == c].mean(axis=0)
        off = mean - centre[group]
        spread = (off.T @ off + covariance.sum(axis=0)) / items + _RIDGE * np.eye(wide)
        both = covariance + mean[:, :, None] * mean[:, None, :]
        weight = _weights(_tilts(second, both), seen)
        places, unsure = _of_subjects(half, weight, mean, both)
        tilt = _tilts(_second(places, unsure), both)
        turn, places, unsure = _standard(places, unsure)
        mean, centre = mean @ turn.T, centre @ turn.T
        covariance = np.asarray(turn @ covariance @ turn.T, np.float64)
        spread = np.asarray(turn @ spread @ turn.T, np.float64)
        if np.abs(mean - before).max() < TOLERANCE:
            break
        before = mean
    found = Factors(mean, covariance, np.ones(items))
    return Factors(mean, covariance, _dispersion(scores, found.expected(places)))


def _start(filled: Floats, seen: NDArray[np.bool_], k: int) -> tuple[Floats, Floats]:
    """Places by principal components, the slopes' sum positive."""
    mean = filled.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    left, _, right = np.linalg.svd(np.where(seen, filled - mean, 0.0), full_matrices=False)
    sign = np.where(right[:k].sum(axis=1) < 0, -1.0, 1.0)
    return left[:, :k] * sign * np.sqrt(len(filled)), np.tile(0.1 * np.eye(k), (len(filled), 1, 1))


def _second(places: Floats, unsure: Floats) -> Floats:
    """Shape (subjects, 1 + K, 1 + K): second moments of (1, z)."""
    ones = np.hstack([np.ones((len(places), 1)), places])
    moments: Floats = ones[:, :, None] * ones[:, None, :]
    moments[:, 1:, 1:] += unsure
    return moments


def _tilts(second: Floats, both: Floats) -> Floats:
    """Shape (subjects, items): mean squares of the logits."""
    squares: Floats = second.reshape(len(second), -1) @ both.reshape(len(both), -1).T
    return np.maximum(squares, 1e-8)


def _weights(tilt: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Means of Pólya–Gamma variables, 0 where there is no score."""
    c = np.sqrt(tilt)
    return np.where(seen, np.tanh(c / 2.0) / (2.0 * c), 0.0)


def _of_items(
    half: Floats, weight: Floats, places: Floats, second: Floats, centre: Floats, spread: Floats
) -> tuple[Floats, Floats]:
    """Covariances and means of items' parameters, given subjects."""
    inverse = np.linalg.inv(spread)
    ones = np.hstack([np.ones((len(places), 1)), places])
    precision = (weight.T @ second.reshape(len(second), -1)).reshape(-1, *inverse.shape) + inverse
    covariance: Floats = np.linalg.inv(precision)
    mean: Floats = np.einsum("jkl,jl->jk", covariance, half.T @ ones + centre @ inverse)
    return covariance, mean


def _of_subjects(half: Floats, weight: Floats, mean: Floats, both: Floats) -> tuple[Floats, Floats]:
    """Means and covariances of subjects' places, given items."""
    k = mean.shape[1] - 1
    slopes = both[:, 1:, 1:].reshape(len(both), -1)
    unsure: Floats = np.asarray(
        np.linalg.inv((weight @ slopes).reshape(-1, k, k) + np.eye(k)), np.float64
    )
    pull = half @ mean[:, 1:] - weight @ both[:, 1:, 0]
    places: Floats = np.einsum("ikl,il->ik", unsure, pull)
    return places, unsure


def _standard(places: Floats, unsure: Floats) -> tuple[Floats, Floats, Floats]:
    """Places with mean 0 and covariance I, and what items' parameters are multiplied by for it."""
    middle = places.mean(axis=0)
    off = places - middle
    root = np.linalg.cholesky(off.T @ off / len(off) + unsure.mean(axis=0))
    back = np.linalg.inv(root)
    turn = np.eye(len(middle) + 1)
    turn[1:, 1:] = root.T
    turn[0, 1:] = middle
    return turn, off @ back.T, back @ unsure @ back.T


def _dispersion(scores: Floats, expected: Floats) -> Floats:
    """Squared residuals over those of right-or-wrong answers, drawn towards 1."""
    seen = ~np.isnan(scores)
    left = np.where(seen, np.square(np.where(seen, scores, 0.0) - expected), 0.0).sum(axis=0)
    wanted = np.where(seen, expected * (1.0 - expected), 0.0).sum(axis=0)
    count = seen.sum(axis=0)
    ratio = (count * left / wanted + _PRIOR_SUBJECTS) / (count + _PRIOR_SUBJECTS)
    shrunk: Floats = np.clip(ratio, DISPERSION, 1.0)
    return shrunk
