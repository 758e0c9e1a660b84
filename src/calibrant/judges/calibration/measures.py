"""Are a judge's probabilities right? Curve, errors, Brier score and tests, with intervals.

The predictions must not have been fitted to these labels (cross-fitted ones are fine).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr, ndtri

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import check_level, groups, unit
from calibrant.stats.estimates.clusters import Clusters, korn_graubard, robust
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.stats.estimates.means import t_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGE = 1e-6
"""Predictions are drawn in by so much for their logits."""

_PARTS = 20
"""Parts of a delete-a-part jackknife."""

_EXACT = 5000
"""Items up to which the distribution of the number of positives is summed exactly."""


@dataclass(frozen=True)
class Bin:
    """Items with alike predictions: their mean prediction, positives, and the rate's limits.

    Attributes:
        predicted: mean prediction, 0–1.
        observed: rate of positive labels; `low`, `high` exact limits (Clopper–Pearson, or Korn and
            Graubard's in clusters), each bin on its own.
        n: items.
    """

    predicted: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Estimate:
    """A number with limits and, where it has a natural null value, the p-value of that."""

    value: float
    low: float
    high: float
    p: float | None = None

    def __repr__(self) -> str:
        end = "" if self.p is None else f", p {self.p:.3g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]{end}"


@dataclass(frozen=True)
class Calibration:
    """How right a judge's probabilities are.

    Attributes:
        bins: the reliability curve.
        error: expected calibration error Σ share × |observed - predicted| over the bins; limits
            from exact limits of all bins at once, so they cover it and are wide.
        squared_error: the same squared, without the bias of chance (may be below 0).
        brier: mean squared error, with limits.
        reliability, resolution, uncertainty: parts of the Brier score by bins, bias-corrected
            (Ferro and Fricker, QJRMS 138 (2012) 1954), with jackknife limits for the first two.
        large: mean label minus mean prediction (calibration in the large), p exact if items are
            independent.
        slope: of the label's log-odds on the prediction's; 1 is right, below is over-confident;
            None where the predictions are all alike or separate the labels.
        n, level, clusters: items, confidence, clusters or None.
    """

    bins: tuple[Bin, ...]
    error: Estimate
    squared_error: float
    brier: Estimate
    reliability: Estimate
    resolution: Estimate
    uncertainty: float
    large: Estimate
    slope: Estimate | None
    n: int
    level: float
    clusters: int | None

    def __repr__(self) -> str:
        slope = "none" if self.slope is None else repr(self.slope)
        return (
            f"calibration on {self.n:,} labels ({self.level:.0%}): error {self.error!r}, "
            f"Brier {self.brier!r}, in the large {self.large!r}, slope {slope}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def calibration(
    predicted: ArrayLike,
    y: ArrayLike,
    *,
    bins: int = 10,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Calibration:
    """Measure the calibration of probabilities against labels 0 and 1.

    Args:
        predicted: shape (n,), in 0–1, not fitted to these labels.
        y: shape (n,), labels 0 or 1.
        bins: most bins, of about equal numbers of items; equal predictions stay together.
        clusters: shape (n,), if labels of one cluster belong together.
        seed: of the parts of the jackknife.

    Raises:
        InputError: for labels other than 0 and 1, predictions outside 0–1, fewer than 10 items or
            3 clusters.
    """
    p, gold = unit(predicted, 0, 1, "predicted"), unit(y, 0, 1, "gold")
    check_level(level)
    if p.size != gold.size or p.size < 10:
        raise InputError(f"gold: wanted one label for each of {p.size} (at least 10) predictions, "
                         f"got {gold.size}")  # fmt: skip
    if np.any((gold != 0) & (gold != 1)):
        raise InputError("gold: wanted labels 0 and 1")
    if bins < 1:
        raise InputError(f"bins: wanted at least 1, got {bins}")
    ids = None if clusters is None else groups(clusters, p, "clusters")[1]
    count = None if ids is None else int(np.unique(ids).size)
    if count is not None and count < 3:
        raise InputError(f"clusters: wanted at least 3, got {count}")
    which = bin_of(p, bins)
    parts, part = decompose(p, gold, which), _jackknife(p, gold, which, ids, level, seed)
    return Calibration(
        _curve(p, gold, which, ids, level), _error(p, gold, which, ids, level), parts[0],
        _mean((p - gold) ** 2, ids, level, 0.0), part[0], part[1], parts[2],
        _large(p, gold, ids, level), slope(p, gold, ids, level), p.size, level, count,
    )  # fmt: skip


def bin_of(p: Floats, bins: int) -> Ints:
    """The bin of each prediction: one per distinct value, or about equal numbers of items."""
    distinct, which = np.unique(p, return_inverse=True)
    if distinct.size > bins:
        edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
        which = np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)[1]
    return np.asarray(which, dtype=np.int64)


def decompose(p: Floats, y: Floats, which: Ints) -> tuple[float, float, float]:
    """Reliability, resolution and uncertainty by bins, without the bias of small bins.

    Bins of a single item say nothing of their own rate and are left as they are.
    """
    n = np.bincount(which).astype(np.float64)
    n = n[n > 0]
    which = np.unique(which, return_inverse=True)[1]
    mean_p, mean_y = np.bincount(which, weights=p) / n, np.bincount(which, weights=y) / n
    share, rate = n / y.size, float(y.mean())
    chance = float(share @ np.where(n > 1, mean_y * (1 - mean_y) / np.maximum(n - 1, 1), 0.0))
    spare = rate * (1 - rate) / (y.size - 1)
    return (
        float(share @ (mean_p - mean_y) ** 2) - chance,
        float(share @ (mean_y - rate) ** 2) - chance + spare,
        rate * (1 - rate) + spare,
    )


def _curve(p: Floats, y: Floats, which: Ints, ids: Ints | None, level: float) -> tuple[Bin, ...]:
    found = []
    for b in range(int(which.max()) + 1):
        at = which == b
        low, high = _limits(y[at], None if ids is None else ids[at], level)
        found.append(Bin(float(p[at].mean()), float(y[at].mean()), low, high, int(at.sum())))
    return tuple(found)


def _limits(y: Floats, ids: Ints | None, level: float) -> tuple[float, float]:
    if ids is None:
        exact = clopper_pearson(int(y.sum()), y.size, level=level)
        return exact.low, exact.high
    if np.unique(ids).size < 2:
        return 0.0, 1.0  # one cluster says nothing of how clusters differ
    found = korn_graubard(Clusters.of(y, ids), level=level)
    return found.low, found.high


def _error(p: Floats, y: Floats, which: Ints, ids: Ints | None, level: float) -> Estimate:
    """The calibration error by bins, and what it may be if every bin's rate is in its limits."""
    size = int(which.max()) + 1
    all_at_once = _curve(p, y, which, ids, 1 - (1 - level) / size)
    value = low = high = 0.0
    for b in all_at_once:
        share = b.n / p.size
        value += share * abs(b.observed - b.predicted)
        low += share * max(b.low - b.predicted, b.predicted - b.high, 0.0)
        high += share * max(b.high - b.predicted, b.predicted - b.low)
    return Estimate(value, low, high)


def _mean(x: Floats, ids: Ints | None, level: float, least: float) -> Estimate:
    """The mean of numbers in `least` to 1; those that are all equal get bounds by their range."""
    each = x
    if ids is not None:
        sizes = np.bincount(ids)
        each = (np.bincount(ids, weights=x) / np.maximum(sizes, 1))[sizes > 0]
    if ids is None or np.ptp(each) <= 1e-12:
        found = t_mean(each, level=level, bounds=(least, 1.0))
        return Estimate(found.value, max(least, found.low), min(1.0, found.high))
    clustered = robust(Clusters.of(x, ids), level=level)
    return Estimate(clustered.value, clustered.low, clustered.high)


def _large(p: Floats, y: Floats, ids: Ints | None, level: float) -> Estimate:
    found = _mean(y - p, ids, level, -1.0)
    if ids is not None:
        return found
    return Estimate(found.value, found.low, found.high, positives_p(p, int(y.sum())))


def positives_p(p: Floats, positives: int) -> float:
    """Two-sided p-value of the number of positives if every prediction is right.

    Twice the smaller tail of the Poisson-binomial distribution, summed exactly up to 5,000 items;
    by the normal limit, continuity-corrected, beyond.
    """
    if p.size > _EXACT:
        sd = math.sqrt(float(np.sum(p * (1 - p))))
        if sd == 0:
            return float(positives == round(float(p.sum())))
        z = max(abs(positives - float(p.sum())) - 0.5, 0.0) / sd
        return min(1.0, 2 * float(ndtr(-z)))
    mass = poisson_binomial(p)
    return min(1.0, 2 * min(float(mass[: positives + 1].sum()), float(mass[positives:].sum())))


def poisson_binomial(p: Floats) -> Floats:
    """Probabilities of 0, …, n successes of independent trials, by halves; all terms positive."""
    if p.size == 0:
        return np.ones(1)
    if p.size == 1:
        return np.array([1 - p[0], p[0]])
    half = p.size // 2
    return np.convolve(poisson_binomial(p[:half]), poisson_binomial(p[half:]))


def slope(p: Floats, y: Floats, ids: Ints | None, level: float) -> Estimate | None:
    """Cox's calibration slope by logistic regression, with a (cluster-)robust standard error.

    Cox, Biometrika 45 (1958) 562; sandwich of White with (clusters or n)/(that - 2).
    """
    clipped = np.clip(p, EDGE, 1 - EDGE)
    x = np.log(clipped) - np.log1p(-clipped)
    x0, x1 = x[y == 0], x[y == 1]
    if np.ptp(x) < 1e-9 or x0.size == 0 or x1.size == 0:
        return None
    if x0.max() <= x1.min() or x1.max() <= x0.min():
        return None
    beta = np.array([0.0, 1.0])
    design = np.stack([np.ones(x.size), x], axis=1)
    for _ in range(100):
        fitted = expit(design @ beta)
        info = design.T @ (design * (fitted * (1 - fitted))[:, None])
        step = np.linalg.solve(info + 1e-12 * np.eye(2), design.T @ (y - fitted))
        beta = beta + step * min(1.0, 5 / float(np.abs(step).max() + 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    score = design * (y - expit(design @ beta))[:, None]
    if ids is not None:
        score = np.stack([np.bincount(ids, weights=c) for c in score.T], axis=1)
        score = score[np.unique(ids)]
    bread = np.linalg.inv(info)
    meat = score.T @ score * (score.shape[0] / max(score.shape[0] - 2, 1))
    error = math.sqrt(float((bread @ meat @ bread)[1, 1]))
    z = float(ndtri((1 + level) / 2))
    value = float(beta[1])
    p_value = 2 * float(ndtr(-abs(value - 1) / error)) if error > 0 else None
    return Estimate(value, value - z * error, value + z * error, p_value)


def _jackknife(
    p: Floats, y: Floats, which: Ints, ids: Ints | None, level: float, seed: int
) -> tuple[Estimate, Estimate]:
    """Limits of reliability and resolution, from leaving out parts of the items (or clusters)."""
    unit_of = np.arange(p.size) if ids is None else ids
    size = int(unit_of.max()) + 1
    parts = min(_PARTS, int(np.unique(unit_of).size))
    part = np.random.default_rng(seed).permutation(size)
    which_part = (np.argsort(part) % parts)[unit_of]
    full = decompose(p, y, which)
    left = np.array([
        decompose(p[keep], y[keep], which[keep])[:2]
        for keep in (which_part != k for k in np.unique(which_part))
    ])  # fmt: skip
    count = left.shape[0]
    error = np.sqrt((count - 1) / count * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    z = float(ndtri((1 + level) / 2))
    one, two = (
        Estimate(full[i], full[i] - z * float(error[i]), full[i] + z * float(error[i]))
        for i in (0, 1)
    )
    return one, two
