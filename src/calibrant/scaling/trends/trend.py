"""How fast does it grow, and where will it be? Doubling times and forecasts from dated values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date as Day
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Dates
from calibrant.scaling.trends.backtest import Backtest, backtest, straight_line, withheld
from calibrant.scaling.trends.history import (
    MONTH,
    MOST,
    YEAR,
    History,
    On,
    from_scale,
    history,
    record_level,
    records,
    years,
)
from calibrant.scaling.trends.model import NONE, SHARED, Fitted, Floats, fit
from calibrant.scaling.trends.reach import reached
from calibrant.scaling.trends.result import (
    Drawn,
    Growth,
    Offset,
    Trend,
    TrendForecast,
    growth,
)

FEW = 6
"""Fewer subjects than this are said to be few."""


def trend(
    source: Any,
    *,
    date: str = "date",
    value: str = "value",
    at: Sequence[str | Day] | str | Day = (),
    family: str | None = None,
    version: str | None = None,
    subject: str | None = None,
    se: str | None = None,
    low: str | None = None,
    high: str | None = None,
    interval_level: float = 0.95,
    on: On = "log",
    reference: str | None = None,
    frontier: bool = False,
    level: float = 0.9,
    tried: bool = True,
    today: Day | None = None,
    reach: Sequence[float] | float = (),
    shared_se: float | None = None,
) -> Trend:
    """Growth and forecasts from dated values of subjects, back-tested on the past.

    Args:
        source: a path (CSV, TSV, Parquet) or any table narwhals understands; one row a
            measurement of a subject.
        date, value: columns.
        at: dates to forecast, "2027-01-31" or "2027-01", each perhaps with the family of the next
            subject, "2027-01-31:openai"; by default 6 and 12 months after the last point.
        family: the column of what errors are shared within, such as the laboratory.
        version: the column of versions of the instrument; subjects measured by two of them bridge.
        subject: the column of names; found if not named.
        se: the column of standard errors of the values; or
        low, high, interval_level: columns of published intervals and their level.
        on: "log" (growth by factors), "logit" (shares) or "plain".
        reference: the version that is forecast; by default that of the latest subject.
        frontier: only subjects that were the best so far; forecasts are of later such ones.
        level: of every interval.
        tried: whether to back-test.
        today: later dates are left out.
        reach: values; when does the trend reach them?
        shared_se: the correlation of errors of measurement by one version, 0 to 1: what its tasks
            do to all subjects alike. Needs `se`, or `low` and `high`. None: not known, so
            integrated over 0, 0.25, 0.5 and 0.75.

    Raises:
        InputError: naming the column, row or argument that is wrong.
        UnfitError: where the points cannot tell a trend.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"trend: level: wanted 0.5 to 1, got {level}")
    whole = history(
        source, date=date, value=value, family=family, version=version, subject=subject, se=se,
        low=low, high=high, interval_level=interval_level, on=on, reference=reference, today=today,
        shared=shared_se,
    )  # fmt: skip
    every = len(set(whole.subject))
    if frontier and not whole.bridges:
        whole = records(whole)  # what was a record is one whatever came later
    chosen = records(whole) if frontier else whole
    if len(chosen) > MOST:
        hint = "" if frontier else "; ask for the frontier"
        raise InputError(f"trend: at most {MOST} points, got {len(chosen)}{hint}")
    whole = replace(whole, warnings=(*whole.warnings, *_few(chosen, frontier)))
    fitted = fit(chosen.points())
    past = backtest(whole, level=level, frontier=frontier) if tried else None
    wanted = _dates_of(at, whole)
    floor = record_level(chosen) if frontier else -np.inf
    values = [reach] if isinstance(reach, int | float) else list(reach)
    dates = tuple(reached(chosen, fitted, float(v), level, past) for v in values)
    made, more = _forecasts(chosen, fitted, wanted, floor, level, past)
    days = np.unique(chosen.date)
    return Trend(
        on=on, level=level, frontier=frontier, rows=len(chosen),
        subjects=len(set(chosen.subject)), every=every,
        families=len(set(chosen.family)) if whole.grouped else None,
        first=str(days[0]), last=str(days[-1]), reference=whole.reference,
        now=growth(fitted.slope(), level), average=growth(fitted.mean_slope(), level),
        straight=_straight(chosen, level), forecasts=made, versions=_offsets(chosen, fitted, level),
        backtest=past, warnings=(*whole.warnings, *more), notes=_notes(whole, fitted, frontier),
        drawn=_drawn(chosen, fitted, made, level), reaches=dates,
    )  # fmt: skip


def _few(h: History, frontier: bool) -> list[str]:
    count = len(set(h.subject))
    kind = "records" if frontier else "subjects"
    if count == 3:
        return [f"three {kind} only: one degree of freedom, so intervals say almost nothing"]
    return [f"{count} {kind} only: expect wide intervals"] if count < FEW else []


def _dates_of(at: Sequence[str | Day] | str | Day, h: History) -> list[tuple[np.datetime64, str]]:
    """Dates to forecast, with families ("" for one not seen)."""
    some = [at] if isinstance(at, str | Day) else list(at)
    last = h.date[-1]
    if not some:
        return [(last + np.timedelta64(round(m * MONTH), "D"), "") for m in (6, 12)]
    found: list[tuple[np.datetime64, str]] = []
    for one in some:
        text, _, family = str(one).partition(":")
        try:
            if len(text) not in (7, 10):
                raise ValueError
            when = np.datetime64(text, "D")
        except ValueError as error:
            raise InputError(
                f"at: wanted a date such as 2027-01-31, or 2027-01-31:FAMILY, got "
                f"{one_line(str(one), 40)!r}"
            ) from error
        if np.isnat(when) or when <= last:
            raise InputError(f"at: {one_line(text, 40)} is not after the last point, {last}")
        if family and not h.grouped:
            raise InputError(
                f"at: {one_line(str(one), 60)!r} names a family, no column of families"
            )
        if family and family not in h.family:
            known = one_line(", ".join(sorted(set(map(str, h.family)))[:12]), 160)
            raise InputError(f"at: no family {one_line(family, 40)!r}; there are {known}")
        found.append((when, family))
    return found


def _forecasts(
    h: History,
    fitted: Fitted,
    wanted: list[tuple[np.datetime64, str]],
    floor: float,
    level: float,
    past: Backtest | None,
) -> tuple[tuple[TrendForecast, ...], list[str]]:
    code = dict(zip(map(str, h.family), fitted.points.family, strict=True))
    when: Dates = np.array([w for w, _ in wanted], dtype="datetime64[D]")
    family = np.array([code.get(f, -1) if f else -1 for _, f in wanted], dtype=np.int64)
    later = fitted.later(years(when), family, low=floor)
    line = fitted.line(years(when))
    tails = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
    new, drift = from_scale(later.quantile(tails), h.on), from_scale(line.quantile(tails), h.on)
    if np.isfinite(floor):
        # The next record may be hardly better than the last.
        new[1] = from_scale(np.full(len(wanted), floor), h.on)
    density = later.to_dict()
    months = (when - h.date[-1]).astype(np.int64) / MONTH
    furthest = max((x.months for x in past.tried), default=0.0) if past else 0.0
    warnings, made = [], []
    for i, (day, name) in enumerate(wanted):
        held = withheld(past, float(months[i]), fitted.span * YEAR / MONTH)
        numbers = [None if held else float(x) for x in (*new[:, i], *drift[:, i])]
        if past is not None and not held and months[i] > furthest:
            warnings.append(
                f"{day} is {months[i]:.0f} months ahead; the past let {furthest:.0f} be tried"
            )
        made.append(
            TrendForecast(
                str(day), name or None, float(months[i]), numbers[0], numbers[1], numbers[2],
                numbers[3], numbers[4], numbers[5], held, None if held else density[i],
            )
        )  # fmt: skip
    return tuple(made), warnings


def _offsets(h: History, fitted: Fitted, level: float) -> tuple[Offset, ...]:
    order = [h.reference, *sorted(set(map(str, h.version)) - {h.reference})]
    found = []
    for code, name in enumerate(order):
        if code == 0:
            continue
        tails = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
        middle, low, high = (float(x[0]) for x in fitted.offset(code).quantile(tails))
        shared = set(h.subject[h.version == name]) & set(h.subject[h.version != name])
        found.append(Offset(name, h.reference, middle, low, high, len(shared), _tilt(h, name)))
    return tuple(found)


def _tilt(h: History, version: str) -> float | None:
    """P-value of a difference of versions that grows with the value; None for few bridges.

    Pitman and Morgan: with equal spreads, differences and sums are uncorrelated. A rank
    correlation of the difference with the mean, by permutation.
    """
    mine = dict(zip(h.subject[h.version == version], h.y[h.version == version], strict=True))
    other = h.version == h.reference
    there = dict(zip(h.subject[other], h.y[other], strict=True))
    both = sorted(set(mine) & set(there))
    if len(both) < 5:
        return None
    a, b = (np.array([d[s] for s in both]) for d in (mine, there))
    gap, mean = a - b, np.argsort(np.argsort((a + b) / 2)).astype(float)
    gap = np.argsort(np.argsort(gap)).astype(float)
    rng = np.random.default_rng(0)
    seen = abs(float(np.corrcoef(gap, mean)[0, 1]))
    shuffled = [abs(float(np.corrcoef(rng.permutation(gap), mean)[0, 1])) for _ in range(999)]
    return float((1 + np.sum(np.array(shuffled) >= seen - 1e-12)) / 1000)


def _straight(h: History, level: float) -> Growth | None:
    """What ordinary least squares on the same points say, to compare with published numbers."""
    own = h.take(h.version == h.reference)
    if len(own) < 3 or np.unique(own.date).size < 3:
        return None
    slope, half = straight_line(own.t, own.y, own.t[-1:], level)[3:]
    return Growth.of(slope, slope - half, slope + half)


def _notes(h: History, fitted: Fitted, frontier: bool) -> tuple[str, ...]:
    r, w = fitted.ratios, fitted.weight
    notes = [
        f"weight that the slope changed {w[r.bend > 0].sum():.0%} ({1 - NONE['bend']:.0%} before "
        f"the data), that the level wandered {w[r.level > 0].sum():.0%} "
        f"({1 - NONE['level']:.0%} before)",
    ]
    if frontier:
        notes.append(
            "forecasts are of a subject that is the best so far when it comes: intervals begin at "
            "the record"
        )
    if h.se is not None and h.shared is None:
        likely = " / ".join(f"{w[r.shared == rho].sum():.0%}" for rho in SHARED)
        notes.append(
            "errors of measurement by one version may be correlated, as subjects share its tasks: "
            f"integrated over correlations of {', '.join(f'{x:g}' for x in SHARED)} (weights "
            f"{likely}); state one with --shared-se"
        )
    elif h.shared:
        notes.append(
            f"errors of measurement by one version are taken as correlated by {h.shared:g}: what "
            "moves all values alike moves no slope, and later measured values too"
        )
    elif h.se is not None:
        notes.append("standard errors are taken as independent between subjects, as stated")
    else:
        notes.append("errors of measurement are part of the scatter of subjects")
    if h.bridges:
        shown = ", ".join(f"{one_line(v, 40)} ({n})" for v, n in h.bridges.items())
        notes.append(f"versions are linked by subjects that both measured: {shown}")
    return tuple(notes)


def _drawn(h: History, fitted: Fitted, made: tuple[TrendForecast, ...], level: float) -> Drawn:
    """The points and the fan, for a figure, up to the last forecast that is not withheld."""
    last = np.datetime64(max([str(h.date[-1]), *(f.date for f in made if not f.withheld)]), "D")
    days = h.date[0] + (np.linspace(0, 1, 61) * (last - h.date[0]).astype(int)).astype(int)
    tails = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
    line: Predictive = fitted.line(years(days))
    ahead = days > h.date[-1]
    middle, low, high = (_floats(x) for x in from_scale(line.quantile(tails), h.on))
    fan = np.empty((2, 0))
    if ahead.any():
        fan = fitted.later(years(days[ahead])).quantile(tails[1:])
    fan_low, fan_high = (_floats(x) for x in from_scale(fan, h.on))
    return Drawn(
        tuple(map(str, h.date)), tuple(map(str, h.subject)), tuple(map(str, h.family)),
        tuple(map(str, h.version)), _floats(h.value), tuple(map(str, days)), middle, low, high,
        tuple(map(str, days[ahead])), fan_low, fan_high,
    )  # fmt: skip


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, values))
