"""What is the mean score, and how far off may it be? Intervals for means of a fixed sample.

Ordinary, stratified and bounded scores; finite benchmarks and endless generators.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import (
    check_level,
    check_side,
    groups,
    numbers,
    unit,
    upper_bound,
)
from calibrant.stats.estimates.intervals import Side, clopper_pearson

Floats = NDArray[np.float64]
BoundedMethod = Literal["exact", "betting", "hoeffding"]


@dataclass(frozen=True)
class Mean:
    """A mean with its uncertainty.

    Attributes:
        value: the estimate, in the units of the scores.
        low, high: the interval; an end that was not asked for is -inf, inf or the end of the range.
        standard_error: of `value`; None where the method does not need one.
        df: degrees of freedom of the standard error, or None.
        n: scores behind it.
        level: confidence in 0–1.
        method: how it was found, in words, with anything that weakens it.
    """

    value: float
    low: float
    high: float
    standard_error: float | None
    df: float | None
    n: int
    level: float
    method: str

    def __repr__(self) -> str:
        return (
            f"mean {self.value:.4g}, [{self.low:.4g}, {self.high:.4g}] from {self.n:,} scores "
            f"({self.level:.0%}, {self.method})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite end is None."""
        ends = {k: v if math.isfinite(v) else None for k, v in
                (("low", self.low), ("high", self.high))}  # fmt: skip
        return {
            "value": self.value,
            **ends,
            "standard_error": self.standard_error,
            "df": self.df,
            "n": self.n,
            "level": self.level,
            "method": self.method,
        }


def t_mean(
    values: ArrayLike,
    *,
    level: float = 0.95,
    side: Side = "two",
    population: int | None = None,
    bounds: tuple[float, float] | None = None,
) -> Mean:
    """Student's t interval for a mean (Gosset, "Student", Biometrika 6 (1908) 1).

    Args:
        values: shape (n,), independent scores, n ≥ 2.
        level, side: confidence in 0–1; "upper" and "lower" spend the whole error on one end.
        population: items in the finite set that the scores were drawn from without
            replacement: the standard error shrinks by √(1 - n/N) (Cochran, *Sampling
            Techniques*, 1977, equation 2.20), to 0 for a census.
        bounds: the range that no score can leave. With it, scores that are all equal fall back
            to `bounded_mean`, and the method says so.

    Raises:
        InputError: for scores that are all equal (a t interval would have no width), fewer than
            two, or not finite.
    """
    x = numbers(values, "values")
    check_level(level)
    check_side(side)
    rest = _finite_factor(x.size, population, "population")
    if x.size < 2 and rest > 0:
        raise InputError("values: wanted at least 2 for a standard error, got 1")
    # Differences may be too small for their squares: no spread either.
    error = float(x.std(ddof=1)) * math.sqrt(rest / x.size) if rest > 0 else 0.0
    if rest > 0 and (error == 0 or np.all(x == x[0])):
        return _equal(x, bounds, level, side)
    words = "Student's t" + ("" if population is None else ", finite population")
    return _student(float(x.mean()), error, float(x.size - 1), x.size, level, side, words)


def _equal(x: Floats, bounds: tuple[float, float] | None, level: float, side: Side) -> Mean:
    if bounds is None:
        raise InputError(
            f"values: all {x.size} are {x[0]:g}, which says nothing about their spread; "
            "give bounds, or use bounded_mean"
        )
    found = bounded_mean(x, low=bounds[0], high=bounds[1], level=level, side=side)
    return replace(found, method=f"{found.method}, as all scores are equal")


def stratified_mean(
    values: ArrayLike,
    strata: ArrayLike,
    *,
    weights: Mapping[Any, float] | None = None,
    sizes: Mapping[Any, int] | None = None,
    level: float = 0.95,
    side: Side = "two",
) -> Mean:
    """The weighted mean of stratum means, with Satterthwaite's degrees of freedom.

    Cochran, *Sampling Techniques*, 1977, sections 5.2–5.4 (equations 5.1, 5.12 and 5.16);
    Satterthwaite, Biometrics Bulletin 2 (1946) 110.

    Args:
        values: shape (n,), scores.
        strata: shape (n,), the stratum of each score: text or integers.
        weights: share of each stratum in the measurand, positive; normalised to 1. By default
            the `sizes`.
        sizes: items in each stratum, where scores are drawn without replacement from finite
            strata. A stratum seen whole adds no error.

    Raises:
        InputError: without weights and sizes; for a stratum that is missing, unknown, or has one
            score only (unless that is all of it); if no sampled stratum shows any spread.
    """
    x = numbers(values, "values")
    check_level(level)
    check_side(side)
    if weights is None and sizes is None:
        raise InputError("weights: wanted the share of each stratum, or their sizes, got neither")
    names, which = groups(strata, x, "strata")
    keys = [name.item() for name in names]
    share = _per_stratum(weights if weights is not None else sizes, keys, "weights")
    share = share / share.sum()
    n = np.bincount(which)
    rest = _rest(n, keys, sizes)
    alone = np.flatnonzero((n < 2) & (rest > 0))
    if alone.size:
        raise InputError(f"strata: wanted at least 2 scores in each, got 1 in {keys[alone[0]]!r}")
    means = np.bincount(which, x) / n
    squares = np.bincount(which, (x - means[which]) ** 2)
    # Equal scores whose mean is rounded must count as equal.
    squares[np.array([np.all(x[which == h] == x[which == h][0]) for h in range(len(keys))])] = 0.0
    free = np.maximum(n - 1, 1)
    parts = share**2 * rest * squares / free / n
    sampled = rest > 0
    if sampled.any() and not parts.any():
        raise InputError(
            "values: no stratum shows any spread, which says nothing about the error; "
            "use bounded_mean within strata"
        )
    total = float(parts.sum())
    df = total**2 / float(np.sum(parts**2 / free)) if total > 0 else float(x.size - len(keys))
    flat = int(np.sum(sampled & (squares == 0)))
    words = f"stratified t, {len(keys)} strata, Satterthwaite" + (
        f"; {flat} of them without spread, taken as error-free" if flat else ""
    )
    return _student(float(share @ means), math.sqrt(total), df, x.size, level, side, words)


def bounded_mean(
    values: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    level: float = 0.95,
    side: Side = "two",
    method: BoundedMethod = "exact",
) -> Mean:
    """An interval for the mean of bounded scores that holds at every n, whatever their law.

    Nothing is assumed beyond the range and independence; scores that are all equal are no
    problem, and the order of the scores does not matter.

    Args:
        values: shape (n,), scores in `low`–`high`, their number fixed beforehand.
        method: "exact" is Clopper–Pearson if every score is an end of the range, and "betting"
            otherwise; "betting" refutes candidates with the mixture e-value of
            `betting.log_capital`, and adapts to small variances; "hoeffding" is
            exp(-n KL(mean, m)) (Hoeffding, JASA 58 (1963) 13, equation 2.1), the sharpest where
            scores are nearly all at the ends of the range.

    Raises:
        InputError: for scores outside the range, or an unknown method.
    """
    x = unit(values, low, high)
    check_level(level)
    check_side(side)
    if method not in ("exact", "betting", "hoeffding"):
        raise InputError(f"method: wanted 'exact', 'betting' or 'hoeffding', got {method!r}")
    value = low + (high - low) * float(x.mean())

    def finish(ends: tuple[float, float], words: str) -> Mean:
        a, b = (low + (high - low) * e for e in ends)
        # Scaling may round: the estimate belongs to its interval.
        return Mean(value, min(a, value), max(b, value), None, None, x.size, level, words)

    if method == "exact" and np.all((x == 0) | (x == 1)):
        rate = clopper_pearson(int(x.sum()), x.size, level=level, side=side)
        return finish((rate.low, rate.high), rate.method)
    alpha = (1 - level) / (2 if side == "two" else 1)
    upper = _hoeffding if method == "hoeffding" else upper_bound
    ends = (
        0.0 if side == "upper" else 1 - upper(1 - x, alpha),
        1.0 if side == "lower" else upper(x, alpha),
    )
    return finish(ends, "Hoeffding" if method == "hoeffding" else "betting, fixed n")


def _hoeffding(x: Floats, alpha: float) -> float:
    mean, goal = float(x.mean()), math.log(1 / alpha) / x.size
    low, high = mean, 1.0
    for _ in range(60):
        m = (low + high) / 2
        if m <= low or m >= 1:
            break
        apart = (mean * math.log(mean / m) if mean > 0 else 0.0) + (
            (1 - mean) * (math.log1p(-mean) - math.log1p(-m)) if mean < 1 else 0.0
        )
        low, high = (low, m) if apart >= goal else (m, high)
    return high


def _student(
    value: float, error: float, df: float, n: int, level: float, side: Side, words: str
) -> Mean:
    tail = (1 - level) / (2 if side == "two" else 1)
    reach = 0.0 if error == 0 else float(-stdtrit(df, tail)) * error
    low = -math.inf if side == "upper" else value - reach
    high = math.inf if side == "lower" else value + reach
    return Mean(value, low, high, error, df, n, level, words)


def _rest(n: NDArray[np.int64], keys: list[Any], sizes: Mapping[Any, int] | None) -> Floats:
    """The share of each stratum that has not been seen."""
    if sizes is None:
        return np.ones(len(keys))
    room = _per_stratum(sizes, keys, "sizes")
    parts = zip(keys, n.tolist(), room.tolist(), strict=True)
    return np.array([_finite_factor(seen, int(size), f"sizes[{k!r}]") for k, seen, size in parts])


def _finite_factor(n: int, population: int | None, name: str) -> float:
    if population is None:
        return 1.0
    if population < n:
        raise InputError(f"{name}: wanted at least the {n} scores, got {population}")
    return 1 - n / population


def _per_stratum(given: Mapping[Any, float] | None, keys: list[Any], name: str) -> Floats:
    assert given is not None
    missing = [k for k in keys if k not in given]
    if missing:
        raise InputError(f"{name}: wanted one for every stratum, got none for {missing[0]!r}")
    unseen = [k for k in given if k not in keys]
    if unseen:
        raise InputError(f"strata: wanted scores in every stratum, got none in {unseen[0]!r}")
    array = np.array([float(given[k]) for k in keys])
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
    if bad.size:
        raise InputError(f"{name}[{keys[bad[0]]!r}]: wanted above 0, got {array[bad[0]]:g}")
    return array
