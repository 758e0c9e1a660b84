"""Which fixed items, and with what weights? Forms chosen for the full score of all subjects.

A form is an order of items: its first n are the form of length n. Each next item is the one that
lowers most the mean, over subjects like those of the calibration, of the variance with which the
full score would be known (Bayesian c-optimality for the gradient of the full score, with the
information of the logistic model; Chaloner and Verdinelli, Statistical Science 10 (1995)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from calibrant.quality.shorter.factors import Factors
from calibrant.quality.shorter.posterior import Cloud

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_REFERENCES = 96
"""Places, evenly spread over the prior, at which variances are compared."""


def wrong_way(cloud: Cloud, worth: Floats) -> NDArray[np.bool_]:
    """Shape (items,): items on which subjects with high full scores are expected to do worse."""
    total = cloud.expected @ worth
    total = total - total.mean()
    return np.asarray(total @ cloud.expected <= 0.0)


def form_order(
    factors: Factors,
    cloud: Cloud,
    worth: Floats,
    length: int,
    *,
    barred: NDArray[np.bool_] | None = None,
    groups: Ints | None = None,
) -> Ints:
    """The items of a form, the most useful first.

    Args:
        worth: shape (items,), sums to 1.
        length: how many; fewer come back where fewer are allowed.
        barred: shape (items,), items that may not be in it.
        groups: each item's category, to give each its part of the form at every length.
    """
    free = np.ones(len(worth), np.bool_) if barred is None else ~barred
    p = cloud.expected[:_REFERENCES]
    slopes = factors.mean[:, 1:]
    rise = p * (1.0 - p)
    gradient = (rise * worth) @ slopes
    k = slopes.shape[1]
    unknown = np.tile(np.eye(k), (len(p), 1, 1))
    # What is unknown of an item's slopes makes its answer less telling, as noise does.
    noise = factors.dispersion * rise + np.square(rise) * _unsure(factors, cloud)
    wanted = None if groups is None else np.bincount(groups, weights=worth)
    used = None if wanted is None else np.zeros(len(wanted))
    chosen: list[int] = []
    for _ in range(min(length, int(free.sum()))):
        toward = np.einsum("ikl,il->ik", unknown, gradient)
        push = rise * (toward @ slopes.T)
        own = np.square(rise) * np.einsum("ikl,jk,jl->ij", unknown, slopes, slopes, optimize=True)
        gain = (np.square(push) / (noise + own)).mean(axis=0)
        open_now = free
        if groups is not None and wanted is not None and used is not None:
            behind = wanted * (len(chosen) + 1) - used
            behind[np.bincount(groups[free], minlength=len(wanted)) == 0] = -np.inf
            open_now = free & (groups == int(np.argmax(behind)))
        best = int(np.argmax(np.where(open_now, gain, -1.0)))
        chosen.append(best)
        free = free.copy()
        free[best] = False
        if used is not None and groups is not None:
            used[groups[best]] += 1
        direction = np.einsum("ikl,l->ik", unknown, slopes[best]) * rise[:, best, None]
        total = noise[:, best] + own[:, best]
        unknown = unknown - direction[:, :, None] * direction[:, None, :] / total[:, None, None]
    return np.array(chosen, np.int64)


def _unsure(factors: Factors, cloud: Cloud) -> Floats:
    """Shape (references, items): variance of the logits for what is unknown of the items."""
    places = cloud.places[:_REFERENCES]
    ones = np.hstack([np.ones((len(places), 1)), places])
    squares = (ones[:, :, None] * ones[:, None, :]).reshape(len(ones), -1)
    spread: Floats = squares @ factors.covariance.reshape(len(factors.covariance), -1).T
    return spread


@dataclass(frozen=True, eq=False)
class Formula:
    """A full score by hand: intercept + Σ weight × score.

    Attributes:
        intercept, weights: for scores of 0–1; shape (form's items,).
        error: the model's standard error.
    """

    intercept: float
    weights: Floats
    error: float


def formula_of(factors: Factors, cloud: Cloud, worth: Floats, items: Ints) -> Formula:
    """The best linear predictor of the full score from some items, under the model.

    Its moments are the model's, not those of tens of subjects: these would fit chance.
    """
    mean = cloud.expected.mean(axis=0)
    off = cloud.expected - mean
    own = factors.dispersion * (mean - np.square(cloud.expected).mean(axis=0))
    total = off @ worth
    part = off[:, items]
    size = len(off)
    together = part.T @ part / size + np.diag(own[items])
    toward = part.T @ total / size + worth[items] * own[items]
    weights: Floats = cho_solve(cho_factor(together), toward)
    variance = float(total @ total) / size + float(np.square(worth) @ own) - float(weights @ toward)
    intercept = float(worth @ mean - weights @ mean[items])
    return Formula(intercept, weights, float(np.sqrt(max(variance, 0.0))))
