"""Where do subjects stand on the axes of what is given, and how sure is that?

Probabilistic components (`scaling.axes.components`) of standardised scores, gaps missing at random.
Loadings come from subjects whose target is known; others are only placed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnfitError
from calibrant.scaling.axes.components import probabilistic

Floats = NDArray[np.float64]

FEWEST = 5
"""Known scores that a given measure needs to be part of the axes."""

WIDE = 2.0
"""Standard deviation, on each axis, of where a subject may stand that is not among those the axes
were found from: those have 1. Later subjects tend to stand beyond."""

ALONE = 0.3
"""Noise, in SDs of known subjects, of one measure alone, which tells nothing of its own."""

_TOLERANCE, _ROUNDS = 1e-5, 5000


@dataclass(frozen=True, eq=False)
class Standing:
    """Subjects on axes.

    Attributes:
        mean: shape (n, q); expected places, in standard deviations of the known subjects.
        spread: shape (n, q, q); how unsure they are.
    """

    mean: Floats
    spread: Floats


@dataclass(frozen=True, eq=False)
class Axes:
    """The axes of what is given, and who stands where.

    Attributes:
        used: shape (k,); whether each given measure is part of them.
        centre, size: shape (used,); what was taken off each and what it was divided by.
        weights: shape (used, q); scores of standardised measures for one unit of each axis.
        noise: standard deviation of what is left; `ALONE` for one measure, which is its own axis.
        known, here: places of those the axes were found from, and of those who are asked for.
        reliability: shape (q,); of the known places: 1 less the share of their variance that is
            doubt.
    """

    used: NDArray[np.bool_]
    centre: Floats
    size: Floats
    weights: Floats
    noise: float
    known: Standing
    here: Standing
    reliability: Floats


def placed(known: Floats, asked: Floats, *, axes: int) -> Axes:
    """Find axes from known subjects, and place others on them.

    Args:
        known: shape (n, k), given scores of subjects whose target is known; NaN where none is.
        asked: shape (m, k), of those to be placed.
        axes: at most; fewer where fewer measures are there than would tell them apart.

    Raises:
        UnfitError: if no measure has enough scores, or components cannot be fitted.
    """
    count = np.isfinite(known).sum(axis=0)
    varies = np.array([c.size > 0 and np.ptp(c) > 0 for c in (x[np.isfinite(x)] for x in known.T)])
    used = (count >= min(FEWEST, len(known))) & varies
    if not used.any():
        raise UnfitError(f"axes: no given measure has {FEWEST} scores that differ")
    x, y = known[:, used], asked[:, used]
    there = np.isfinite(x).any(axis=1)
    centre, size = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    x, y = (x - centre) / size, (y - centre) / size
    k = int(used.sum())
    q = min(axes, max(k - 1, 1), max(int(there.sum()) - 2, 1))
    if k == 1:
        weights, noise = np.full((1, 1), (1 - ALONE**2) ** 0.5), ALONE
        mean = np.zeros(1)
    else:
        found = probabilistic(x[there], axes=q, tolerance=_TOLERANCE, rounds=_ROUNDS)
        weights, noise, mean = found.weights, found.noise, found.mean
        weights = weights * np.where(weights.sum(axis=0) < 0, -1.0, 1.0)
    ours = standing(x - mean, weights, noise, 1.0)
    theirs = standing(y - mean, weights, noise, WIDE)
    doubt = np.diagonal(ours.spread, axis1=1, axis2=2)[there].mean(axis=0)
    return Axes(used, centre + mean * size, size, weights, noise, ours, theirs, 1 - doubt)


def standing(apart: Floats, weights: Floats, noise: float, wide: float) -> Standing:
    """Places given standardised scores, by the normal model of components.

    Args:
        apart: shape (n, k); scores less their means, NaN where there is none.
        wide: standard deviation of places before any score is seen.
    """
    there = np.isfinite(apart)
    q = weights.shape[1]
    # Information of every subject's scores at once: gaps add none.
    within = np.einsum("nk,kp,kq->npq", there.astype(float), weights, weights) / noise**2
    spread = np.linalg.inv(within + np.eye(q) / wide**2)
    pull = np.where(there, apart, 0.0) @ weights / noise**2
    return Standing(np.einsum("npq,nq->np", spread, pull), spread)
