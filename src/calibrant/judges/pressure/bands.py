"""What is sure of a curve over n, all at once? Bands, and tests that one n is better than another.

Every row is one prompt's curve; prompts are independent. All contrasts of one prompt go together,
so differences between two n are far more certain than the curve itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from calibrant.errors import InputError
from calibrant.judges.pressure.floors import Floors
from calibrant.stats.estimates.clusters import korn_graubard_bounds

Floats = NDArray[np.float64]
Seed = int | np.random.SeedSequence

FEWEST = 6
"""Prompts below which nothing is concluded: sign flips of five cannot reach a level of 0.95."""

ALL_FLIPS = 12
"""Up to this many prompts every combination of signs is gone through."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A mean over prompts for each n, with an interval at each n and a band over all of them.

    Attributes:
        n: shape (k,), how many answers the judge chooses from.
        value, standard_error: shape (k,).
        low, high: the interval at each n alone.
        band_low, band_high: limits that hold at all n together.
        level: of both.
        prompts: how many.
        method: how it was found.
    """

    n: NDArray[np.int64]
    value: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    band_low: Floats
    band_high: Floats
    level: float
    prompts: int
    method: str
    by_prompt: Floats = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"from {self.value[0]:.4g} at n = 1 to {self.value[-1]:.4g} at n = {self.n[-1]:,} "
            f"[{self.band_low[-1]:.4g}, {self.band_high[-1]:.4g}] ({self.level:.0%} for all n "
            f"together, {self.prompts:,} prompts)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the curves of single prompts."""
        rows = ("n", "value", "standard_error", "low", "high", "band_low", "band_high")
        more = {"level": self.level, "prompts": self.prompts, "method": self.method}
        return {name: getattr(self, name).tolist() for name in rows} | more


def curve(
    by_prompt: ArrayLike,
    n: ArrayLike,
    *,
    level: float = 0.95,
    span: tuple[float, float] | None = None,
    worth: ArrayLike | None = None,
    draws: int = 4000,
    seed: Seed = 0,
) -> Curve:
    """The mean curve with t intervals by prompt and a simultaneous band.

    The band takes the largest of the k Student statistics: its law is that of correlated normal
    variables over one common chi, with the correlation that the prompts show (a Gaussian
    multiplier bootstrap, Chernozhukov, Chetverikov and Kato, Ann. Stat. 41 (2013) 2786, given
    Student's tails because prompts are few).

    Args:
        by_prompt: shape (prompts, k).
        n: shape (k,).
        span: the range that no score can leave. With it, limits are Clopper and Pearson's for the
            number of independent answers that are worth as much (Korn and Graubard, Surv.
            Methodol. 24 (1998) 193), which stay right near the ends of the range, and a value on
            which all prompts agree has an interval.
        worth: shape (k,), independent answers that a prompt's value rests on at most
            (`Floors.worth`), which cap that number; 1 by default.

    Raises:
        InputError: for fewer than `FEWEST` prompts; for an n at which all prompts agree if no
            span is given; for values outside the span.
    """
    rows, size = checked(by_prompt), np.asarray(n, dtype=np.int64)
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    prompts = rows.shape[0]
    value = rows.mean(axis=0)
    rest = rows - value
    rest[np.abs(rest) <= 1e-10 * max(float(np.abs(rows).max()), 1e-300)] = 0.0
    error = np.sqrt((rest**2).sum(axis=0) / (prompts - 1) / prompts)
    flat = error == 0
    if flat.any() and span is None:
        raise InputError(
            f"scores: at n = {size[flat][0]} all {prompts} prompts have {value[flat][0]:.6g}, "
            "which says nothing about their spread; give the range of scores"
        )
    reach = -float(stdtrit(prompts - 1, (1 - level) / 2))
    wide = max(reach, _largest(rest[:, ~flat], level, draws, seed))
    method = f"Student's t by prompt, {prompts - 1} df; band by the largest of the statistics"
    ends: list[Floats]
    if span is None:
        ends = [value - reach * error, value + reach * error]
        ends += [value - wide * error, value + wide * error]
    else:
        method = "effective counts by prompt; band by the largest Student statistic"
        most = np.ones(size.size) if worth is None else np.asarray(worth, float)
        both = 1 - 2 * float(stdtr(prompts - 1, -wide))
        ends = [*_counts(rows, most, span, level), *_counts(rows, most, span, both)]
    return Curve(
        size, value, error, ends[0], ends[1], ends[2], ends[3], level, prompts, method, rows
    )


def _counts(
    rows: Floats, worth: Floats, span: tuple[float, float], level: float
) -> tuple[Floats, Floats]:
    low, high = span
    unit = (rows - low) / (high - low)
    if unit.min() < -1e-9 or unit.max() > 1 + 1e-9:
        raise InputError(f"scores: wanted them in {low:g}–{high:g}, got some outside")
    unit = np.clip(unit, 0.0, 1.0)
    unit = np.where(unit > 1 - 1e-10, 1.0, np.where(unit < 1e-10, 0.0, unit))
    each = np.repeat(worth[:, None], len(rows), axis=1)
    ends = korn_graubard_bounds(unit.T * each, each, level=level, side="two")
    return np.asarray(low + (high - low) * ends[0]), np.asarray(low + (high - low) * ends[1])


def _largest(rest: Floats, level: float, draws: int, seed: Seed) -> float:
    """The quantile of the largest absolute Student statistic of correlated columns."""
    if rest.shape[1] == 0:
        return 0.0
    prompts = rest.shape[0]
    rng = np.random.default_rng(seed)
    units = rest / np.sqrt((rest**2).sum(axis=0))
    top = np.empty(draws)
    for start in range(0, draws, 1000):
        part = top[start : start + 1000]
        normal = rng.standard_normal((part.size, prompts))
        part[:] = np.abs(normal @ units).max(axis=1)
        part /= np.sqrt(rng.chisquare(prompts - 1, part.size) / (prompts - 1))
    return float(np.quantile(top, level))


def checked(by_prompt: ArrayLike) -> Floats:
    """Curves by prompt.

    Raises:
        InputError: for another shape, numbers that are not finite, or fewer than `FEWEST` rows.
    """
    rows = np.asarray(by_prompt, dtype=float)
    if rows.ndim != 2 or rows.shape[1] == 0 or not np.isfinite(rows).all():
        raise InputError(f"curves: wanted finite numbers (prompts, n), got shape {rows.shape}")
    if rows.shape[0] < FEWEST:
        raise InputError(
            f"prompts: wanted at least {FEWEST}, as prompts are what is sampled, got "
            f"{rows.shape[0]}"
        )
    return rows


def signs(prompts: int, draws: int, seed: Seed) -> Floats:
    """Signs for sign flips, shape (draws, prompts); the first row flips nothing.

    All 2^prompts for up to `ALL_FLIPS` prompts, else random ones.
    """
    if prompts <= ALL_FLIPS:
        bits = (np.arange(2**prompts)[:, None] >> np.arange(prompts)) & 1
        return np.asarray(1.0 - 2.0 * bits)
    rng = np.random.default_rng(seed)
    flips = 2.0 * rng.integers(0, 2, size=(draws, prompts), dtype=np.int8) - 1
    return np.vstack([np.ones(prompts), flips])


class Flips:
    """Sign-flip tests of many contrasts of the same prompts, and of the largest among them.

    If a contrast is symmetric about 0 over prompts, flipping the signs of whole prompts leaves
    the law of all statistics together unchanged, so the test of the largest is exact (Romano,
    Ann. Stat. 17 (1989) 141); without symmetry it is right for many prompts, as each statistic is
    divided by its own spread. Contrasts that are really below 0 only make it more careful.
    """

    def __init__(
        self,
        by_prompt: ArrayLike,
        *,
        floors: Floors | None = None,
        draws: int = 3999,
        seed: Seed = 0,
    ) -> None:
        self.rows = checked(by_prompt)
        self.floors = floors
        self.tolerance = 1e-10 * max(float(np.abs(self.rows).max()), 1e-300)
        self.signs = signs(self.rows.shape[0], draws, seed)
        self.flipped = self.signs @ self.rows / self.rows.shape[0]

    def against(self, at: int, others: Sequence[int] | NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Statistics of "column minus column `at`": observed (m,), and under flips (draws, m).

        Each is the mean over its root mean square, a rising function of Student's t; 0 where
        nothing differs. The observed one is divided by no less than chance alone would give, if
        floors are known: flips cannot see that all prompts agree by luck.
        """
        index = np.asarray(others, dtype=np.int64)
        apart = self.rows[:, index] - self.rows[:, [at]]
        apart[np.abs(apart) <= self.tolerance] = 0.0
        size = np.sqrt((apart**2).mean(axis=0))
        scale = np.where(size > 0, 1 / np.where(size > 0, size, 1.0), 0.0)
        moved = (self.flipped[:, index] - self.flipped[:, [at]]) * scale
        mean = apart.mean(axis=0)
        if self.floors is None:
            return mean * scale, moved
        least = np.sqrt(np.maximum(size**2, mean**2 + self.floors.between(at, index)))
        return np.where(size > 0, mean / np.where(size > 0, least, 1.0), 0.0), moved


def share_above(largest: Floats, observed: float) -> float:
    """The share of flips, the observed one among them, that reach what was seen."""
    return float(np.mean(largest >= observed - 1e-9))


def beaten(flips: Flips, among: Sequence[int] | None = None) -> Floats:
    """For each column the p-value of "no other column has a higher mean", shape (k,).

    Args:
        among: the columns that count; all by default. The others have p = nan.
    """
    some = list(range(flips.rows.shape[1])) if among is None else list(among)
    found = np.full(flips.rows.shape[1], np.nan)
    for at in some:
        others = [m for m in some if m != at]
        if not others:
            return np.ones_like(found)
        seen, moved = flips.against(at, others)
        found[at] = share_above(moved.max(axis=1), float(seen.max()))
    return found


@dataclass(frozen=True)
class Declines:
    """Where a curve is shown to fall.

    Attributes:
        p_value: of "no n is worse than a smaller one", over all pairs.
        first: the position of the smallest n that is shown to be worse than a smaller one.
    """

    p_value: float
    first: int | None


def declines(flips: Flips, alpha: float) -> Declines:
    """Test every pair "m < n, and n is worse", the chance of any false claim being `alpha`."""
    k = flips.rows.shape[1]
    if k < 2:
        return Declines(1.0, None)
    largest = np.full(flips.signs.shape[0], -np.inf)
    seen = np.full(k, -np.inf)
    for at in range(1, k):
        one, moved = flips.against(at, np.arange(at))
        seen[at] = one.max()
        np.maximum(largest, moved.max(axis=1), out=largest)
    shown = [at for at in range(1, k) if share_above(largest, float(seen[at])) <= alpha]
    return Declines(share_above(largest, float(seen.max())), shown[0] if shown else None)


def improves(flips: Flips) -> Floats:
    """For each column the p-value of "not above the first column", adjusted for all of them."""
    k = flips.rows.shape[1]
    if k < 2:
        return np.ones(k)
    seen, moved = flips.against(0, np.arange(1, k))
    largest = moved.max(axis=1)
    return np.array([1.0, *(share_above(largest, float(s)) for s in seen)])
