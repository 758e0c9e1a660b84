"""What is the mean of bounded scores, at every moment of a run? Confidence sequences by betting.

Against each candidate mean m a gambler bets that the scores are lower (for upper bounds) or higher
(for lower bounds). If m is true no bet gains on average, so a capital of 1/alpha refutes m at
whatever moment it is reached (Ville's inequality). What is left is the confidence sequence.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 86
(2024) 1; the mixture over constant bets is Cover's universal portfolio, as in Orabona and Jun,
IEEE Trans. Inf. Theory 70 (2024) 436.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import Side

Floats = NDArray[np.float64]
Method = Literal["mixture", "hedged", "empirical-bernstein"]

BETS: Floats = np.array(
    [1, 0.97, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.017]
)
"""The constant bets of the mixture, as shares of the largest bet that cannot ruin the gambler at
a score of 1; small ones pay in long runs near the truth, the whole stake while scores are clean."""

WEIGHTS: Floats = np.array([0.4, *[0.6 / (BETS.size - 1)] * (BETS.size - 1)])
"""Shares of the capital behind each bet. Clean runs are the normal case in safety."""

_STEPS = 32
"""Trials per block: the largest capital that a block can make must fit a float."""


@dataclass(frozen=True)
class ConfidenceSequence:
    """Bounds for a mean after 1, 2, … scores, all of which hold at once with chance `level`.

    Attributes:
        low, high: shape (n,), in the units of the scores; running intersections, so that they
            never widen. The side that was not asked for is the end of the range. Where `low` is
            above `high` the sequence has missed, or the scores do not share one mean.
        value: the mean of all scores.
        level: confidence, in 0–1, for all times together.
        method: how it was found, in words.
    """

    low: Floats
    high: Floats
    value: float
    level: float
    method: str

    @property
    def n(self) -> int:
        """Number of scores."""
        return int(self.low.size)

    @property
    def empty(self) -> bool:
        """Whether the bounds contradict each other; chance at most 1 - `level`."""
        return bool(np.any(self.low > self.high))

    def __repr__(self) -> str:
        if self.empty:
            return (
                f"no mean fits all {self.n:,} scores at {self.level:.0%} ({self.method}): a rare "
                "miss, or their mean changes"
            )
        return (
            f"mean {self.value:.4g}, [{self.low[-1]:.4g}, {self.high[-1]:.4g}] after {self.n:,} "
            f"scores, valid at every look ({self.level:.0%}, {self.method})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with the whole path."""
        return {
            "value": self.value,
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "n": self.n,
            "level": self.level,
            "method": self.method,
            "empty": self.empty,
        }


def numbers(values: ArrayLike, name: str) -> Floats:
    """Return `values` as a one-dimensional array of finite floats, at least one.

    Raises:
        InputError: for anything else; the message gives the first bad position.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name}: wanted an array of numbers, got {type(values).__name__}"
        ) from None
    if array.ndim != 1:
        raise InputError(f"{name}: wanted one dimension, got shape {array.shape}")
    if array.size == 0:
        raise InputError(f"{name}: wanted at least one number, got none")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise InputError(f"{name}: wanted finite numbers, got {array[bad[0]]} at {bad[0]}")
    if np.abs(array).max() > 1e100:
        raise InputError(f"{name}: wanted magnitudes up to 1e100, got {np.abs(array).max():.3g}")
    return array


def groups(labels: ArrayLike, like: Floats, name: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct labels, and which of them each of the numbers `like` has.

    Raises:
        InputError: for labels of another length or of kinds that cannot be compared.
    """
    array = np.asarray(labels)
    if array.shape != like.shape:
        raise InputError(f"{name}: wanted one for each of {like.size} values, got {array.shape}")
    try:
        distinct, which = np.unique(array, return_inverse=True)
    except TypeError:
        raise InputError(f"{name}: wanted all text or all integers, got a mixture") from None
    return distinct, which


def check_level(level: float) -> None:
    """Raise InputError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")


def check_side(side: str) -> None:
    """Raise InputError for an unknown side."""
    if side not in ("two", "upper", "lower"):
        raise InputError(f"side: wanted 'two', 'upper' or 'lower', got {side!r}")


def unit(values: ArrayLike, low: float, high: float, name: str = "values") -> Floats:
    """Return scores from `low`–`high` as numbers in 0–1.

    Raises:
        InputError: for an impossible range or a score outside it.
    """
    array = numbers(values, name)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"range: wanted finite low < high, got {low!r} and {high!r}")
    bad = np.flatnonzero((array < low) | (array > high))
    if bad.size:
        raise InputError(
            f"{name}: wanted numbers in {low:g}–{high:g}, got {array[bad[0]]:g} at {bad[0]}"
        )
    return np.clip((array - low) / (high - low), 0.0, 1.0)


def confidence_sequence(
    values: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    level: float = 0.95,
    side: Side = "two",
    method: Method = "mixture",
    population: int | None = None,
    grid: int = 1000,
) -> ConfidenceSequence:
    """A confidence sequence for the mean of bounded scores: look after every one, stop any time.

    Args:
        values: shape (n,), scores in the order in which they came.
        low, high: the range that no score can leave.
        level: confidence in 0–1, time-uniform.
        side: "upper" and "lower" spend the whole error on one bound.
        method: "mixture" of constant bets (default; tight for clean runs); "hedged", the hedged
            capital process of Waudby-Smith and Ramdas section 4 (bets follow the variance so far;
            truncation 1/2); or their "empirical-bernstein" of section 3 (closed form, wider).
        population: size of the finite set that the scores are drawn from without replacement
            (section 5 there); None for an endless source.
        grid: number of candidate means. Bounds are rounded outwards to it; candidates lie densest
            near the ends of the range, where the bounds are tightest.

    Raises:
        InputError: for numbers outside the range, or more scores than the population has.
    """
    x = unit(values, low, high)
    check_level(level)
    check_side(side)
    _check_options(x.size, method, population, grid)
    alpha = (1 - level) / (2 if side == "two" else 1)

    def upper(scores: Floats) -> Floats:
        if method == "empirical-bernstein":
            bound = _bernstein(scores, alpha, population)
        else:
            bound = _upper_path(scores, alpha, method, population, grid)
        if population is not None:  # what has been seen leaves this much room
            bound = np.minimum(bound, 1 - np.cumsum(1 - scores) / population)
        return np.asarray(np.minimum.accumulate(np.clip(bound, 0.0, 1.0)))

    ends = [np.zeros(x.size), np.ones(x.size)]
    if side != "lower":
        ends[1] = upper(x)
    if side != "upper":
        ends[0] = 1 - upper(1 - x)
    if population is not None:  # nor may a rare miss contradict what has been seen
        ends[0] = np.minimum(ends[0], 1 - np.cumsum(1 - x) / population)
        ends[1] = np.maximum(ends[1], np.cumsum(x) / population)
    words = f"betting, {method}" + ("" if population is None else ", without replacement")
    scale = high - low
    return ConfidenceSequence(
        low + scale * ends[0], low + scale * ends[1], float(low + scale * x.mean()), level, words
    )


def _check_options(n: int, method: str, population: int | None, grid: int) -> None:
    if method not in ("mixture", "hedged", "empirical-bernstein"):
        raise InputError(
            f"method: wanted 'mixture', 'hedged' or 'empirical-bernstein', got {method!r}"
        )
    if population is not None and population < n:
        raise InputError(f"population: wanted at least the {n} scores, got {population}")
    if not 10 <= grid <= 10_000:
        raise InputError(f"grid: wanted 10–10,000 candidates, got {grid}")


def predictable_bets(x: Floats, alpha: float) -> Floats:
    """Bets that use only the past: sqrt(2 log(1/alpha) / (variance so far × t × log(1 + t))).

    The predictable plug-in of Waudby-Smith and Ramdas (2024); `alpha` is the error of one side.
    """
    t = np.arange(1, x.size + 1)
    means = (0.5 + np.cumsum(x)) / (t + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.asarray(np.sqrt(2 * math.log(1 / alpha) / (before * t * np.log1p(t))))


def _upper_path(
    x: Floats, alpha: float, method: Method, population: int | None, grid: int
) -> Floats:
    """The smallest refuted candidate after each trial; capitals rise with the candidate."""
    # Even steps of the arcsine of the rate: a standard error has the same length everywhere.
    means = np.sin(np.linspace(0, np.pi / 2, grid + 1)[1:-1]) ** 2
    mixture = method == "mixture"
    shares, weights = (BETS, WEIGHTS) if mixture else (np.array([0.5]), np.array([1.0]))
    limits = predictable_bets(x, alpha)
    drawn = np.concatenate([[0.0], np.cumsum(x)[:-1]])
    capital = np.repeat(weights[:, None], means.size, axis=1)
    bounds = np.empty(x.size)
    bound = 1.0
    for start in range(0, x.size, _STEPS):
        part = slice(start, min(start + _STEPS, x.size))
        m, impossible = _candidates(means, drawn[part], start, population)
        bets = shares[:, None] / (1 - m)
        if method == "hedged":
            bets = np.minimum(limits[part, None, None], bets)
        factors = (1 + bets * m) - bets * x[part, None, None]
        # In a block no capital leaves the range of a float, as 1/(1 - m) is at most 1e8.
        paths = np.multiply.accumulate(np.maximum(factors, 0.0), axis=0) * capital
        refuted = (paths.sum(axis=1) >= 1 / alpha) | impossible
        first = np.where(refuted.any(axis=1), refuted.argmax(axis=1), means.size)
        path = np.append(means, 1.0)[first]
        bounds[part] = np.minimum(np.minimum.accumulate(path), bound)
        bound = float(bounds[part.stop - 1])
        keep = means < bound
        means, capital = means[keep], paths[-1][:, keep]
        if means.size == 0:
            bounds[part.stop :] = bound
            break
    return bounds


def _candidates(
    means: Floats, drawn: Floats, start: int, population: int | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """What each candidate says about the next score, shape (steps or 1, 1, means)."""
    if population is None:
        return means[None, None, :], np.zeros((1, means.size), dtype=bool)
    left = population - start - np.arange(drawn.size)
    m = (population * means[None, :] - drawn[:, None]) / left[:, None]
    # Rounding both ends towards 0 only makes the capital smaller: it stays an e-process.
    return np.clip(m, 0.0, 1 - 1e-8)[:, None, :], m > 1 + 1e-9


def _bernstein(x: Floats, alpha: float, population: int | None) -> Floats:
    """Predictable plug-in empirical Bernstein, upper bound (sections 3.2 and 5.1)."""
    bets = np.minimum(predictable_bets(x, alpha), 0.5)
    t = np.arange(1, x.size + 1)
    before = np.concatenate([[0.5], ((0.5 + np.cumsum(x)) / (t + 1))[:-1]])
    spent = np.cumsum((x - before) ** 2 * (-np.log1p(-bets) - bets))
    share, shift = np.ones(x.size), x
    if population is not None:
        left = population - t + 1
        share = 1 + (t - 1) / left
        shift = x + (np.cumsum(x) - x) / left
    total = np.cumsum(bets * share)
    return np.asarray((np.cumsum(bets * shift) + math.log(1 / alpha) + spent) / total)


def log_capital(x: Floats, mean: float, counts: Floats | None = None) -> float:
    """Log e-value against "the mean is at least `mean`" from scores in 0–1, in any order.

    The mixture of constant bets; the e-value of `evalues.mean_e_value`. `counts` says how often
    each score occurred. Rises with `mean`, which lies strictly between 0 and 1.
    """
    each = np.ones(x.size) if counts is None else counts
    return float(_log_mixture((_log_factors(x, mean) @ each)[:, None])[0])


def capital_path(x: Floats, mean: float) -> Floats:
    """`log_capital` after each of the scores: an e-process, shape (n,)."""
    return _log_mixture(np.cumsum(_log_factors(x, mean), axis=1))


def _log_factors(x: Floats, mean: float) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.maximum(1 - BETS[:, None] * (x - mean) / (1 - mean), 0.0)))


def _log_mixture(logs: Floats) -> Floats:
    """Log of the weighted mean over bets, shape (bets, …) to (…); one bet is always above 0."""
    top = logs.max(axis=0)
    return np.asarray(top + np.log(WEIGHTS @ np.exp(logs - top)))


def upper_bound(x: Floats, alpha: float) -> float:
    """The upper bound for the mean from scores in 0–1 of a fixed number, whatever their order."""
    scores, counts = np.unique(x, return_counts=True)
    mean, far = float(x.mean()), 1 - 1e-12
    goal, each = -math.log(alpha), counts.astype(np.float64)

    def short(candidate: float) -> float:
        # The root finder needs finite numbers; a capital of 0 has none.
        return max(log_capital(scores, candidate, each), -1e6) - goal

    if mean >= far or short(far) <= 0:
        return 1.0
    # The capital is at most 1 at the mean and rises with the candidate.
    return min(float(brentq(short, mean, far, xtol=1e-12, rtol=1e-12)) + 1e-11, 1.0)
