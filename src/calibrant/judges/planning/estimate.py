"""What is the rate, from gold labels on items that were chosen on purpose? Interval estimates.

Two designs: items drawn at random within strata (`stratified_rate`), and each item chosen
independently with its own known probability (`weighted_mean`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.judges.calibration.ppi import UNSEEN
from calibrant.judges.correction.ppi import satterthwaite
from calibrant.stats.estimates.betting import check_level, check_side, numbers, unit
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.rates import bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Measurand = Literal["items", "population"]


@dataclass(frozen=True)
class DesignMean:
    """A mean from gold labels on chosen items.

    Attributes:
        value: in units of the labels.
        low, high: limits within 0–1; a side that was not asked for is 0 or 1.
        standard_error, df: of `value`.
        n, items: labels, and all items.
        level, method: of the limits.
    """

    value: float
    low: float
    high: float
    standard_error: float
    df: float
    n: int
    items: int
    level: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return (
            f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}, {self.method}; "
            f"{self.n:,} labels of {self.items:,} items)"
        )


def stratified_rate(
    events: ArrayLike,
    labels: ArrayLike,
    sizes: ArrayLike,
    *,
    measurand: Measurand = "items",
    level: float = 0.95,
    side: Side = "two",
) -> tuple[Floats, Floats, Floats]:
    """Estimate and limits of a rate from labels at random within strata, for many data sets.

    The distances from each stratum's rate to its exact limits (Clopper and Pearson), squared, are
    added up (Zou and Donner, Statistics in Medicine 27 (2008) 1693): with one stratum the limits
    are exact, near 0 they lean to the right side, and a stratum without an event still counts.
    A stratum without labels is anywhere in 0–1. Also for uniform labels by the judge's verdict
    after the fact, given how many fell into each.

    Args:
        events, labels: shape (…, strata), positive labels and labels; `events` whole numbers.
        sizes: shape (strata,), items of each stratum, labelled ones included.
        measurand: "items" shrinks each distance by √(1 - labels/size); "population" adds that the
            strata's shares are those of a sample.

    Returns:
        Value, low and high, shape (…).
    """
    check_level(level)
    check_side(side)
    k, n = np.broadcast_arrays(np.asarray(events), np.asarray(labels))
    size = np.asarray(sizes, dtype=np.float64)
    if size.ndim != 1 or size.shape[0] != k.shape[-1] or np.any(size < 1):
        raise InputError(f"sizes: wanted {k.shape[-1]} of at least 1, got {size.tolist()}")
    if np.any(n > size):
        raise InputError("labels: wanted at most the items of each stratum")
    share = size / size.sum()
    low, high = bounds(k, n, level=level, side=side)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(n > 0, k / n, 0.5)
    left = 1 - n / size if measurand == "items" else np.ones(k.shape)
    value = rate @ share
    spread = np.zeros(value.shape)
    if measurand == "population":
        z = float(ndtri((1 + level) / 2 if side == "two" else level))
        spread = z**2 * ((rate - value[..., None]) ** 2 @ share) / size.sum()
    below = np.sqrt((left * (rate - low) ** 2) @ share**2 + spread)
    above = np.sqrt((left * (high - rate) ** 2) @ share**2 + spread)
    lower = np.zeros(value.shape) if side == "upper" else np.maximum(value - below, 0.0)
    upper = np.ones(value.shape) if side == "lower" else np.minimum(value + above, 1.0)
    return value, lower, upper


def weighted_mean(
    y: ArrayLike,
    judge: ArrayLike,
    probability: ArrayLike,
    every: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    measurand: Measurand = "items",
    level: float = 0.95,
    side: Side = "two",
) -> DesignMean:
    """The gold mean from items chosen independently with known probabilities, with a judge.

    The judge's values are moved and scaled to the labels by weighted least squares; the mean of
    that prediction over all items is corrected by the errors on labelled items, each divided by its
    probability (the generalised regression estimator; Zrnic and Candès, "Active statistical
    inference", ICML 2024, section 4, is the same without the fit). The limits are Student's t with
    Satterthwaite's degrees of freedom of the errors' squares, with two more errors of size 1 at the
    mean weight, so that a judge without a seen error is not taken for perfect.

    Args:
        y: shape (n,), gold labels in 0–1.
        judge: shape (n,), the judge's values on the same items, any scale.
        probability: shape (n,), chances in (0, 1] with which each was chosen.
        every: shape (N,), the judge's values on all items, labelled ones included.
        weight: shape (n,), for labels of two phases, what each counts for (`LabelPlan` writes
            it); None for 1/probability.
        measurand: the mean of these N items, or of the population they are a random sample of.

    Raises:
        InputError: for fewer than 3 labels, lengths that differ, probabilities outside (0, 1].
    """
    check_level(level)
    check_side(side)
    gold, f, p = unit(y, 0, 1, "gold"), numbers(judge, "judge"), numbers(probability, "probability")
    f_all = numbers(every, "judge")
    if not gold.size == f.size == p.size:
        raise InputError(
            f"probability: wanted one for each of {gold.size} labels and judge's values, got "
            f"{p.size} and {f.size}"
        )
    if np.any((p <= 0) | (p > 1)):
        raise InputError(f"probability: wanted above 0 and at most 1, got {p.min():g}–{p.max():g}")
    if gold.size < 3 or f_all.size < gold.size:
        raise InputError(f"gold: wanted 3 to {f_all.size} labels, got {gold.size}")
    w = 1 / p if weight is None else numbers(weight, "weight")
    if w.size != gold.size or np.any(w <= 0):
        raise InputError(f"weight: wanted {gold.size} above 0, got {w.size}")
    slope, centre, height = _fit(gold, f, w)
    errors = gold - height - slope * (f - centre)
    items = f_all.size
    predicted = height + slope * (float(f_all.mean()) - centre)
    value = predicted + float(w @ errors) / items
    # Chance decided on an item with variance (1 - p)/p² × error²; what two numbers took is given
    # back.
    parts = w**2 * (1 - p) * errors**2 / items**2 * gold.size / (gold.size - 2)
    variance = float(parts.sum())
    df = gold.size - 2.0
    if variance > 0:
        df = max(1.0, min(2 * variance**2 / float((parts**2).sum()) - 2, df))
    # A judge that was right on every label may yet be wrong: two more errors of size 1.
    variance += UNSEEN * float(np.mean(w**2 * (1 - p))) / items**2
    if measurand == "population":
        mean = float(w @ gold / w.sum())
        between = float(w @ (gold - mean) ** 2 / w.sum()) / items
        variance, df = satterthwaite([(variance, df), (between, gold.size - 1.0)])
    error = math.sqrt(variance)
    tail = (1 - level) / (2 if side == "two" else 1)
    reach = -float(stdtrit(df, tail)) * error
    value, raw = min(1.0, max(0.0, value)), value
    low = 0.0 if side == "upper" else min(value, max(0.0, raw - reach))
    high = 1.0 if side == "lower" else max(value, min(1.0, raw + reach))
    return DesignMean(value, low, high, error, df, gold.size, items, level, "inverse probabilities")


def grouped_mean(
    events: Ints,
    labels: Ints,
    judge: Floats,
    probability: Floats,
    sizes: Ints,
    *,
    weight: Floats | None = None,
    measurand: Measurand = "items",
    level: float = 0.95,
    side: Side = "two",
) -> tuple[Floats, Floats, Floats]:
    """`weighted_mean` of labels 0 and 1 for many data sets at once, from counts per group.

    Args:
        events, labels: shape (draws, groups), positive labels and labels.
        judge, probability, sizes: shape (groups,): of every item of a group; items (0 for a group
            that another stands for, such as the same items in a second phase).
        weight: shape (groups,), what a label counts; None for 1/probability.

    Returns:
        Value, low and high within 0–1, shape (draws,); [0, 1] for fewer than 3 labels.
    """
    counts = 1 / probability if weight is None else weight
    w, k, items = labels * counts, events * counts, float(sizes.sum())
    n, total = labels.sum(axis=1), np.maximum(w.sum(axis=1), 1e-12)
    centre, height = w @ judge / total, k.sum(axis=1) / total
    squares = w @ judge**2 - total * centre**2
    flat = squares <= 1e-12 * (w @ judge**2)
    slope = np.where(flat, 0.0, (k @ judge - total * centre * height) / np.where(flat, 1, squares))
    fitted = height[:, None] + slope[:, None] * (judge - centre[:, None])
    value = fitted @ (sizes / items) + (k - w * fitted).sum(axis=1) / items
    each = counts**2 * (1 - probability) / items**2
    inflate = np.maximum(n, 3) / (np.maximum(n, 3) - 2)
    one, zero = each * (1 - fitted) ** 2, each * fitted**2
    variance = ((events * one + (labels - events) * zero).sum(axis=1)) * inflate
    fourth = ((events * one**2 + (labels - events) * zero**2).sum(axis=1)) * inflate**2
    df = np.where(fourth > 0, 2 * variance**2 / np.where(fourth > 0, fourth, 1) - 2, np.inf)
    df = np.maximum(1.0, np.minimum(df, n - 2.0))
    variance = variance + UNSEEN * (labels @ each) / np.maximum(n, 1)
    if measurand == "population":
        between = height * (1 - height) / items
        both = variance + between
        rest = variance**2 / df + between**2 / np.maximum(n - 1, 1)
        df = np.where(rest > 0, both**2 / np.where(rest > 0, rest, 1), df)
        variance = both
    tail = (1 - level) / (2 if side == "two" else 1)
    reach = np.where(n < 3, np.inf, -stdtrit(df, tail) * np.sqrt(variance))
    low = np.zeros(reach.shape) if side == "upper" else np.clip(value - reach, 0, 1)
    high = np.ones(reach.shape) if side == "lower" else np.clip(value + reach, 0, 1)
    return value, low, high


def _fit(y: Floats, f: Floats, w: Floats) -> tuple[float, float, float]:
    """Slope, and the weighted means it passes through; slope 0 for a judge that never varies."""
    centre, height = float(w @ f / w.sum()), float(w @ y / w.sum())
    squares = float(w @ (f - centre) ** 2)
    if squares <= 1e-12 * float(w @ f**2):
        return 0.0, centre, height
    return float(w @ ((f - centre) * (y - height))) / squares, centre, height
