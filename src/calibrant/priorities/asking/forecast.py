"""How much less regret is to be expected, once the chosen questions are answered?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.asking.choose import Choice
from calibrant.priorities.asking.worth import Outlook, updated

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DRAWS = 2000


def after(
    look: Outlook, chosen: Sequence[Choice], own: Bools, answering: Floats, k: int,
    scale: tuple[float, float], seed: int,
) -> float:  # fmt: skip
    """Expected regret of the best k per funded area, once those who know have answered.

    The oracle's expectation stays; what rises is that of the best k by the belief to come, whose
    means are drawn from what is believed now.
    """
    rng = np.random.default_rng(seed)
    later = look
    for c in chosen:
        if rng.random() < answering[c.area]:
            later = updated(later, c.rater, c.area, own[c.rater])
    part = slice(0, 2 * look.areas)
    mean, now, rest = look.mean[part], look.covariance[part, part], later.covariance[part, part]
    size = len(mean) // 2
    z = rng.standard_normal((2, _DRAWS, 2 * size))
    moved = mean + z[0] @ _root(now - rest).T
    truth = np.clip(moved + z[1] @ _root(rest).T, *scale)
    score = truth[:, :size] * truth[:, size:]
    # What will be expected of each area's product, given the means to come.
    together = rest[np.arange(size), size + np.arange(size)]
    expected = moved[:, :size] * moved[:, size:] + together
    top = np.partition(score, size - k, axis=1)[:, size - k :].sum(axis=1)
    taken = np.argpartition(-expected, k - 1, axis=1)[:, :k]
    got = np.take_along_axis(score, taken, axis=1).sum(axis=1)
    return float((top - got).mean() / k)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
