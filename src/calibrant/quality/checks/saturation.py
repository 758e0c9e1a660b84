"""How much room is left above the best subjects, and how much of it is broken items?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Saturation:
    """The frontier on a benchmark.

    Attributes:
        best: the highest mean score, 0–1, of subjects with at least half the items.
        leader: who has it.
        top: how many of the best subjects `solved` is about.
        solved: share of items that all of them get fully right.
        unsolved: share that no subject gets any of.
        flawed: share of items whose key is suspect or that nobody gets: what may never be scored.
        headroom: 1 − best.
        room: what is left of the headroom without flawed items: the share of sound items, by
            score, that the leader still fails.
        contested: share of items on which the best subjects differ at all: what ranks them.
    """

    best: float
    leader: int
    top: int
    solved: float
    unsolved: float
    flawed: float
    headroom: float
    room: float
    contested: float


def saturation(unit: Floats, flawed: list[int], *, top: int = 5) -> Saturation:
    """Look at the best subjects and at what they do not get.

    Args:
        unit: shape (subjects, items), in 0–1, NaN where there is none.
        flawed: items whose key is suspect.
        top: how many subjects are the frontier; fewer if there are fewer.
    """
    seen = ~np.isnan(unit)
    score = np.where(seen, unit, 0.0)
    count = seen.sum(axis=1)
    mean = np.where(count * 2 >= unit.shape[1], score.sum(axis=1) / np.maximum(count, 1), -1.0)
    if (mean < 0).all():
        mean = np.where(count > 0, score.sum(axis=1) / np.maximum(count, 1), -1.0)
    order = np.argsort(-mean, kind="stable")
    top = min(top, int((mean >= 0).sum()))
    best = order[:top]
    asked = seen[best].any(axis=0)
    full = np.where(seen[best], unit[best] >= 1.0, True).all(axis=0) & asked
    least = np.where(seen[best], unit[best], np.inf).min(axis=0)
    most = np.where(seen[best], unit[best], -np.inf).max(axis=0)
    nobody = seen.any(axis=0) & (score.sum(axis=0) <= 0.0)
    broken = nobody.copy()
    broken[flawed] = True
    leader = int(order[0])
    sound = seen[leader] & ~broken
    left = float((1.0 - unit[leader, sound]).mean()) if sound.any() else 0.0
    return Saturation(
        float(mean[leader]), leader, top, float(full.mean()), float(nobody.mean()),
        float(broken.mean()), 1.0 - float(mean[leader]), left,
        float((asked & (most > least)).mean()),
    )  # fmt: skip
