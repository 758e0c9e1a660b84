"""How much must a curve vary by chance alone, whatever few prompts happen to show?

At n near N a prompt's value hangs on one answer. If that answer is nearly always bad, all prompts
seen may agree although gold is sometimes good; the spread between prompts then says nothing. What
is known from many answers at smaller n gives a floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.judges.pressure.order import best_of, rank_weights, sizes

Floats = NDArray[np.float64]

_PROMPTS = 24
"""Prompts whose ties are looked at: they have much the same."""


@dataclass(frozen=True, eq=False)
class Floors:
    """What chance adds to each column of the curves by prompt.

    Attributes:
        variance: shape (k,), of gold of the answer picked among n, within a prompt.
        overlap: shape (k, k), Σ w_a w_b over answers, for the weights behind two columns: one
            over its diagonal is the number of independent answers that a value rests on.
    """

    variance: Floats
    overlap: Floats

    @property
    def worth(self) -> Floats:
        """Independent answers behind a prompt's value at each n, at least 1."""
        return np.asarray(np.maximum(1 / np.diag(self.overlap), 1.0))

    def between(self, at: int, others: NDArray[np.int64]) -> Floats:
        """Variance of a prompt's difference between two columns, if gold were alike in both.

        That of the smaller n, which rests on more answers.
        """
        own = np.diag(self.overlap)
        apart = own[at] + own[others] - 2 * self.overlap[at, others]
        return np.asarray(self.variance[np.minimum(others, at)] * np.maximum(apart, 0.0))


def floors(judge: Sequence[ArrayLike], gold: Sequence[ArrayLike], n: ArrayLike) -> Floors:
    """Floors from the answers of every prompt.

    Args:
        judge, gold: one row a prompt, of any lengths of at least the largest n.
        n: shape (k,), rising.
    """
    scores = [np.asarray(row, dtype=float) for row in judge]
    worth = [np.asarray(row, dtype=float) for row in gold]
    size = sizes(min(row.size for row in scores), n)
    middle = float(np.mean([row.mean() for row in worth]))
    variance = np.zeros(size.size)
    lengths = np.array([row.size for row in scores])
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length)
        u = np.stack([scores[i] for i in alike])
        g = np.stack([worth[i] for i in alike]) - middle
        mean, square = best_of(u, g, size), best_of(u, g * g, size)
        variance += np.maximum(square - mean**2, 0.0).sum(axis=0)
    some = np.unique(np.linspace(0, len(scores) - 1, _PROMPTS).round().astype(int))
    plain: dict[int, Floats] = {}
    overlap = np.zeros((size.size, size.size))
    for i in some:
        overlap += _overlap(scores[i], size, plain)
    return Floors(variance / len(scores), overlap / some.size)


def _overlap(score: Floats, n: NDArray[np.int64], plain: dict[int, Floats]) -> Floats:
    _, count = np.unique(score, return_counts=True)
    if count.size == score.size and score.size in plain:
        return plain[score.size]
    weights = rank_weights(score.size, n)
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    level = np.add.reduceat(weights, starts, axis=1)
    found = np.asarray((level / count) @ level.T)
    if count.size == score.size:
        plain[score.size] = found
    return found
