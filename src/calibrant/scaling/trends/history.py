"""Which points make the trend? Dated values of subjects, cleaned, on one scale, and what is wrong.

A subject measured by two versions of an instrument is a bridge between them. A version without a
bridge to the one that is forecast cannot be told from a change of the trend, and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date as Day
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.records.frames import table_of
from calibrant.scaling.reading.columns import SUBJECTS
from calibrant.scaling.reading.columns import dates as _dates
from calibrant.scaling.reading.columns import names as _names
from calibrant.scaling.reading.columns import numbers as _numbers
from calibrant.scaling.scores import Dates, Names
from calibrant.scaling.trends.model import Floats, Ints, Points
from calibrant.scaling.trends.periods import in_days

On = Literal["log", "logit", "plain"]
MOST = 400
"""Most points that are fitted; the work grows with their cube."""
MOST_BRIDGED = 2000
"""Most points of several versions, before records are chosen among them."""
YEAR = 365.25
MONTH = YEAR / 12
Rows = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class History:
    """Dated values of subjects, one row a measurement, sorted by date.

    Attributes:
        subject, family, version: shape (rows,); names.
        date: shape (rows,), days.
        value: shape (rows,), as given.
        y: shape (rows,); the value on the scale of the trend: log2, log2 of the odds, or as it is.
        se: shape (rows,), standard errors on the scale of the trend; None: not known.
        on: the scale.
        reference: the version that is forecast.
        bridges: subjects that link each other version to the reference, by its name.
        grouped: whether there is a column of families.
        warnings: what a reader must know, one sentence each.
        shared: the correlation of errors of measurement by one version; None: not known.
    """

    subject: Names
    family: Names
    version: Names
    date: Dates
    value: Floats
    y: Floats
    se: Floats | None
    on: On
    reference: str
    bridges: dict[str, int] = field(default_factory=dict)
    grouped: bool = False
    warnings: tuple[str, ...] = ()
    shared: float | None = None

    def __len__(self) -> int:
        return len(self.subject)

    @property
    def t(self) -> Floats:
        """Years from 1970, shape (rows,)."""
        return years(self.date)

    def take(self, rows: Rows | NDArray[np.intp]) -> History:
        """Some of the rows, by a mask or by their numbers."""
        names = ("subject", "family", "version", "date", "value", "y")
        return replace(
            self,
            **{n: getattr(self, n)[rows] for n in names},
            se=None if self.se is None else self.se[rows],
        )

    def points(self) -> Points:
        """What the model fits; the reference version has code 0."""
        order = [self.reference, *sorted(set(self.version) - {self.reference})]
        code = {name: i for i, name in enumerate(order)}
        return Points(
            self.t,
            self.y,
            _codes(self.subject),
            _codes(self.family),
            np.array([code[v] for v in self.version], dtype=np.int64),
            self.se,
            self.shared,
        )


def years(dates: Dates) -> Floats:
    """Days as years from 1970."""
    return np.asarray(dates.astype("datetime64[D]").astype(np.int64) / YEAR)


def to_scale(value: Floats, on: On) -> Floats:
    """Values on the scale of the trend."""
    if on == "log":
        return np.asarray(np.log2(value))
    return np.asarray(np.log2(value) - np.log2(1 - value)) if on == "logit" else value


def from_scale(y: Floats, on: On) -> Floats:
    """Values from the scale of the trend."""
    if on == "log":
        return np.asarray(np.exp2(np.minimum(y, 1000)))
    return np.asarray(1 / (1 + np.exp2(-np.clip(y, -1000, 1000)))) if on == "logit" else y


def _codes(names: Names) -> Ints:
    return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)


def history(
    source: Any,
    *,
    date: str,
    value: str,
    family: str | None = None,
    version: str | None = None,
    subject: str | None = None,
    se: str | None = None,
    low: str | None = None,
    high: str | None = None,
    interval_level: float = 0.95,
    on: On = "log",
    reference: str | None = None,
    today: Day | None = None,
    shared: float | None = None,
) -> History:
    """Read the points of a trend from a table, one row a measurement of a subject.

    Args:
        source: a path (CSV, TSV, Parquet) or any table narwhals understands.
        date, value: columns.
        family: the column of what errors are shared within, such as the laboratory.
        version: the column of versions of the instrument.
        subject: the column of names; found by `SUBJECTS` if not named.
        se: the column of standard errors of the values.
        low, high: columns of published intervals, in place of standard errors.
        interval_level: their level.
        on: "log" for values that grow by factors, "logit" for shares between 0 and 1, "plain".
        reference: the version that is forecast; by default that of the latest subject.
        today: later dates are left out, and said; not asked where None.
        shared: the correlation of errors of measurement by one version; needs their size.
            None: not known, so integrated.

    Raises:
        InputError: naming the column or row that is wrong.
        UnfitError: if no point is left.
    """
    table = table_of(source, "trend")
    if (low is None) != (high is None):
        raise InputError("trend: an interval needs both of its columns, low and high")
    if low is not None and se is not None:
        raise InputError("trend: give standard errors or intervals, not both")
    if not 0 < interval_level < 1:
        raise InputError(f"trend: level of intervals: wanted 0–1, got {interval_level}")
    if shared is not None and not 0 <= shared < 1:
        raise InputError(f"trend: shared errors: wanted a share from 0 to below 1, got {shared:g}")
    if shared and se is None and low is None:
        raise InputError("trend: shared errors need standard errors or intervals of the values")
    for name in (date, value, family, version, subject, se, low, high):
        if name is not None and name not in table.columns:
            there = one_line(", ".join(table.columns[:12]), 160)
            raise InputError(f"trend: no column {one_line(name)!r}; there are {there}")
    who = subject or next((c for s in SUBJECTS for c in table.columns if c.lower() == s), None)
    names = _names(table, who, "s")
    number = _numbers(table, value)
    table, warnings = in_days(table, date)
    when = _dates(table, date)
    usable = np.isfinite(number) & ~np.isnat(when)
    warnings += _left_out(~usable, "no value or no date")
    _check_values(number, usable, value, on)
    y = np.full(number.size, np.nan)
    y[usable] = to_scale(number[usable], on)
    errors = None
    if se is not None:
        errors = _standard_errors(_numbers(table, se), number, usable, se, on)
    elif low is not None and high is not None:
        ends = _numbers(table, low), _numbers(table, high)
        errors = _from_intervals(*ends, usable, (low, high), on, interval_level)
    single = np.full(table.height, "")
    found = History(
        names, names if family is None else _names(table, family, "f"),
        single if version is None else _names(table, version, "v"),
        when, number, y, errors, on, "", grouped=family is not None,
        shared=shared,
    ).take(usable)  # fmt: skip
    return _cleaned(found, reference, today, warnings)


def _check_values(number: Floats, there: Rows, column: str, on: On) -> None:
    wrong = there & (number <= 0) if on == "log" else np.zeros(number.size, bool)
    if on == "logit":
        wrong = there & ((number <= 0) | (number >= 1))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        wanted = "above 0" if on == "log" else "between 0 and 1, both excluded"
        hint = " (percent? divide by 100)" if on == "logit" and 1 < number[row] <= 100 else ""
        raise InputError(
            f"trend: row {row + 1}, {one_line(column)!r}: on the {on} scale wanted a value {wanted}"
            f", got {number[row]:g}{hint}"
        )


def _standard_errors(se: Floats, number: Floats, there: Rows, column: str, on: On) -> Floats:
    wrong = there & ~(se > 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"trend: row {row + 1}, {one_line(column)!r}: wanted a standard error above 0, got "
            f"{'nothing' if np.isnan(se[row]) else f'{se[row]:g}'}"
        )
    if on == "plain":
        return se
    slope = number if on == "log" else number * (1 - number)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(se / slope / np.log(2))


def _from_intervals(
    low: Floats, high: Floats, there: Rows, columns: tuple[str, str], on: On, level: float
) -> Floats:
    """Half an interval on the scale of the trend, over the normal quantile of its level."""
    wrong = there & ~(low < high)
    if on != "plain":
        wrong |= there & ~(low > 0)
    if on == "logit":
        wrong |= there & ~(high < 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        names = " and ".join(repr(one_line(c)) for c in columns)
        raise InputError(
            f"trend: row {row + 1}, {names}: wanted low < high"
            f"{', within what the scale allows' if on != 'plain' else ''}, got "
            f"{low[row]:g} and {high[row]:g}"
        )
    found = np.full(low.size, np.nan)
    wide = to_scale(high[there], on) - to_scale(low[there], on)
    found[there] = wide / (2 * float(ndtri((1 + level) / 2)))
    return found


def _cleaned(h: History, reference: str | None, today: Day | None, warnings: list[str]) -> History:
    if today is not None:
        future = h.date > np.datetime64(today, "D")
        warnings += _left_out(future, f"a date after {today}, which no measured value can have")
        h = h.take(~future)
    seen: dict[tuple[Any, ...], int] = {}
    for i, row in enumerate(zip(h.subject, h.version, h.date, h.value, strict=True)):
        seen.setdefault(row, i)
    first = np.zeros(len(h), dtype=bool)
    first[list(seen.values())] = True
    warnings += _left_out(~first, "the subject, version, date and value of an earlier row")
    h = h.take(first)
    h = h.take(np.argsort(h.date, kind="stable"))
    if not len(h):
        raise UnfitError("trend: no row has a value and a date of the past")
    h = _one_date(h, warnings)
    if len(set(zip(h.subject, h.version, strict=True))) < len(h):
        warnings.append(
            "some subjects have several values by one version: taken as repeated measurements"
        )
    last = h.version[h.date == h.date[-1]]
    chosen = str(last[-1]) if reference is None else reference
    if chosen not in h.version:
        known = one_line(", ".join(sorted(set(map(str, h.version)))), 160)
        raise InputError(f"trend: no version {one_line(chosen)!r}; there are {known}")
    h = _bridged(replace(h, reference=chosen), warnings)
    if h.bridges and len(h) > MOST_BRIDGED:
        raise InputError(f"trend: at most {MOST_BRIDGED} points by several versions, got {len(h)}")
    return replace(h, warnings=tuple(warnings))


def _left_out(rows: Rows, why: str) -> list[str]:
    count = int(rows.sum())
    has = "row has" if count == 1 else "rows have"
    return [f"{count} {has} {why}: left out"] if count else []


def _one_date(h: History, warnings: list[str]) -> History:
    """Each subject at its first date: a subject is dated by when it came, not by its tests."""
    earliest: dict[str, np.datetime64] = {}
    for name, when in zip(h.subject, h.date, strict=True):
        earliest[name] = min(earliest.get(name, when), when)
    dated = np.array([earliest[s] for s in h.subject], dtype="datetime64[D]")
    moved = sorted(set(map(str, h.subject[dated != h.date])))
    if moved:
        shown = one_line(", ".join(moved[:3]), 120)
        has = "subject has" if len(moved) == 1 else "subjects have"
        warnings.append(f"{len(moved)} {has} several dates, such as {shown}: dated first")
    h = replace(h, date=dated)
    return h.take(np.argsort(h.date, kind="stable"))


def _bridged(h: History, warnings: list[str]) -> History:
    """Only versions that shared subjects link to the reference, over others if need be."""
    if np.all(h.version == h.reference):
        return h
    linked = component(h.subject, h.version, h.reference)
    lost = sorted(set(map(str, h.version)) - linked)
    if lost:
        rows = np.isin(h.version, lost)
        shown = one_line(", ".join(lost), 120)
        warnings.append(
            f"no subject links version {shown} to {one_line(h.reference)}: a change of the "
            f"instrument would look like one of the trend, so its {int(rows.sum())} rows are left "
            "out"
        )
        h = h.take(~rows)
    there: dict[str, set[str]] = {}
    for name, version in zip(h.subject, h.version, strict=True):
        there.setdefault(str(version), set()).add(str(name))
    bridges = {
        v: len(names & set().union(*(n for w, n in there.items() if w != v)))
        for v, names in sorted(there.items())
        if v != h.reference
    }
    for version, count in bridges.items():
        if count < 3:
            warnings.append(
                f"version {one_line(version)} is linked by {count} "
                f"subject{'s' if count > 1 else ''} only: its change of level is poorly known"
            )
    return replace(h, bridges=bridges)


def component(subject: Names, version: Names, start: str) -> set[str]:
    """Versions that subjects in common link to one of them, directly or over others."""
    linked, grew = {str(start)}, bool(np.any(version != start))
    while grew:
        known = set(subject[np.isin(version, list(linked))])
        more = set(map(str, version[np.isin(subject, list(known))]))
        grew = not more <= linked
        linked |= more
    return linked


def records(h: History) -> History:
    """Only subjects that were at least as good as all before them, on one scale of versions.

    Versions are brought to the reference by least squares on subjects and versions; of subjects of
    one date only the best can be a record.
    """
    who = _codes(h.subject)
    best = np.full(who.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best, who, _levelled(h))
    mine, day = best[who], np.unique(h.date, return_inverse=True)[1]
    most = np.full(day.max(initial=-1) + 1, -np.inf)
    np.maximum.at(most, day, mine)
    keep = (mine == most[day]) & (most == np.maximum.accumulate(most))[day]
    return h.take(np.isin(who, np.unique(who[keep])))


def _levelled(h: History) -> Floats:
    """Values as the reference version would have them, by least squares."""
    others = sorted(set(map(str, h.version)) - {h.reference})
    if not others:
        return h.y
    code = _codes(h.subject)
    columns = [np.eye(code.max() + 1)[code], *((h.version == v)[:, None] for v in others)]
    found = np.linalg.lstsq(np.hstack(columns).astype(float), h.y)[0]
    offset = dict(zip([h.reference, *others], [0.0, *found[-len(others) :]], strict=True))
    return np.asarray(h.y - np.array([offset[v] for v in h.version]))


def record_level(h: History) -> float:
    """The best value there is, as the reference version would have it."""
    return float(_levelled(h).max())
