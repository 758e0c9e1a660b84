"""Who rated which area how? The ratings table: columns, states, checks, and coding.

A cell that holds no number says why: the respondent did not know, passed it over, or was never
shown it. The three are kept apart, since they mean different things to every analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.cells import uncell
from calibrant.records.frames import table_of

RATINGS: dict[str, pl.DataType] = {
    "respondent": pl.String(),
    "area": pl.String(),
    "question": pl.String(),
    "value": pl.Float64(),
    "state": pl.String(),
    "round": pl.Int64(),
    "time": pl.Datetime("us", "UTC"),
}
"""Columns of the ratings table."""

STATES = ("answered", "don't know", "skipped", "not shown")
"""Why a cell holds a number or none."""

KEY = ("respondent", "area", "question", "round")
"""What one row is about; no two rows may be about the same."""


@dataclass(frozen=True)
class Coded:
    """The answered ratings of one round as whole numbers.

    Attributes:
        respondents, areas, questions: what the numbers stand for, each sorted.
        respondent, area, question: shape (n,), places in these.
        value: shape (n,), as given, such as 1 to 5.
    """

    respondents: tuple[str, ...]
    areas: tuple[str, ...]
    questions: tuple[str, ...]
    respondent: NDArray[np.int64]
    area: NDArray[np.int64]
    question: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Ratings:
    """A checked ratings table; make one with `as_ratings`.

    Attributes:
        frame: columns of `RATINGS`, one row a respondent, area, question and round.
    """

    frame: pl.DataFrame

    def __repr__(self) -> str:
        n = {name: self.frame[name].n_unique() for name in ("respondent", "area", "question")}
        answered = int((self.frame["state"] == "answered").sum())
        return (
            f"Ratings: {answered:,} answers of {n['respondent']:,} respondents on {n['area']} areas"
        )

    @cached_property
    def latest(self) -> Ratings:
        """Each respondent's last word on each area and question, over all rounds."""
        kept = self.frame.sort("round", maintain_order=True).unique(
            ["respondent", "area", "question"], keep="last", maintain_order=True
        )
        return Ratings(kept)

    def coded(self) -> Coded:
        """Answered rows as whole numbers; respondents who answered nothing are kept."""
        sides = [tuple(sorted(self.frame[n].unique().to_list())) for n in KEY[:3]]
        rows = self.frame.filter(pl.col("state") == "answered")
        places = [
            rows[name]
            .replace_strict(list(side), list(range(len(side))), return_dtype=pl.Int64)
            .to_numpy()
            if side
            else np.zeros(0, np.int64)
            for name, side in zip(KEY[:3], sides, strict=True)
        ]
        respondents, areas, questions = sides
        respondent, area, question = places
        return Coded(
            respondents, areas, questions, respondent, area, question, rows["value"].to_numpy()
        )


def as_ratings(source: Any) -> Ratings:
    """The ratings in a table or file.

    Args:
        source: a path (CSV, TSV, JSONL, Parquet) or a table of any library, with the columns
            respondent, area, question and value; state, round (1 if missing) and time may be there.
            Without a state, a number was answered and an empty cell was skipped.

    Raises:
        InputError: naming the column or row that is wrong: a column is missing, a value is no
            number, a state is unknown or says other than the value, a row is there twice.
    """
    if isinstance(source, Ratings):
        return source
    frame = table_of(source, "ratings")
    if isinstance(source, str | Path) and Path(source).suffix.lower() in (".csv", ".tsv"):
        frame = _unquoted(frame)
    missing = [c for c in ("respondent", "area", "question", "value") if c not in frame.columns]
    if missing:
        raise InputError(
            f"ratings: no column {', '.join(missing)}; wanted respondent, area, question, value "
            "(a table with one row per respondent is read by `calibrant priorities import`)"
        )
    frame = _typed(frame)
    _check(frame)
    return Ratings(frame)


def _unquoted(frame: pl.DataFrame) -> pl.DataFrame:
    """Names without the apostrophe that keeps spreadsheets from taking them for formulas."""
    names = [n for n in ("respondent", "area", "question") if n in frame.columns]
    kept = {n: frame[n].drop_nulls().unique() for n in names}
    meant = {n: {t: uncell(t) for t in texts if t.startswith("'")} for n, texts in kept.items()}
    return frame.with_columns(pl.col(n).replace(meant[n]) for n in names if meant[n])


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of the table with their types, missing ones filled."""
    frame = frame.with_columns(
        pl.col("respondent", "area", "question").cast(pl.String).str.strip_chars()
    )
    value = frame["value"]
    if value.dtype == pl.String:
        value = value.str.strip_chars().replace("", None)
    if value.dtype.is_nested() or value.dtype.is_temporal():
        raise InputError(f"ratings: value: wanted numbers, got {one_line(str(value.dtype), 60)}")
    numbers = value.cast(pl.Float64, strict=False).fill_nan(None)
    wrong = (numbers.is_null() & value.is_not_null()).arg_true()
    if value.dtype == pl.String and len(wrong):
        at = int(wrong[0])
        raise InputError(
            f"ratings: row {at + 1}: value {one_line(str(value[at]), 40)!r} is no number"
        )
    frame = frame.with_columns(numbers.alias("value"))
    if "state" not in frame.columns:
        state = pl.when(pl.col("value").is_null()).then(pl.lit("skipped")).otherwise(
            pl.lit("answered")
        )  # fmt: skip
        frame = frame.with_columns(state.alias("state"))
    if "round" not in frame.columns:
        frame = frame.with_columns(pl.lit(1).alias("round"))
    if "time" not in frame.columns:
        frame = frame.with_columns(pl.lit(None).alias("time"))
    try:
        if frame["time"].dtype == pl.String:
            frame = frame.with_columns(pl.col("time").str.to_datetime(time_zone="UTC"))
        return frame.select([pl.col(name).cast(kind) for name, kind in RATINGS.items()])
    except pl.exceptions.PolarsError as e:
        raise InputError(f"ratings: {one_line(str(e).splitlines()[0], 200)}") from e


def _check(frame: pl.DataFrame) -> None:
    for name in ("respondent", "area", "question", "state", "round"):
        empty = frame[name].is_null().arg_true()
        if len(empty):
            raise InputError(f"ratings: row {int(empty[0]) + 1}: {name} is empty")
    unknown = (~frame["state"].is_in(STATES)).arg_true()
    if len(unknown):
        at = int(unknown[0])
        raise InputError(
            f"ratings: row {at + 1}: state {one_line(frame['state'][at], 40)!r}; wanted one of "
            f"{', '.join(STATES)}"
        )
    against = ((frame["state"] == "answered") != frame["value"].is_not_null()).arg_true()
    if len(against):
        at = int(against[0])
        raise InputError(
            f"ratings: row {at + 1}: state {frame['state'][at]!r} with value "
            f"{frame['value'][at]}; a value belongs to answered rows, and only to them"
        )
    endless = (~frame["value"].fill_null(0.0).is_finite()).arg_true()
    if len(endless):
        at = int(endless[0])
        raise InputError(f"ratings: row {at + 1}: value {frame['value'][at]} is not finite")
    twice = frame.select(KEY).is_duplicated().arg_true()
    if len(twice):
        row = frame.row(int(twice[0]), named=True)
        where = ", ".join(f"{name} {one_line(str(row[name]), 40)}" for name in KEY)
        raise InputError(f"ratings: more than one row for {where}")
