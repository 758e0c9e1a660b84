"""What is the mean of the gold labels, from few of them and a judge's values on all items?

Prediction-powered inference: the gold mean, moved by how far the judge's mean on labelled items is
from its mean on the others. Whatever the judge is worth, the estimate is of the gold mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import check_level, check_side
from calibrant.stats.estimates.intervals import Side

Floats = NDArray[np.float64]
Tuning = Literal["tuned", "cross-fitted"]

BLOCK = 9984
"""Rows summed at a time: they stay in the processor's cache, so that memory is read once, and a dot
product of so few does not start threads."""

FAR = 1e-3
"""Share of the squares around 0 that must be spread for them to keep enough digits."""


@dataclass(frozen=True)
class PPIMean:
    """A mean from gold labels and a judge.

    Attributes:
        value: the estimate, in units of the gold labels.
        low, high: limits as computed, which may lie outside the range of the labels; infinite where
            not asked for.
        standard_error: of `value`.
        df: of Student's t; None if the quantile is normal, as published.
        lam: weight of the judge; 0 is gold alone, 1 the plain rule of 2023.
        gold_error: the standard error of the gold labels alone.
        gain: what the judge is worth: effective labels per label, (gold_error / standard_error)²;
            None if either is 0.
        n, unlabelled: items with gold labels, and with the judge's value only.
        level, method: of the interval.
    """

    value: float
    low: float
    high: float
    standard_error: float
    df: float | None
    lam: float
    gold_error: float
    gain: float | None
    n: int
    unlabelled: int
    level: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite end is None."""
        ends = {k: v if math.isfinite(v) else None for k, v in
                (("low", self.low), ("high", self.high))}  # fmt: skip
        return {**self.__dict__, **ends}

    def __repr__(self) -> str:
        return (
            f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}, {self.method}; "
            f"{self.n:,} gold labels, {self.unlabelled:,} more verdicts, weight {self.lam:.3g})"
        )


@dataclass(frozen=True)
class Moments:
    """Count, mean and centred sum of squares of a column."""

    n: int
    mean: float
    squares: float

    def __add__(self, other: Moments) -> Moments:
        if not (self.n and other.n):
            return self if self.n else other
        n, apart = self.n + other.n, other.mean - self.mean
        mean = self.mean + apart * other.n / n
        return Moments(n, mean, self.squares + other.squares + apart**2 * self.n * other.n / n)


def ppi_mean(
    y: ArrayLike,
    f_labelled: ArrayLike,
    f_unlabelled: ArrayLike,
    *,
    lam: float | Tuning = "tuned",
    level: float = 0.95,
    side: Side = "two",
) -> PPIMean:
    """The gold mean by prediction-powered inference.

    mean(y) - lam (mean(f_labelled) - mean(f_unlabelled)), with the variance of its two independent
    parts (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 382 (2023) 669: lam = 1;
    Angelopoulos, Duchi and Zrnic, "PPI++", arXiv 2311.01453: lam tuned).

    Args:
        y: shape (n,), gold labels of the labelled items, a random sample.
        f_labelled: shape (n,), the judge's values on them.
        f_unlabelled: shape (N,), the judge's values on the other items; N may be 0.
        lam: a number; "tuned": the weight in 0–1 of least estimated variance, by the rule of the
            package ppi_py; "cross-fitted": for each label the weight of least variance by the
            others, negative too, which makes the estimate unbiased, with Student's t. The first
            two use the normal quantile and variances by n, as published: too short for few labels.

    Raises:
        InputError: for fewer than 2 labels (3 if cross-fitted), lengths that differ, values that
            are not finite, a level or side that does not exist.
    """
    check_level(level)
    check_side(side)
    gold, f, rest = columns(y, f_labelled, f_unlabelled)
    crossed = lam == "cross-fitted"
    if gold.size < (3 if crossed else 2):
        raise InputError(f"gold: wanted at least {3 if crossed else 2} labels, got {gold.size}")
    my, mf, shared = _pair(gold, f)
    mu = moments(rest)
    n, more = gold.size, rest.size
    tuned = best_weight(shared / n, (mf + mu), n, more)
    if crossed:
        return _crossed(gold, f, my, mf, mu, shared, level, side)
    if isinstance(lam, str):
        if lam != "tuned":
            raise InputError(f"lam: wanted a number, 'tuned' or 'cross-fitted', got {lam!r}")
        weight, words = min(1.0, max(0.0, tuned)), "PPI++"
    else:
        weight, words = float(lam), "PPI" if lam == 1 else f"PPI, weight {lam:g}"
        if not math.isfinite(weight):
            raise InputError(f"lam: wanted a finite number, got {lam!r}")
    if more == 0:
        weight, words = 0.0, "gold labels alone"
    value = my.mean - weight * (mf.mean - mu.mean)
    left = _no_dust(my.squares - 2 * weight * shared + weight**2 * mf.squares, my.squares)
    variance = left / n**2 + (weight**2 * mu.squares / more**2 if more else 0.0)
    return finish(value, variance, None, weight, my.squares / n**2, n, more, level, side, words)


def best_weight(covariance: float, every: Moments, n: int, more: int) -> float:
    """The weight of least variance, not yet clipped; 0 for a judge that always says the same."""
    spread = every.squares / (every.n - 1) if every.n > 1 else 0.0
    if more == 0 or spread <= 1e-24 * max(every.mean**2, 1e-280):
        return 0.0
    return covariance / ((1 + n / more) * spread)


def _crossed(
    y: Floats, f: Floats, my: Moments, mf: Moments, mu: Moments, shared: float,
    level: float, side: Side,
) -> PPIMean:  # fmt: skip
    """Each label's weight from the others: no label helps to choose the weight on itself."""
    n, more = y.size, mu.n
    apart, gone = f - mf.mean, y - my.mean
    others = (shared - n / (n - 1) * gone * apart) / (n - 2)
    weights = others * best_weight(1.0, mf + mu, n, more)
    moved = y - weights * (f - (mu.mean if more else 0.0))
    weight = float(weights.mean())
    parts = [(float(moved.var(ddof=1)) / n, n - 1.0)]
    if more > 1:
        parts.append((weight**2 * mu.squares / (more - 1) / more, more - 1.0))
    variance, df = satterthwaite(parts)
    gold = my.squares / (n - 1) / n
    words = "PPI++, cross-fitted" if more else "gold labels alone"
    return finish(float(moved.mean()), variance, df, weight, gold, n, more, level, side, words)


def satterthwaite(parts: list[tuple[float, float]]) -> tuple[float, float]:
    """The sum of independent variance estimates, and its degrees of freedom."""
    total = sum(v for v, _ in parts)
    if total <= 0:
        return 0.0, min(df for _, df in parts)
    return total, total**2 / sum(v**2 / df for v, df in parts)


def finish(
    value: float, variance: float, df: float | None, lam: float, gold: float, n: int, more: int,
    level: float, side: Side, words: str,
) -> PPIMean:  # fmt: skip
    """The interval around an estimate."""
    error = math.sqrt(variance)
    tail = (1 - level) / (2 if side == "two" else 1)
    # Without degrees of freedom nothing is known of the error.
    if df is not None and df <= 0:
        reach = math.inf
    else:
        reach = -float(ndtri(tail) if df is None else stdtrit(df, tail)) * error
    low = -math.inf if side == "upper" else value - reach
    high = math.inf if side == "lower" else value + reach
    gain = gold / variance if variance > 0 and gold > 0 else None
    return PPIMean(
        value, low, high, error, df, lam, math.sqrt(gold), gain, n, more, level, words
    )  # fmt: skip


def columns(y: ArrayLike, f_labelled: ArrayLike, f_unlabelled: ArrayLike) -> tuple[Floats, ...]:
    """The three columns as arrays of numbers, of fitting lengths.

    Raises:
        InputError: for another shape, or no numbers.
    """
    found = []
    for name, given in (("gold", y), ("judge", f_labelled), ("judge, unlabelled", f_unlabelled)):
        array = np.asarray(given)
        if array.size == 0:
            array = array.astype(np.float64).reshape(-1)
        if array.ndim != 1:
            raise InputError(f"{name}: wanted one dimension, got shape {array.shape}")
        if array.dtype.kind not in "biuf":
            raise InputError(f"{name}: wanted numbers, got {array.dtype}")
        found.append(array)
    if found[0].shape != found[1].shape:
        raise InputError(
            f"judge: wanted a value for each of {found[0].size} gold labels, got {found[1].size}"
        )
    return tuple(found)


def moments(x: NDArray[Any]) -> Moments:
    """Count, mean and centred squares, in one pass over memory unless the mean is far from 0.

    Raises:
        InputError: for values that are not finite.
    """
    if x.size == 0:
        return Moments(0, 0.0, 0.0)
    total, squares = _sums(x, 0.0)
    if not math.isfinite(squares):
        raise InputError(_not_finite("judge", x))
    centred = squares - total**2 / x.size
    if centred >= FAR * squares:
        return Moments(x.size, total / x.size, centred)
    # Squares around 0 have lost digits: once more, around the mean.
    mean = total / x.size
    rest, squares = _sums(x, mean)
    return Moments(x.size, mean + rest / x.size, max(squares - rest**2 / x.size, 0.0))


def _sums(x: NDArray[Any], shift: float) -> tuple[float, float]:
    total = squares = 0.0
    for start in range(0, x.size, BLOCK):
        d = x[start : start + BLOCK]
        if shift or d.dtype != np.float64:
            d = d.astype(np.float64) - shift
        total += float(np.add.reduce(d))
        squares += float(d @ d)
    return total, squares


def _pair(y: NDArray[Any], f: NDArray[Any]) -> tuple[Moments, Moments, float]:
    """Moments of both columns, and their centred cross product."""
    one, two = moments(y), moments(f)
    shared = 0.0
    for start in range(0, y.size, BLOCK):
        part = slice(start, start + BLOCK)
        shared += float((y[part].astype(np.float64) - one.mean) @ (f[part] - two.mean))
    return one, two, shared


def _not_finite(name: str, x: NDArray[Any]) -> str:
    bad = np.flatnonzero(~np.isfinite(x))
    if bad.size:
        return f"{name}: wanted finite numbers, got {x[bad[0]]} at {bad[0]}"
    return f"{name}: wanted magnitudes up to 1e150, got larger"


def _no_dust(squares: float, scale: float) -> float:
    """0 where rounding is all that is left."""
    return squares if squares > 1e-15 * scale else 0.0
