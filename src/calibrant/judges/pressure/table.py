"""Which answers were sampled for each prompt, and what did the judge and gold say? From a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.trials import score_number

Floats = NDArray[np.float64]
Failed = Literal["leave-out", "last"]


@dataclass(frozen=True, eq=False)
class Answers:
    """Sampled answers of every prompt, one row an answer, sorted by prompt.

    Attributes:
        items: the prompts, in order of first sight.
        of: shape (rows,), the position of each row's prompt.
        judge: the judge's score; nan where it failed.
        gold: the gold score; nan where there is none.
        chance: of each row to have been given a gold label; 1 where all were to have one.
    """

    items: tuple[str, ...]
    of: NDArray[np.int64]
    judge: Floats
    gold: Floats
    chance: Floats

    @property
    def rows(self) -> int:
        """Answers."""
        return int(self.of.size)


def numbers_of(table: pl.DataFrame, name: str, what: str) -> Floats:
    """A column as numbers; nan where it is empty.

    Inspect's C, I, yes and no count as 1 and 0.

    Raises:
        InputError: for a column that is not there, a value that is no number, or one beyond 1e100.
    """
    found = _numbers(table, name, what)
    if bool((np.abs(found) > 1e100).any()):
        raise InputError(f"{what}: column {name!r}: wanted numbers up to 1e100, got larger ones")
    return found


def _numbers(table: pl.DataFrame, name: str, what: str) -> Floats:
    column = column_of(table, name, what)
    if column.dtype == pl.Null:
        return np.full(column.len(), np.nan)
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        found = column.cast(pl.Float64).to_numpy().astype(np.float64)
        return np.asarray(np.where(column.is_null().to_numpy(), np.nan, found))
    values = np.empty(column.len())
    for row, value in enumerate(column.to_list()):
        text = value.strip() if isinstance(value, str) else value
        number = None if text in (None, "") else score_number(text)
        if number is None and text not in (None, "", "nan", "NaN", "NA", "None", "null"):
            raise InputError(
                f"{what} row {row}: column {name!r}: wanted a number, got "
                f"{one_line(str(value), 40)!r}"
            )
        values[row] = math.nan if number is None else number
    return values


def column_of(table: pl.DataFrame, name: str, what: str) -> pl.Series:
    """A column by its name.

    Raises:
        InputError: if it is not there.
    """
    if name not in table.columns:
        known = ", ".join(one_line(c, 40) for c in table.columns[:12])
        raise InputError(f"{what}: no column {name!r}; there are {known}")
    return table[name]


def answers_of(
    table: pl.DataFrame, item: str, judge: str, gold: str, chance: str | None
) -> Answers:
    """The answers that a table holds.

    Raises:
        InputError: for missing columns, values that are no numbers, a row without an item, or a
            chance outside 0–1.
    """
    what = "table"
    if table.is_empty():
        raise InputError("table: wanted at least one answer, got none")
    names = column_of(table, item, what).cast(pl.String)
    if names.null_count():
        raise InputError(f"table row {names.is_null().arg_max()}: no {item!r}")
    distinct: dict[str, int] = {}
    of = np.array([distinct.setdefault(name, len(distinct)) for name in names.to_list()])
    order = np.argsort(of, kind="stable")
    worth = numbers_of(table, gold, what)
    odds = np.ones(of.size)
    if chance is not None:
        odds = numbers_of(table, chance, what)
        wrong = np.flatnonzero(~((odds > 0) & (odds <= 1)))
        if wrong.size:
            raise InputError(
                f"table row {wrong[0]}: column {chance!r}: wanted a chance above 0 and at most 1, "
                f"got {odds[wrong[0]]:g}"
            )
    score = numbers_of(table, judge, what)
    return Answers(tuple(distinct), of[order], score[order], worth[order], odds[order])
