"""What is the mean of the gold labels, from few of them and a judge's calibrated scores?

The score is first mapped to the expected gold label, cross-fitted, and then used as the judge of
prediction-powered inference. A map that is wrong costs width and never the promise: the labels
correct it as they correct any judge.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.judges.calibration.crossfit import FOLDS, Method, cross_fitted, gold_positions
from calibrant.judges.correction.ppi import PPIMean, ppi_mean
from calibrant.stats.estimates.betting import check_level, check_side, groups, numbers, unit
from calibrant.stats.estimates.intervals import Side

Floats = NDArray[np.float64]

UNSEEN = 2.0
"""Errors of size 1 that are added to those seen: 50 labels may show none of an error in 50."""


def calibrated_ppi(
    judge_scores: ArrayLike,
    gold_index: ArrayLike,
    y: ArrayLike,
    *,
    method: Method = "isotonic",
    folds: int = FOLDS,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    side: Side = "two",
    seed: int = 0,
) -> PPIMean:
    """The gold mean by PPI with the cross-fitted calibrated score as the judge.

    The weight of the judge is cross-fitted too, and errors on labelled items are those of maps
    that have not seen them, so that the noise of calibration is in their spread. Two errors of
    size 1 are added to the variance (times the design effect, in clusters). Limits are Student's
    t, within 0–1.

    Args:
        judge_scores: shape (N,), of all items.
        gold_index, y: shape (n,), which items have gold labels, in 0–1: a uniform random sample
            (of clusters, if there are any).
        method, folds, seed: of the calibration, see `calibrated`.
        clusters: shape (N,), the cluster of every item; the variance is then robust to them.

    Raises:
        InputError: as `calibrated`; for fewer than 3 labels (clusters with labels).
    """
    check_level(level)
    check_side(side)
    s, gold = numbers(judge_scores, "judge"), unit(y, 0, 1, "gold")
    at = gold_positions(gold_index, s.size, gold.size)
    if gold.size < 3:
        raise InputError(f"gold: wanted at least 3 labels, got {gold.size}")
    f, height = cross_fitted(s, at, gold, method=method, folds=folds, clusters=clusters, seed=seed)
    f = f - height
    free = np.ones(s.size, dtype=bool)
    free[at] = False
    words = f"PPI, {method}, cross-fitted"
    found = ppi_mean(gold, f[at], f[free], lam="cross-fitted", level=level, side=side)
    n, df = gold.size, found.df
    variance = found.standard_error**2 + UNSEEN / n**2
    if clusters is not None:
        group = groups(clusters, s, "clusters")[1]
        variance, count = _clustered(gold, f, at, free, group, found.lam)
        if count < 3:
            raise InputError(f"clusters: wanted at least 3 with gold labels, got {count}")
        # Errors not seen come in clusters as those that were.
        effect = min(max(variance / max(found.standard_error**2, 1e-300), 1.0), n / count)
        variance, df = variance + UNSEEN * effect / n**2, count - 1.0
        words += f", {count} clusters"
    error = math.sqrt(variance)
    tail = (1 - level) / (2 if side == "two" else 1)
    reach = math.inf if df is None or df <= 0 else -float(stdtrit(df, tail)) * error
    value = min(1.0, max(0.0, found.value))
    low = 0.0 if side == "upper" else min(value, max(0.0, found.value - reach))
    high = 1.0 if side == "lower" else max(value, min(1.0, found.value + reach))
    gain = found.gold_error**2 / variance if found.gold_error > 0 else None
    return replace(
        found, value=value, low=low, high=high, standard_error=error, df=df, gain=gain,
        method=words,
    )  # fmt: skip


def _clustered(
    y: Floats, f: Floats, at: NDArray[np.int64], free: NDArray[np.bool_],
    group: NDArray[np.int64], lam: float,
) -> tuple[float, int]:  # fmt: skip
    """Variance between the parts that clusters have in the estimate, and clusters with labels."""
    moved = y - lam * f[at]
    size = int(group.max()) + 1
    part = np.bincount(group[at], weights=(moved - moved.mean()) / y.size, minlength=size)
    if free.any():
        rest = lam * (f[free] - f[free].mean()) / int(free.sum())
        part = part + np.bincount(group[free], weights=rest, minlength=size)
    count = int(np.unique(group[at]).size)
    return float(part @ part) * count / max(count - 1, 1), count
