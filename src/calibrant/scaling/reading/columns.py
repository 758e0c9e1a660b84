"""What does a column say? Names, numbers, dates and scales, each refused where it is not one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.scores import Dates, Floats, Names

SUBJECTS = ("subject", "model", "model_name", "name", "system", "agent", "id")
"""Names by which the column of subjects is recognised, in any case, the first found first."""

_UNIT = re.compile(r"\(\s*(?:1|10)?\s*(?:[eE^]|\*\*)\s*\+?(\d+)[^)]*\)")
_LETTER = re.compile(r"\(\s*([kKMBT]|thousands?|millions?|billions?|trillions?)\s*\)")
_POWER = {"k": 3, "K": 3, "t": 3, "M": 6, "m": 6, "B": 9, "b": 9, "T": 12, "tr": 12}
_DAYS = re.compile(
    r"(?<![a-z])(tera|peta|exa|zetta|[tpez])[ -]?f(?:lops?)?(?:/s|s)?[-_ *·]?days?(?![a-z])",
    re.IGNORECASE,
)
_PREFIX = {"t": 12, "p": 15, "e": 18, "z": 21}
_DAY = float(np.log10(86400))
_FLOPS = re.compile(r"flop|compute", re.IGNORECASE)
_LOG = re.compile(r"(?<![a-z])(?:log(?:10|2)?|ln)(?![a-z])", re.IGNORECASE)
_SMALLEST, _LARGEST = 12.0, 29.0
"""log10 FLOPs outside of which no training run lies; in 2026 the largest took some 1e27."""
_GAP = 5.0
"""Orders of magnitude between two neighbours that look like two units in one column."""


def subjects_of(table: pl.DataFrame, named: str | None) -> str | None:
    """The column of subjects: the one named, or the first that looks like it."""
    return named or next((c for s in SUBJECTS for c in table.columns if c.lower() == s), None)


def there(table: pl.DataFrame, columns: Sequence[str | None]) -> None:
    """That the columns are in the table.

    Raises:
        InputError: naming the first that is not, and columns that are.
    """
    for name in columns:
        if name is not None and name not in table.columns:
            from difflib import get_close_matches

            near = get_close_matches(name, table.columns, n=1, cutoff=0.6)
            hint = f"; did you mean {one_line(near[0], 80)!r}?" if near else ""
            found = one_line(", ".join(table.columns[:12]), 160)
            raise InputError(f"scores: no column {one_line(name, 80)!r}; there are {found}{hint}")


def names(table: pl.DataFrame, column: str | None, letter: str) -> Names:
    """Names without white space around them; a number and `letter` where there is no column.

    Raises:
        InputError: if a row has none.
    """
    if column is None:
        return np.array([f"{letter}{i + 1}" for i in range(table.height)], dtype=str)
    values = table[column].cast(pl.String).str.strip_chars()
    empty = (values.is_null() | (values == "")).to_numpy()
    if empty.any():
        row = int(np.flatnonzero(empty)[0]) + 1
        raise InputError(f"scores: row {row} has no {one_line(column, 80)!r}")
    return np.array(values.to_list(), dtype=str)


def numbers(table: pl.DataFrame, column: str) -> Floats:
    """Numbers, NaN where a cell is empty or says nan.

    Raises:
        InputError: if a cell is no number, or is infinite.
    """
    values = table[column]
    text = values.cast(pl.String).str.strip_chars()
    if not values.dtype.is_numeric():
        found = text.cast(pl.Float64, strict=False)
        wrong = found.is_null() & text.is_not_null() & (text != "")
        _refuse(column, wrong, text, "a number")
        values = found
    made = values.cast(pl.Float64).fill_null(np.nan)
    _refuse(column, made.is_infinite(), text, "a finite number")
    return made.to_numpy().copy()


def scale(values: Floats, column: str, log: bool, notes: list[str], warnings: list[str]) -> Floats:
    """The base-10 logarithm of a scale, a unit in the name of its column multiplied in.

    Units that look wrong, such as FLOPs where 1e21 FLOPs were meant, are put into `warnings`.

    Raises:
        InputError: if a scale is not above 0.
    """
    named = one_line(column, 80)
    if not log:
        if np.nanmax(values, initial=0.0) > 100:
            warnings.append(
                f"{named} is taken as a base-10 logarithm, but reaches {np.nanmax(values):g}: "
                "more than any scale has digits"
            )
        return values
    if (values <= 0).any():
        row = int(np.flatnonzero(values <= 0)[0])
        raise InputError(
            f"scores: row {row + 1}, {named!r}: wanted a scale above 0, got {values[row]:g}"
        )
    power = power_of(column)
    if power:
        notes.append(f"{named}: multiplied by {_factor(power)}, as its name says")
    found = np.asarray(np.log10(values) + power)
    if _LOG.search(column):
        warnings.append(
            f"{named}: its name says that it is a logarithm, and the logarithm of it was taken"
        )
    else:
        warnings += _units(found, column, power)
    return found


def power_of(column: str) -> float:
    """log10 of the unit in a column's name: of "(1E21)", "(B)", "PF-days" (in FLOPs), or 0."""
    days = _DAYS.search(column)
    return _power(column) + (_PREFIX[days.group(1)[0].lower()] + _DAY if days else 0.0)


def is_compute(column: str) -> bool:
    """Whether a column's name says that it holds FLOPs, in whatever unit."""
    return bool(_FLOPS.search(column) or _DAYS.search(column))


def _factor(power: float) -> str:
    return f"1e{power:g}" if power == int(power) else f"{10**power:.3g}"


def _power(column: str) -> int:
    unit = _UNIT.search(column)
    if unit:
        return int(unit.group(1))
    letter = _LETTER.search(column)
    if letter is None:
        return 0
    word = letter.group(1)
    return _POWER[word if len(word) == 1 else "tr" if word.startswith("tr") else word[0]]


def _units(found: Floats, column: str, power: float) -> list[str]:
    """What looks like a mistaken unit, in a sentence."""
    named = one_line(column, 80)
    known = np.sort(found[np.isfinite(found)])
    if not known.size:
        return []
    said = []
    gaps = np.diff(known)
    if gaps.size and gaps.max() > _GAP:
        at = int(np.argmax(gaps))
        few = min(at + 1, known.size - at - 1)
        lower = at + 1 <= known.size - at - 1
        row = int(np.flatnonzero(found <= known[at] if lower else found > known[at])[0]) + 1
        said.append(
            f"{named}: {few} of {known.size} rows, such as row {row}, are {gaps[at]:.0f} orders of "
            "magnitude from all others: two units in one column?"
        )
    elif is_compute(column) and known[-1] < _SMALLEST:
        said.append(
            f"{named}: from {10 ** known[0]:.3g} to {10 ** known[-1]:.3g} FLOPs is less than any "
            "training run takes; if the unit is 1e21 FLOPs, call the column 'FLOPs (1E21)', and "
            "write cuts in plain FLOPs"
        )
    if is_compute(column) and known[-1] > _LARGEST:
        why = (
            f"; was it in plain FLOPs before it was multiplied by {_factor(power)}?"
            if power
            else ""
        )
        said.append(f"{named}: up to 1e{known[-1]:.0f} FLOPs is more than any training run{why}")
    return said


def dates(table: pl.DataFrame, column: str | None) -> Dates:
    """Days, NaT where a cell is empty.

    Raises:
        InputError: if a cell is no date as ISO 8601 writes it.
    """
    if column is None:
        return np.full(table.height, "NaT", dtype="datetime64[D]")
    values = table[column]
    if values.dtype == pl.String:
        text = values.str.strip_chars()
        found = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        wrong = found.is_null() & text.is_not_null() & (text != "")
        _refuse(column, wrong, text, "a date such as 2026-01-31")
        values = found
    elif not values.dtype.is_temporal() and values.dtype != pl.Null:
        _refuse(column, values.is_not_null(), values.cast(pl.String), "a date such as 2026-01-31")
    return values.cast(pl.Date).to_numpy().astype("datetime64[D]")


def _refuse(column: str, wrong: pl.Series, text: pl.Series, wanted: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong.fill_null(value=False).to_numpy())[0])
        got = one_line(str(text[row]), 40)
        raise InputError(
            f"scores: row {row + 1}, {one_line(column, 80)!r}: wanted {wanted}, got {got!r}"
        )
