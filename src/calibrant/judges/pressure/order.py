"""How good is the answer that the judge likes best among n? One pass over N answers, for every n.

Each of the C(N, n) ways to choose n of the N answers counts alike, so the estimate is unbiased
for every n ≤ N and needs no chance: the answer of rank r (1 is worst) is the best of
C(r - 1, n - 1) of them. It is the U-statistic behind the unbiased pass@k (Chen et al.,
arXiv:2107.03374, equation 1); for best-of-n it was used by Nakano et al. (arXiv:2112.09332,
appendix I) and Gao, Schulman and Hilton (ICML 2023).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 2**22
"""Weights that are held at once."""


def rank_weights(answers: int, n: ArrayLike) -> Floats:
    """The chance that the answer of each rank is the best of n drawn without replacement.

    Args:
        answers: N, at least 1.
        n: shape (k,), whole numbers in 1–N.

    Returns:
        Shape (k, N), ranks from worst to best; rows add up to 1. Computed by logarithms, good to
        about 1e-11 for N of ten thousand.

    Raises:
        InputError: for an n outside 1–N.
    """
    size = sizes(answers, n)
    log = gammaln(np.arange(answers + 1) + 1.0)  # of factorials
    rank = np.arange(1, answers + 1)
    short = rank[None, :] - size[:, None]
    logs = log[rank - 1][None, :] - log[np.maximum(short, 0)] - log[size - 1][:, None]
    logs -= (log[answers] - log[size] - log[answers - size])[:, None]
    weights = np.where(short >= 0, np.exp(np.minimum(logs, 0.0)), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def best_of(judge: ArrayLike, value: ArrayLike, n: ArrayLike) -> Floats:
    """The mean value of the answer with the highest judge score among n, for each prompt.

    Answers that the judge scores alike are taken to be picked at random among themselves, so each
    counts with the mean value of its group.

    Args:
        judge: shape (prompts, N), finite scores; higher is better.
        value: the same shape: the gold score, or the judge's own.
        n: shape (k,), whole numbers in 1–N.

    Returns:
        Shape (prompts, k), unbiased for independent answers.

    Raises:
        InputError: for shapes that differ, numbers that are not finite, or an n outside 1–N.
    """
    score, worth = np.asarray(judge, float), np.asarray(value, float)
    if score.ndim != 2 or score.shape != worth.shape or score.size == 0:
        raise InputError(
            f"judge, value: wanted one shape (prompts, answers), got {score.shape}, {worth.shape}"
        )
    if not (np.isfinite(score).all() and np.isfinite(worth).all()):
        raise InputError("judge, value: wanted finite numbers, got some that are not")
    answers = score.shape[1]
    size = sizes(answers, n)
    ranked = by_rank(score, worth)
    found = np.empty((score.shape[0], size.size))
    for part, first in _blocks(size, answers):
        # Ranks below the smallest n of the block are never the best.
        found[:, part] = ranked[:, first:] @ rank_weights(answers, size[part])[:, first:].T
    return found


def by_rank(judge: Floats, value: Floats) -> Floats:
    """Values in the order of the judge's scores, the worst first; ties share their mean."""
    order = np.argsort(judge, axis=1, kind="stable")
    score = np.take_along_axis(judge, order, axis=1)
    worth = np.take_along_axis(value, order, axis=1)
    new = np.ones(score.shape, dtype=bool)
    new[:, 1:] = score[:, 1:] != score[:, :-1]
    if new.all():
        return worth
    group = np.cumsum(new.ravel()) - 1
    mean = np.bincount(group, worth.ravel()) / np.bincount(group)
    return np.asarray(mean[group].reshape(worth.shape))


def level_shares(judge: ArrayLike) -> list[Floats]:
    """For each prompt the share of its answers on each distinct score, the lowest first."""
    rows = np.asarray(judge, float)
    return [np.unique(row, return_counts=True)[1] / row.size for row in rows]


def grid(most: int, points: int = 96) -> Ints:
    """Every n up to 48, and then as many steps of equal ratio as make `points`, up to `most`."""
    few = np.arange(1, min(most, points // 2) + 1)
    if most <= points:
        return np.arange(1, most + 1)
    more = np.geomspace(points // 2, most, points - few.size + 1)
    return np.unique(np.concatenate([few, np.rint(more).astype(np.int64)]))


def sizes(answers: int, n: ArrayLike) -> Ints:
    """`n` as whole numbers.

    Raises:
        InputError: for something else, or numbers outside 1–`answers`.
    """
    size = np.asarray(n)
    if size.ndim != 1 or size.size == 0 or size.dtype.kind not in "iu":
        raise InputError(f"n: wanted a row of whole numbers, got {size.dtype} of {size.shape}")
    if size.min() < 1 or size.max() > answers:
        wrong = size[(size < 1) | (size > answers)][0]
        raise InputError(f"n: wanted 1–{answers}, the number of answers, got {wrong}")
    return size.astype(np.int64)


def _blocks(size: Ints, answers: int) -> Iterator[tuple[Ints, int]]:
    order = np.argsort(size, kind="stable")
    step = max(1, _CELLS // answers)
    for start in range(0, size.size, step):
        part = order[start : start + step]
        yield part, int(size[part[0]]) - 1
