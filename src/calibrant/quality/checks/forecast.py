"""When will the benchmark be used up? From the dates of its records, with an honest interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import logit

from calibrant._text import one_line
from calibrant.errors import InputError

Floats = NDArray[np.float64]

RECORDS = 8
"""Records below which a forecast is refused."""
HORIZON = 30.0
"""Years looked ahead."""
SETTLING, LEAST = 1 / 3, 4
"""The first third of the dates is left out if so many jumps remain: at first every subject beats
few, and records climb faster than they go on to."""
PATHS, STEPS = 2000, 200
YEAR = 365.25


@dataclass(frozen=True)
class Forecast:
    """When the best score reaches a level.

    Attributes:
        target: the level, 0–1.
        reached: the date it was reached at, if it was; then there is no forecast.
        median, low, high: dates, an interval of `level`; None for "not within 30 years".
        level: of the interval.
        records: (date, subject's position, score) of each that beat all before it.
        per_year: odds ratio by which the records grew a year.
        hindcast_inside, hindcast: of forecasts made at earlier records of what the best score would
            be at later ones, how many had it inside their intervals; they overlap, so they are
            fewer independent checks than they look.
    """

    target: float
    reached: str | None
    median: str | None
    low: str | None
    high: str | None
    level: float
    records: tuple[tuple[str, int, float], ...]
    per_year: float
    hindcast_inside: int
    hindcast: int

    def __repr__(self) -> str:
        if self.reached is not None:
            return f"the best score reached {self.target:.0%} on {self.reached}"
        never = f"not within {HORIZON:g} years"
        return (
            f"the best score reaches {self.target:.0%} about {self.median or never} "
            f"({self.level:.0%} interval {self.low or never} to {self.high or never}); "
            f"hindcasts held {self.hindcast_inside} of {self.hindcast} times"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def forecast(
    when: Floats,
    score: Floats,
    *,
    target: float = 0.95,
    items: int = 1000,
    level: float = 0.8,
    rng: np.random.Generator,
) -> Forecast:
    """Forecast when the running best of dated scores reaches a target.

    The logit of the running best is taken to climb by jumps after gaps. Both come, in pairs, from
    the records there were, with weights of a Bayesian bootstrap that say how little a few records
    tell of the law behind them; the next gap starts at the last date known. Nothing is assumed of
    the law but that it stays.

    Args:
        when: shape (subjects,), years; NaN where a date is not known.
        score: shape (subjects,), 0–1; NaN where there is none.
        target: the level to be reached, strictly between 0 and 1.
        items: how many items scores are of: none is nearer to 0 or 1 than half an item.
        level: of the interval.
        rng: of the paths.

    Raises:
        InputError: for fewer than 8 records, or a target outside 0–1.
    """
    if not 0.0 < target < 1.0:
        raise InputError(f"target: wanted a score strictly between 0 and 1, got {target:g}")
    known = np.flatnonzero(~np.isnan(when) & ~np.isnan(score))
    records = record_positions(when[known], score[known])
    told = tuple((_iso(when[known[i]]), int(known[i]), float(score[known[i]])) for i in records)
    t, s = when[known[records]], score[known[records]]
    edge = 0.5 / items
    climb = logit(np.clip(s, edge, 1.0 - edge))
    if s.size and s[-1] >= target:
        first = int(np.argmax(s >= target))
        return Forecast(
            target, _iso(t[first]), None, None, None, level, told, _rate(t, climb), 0, 0
        )
    if s.size < RECORDS:
        raise InputError(
            f"forecast: wanted at least {RECORDS} records (scores above all before), got {s.size}"
        )
    now = float(when[known].max())
    aim = float(logit(target))
    times = first_passage(t, climb, now, aim, rng)
    quantiles = np.quantile(times, [(1 - level) / 2, 0.5, (1 + level) / 2], method="higher")
    low, median, high = (_iso(q) if q - now <= HORIZON else None for q in quantiles)
    inside, total = _hindcast(t, climb, level, rng)
    return Forecast(target, None, median, low, high, level, told, _rate(t, climb), inside, total)


def record_positions(when: Floats, score: Floats) -> NDArray[np.int64]:
    """Positions of those that beat all before them; of one day only the best."""
    order = np.lexsort((-score, when))
    best = -np.inf
    found: list[int] = []
    for i in order:
        if score[i] > best:
            best = score[i]
            if found and when[i] == when[found[-1]]:
                continue
            found.append(int(i))
    return np.array(found, np.int64)


def paths(
    t: Floats, climb: Floats, now: float, rng: np.random.Generator, count: int = PATHS
) -> tuple[Floats, Floats]:
    """Shapes (paths, steps + 1): dates and levels of records to come, the first those of now."""
    gaps, jumps = np.diff(t), np.diff(climb)
    settled = t[:-1] >= t[0] + SETTLING * (t[-1] - t[0])
    if settled.sum() >= LEAST:
        gaps, jumps = gaps[settled], jumps[settled]
    n = gaps.size
    # A few records say little: weights are wider than a bootstrap's by as much as a variance from
    # n numbers is below that of what they were drawn from.
    weight = rng.gamma((n - 2.0) / (n + 3.0), size=(count, n))
    edges = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    u = rng.random((count, STEPS))
    # One search for all paths: each has its own stretch of the line.
    row = np.arange(count)[:, None]
    drawn = np.searchsorted((edges + row).ravel(), (u + row).ravel(), side="right")
    drawn = np.clip(drawn.reshape(u.shape) - row * n, 0, n - 1)
    start = np.zeros((count, 1))
    dates = now + np.concatenate([start, np.cumsum(gaps[drawn], axis=1)], axis=1)
    levels = climb[-1] + np.concatenate([start, np.cumsum(jumps[drawn], axis=1)], axis=1)
    return dates, levels


def first_passage(
    t: Floats, climb: Floats, now: float, aim: float, rng: np.random.Generator, count: int = PATHS
) -> Floats:
    """Shape (paths,): when each path reaches the aim; infinite where it does not."""
    dates, levels = paths(t, climb, now, rng, count)
    reached = levels >= aim
    first = reached.argmax(axis=1)
    found: Floats = np.where(reached.any(axis=1), dates[np.arange(first.size), first], np.inf)
    return found


def _hindcast(t: Floats, climb: Floats, level: float, rng: np.random.Generator) -> tuple[int, int]:
    """From each record on from the sixth, was the level at each later one inside its interval?"""
    inside, total = 0, 0
    for k in range(6, t.size):
        dates, levels = paths(t[:k], climb[:k], float(t[k - 1]), rng, 400)
        for later in range(k, t.size):
            step = (dates <= t[later]).sum(axis=1) - 1
            at = levels[np.arange(step.size), step]
            low, high = np.quantile(at, [(1 - level) / 2, (1 + level) / 2])
            inside += int(low <= climb[later] <= high)
            total += 1
    return inside, total


def _rate(t: Floats, climb: Floats) -> float:
    if t.size < 2:
        return float("nan")
    return float(np.exp((climb[-1] - climb[0]) / max(t[-1] - t[0], 1 / YEAR)))


def years(column: pl.Series) -> Floats:
    """Dates as years: dates, times, texts that begin with YYYY-MM-DD or YYYY-MM, or years.

    Raises:
        InputError: naming the first that is none of these.
    """
    found = np.full(column.len(), np.nan)
    for i, value in enumerate(column.to_list()):
        if value is None or value == "":
            continue
        if isinstance(value, int | float) and 1900 <= value < 2200:
            found[i] = float(value)
            continue
        text = str(value)
        text = f"{text}-01" if len(text) == 7 else f"{text}-07-01" if len(text) == 4 else text[:10]
        try:
            day = date.fromisoformat(text)
        except ValueError as e:
            raise InputError(
                f"dates row {i + 1}: wanted a date as 2026-11-22, got {one_line(str(value), 40)!r}"
            ) from e
        found[i] = _year(day)
    return found


def _year(day: date) -> float:
    return day.year + (day - date(day.year, 1, 1)).days / YEAR


def _iso(when: float) -> str:
    start = date(int(when), 1, 1)
    return (start + timedelta(days=round((when - int(when)) * YEAR))).isoformat()
