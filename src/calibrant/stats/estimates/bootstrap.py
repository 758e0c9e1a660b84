"""How much would the mean vary if items or clusters were drawn again? The bootstrap, fast.

Every statistic here is a function of column totals over units (items, or whole clusters), so a
draw needs only how often each distinct unit occurs: exact multinomial counts where units repeat
(scores of 0 and 1 do), and gathered totals otherwise.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import check_level, check_side, groups, numbers
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.means import Mean

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
Method = Literal["bca", "percentile", "student"]

BLOCK = 250
"""Draws per spawned generator; part of what the numbers depend on."""

LEAST_UNITS = 8
"""Units (or clusters) below which no bootstrap interval is given."""

_CELLS = 2**16
"""Indices that are held at once."""

_MULTINOMIAL = 30
"""A binomial count costs about as much as gathering this many units."""


@dataclass(frozen=True)
class Resampled:
    """Draws of a statistic and what BCa needs beside them.

    Attributes:
        value: the statistic of the sample.
        draws: shape (draws,), the statistic of each resample, unsorted.
        jackknife: shape (distinct units,), the statistic without one unit.
        counts: shape (distinct units,), how often each of them occurs.
    """

    value: float
    draws: Floats
    jackknife: Floats
    counts: Floats

    def __repr__(self) -> str:
        return (
            f"statistic {self.value:.4g}, bootstrap standard error {self.draws.std(ddof=1):.3g} "
            f"from {self.draws.size:,} draws of {int(self.counts.sum()):,} units"
        )

    def to_dict(self) -> dict[str, float]:
        """Plain data: value, standard error, numbers of draws and units."""
        return {
            "value": self.value,
            "standard_error": float(self.draws.std(ddof=1)),
            "draws": self.draws.size,
            "units": int(self.counts.sum()),
        }

    def bca(self, tail: float) -> float:
        """The BCa end that leaves `tail` below it (Efron, JASA 82 (1987) 171, equation 6.8).

        Raises:
            InputError: where the draws are too few, or all on one side of the value.
        """
        # Half of the ties: draws of few distinct scores repeat the value itself.
        share = np.mean(self.draws < self.value) + 0.5 * np.mean(self.draws == self.value)
        if not 0 < share < 1:
            raise InputError("draws: all lie on one side of the value; BCa is undefined")
        z0, z = float(ndtri(share)), float(ndtri(tail))
        apart = np.average(self.jackknife, weights=self.counts) - self.jackknife
        spread = float(self.counts @ apart**2)
        skew = float(self.counts @ apart**3) / (6 * spread**1.5) if spread > 0 else 0.0
        if 1 - skew * (z0 + z) <= 0:
            raise InputError("values: too skewed for BCa; use method='student' or bounded_mean")
        return self.quantile(float(ndtr(z0 + (z0 + z) / (1 - skew * (z0 + z)))))

    def quantile(self, share: float) -> float:
        """A quantile of the draws.

        Raises:
            InputError: where fewer than one draw lies beyond it.
        """
        if min(share, 1 - share) * self.draws.size < 1:
            raise InputError(
                f"draws: wanted more than {self.draws.size}, as the end lies at quantile "
                f"{share:.3g} of them"
            )
        return float(np.quantile(self.draws, share))


def cluster_totals(
    values: ArrayLike, clusters: ArrayLike | None = None, weights: ArrayLike | None = None
) -> Floats:
    """Weighted sum and total weight of each cluster, shape (clusters, 2).

    Args:
        values: shape (n,), scores.
        clusters: shape (n,), the cluster of each score; None makes each its own.
        weights: shape (n,), positive; None weighs all alike.

    Raises:
        InputError: for lengths that differ, or a weight that is not above 0.
    """
    x = numbers(values, "values")
    w = np.ones(x.size) if weights is None else numbers(weights, "weights")
    if w.size != x.size:
        raise InputError(f"weights: wanted one for each of {x.size} values, got {w.size}")
    if np.any(w <= 0):
        at = int(np.flatnonzero(w <= 0)[0])
        raise InputError(f"weights: wanted above 0, got {w[at]:g} at {at}")
    if clusters is None:
        return np.column_stack([w * x, w])
    which = groups(clusters, x, "clusters")[1]
    return np.column_stack([np.bincount(which, w * x), np.bincount(which, w)])


def resample(
    totals: ArrayLike,
    statistic: Statistic,
    *,
    draws: int = 10_000,
    seed: int | np.random.SeedSequence = 0,
    workers: int | None = None,
) -> Resampled:
    """Draw units with replacement and compute a statistic of their column totals each time.

    Args:
        totals: shape (units, columns), one row a unit: what it adds to each total.
        statistic: from totals of shape (…, columns) to numbers of shape (…,); it must not
            depend on the scale of all totals together, as a ratio does not.
        draws: resamples.
        seed: the same seed gives the same numbers for any number of workers.
        workers: threads; None for one per core.

    Raises:
        InputError: for fewer than `LEAST_UNITS` units, or a statistic that is not finite.
    """
    rows = np.asarray(totals, dtype=np.float64)
    if rows.ndim != 2 or not np.all(np.isfinite(rows)):
        raise InputError(f"totals: wanted finite numbers in two dimensions, got {rows.shape}")
    if rows.shape[0] < LEAST_UNITS:
        raise InputError(f"units: wanted at least {LEAST_UNITS} to draw from, got {rows.shape[0]}")
    if draws < 100:
        raise InputError(f"draws: wanted at least 100, got {draws}")
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    found = _draw(rows, distinct, counts, draws, seed, workers)
    whole = rows.sum(axis=0)
    with np.errstate(all="ignore"):
        value = float(statistic(whole))
        drawn = np.asarray(statistic(found))
        jackknife = np.asarray(statistic(whole - distinct))
    if not (math.isfinite(value) and np.all(np.isfinite(drawn)) and np.all(np.isfinite(jackknife))):
        raise InputError("statistic: wanted finite numbers for every draw, got some that are not")
    return Resampled(value, drawn, jackknife, counts.astype(np.float64))


def _draw(
    rows: Floats,
    distinct: Floats,
    counts: NDArray[np.int64],
    draws: int,
    seed: int | np.random.SeedSequence,
    workers: int | None,
) -> Floats:
    """Column totals of each resample, shape (draws, columns)."""
    few = len(distinct) * _MULTINOMIAL <= len(rows)
    columns = [np.ascontiguousarray(c) for c in rows.T]
    parent = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    # A fresh sequence with the same entropy: spawning counts up a state in the given one.
    parent = np.random.SeedSequence(parent.entropy, spawn_key=parent.spawn_key)
    found = np.empty((draws, rows.shape[1]))

    def fill(job: tuple[int, np.random.SeedSequence]) -> None:
        start, child = job
        rng = np.random.default_rng(child)
        block = found[start : start + BLOCK]
        if few:
            share = counts / len(rows)
            block[:] = rng.multinomial(len(rows), share, size=BLOCK)[: len(block)] @ distinct
        else:
            _gather(rng, columns, block)

    jobs = zip(range(0, draws, BLOCK), parent.spawn(-(-draws // BLOCK)), strict=True)
    threads = min(workers or min(8, os.cpu_count() or 1), -(-draws // BLOCK))
    if threads == 1:
        for job in jobs:
            fill(job)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, jobs))
    return found


def _gather(rng: np.random.Generator, columns: list[Floats], block: Floats) -> None:
    """Fill each row with the totals of as many units as there are, drawn with replacement."""
    units = columns[0].size
    kind = np.uint16 if units <= 2**16 else np.uint32
    # A few draws at a time, as the number of units alone says: memory stays small whatever the
    # number of draws, and the stream does not depend on the machine.
    step = max(1, _CELLS // units)
    same = [bool(np.all(column == column[0])) for column in columns]
    for start in range(0, len(block), step):
        rows = block[start : start + step]
        at = rng.integers(0, units, size=(len(rows), units), dtype=kind)
        for j, column in enumerate(columns):
            rows[:, j] = column[0] * units if same[j] else column.take(at).sum(axis=1)


def bootstrap_mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    side: Side = "two",
    method: Method = "bca",
    draws: int = 10_000,
    seed: int | np.random.SeedSequence = 0,
    workers: int | None = None,
) -> Mean:
    """A bootstrap interval for a (weighted) mean of scores, drawing items or whole clusters.

    Clusters of unequal size make the mean a ratio of totals, and it is treated as one (Davison
    and Hinkley, *Bootstrap Methods and their Application*, 1997, sections 3.8 and 5.2–5.3).
    Bootstrap intervals cover too little with few or very skewed units; the certificates say how
    much. Prefer `bounded_mean` or `t_mean` where they apply.

    Args:
        values, clusters, weights: as `cluster_totals`.
        level, side: confidence in 0–1; "upper" and "lower" spend the whole error on one end.
        method: "bca"; "percentile"; or "student", the bootstrap t, which is safest where units
            are few or skewed.
        draws, seed, workers: as `resample`.

    Raises:
        InputError: for scores (or cluster means) that are all equal, too few units, or draws too
            few for the level.
    """
    check_level(level)
    check_side(side)
    if method not in ("bca", "percentile", "student"):
        raise InputError(f"method: wanted 'bca', 'percentile' or 'student', got {method!r}")
    totals = cluster_totals(values, clusters, weights)
    n, units = int(np.size(values)), totals.shape[0]
    _check_spread(totals)
    value = float(totals[:, 0].sum() / totals[:, 1].sum())
    tail = (1 - level) / (2 if side == "two" else 1)
    options = {"draws": draws, "seed": seed, "workers": workers}
    if method == "student":
        error, ends = _student(totals, value, tail, **options)  # type: ignore[arg-type]
    else:
        found = resample(totals, _ratio, **options)  # type: ignore[arg-type]
        error = float(found.draws.std(ddof=1))
        end = found.bca if method == "bca" else found.quantile
        ends = (
            math.nan if side == "upper" else end(tail),
            math.nan if side == "lower" else end(1 - tail),
        )
    low = -math.inf if side == "upper" else ends[0]
    high = math.inf if side == "lower" else ends[1]
    name = {"bca": "BCa", "percentile": "percentile", "student": "studentised"}[method]
    what = "items" if clusters is None else "clusters"
    words = f"{name} bootstrap, {draws:,} draws of {units:,} {what}"
    return Mean(value, low, high, error, None, n, level, words)


def _check_spread(totals: Floats) -> None:
    means = totals[:, 0] / totals[:, 1]
    # Sums round: means that agree to 12 digits are equal.
    if np.ptp(means) <= 1e-12 * np.abs(means).max():
        raise InputError(
            f"values: all {means.size} units have mean {means[0]:g}, so that every draw is the "
            "same; use bounded_mean"
        )


def _ratio(totals: Floats) -> Floats:
    return np.asarray(totals[..., 0] / totals[..., 1])


def _student(
    totals: Floats,
    value: float,
    tail: float,
    *,
    draws: int,
    seed: int | np.random.SeedSequence,
    workers: int | None,
) -> tuple[float, tuple[float, float]]:
    """Standard error and both ends of the bootstrap t (Davison and Hinkley, section 2.4)."""
    # Centring makes the residuals of the sample the units' own sums: less cancellation.
    y, w = totals[:, 0] - value * totals[:, 1], totals[:, 1]
    columns = np.column_stack([y, w, y * y, y * w, w * w])

    def squared_error(s: Floats) -> Floats:
        r = s[..., 0] / s[..., 1]
        spread = s[..., 2] - 2 * r * s[..., 3] + r * r * s[..., 4]
        return np.asarray(np.maximum(spread, 0.0) / s[..., 1] ** 2)

    def pivot(s: Floats) -> Floats:
        r, v = s[..., 0] / s[..., 1], squared_error(s)
        # A draw without spread is as far out as can be: the interval widens, or is refused.
        far = np.where(r < 0, -1e300, np.where(r > 0, 1e300, 0.0))
        return np.where(v > 1e-24 * r * r, r / np.sqrt(np.where(v > 0, v, 1.0)), far)

    found = resample(columns, pivot, draws=draws, seed=seed, workers=workers)
    units = totals.shape[0]
    error = math.sqrt(float(squared_error(columns.sum(axis=0))) * units / (units - 1))
    plain = math.sqrt(float(squared_error(columns.sum(axis=0))))
    high, low = found.quantile(tail), found.quantile(1 - tail)
    if max(abs(low), abs(high)) >= 1e200:
        raise InputError(
            "values: too many draws show no spread at all for a bootstrap t; use bounded_mean"
        )
    return error, (value - low * plain, value - high * plain)
