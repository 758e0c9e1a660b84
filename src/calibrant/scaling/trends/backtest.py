"""Would the trend have covered what came later? The past, cut at each date, and forecast anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import betainc, stdtrit

from calibrant.errors import UnfitError
from calibrant.scaling.trends.history import YEAR, History, component, record_level, records
from calibrant.scaling.trends.model import Floats, fit
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.stats.tails import binomial_cdf

LEAST = 4
"""Subjects before the first cut."""
POOR = 2 / 3
"""It also fails at a horizon where less than this part of the level was covered of three subjects
or more: overlapping forecasts prove little, but nobody should trust what they would have seen."""
MOST_CUTS = 24
"""Most cuts, evenly spaced over the dates."""
HORIZONS = (0.0, 6.0, 12.0, 24.0, 48.0)
"""Months at which horizons begin; each ends where the next one begins, the last at nothing."""
FAILED = 0.1
"""A back-test fails where so low a coverage had at most this chance, were the intervals right."""


@dataclass(frozen=True)
class Tried:
    """One forecast of the past.

    Attributes:
        subject, cut, date: of whom, from what was known at the cut, when it came.
        months: from the last known subject.
        next: whether it was the first date after the cut.
        y, median, low, high: on the scale of the trend.
        covered, pit, log_score, crps: how it came out; the last, on the scale of the trend, for the
            next date only.
    """

    subject: str
    cut: str
    date: str
    months: float
    next: bool
    y: float
    median: float
    low: float
    high: float
    covered: bool
    pit: float
    log_score: float
    crps: float | None


@dataclass(frozen=True)
class AtHorizon:
    """Coverage at one horizon.

    Attributes:
        low, high: months, low < months ≤ high; high is None for the last.
        n, subjects, cuts: forecasts, of how many subjects, from how many cuts.
        coverage: share that the intervals covered.
        independent: about how many independent forecasts that is: spans of their mean length that
            do not overlap, at most the subjects.
        p: chance of so low a coverage over as many independent forecasts, were intervals right.
        failed: whether that is at most `FAILED`, or coverage below `POOR` times the level.
    """

    low: float
    high: float | None
    n: int
    subjects: int
    cuts: int
    coverage: float
    independent: int
    p: float
    failed: bool


@dataclass(frozen=True, repr=False)
class Backtest:
    """How forecasts of the past came out.

    Attributes:
        level: of the intervals.
        n: one-step forecasts (of the first date after each cut), whose coverage is `coverage`
            with an exact 95 % interval: in a right model they are independent (Dawid, JRSS A 147
            (1984) 278).
        p: chance of so low a coverage, were the intervals right.
        log_score, crps: means over one-step forecasts, on the scale of the trend.
        horizons: coverage at each horizon that was tried.
        tried: every forecast.
    """

    level: float
    n: int
    covered: int
    coverage: float
    interval: tuple[float, float]
    p: float
    log_score: float
    crps: float
    horizons: tuple[AtHorizon, ...]
    tried: tuple[Tried, ...]

    def __repr__(self) -> str:
        return (
            f"back-test: {self.covered} of {self.n} next subjects within {self.level:.0%} "
            f"intervals ({self.interval[0]:.0%} to {self.interval[1]:.0%} could be)"
        )

    @property
    def failed(self) -> bool:
        """Whether one-step forecasts covered too few."""
        return self.p <= FAILED

    def at(self, months: float) -> AtHorizon | None:
        """The horizon that a distance belongs to, if it was tried."""
        return next(
            (h for h in self.horizons if h.low < months <= (np.inf if h.high is None else h.high)),
            None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def backtest(
    h: History, *, level: float = 0.9, frontier: bool = False, least: int = LEAST
) -> Backtest | None:
    """Cut the past at each date, and forecast all later subjects from what was known.

    Args:
        h: the whole history, not only its records.
        level: of the intervals.
        frontier: forecast records only, from records only.
        least: subjects before the first cut.

    Returns:
        How it came out; None if there is nothing to cut.
    """
    whole = records(h) if frontier else h
    days = np.unique(whole.date)
    cuts = [d for d in days[:-1] if len(set(whole.subject[whole.date <= d])) >= least]
    if len(cuts) > MOST_CUTS:
        cuts = [cuts[i] for i in np.linspace(0, len(cuts) - 1, MOST_CUTS).round().astype(int)]
    tried: list[Tried] = []
    for cut in cuts:
        tried += _from(h, whole, cut, level, frontier)
    steps = [x for x in tried if x.next]
    if not steps:
        return None
    covered = sum(x.covered for x in steps)
    exact = clopper_pearson(covered, len(steps), level=0.95)
    return Backtest(
        level, len(steps), covered, covered / len(steps), (exact.low, exact.high),
        binomial_cdf(covered, len(steps), level),
        float(np.mean([x.log_score for x in steps])),
        float(np.mean([x.crps for x in steps if x.crps is not None])),
        _horizons(tried, level), tuple(tried),
    )  # fmt: skip


def withheld(past: Backtest | None, months: float, record: float) -> str | None:
    """Why a forecast so far ahead is not to be used: its back-test failed, or none is possible.

    Args:
        months: how far ahead.
        record: how long the record is, in months: what is further was never tried.
    """
    if months > record * 1.001:
        return f"{months:.0f} months ahead is further than the record is long ({record:.0f})"
    if past is None:
        return None
    if past.failed:
        return (
            f"{past.level:.0%} intervals covered {past.covered} of {past.n} next subjects of the "
            f"past (chance {past.p:.2g} were they right)"
        )
    there = past.at(months)
    if there is not None and there.failed:
        reach = "more" if there.high is None else f"{there.high:g}"
        return (
            f"{past.level:.0%} intervals covered {there.coverage:.0%} of the past {there.low:g} to "
            f"{reach} months ahead"
        )
    return None


def _from(
    h: History, whole: History, cut: np.datetime64, level: float, frontier: bool
) -> list[Tried]:
    """Forecasts from one cut of what came later; none where nothing can be fitted yet."""
    past = h.take(h.date <= cut)
    names, counts = np.unique(past.version, return_counts=True)
    linked = component(past.subject, past.version, str(names[np.argmax(counts)]))
    past = past.take(np.isin(past.version, list(linked)))
    after = whole.take((whole.date > cut) & np.isin(whole.version, list(linked)))
    if not len(after):
        return []
    if h.reference not in linked:
        past = replace(past, reference=str(names[np.argmax(counts)]))
    known = records(past) if frontier else past
    points = known.points()
    try:
        fitted = fit(points)
    except UnfitError:
        return []  # too early to say anything, such as four subjects of two dates
    codes = {str(f): c for f, c in zip(known.family, points.family, strict=True)}
    versions = {str(v): c for v, c in zip(known.version, points.version, strict=True)}
    after = _once(after.take(np.isin(after.version, list(versions))), known.reference)
    if not len(after):
        return []
    family = np.array([codes.get(str(f), -1) for f in after.family], dtype=np.int64)
    version = np.array([versions[str(v)] for v in after.version], dtype=np.int64)
    # By another version a record may measure less than the one before.
    floor = np.where(version == 0, record_level(known), -np.inf) if frontier else -np.inf
    found = fitted.later(after.t, family, version, low=floor)
    first = after.date == after.date.min()
    ends = found.quantile(np.array([0.5, (1 - level) / 2, (1 + level) / 2]))
    if frontier:
        # The next record may be hardly better than the last: from it upwards is one-sided below.
        ends[1] = np.where(version == 0, record_level(known), ends[1])
    return _outcomes(after, cut, first, ends, found.cdf(after.y), found)


def _outcomes(
    after: History, cut: np.datetime64, first: Any, ends: Floats, pit: Floats, found: Any
) -> list[Tried]:
    months = (after.date - cut).astype(np.int64) / (YEAR / 12)
    score = found.log_density(after.y)
    crps = np.full(len(after), np.nan)
    crps[first] = found.take(first).crps(after.y[first])
    # Of a record only by versions compared later, the density may be 0: the mean stays finite.
    score = np.maximum(score, -50.0)
    return [
        Tried(
            str(after.subject[i]), str(cut), str(after.date[i]), float(months[i]), bool(first[i]),
            float(after.y[i]), float(ends[0, i]), float(ends[1, i]), float(ends[2, i]),
            bool(ends[1, i] <= after.y[i] <= ends[2, i]), float(pit[i]), float(score[i]),
            float(crps[i]) if first[i] else None,
        )
        for i in range(len(after))
    ]  # fmt: skip


def _once(h: History, reference: str) -> History:
    """One row a subject: by the reference version where there is one."""
    order = sorted(range(len(h)), key=lambda i: h.version[i] != reference)
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(str(h.subject[i]), i)
    return h.take(np.isin(np.arange(len(h)), list(first.values())))


def _horizons(tried: list[Tried], level: float) -> tuple[AtHorizon, ...]:
    found = []
    for low, high in zip(HORIZONS, (*HORIZONS[1:], np.inf), strict=True):
        some = [x for x in tried if low < x.months <= high]
        if not some:
            continue
        subjects, cuts = {x.subject for x in some}, {x.cut for x in some}
        coverage = float(np.mean([x.covered for x in some]))
        days = np.array([x.date for x in some], dtype="datetime64[D]")
        since = min(np.datetime64(x.cut, "D") for x in some)
        span = float((days.max() - since).astype(np.int64)) / (YEAR / 12)
        length = float(np.mean([x.months for x in some]))
        free = max(1, min(len(subjects), int(span // length)))
        p = _chance(coverage, free, level)
        failed = p <= FAILED or (coverage < POOR * level and len(subjects) >= 3)
        found.append(
            AtHorizon(
                low, float(high) if np.isfinite(high) else None, len(some), len(subjects),
                len(cuts), coverage, free, p, failed,
            )
        )  # fmt: skip
    return tuple(found)


def _chance(coverage: float, n: int, level: float) -> float:
    """P(X ≤ n coverage) for n independent intervals, between whole numbers by the beta integral."""
    k = coverage * n
    return 1.0 if k >= n else float(betainc(n - k, k + 1, 1 - level))


def straight_line(
    t: Floats, y: Floats, at: Floats, level: float
) -> tuple[Floats, Floats, Floats, float, float]:
    """Ordinary least squares, as often published: independent points of equal scatter.

    Returns:
        The line at `at`, half the width of the interval of the line and of a new value there, the
        slope and half the width of its interval.
    """
    x = np.stack([np.ones(t.size), t - t.mean()], axis=1)
    beta = np.linalg.lstsq(x, y)[0]
    df = t.size - 2
    variance = float(np.sum((y - x @ beta) ** 2)) / df
    inverse = np.linalg.inv(x.T @ x)
    new = np.stack([np.ones(at.size), at - t.mean()], axis=1)
    leverage = np.einsum("ij,jk,ik->i", new, inverse, new)
    quantile = float(stdtrit(df, (1 + level) / 2))
    line = quantile * np.sqrt(variance * leverage)
    value = quantile * np.sqrt(variance * (1 + leverage))
    slope = quantile * float(np.sqrt(variance * inverse[1, 1]))
    return new @ beta, line, value, float(beta[1]), slope
