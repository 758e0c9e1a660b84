"""What would a subject score on the whole bank? What it scored, and the rest predicted."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from calibrant.quality.bank import Bank, Floats
from calibrant.quality.scoring.kernel import Kernel, answered_of

_HALVINGS = 50


def whole_score(
    bank: Bank, grid: Kernel, log_density: Floats, weights: Floats, level: float
) -> Floats:
    """Shape (3, subjects): the expected mean score over all items of the bank, and its interval.

    Answers that were given count as they are. The others are predicted: the interval is for the
    score itself, so it holds the chance of each unseen answer besides what is not known of the
    ability. (Scoring by predicted answers is p-IRT in Polo et al., tinyBenchmarks, ICML 2024.)

    Args:
        log_density: shape (subjects, points), of ability, up to a constant.
        weights: shape (subjects, items, categories), see `answer_weights`.
    """
    worth = np.where(np.isnan(bank.values), 0.0, bank.values)
    seen = np.einsum("sjc,jc->s", weights, worth)
    unseen = 1.0 - answered_of(weights)
    expected = np.einsum("qjc,jc->qj", grid.curves.p, worth)
    spread = np.maximum(np.einsum("qjc,jc->qj", grid.curves.p, worth**2) - expected**2, 0.0)
    share = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    mean, variance = unseen @ expected.T, unseen @ spread.T
    middle = (share * mean).sum(axis=1)
    tail = (1.0 - level) / 2
    ends = [_mixture_quantile(share, mean, variance, q) for q in (tail, 1.0 - tail)]
    least = unseen @ np.nanmin(bank.values, axis=1)
    most = unseen @ np.nanmax(bank.values, axis=1)
    if np.array_equal(bank.values, np.tile([0.0, 1.0], (len(worth), 1))):
        # Totals are whole: P(X ≤ k) is taken at k + ½.
        ends = [np.ceil(e - 0.5) for e in ends]
    low, high = (np.clip(e, least, most) for e in ends)
    found: Floats = (seen + np.stack([middle, low, high])) / len(worth)
    return found


def _mixture_quantile(share: Floats, mean: Floats, variance: Floats, q: float) -> Floats:
    """Quantile of a mixture of normals, row by row, by halving."""
    sd = np.sqrt(np.maximum(variance, 1e-18))
    matters = share > 1e-12
    reach = -ndtri(min(q, 1 - q)) + 1.0
    low = np.where(matters, mean - reach * sd, np.inf).min(axis=1)
    high = np.where(matters, mean + reach * sd, -np.inf).max(axis=1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = (share * ndtr((middle[:, None] - mean) / sd)).sum(axis=1) < q
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: Floats = (low + high) / 2
    return found
