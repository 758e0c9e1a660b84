"""Which scores are meant? From a table with one row a subject, columns named by the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.scaling.scores import Dates, Floats, Names, Scores

SUBJECTS = ("subject", "model", "model_name", "name", "system", "agent", "id")
"""Names by which the column of subjects is recognised, in any case, the first found first."""

_UNIT = re.compile(r"\(\s*(?:1|10)?\s*(?:[eE^]|\*\*)\s*\+?(\d+)[^)]*\)")


def read_scores(
    source: Any,
    *,
    target: str | Sequence[str],
    scale: str | None = None,
    family: str | None = None,
    subject: str | None = None,
    date: str | None = None,
    se: str | None = None,
    limits: tuple[float, float] | Mapping[str, tuple[float, float]] = (0.0, 1.0),
    chance: Mapping[str, float] | None = None,
    log: bool = True,
) -> Scores:
    """Read scores of subjects from a table with one row a subject.

    Args:
        source: a path (CSV, TSV, Parquet) or any table narwhals understands.
        target: the column of scores, or several; each is a measure. Empty cells are to be forecast.
        scale: the column of compute. A unit in its name, as in "FLOPs (1E21)", is multiplied in.
        family, subject, date, se: columns; subjects are found by `SUBJECTS` if not named. Without
            families every subject is its own.
        limits: the lowest and highest score, one pair or one for each target.
        chance: the score of a guesser on each target; by default the lowest.
        log: whether the scale is yet to be taken the logarithm of; False where it is one already
            (such as log10 of compute).

    Raises:
        InputError: naming the column or row that is wrong.
    """
    table = table_of(source, "scores")
    targets = [target] if isinstance(target, str) else list(target)
    for name in (*targets, scale, family, subject, date, se):
        if name is not None and name not in table.columns:
            there = one_line(", ".join(table.columns[:12]), 160)
            raise InputError(f"scores: no column {one_line(name)!r}; there are {there}")
    who = subject or next((c for s in SUBJECTS for c in table.columns if c.lower() == s), None)
    names = _names(table, who, "s")
    groups = names if family is None else _names(table, family, "f")
    many = len(targets)
    notes: list[str] = []
    size = np.full(table.height, np.nan)
    if scale is not None:
        size = _scale(_numbers(table, scale), scale, log, notes)
    when = _dates(table, date)
    each = limits if isinstance(limits, Mapping) else dict.fromkeys(targets, limits)
    return Scores(
        subject=np.tile(names, many),
        family=np.tile(groups, many),
        measure=np.repeat(np.array(targets, dtype=str), table.height),
        scale=np.tile(size, many),
        date=np.tile(when, many),
        score=np.concatenate([_numbers(table, t) for t in targets]),
        se=np.tile(np.full(table.height, np.nan) if se is None else _numbers(table, se), many),
        limits={t: (float(each[t][0]), float(each[t][1])) for t in targets},
        chance=chance or {},
        notes=tuple(notes),
    )


def _names(table: pl.DataFrame, column: str | None, letter: str) -> Names:
    if column is None:
        return np.array([f"{letter}{i + 1}" for i in range(table.height)], dtype=str)
    values = table[column].cast(pl.String)
    if values.null_count():
        row = int(np.flatnonzero(values.is_null().to_numpy())[0]) + 1
        raise InputError(f"scores: row {row} has no {one_line(column)!r}")
    return np.array(values.to_list(), dtype=str)


def _numbers(table: pl.DataFrame, column: str) -> Floats:
    values = table[column]
    if not values.dtype.is_numeric():
        text = values.cast(pl.String).str.strip_chars()
        found = text.cast(pl.Float64, strict=False)
        wrong = found.is_null() & text.is_not_null() & (text != "")
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            got = one_line(str(text[row]), 40)
            raise InputError(
                f"scores: row {row + 1}, {one_line(column)!r}: wanted a number, got {got!r}"
            )
        values = found
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()


def _scale(values: Floats, column: str, log: bool, notes: list[str]) -> Floats:
    if not log:
        return values
    if (values <= 0).any():
        row = int(np.flatnonzero(values <= 0)[0])
        raise InputError(
            f"scores: row {row + 1}, {one_line(column)!r}: wanted a scale above 0, "
            f"got {values[row]:g}"
        )
    unit = _UNIT.search(column)
    power = int(unit.group(1)) if unit else 0
    if power:
        notes.append(f"{one_line(column)}: multiplied by 1e{power}, as its name says")
    return np.asarray(np.log10(values) + power)


def _dates(table: pl.DataFrame, column: str | None) -> Dates:
    if column is None:
        return np.full(table.height, "NaT", dtype="datetime64[D]")
    values = table[column]
    if values.dtype == pl.String:
        text = values.str.strip_chars()
        found = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        wrong = found.is_null() & text.is_not_null() & (text != "")
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            raise InputError(
                f"scores: row {row + 1}, {one_line(column)!r}: wanted a date such as 2026-01-31, "
                f"got {one_line(str(text[row]), 40)!r}"
            )
        values = found
    return values.cast(pl.Date).to_numpy().astype("datetime64[D]")
