"""When in a year, quarter or month was it? Dates that name a period are put at its middle."""

from __future__ import annotations

import re
from datetime import date as Day
from datetime import timedelta

import polars as pl

from calibrant._text import one_line

_PERIOD = re.compile(r"((?:19|20)\d\d)(?:[-/ ]?(?:[qQ]([1-4])|(?<=[-/])(0[1-9]|1[0-2])))?")
_QUARTER_FIRST = re.compile(r"[qQ]([1-4])[-/ ]?((?:19|20)\d\d)")


def in_days(table: pl.DataFrame, column: str) -> tuple[pl.DataFrame, list[str]]:
    """The table with periods in a column of dates as days, and what was done, in a sentence.

    Other texts are left as they are, for the reader of dates to take or refuse.
    """
    values = table[column]
    if not (values.dtype == pl.String or values.dtype.is_integer()):
        return table, []
    text = [None if v is None else str(v).strip() for v in values]
    days = [None if v is None else _middle(v) for v in text]
    done = [(v, d) for v, d in zip(text, days, strict=True) if d is not None]
    if not done:
        return table, []
    made = [v if d is None else d.isoformat() for v, d in zip(text, days, strict=True)]
    rows = "row names" if len(done) == 1 else "rows name"
    said = (
        f"{len(done)} {rows} a period for a date, such as {one_line(str(done[0][0]), 20)}: taken "
        f"as its middle, {done[0][1]}; how early or late in it a subject came is part of the "
        "scatter"
    )
    return table.with_columns(pl.Series(column, made, dtype=pl.String)), [said]


def _middle(text: str) -> Day | None:
    """The middle day of a year, quarter or month; None if the text names none."""
    turned = _QUARTER_FIRST.fullmatch(text)
    found = _PERIOD.fullmatch(f"{turned[2]}Q{turned[1]}" if turned else text)
    if found is None:
        return None
    year, quarter, month = (None if g is None else int(g) for g in found.group(1, 2, 3))
    assert year is not None
    first, many = (3 * quarter - 2, 3) if quarter else (month, 1) if month else (1, 12)
    start = Day(year, first, 1)
    end = Day(year + (first + many > 12), (first + many - 1) % 12 + 1, 1)
    return start + timedelta(days=(end - start).days // 2)
