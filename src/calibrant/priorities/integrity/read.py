"""How long did each respondent take? A table beside the ratings."""

from __future__ import annotations

from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of


def read_seconds(source: Any) -> dict[str, float]:
    """How long each respondent took (columns respondent, seconds)."""
    frame = table_of(source, "seconds")
    missing = [n for n in ("respondent", "seconds") if n not in frame.columns]
    if missing:
        raise InputError(f"seconds: no column {', '.join(missing)}; wanted respondent, seconds")
    pairs = frame.select("respondent", "seconds").iter_rows()
    found: dict[str, float] = {}
    for row, (name, value) in enumerate(pairs, start=1):
        key = str(name).strip()
        try:
            found[key] = float(value)
        except (TypeError, ValueError):
            raise InputError(
                f"seconds: row {row}: wanted a number, got {one_line(str(value), 40)!r}"
            ) from None
    return found
