"""Reading what stands beside the ratings: own areas, and seconds."""

from __future__ import annotations

from typing import Any

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of


def _columns(source: Any, what: str, names: tuple[str, str]) -> pl.DataFrame:
    frame = table_of(source, what)
    missing = [n for n in names if n not in frame.columns]
    if missing:
        raise InputError(f"{what}: no column {', '.join(missing)}; wanted {', '.join(names)}")
    for name in names:
        empty = frame[name].is_null().arg_true()
        if len(empty):
            raise InputError(f"{what}: row {int(empty[0]) + 1}: {name} is empty")
    return frame.select(names)


def read_own(source: Any) -> list[tuple[str, str]]:
    """Respondents with the areas they work in (columns respondent, area)."""
    frame = _columns(source, "own areas", ("respondent", "area")).cast(pl.String)
    return [(r.strip(), a.strip()) for r, a in frame.iter_rows()]


def read_seconds(source: Any) -> dict[str, float]:
    """How long each respondent took (columns respondent, seconds)."""
    frame = _columns(source, "seconds", ("respondent", "seconds"))
    found: dict[str, float] = {}
    for row, (name, value) in enumerate(frame.iter_rows(), start=1):
        key = str(name).strip()
        try:
            found[key] = float(value)
        except (TypeError, ValueError):
            raise InputError(
                f"seconds: row {row}: wanted a number, got {one_line(str(value), 40)!r}"
            ) from None
    return found
