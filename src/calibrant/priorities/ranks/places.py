"""Where does each area stand? Ranks of joint draws, and statements about them with error rates."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Score = Literal["promise", "sum", "minimum", "gap"]
SCORES: tuple[str, ...] = get_args(Score)
"""What areas can be ranked by, beside any question alone."""


def scores(
    posterior: AreaPosterior,
    by: str = "promise",
    first: str = "importance",
    second: str = "tractability",
) -> Floats:
    """Draws of what areas are ranked by, shape (draws, areas); more is better.

    Args:
        by: "promise" (the product of the two questions), "sum", "minimum", "gap" (first less
            second: important and hard), or the name of a question.

    Raises:
        InputError: for a question that was not asked.
    """
    wanted = (first, second) if by in SCORES else (by,)
    for name in wanted:
        if name not in posterior.draws:
            known = ", ".join([*SCORES, *posterior.draws])
            raise InputError(f"by {by}: no question {name!r}; there are {known}")
    if by not in SCORES:
        return posterior.draws[by]
    a, b = posterior.draws[first], posterior.draws[second]
    match by:
        case "promise":
            return a * b
        case "sum":
            return a + b
        case "minimum":
            return np.asarray(np.minimum(a, b))
    return a - b


def places(score: Floats, seed: int = 0) -> Ints:
    """Rank of each area in each draw, 1 for the highest score; equals are put in random order.

    Args:
        score: shape (draws, areas).

    Returns:
        Shape (draws, areas); every row is a permutation of 1 to areas.
    """
    coin = np.random.default_rng(seed).random(score.shape)
    order = np.lexsort((coin, -score), axis=1)
    out = np.empty(score.shape, dtype=np.int64)
    np.put_along_axis(out, order, np.arange(1, score.shape[1] + 1)[None, :], axis=1)
    return out


def top_chance(ranks: Ints, k: int) -> Floats:
    """P(top k) of each area: share of draws in which it stands among the first `k`."""
    return np.asarray((ranks <= k).mean(axis=0))


def limits(ranks: Ints, level: float = 0.9) -> tuple[Ints, Ints]:
    """Equal-tailed interval of each area's own rank.

    No more than (1 − level) / 2 of the draws lie on either side, so an interval holds its area's
    rank with posterior probability of at least `level`; taken over all areas, that share of them.
    """
    outside = int((1 - level) / 2 * ranks.shape[0] + 1e-9)
    ordered = np.sort(ranks, axis=0)
    return ordered[outside], ordered[-1 - outside]


def joint_limits(ranks: Ints, level: float = 0.9) -> tuple[Ints, Ints]:
    """Intervals that hold all areas' ranks at once with posterior probability of at least `level`.

    Every draw lies at some depth: the least tail probability of any of its areas' ranks. The
    draws no deeper than the (1 − level) quantile are left out, and what the rest span is said
    (Besag, Green, Higdon and Mengersen, Statistical Science 10 (1995) 30, with ties).
    """
    draws, size = ranks.shape
    depth = np.empty(ranks.shape)
    for a in range(size):
        count = np.bincount(ranks[:, a], minlength=size + 1)
        below = np.cumsum(count)
        tail = np.minimum(below, draws - below + count)
        depth[:, a] = tail[ranks[:, a]]
    least = depth.min(axis=1)
    kept = least >= np.sort(least)[int((1 - level) * draws + 1e-9)]
    inside = ranks[kept]
    return inside.min(axis=0), inside.max(axis=0)


def best(score: Floats, k: int) -> Ints:
    """The `k` areas of the highest expected score, best first: no other set of k has a higher
    expected sum, nor a lower expected regret."""
    return np.argsort(-score.mean(axis=0), kind="stable")[:k]


def regrets(score: Floats, chosen: Ints) -> Floats:
    """What funding `chosen` loses against the best set of that size, per funded area.

    Args:
        score: shape (draws, areas).
        chosen: shape (k,), places of the areas.

    Returns:
        Shape (draws,), in units of the score; 0 where they are the best.
    """
    k, size = chosen.size, score.shape[1]
    top = np.partition(score, size - k, axis=1)[:, size - k :].sum(axis=1)
    return np.asarray(np.maximum(top - score[:, chosen].sum(axis=1), 0.0) / k)
