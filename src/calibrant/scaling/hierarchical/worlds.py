"""Worlds in which the truth is known: families that grow smoothly, break, hide or stray."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit

from calibrant.scaling.hierarchical.layout import elbow
from calibrant.scaling.scores import Floats, Scores, scores

World = Literal["smooth", "bent", "heavy", "broken", "hidden"]


def world(
    kind: World,
    rng: np.random.Generator,
    *,
    families: int = 8,
    members: int = 5,
    measures: int = 3,
    reach: float = 0.7,
    new: int = 2,
) -> tuple[Scores, Scores]:
    """Known scores, and those of later subjects: a next member of each family, and new families.

    Args:
        kind: "smooth": sigmoids of one ability, differing families. "bent": they also bend.
            "heavy": some families are far from all others, and noise has heavy tails. "broken":
            beyond the known scales families grow twice as fast. "hidden": beyond the known
            scales a third of subjects have a skill on one measure that none showed before.
        families, members, measures: known families, their members, and measures.
        reach: orders of magnitude by which later subjects are larger than the largest known.
        new: families of which nothing is known.
    """
    both = families + new
    low = rng.uniform(20, 21.3, both)
    size = low[:, None] + np.linspace(0, 1.5, members)
    size = np.hstack([size, 22.8 + rng.uniform(0.1, reach, (both, 1))])
    later = np.zeros(size.shape, dtype=bool)
    later[:, -1] = True
    rows = np.ones(size.shape, dtype=bool)
    rows[families:, :-1] = False
    family, place = np.nonzero(rows)
    x, ahead = size[family, place] - 21.5, later[family, place]
    start = rng.standard_t(2 if kind == "heavy" else 50, both) * 0.4
    growth = 1 + 0.15 * rng.standard_normal(both)
    if kind == "broken":
        x = np.where(ahead, 1.3 + 2 * (x - 1.3), x)
    ability = start[family] + growth[family] * x + 0.1 * rng.standard_normal(x.size)
    return _scored(kind, rng, family, size[family, place], ahead, ability, measures)


def _scored(
    kind: World, rng: np.random.Generator, family: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    size: Floats, ahead: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ability: Floats,
    measures: int,
) -> tuple[Scores, Scores]:  # fmt: skip
    """Scores of subjects on measures of which the slopes, levels and noises differ."""
    subjects = family.size
    names = np.array([f"s{i:03d}" for i in range(subjects)])
    measure = np.repeat(np.arange(measures), subjects)
    slope = rng.uniform(0.4, 1.3, measures)
    level = rng.uniform(-1.5, 0.8, measures)
    bend = rng.normal(0, 0.15, measures) if kind == "bent" else np.zeros(measures)
    of = rng.normal(0, 0.3, (family.max() + 1, measures))
    a = np.tile(ability, measures)
    eta = level[measure] + slope[measure] * a + bend[measure] * elbow(a)[0]
    eta = eta + of[np.tile(family, measures), measure]
    if kind == "hidden":
        skilled = np.tile(ahead & (rng.random(subjects) < 1 / 3), measures)
        eta = np.where(skilled & (measure == 0), eta + 4, eta)
    mean = expit(eta)
    tails = 2.5 if kind == "heavy" else 30.0
    noise = 0.08 * rng.standard_t(tails, mean.size) * np.sqrt(mean * (1 - mean) + 0.01)
    found = scores(
        np.clip(mean + noise, 0, 1), np.tile(size, measures),
        family=np.tile(np.array([f"f{f:02d}" for f in family]), measures),
        subject=np.tile(names, measures), measure=np.array([f"m{m}" for m in measure]),
    )  # fmt: skip
    is_later = np.tile(ahead, measures)
    return found.take(~is_later), found.take(is_later)
