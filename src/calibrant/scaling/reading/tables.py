"""Where else do scores stand? Tables joined by subject, and ranges of scores found in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.scaling.reading.columns import names, subjects_of
from calibrant.scaling.scores import Floats


def joined(
    table: pl.DataFrame, others: Sequence[Any], subject: str | None, notes: list[str]
) -> pl.DataFrame:
    """The table with columns that others have of its subjects.

    Raises:
        InputError: if a table has no column of subjects, has a subject twice, or says something
            else of a subject in a column that both have.
    """
    for number, other in enumerate(others, start=1):
        called = one_line(str(other), 80) if isinstance(other, str | Path) else f"table {number}"
        table = _with(table, table_of(other, "scores"), called, subject, notes)
    return table


def _with(
    table: pl.DataFrame, more: pl.DataFrame, called: str, subject: str | None, notes: list[str]
) -> pl.DataFrame:
    left = subjects_of(table, subject)
    right = subject if subject in more.columns else subjects_of(more, None)
    if left is None or right is None:
        which = "the first table" if left is None else called
        raise InputError(f"scores: {which} has no column of subjects to be joined by; name it")
    mine, theirs = names(table, left, "s"), names(more, right, "s")
    place: dict[str, int] = {}
    for row, name in enumerate(map(str, theirs)):
        if name in place:
            raise InputError(
                f"scores: {called}: rows {place[name] + 1} and {row + 1} are both "
                f"{one_line(name, 80)!r}"
            )
        place[name] = row
    found = [place.get(str(name)) for name in mine]
    for column in [c for c in more.columns if c != right]:
        values = more[column].gather(pl.Series(found, dtype=pl.UInt32))
        if column in table.columns:
            values = _agreed(table[column], values, column, called, mine)
        table = table.with_columns(values.alias(column))
    lost, unused = found.count(None), len(place) - len(set(map(str, mine)) & set(place))
    if lost or unused:
        notes.append(
            f"{called}: without {lost} of {len(mine)} subjects; {unused} of its own are not used"
        )
    return table


def _agreed(
    first: pl.Series, second: pl.Series, column: str, called: str, names: Sequence[Any] | Any
) -> pl.Series:
    """Both in one: each cell of the first, or where it is empty the second's."""
    one, two = first.cast(pl.String), second.cast(pl.String)
    # The same number may be written in two ways.
    same = (one == two) | (one.cast(pl.Float64, strict=False) == two.cast(pl.Float64, strict=False))
    apart = one.is_not_null() & two.is_not_null() & ~same.fill_null(value=False)
    if apart.any():
        row = int(np.flatnonzero(apart.to_numpy())[0])
        raise InputError(
            f"scores: {called}: {one_line(column, 80)!r} of {one_line(str(names[row]), 80)!r} is "
            f"{one_line(str(two[row]), 40)} there, {one_line(str(one[row]), 40)} in the first table"
        )
    made = one if first.dtype != second.dtype else first
    return made.zip_with(made.is_not_null(), two if first.dtype != second.dtype else second)


def limits_of(measure: str, score: Floats, warnings: list[str]) -> tuple[float, float]:
    """The lowest and highest score there can be, by what is known: a share, percent, or no limits.

    Anything but a share is said in `warnings`.
    """
    known = score[np.isfinite(score)]
    named = one_line(measure, 80)
    if not known.size or (known.min() >= 0 and known.max() <= 1):
        return 0.0, 1.0
    ends = f"{known.min():g} to {known.max():g}"
    if known.min() >= 0 and known.max() <= 100 and np.mean(known > 1) >= 0.5:
        warnings.append(f"{named}: {ends}: taken as percent, with limits 0 and 100")
        few = int(np.sum((known > 0) & (known <= 1)))
        if few and np.median(known) > 10:
            warnings.append(
                f"{named}: {few} of {known.size} scores are 1 or below: shares among percents?"
            )
        return 0.0, 100.0
    if known.min() >= 0 and known.max() <= 100:
        warnings.append(
            f"{named}: {int(np.sum(known > 1))} of {known.size} scores are above 1, the others are "
            "shares: percents among shares? No limits were taken"
        )
    else:
        warnings.append(f"{named}: {ends} is neither a share nor percent: no limits were taken")
    return -np.inf, np.inf
