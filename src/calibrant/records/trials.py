"""Which columns does a trial have, and is this table one? The trials table: schema and Parquet."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from calibrant._text import dumps, storable
from calibrant.errors import InputError, RunFolderError

SCHEMA: dict[str, pl.DataType] = {
    "run": pl.String(),
    "subject": pl.String(),
    "instrument": pl.String(),
    "item": pl.String(),
    "cluster": pl.String(),
    "variant": pl.String(),
    "epoch": pl.Int64(),
    "grader": pl.String(),
    "score": pl.Float64(),
    "answer": pl.String(),
    "error": pl.String(),
    "input_tokens": pl.Int64(),
    "output_tokens": pl.Int64(),
    "seconds": pl.Float64(),
    "cost": pl.Float64(),
    "time": pl.Datetime("us", "UTC"),
    "metadata": pl.String(),
}
"""Columns of the trials table. `score` is null, and `error` set, where a trial failed;
`metadata` is JSON."""

_REQUIRED = ("subject", "instrument", "item", "epoch", "grader")


def trials_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return a valid trials table of `rows`; absent columns are null, `metadata` may be a dict.

    Raises:
        InputError: if a row has an unknown column or the table is not valid (see `validate`).
    """
    clean: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        unknown = set(row) - set(SCHEMA)
        if unknown:
            raise InputError(f"trials row {number}: unknown column {sorted(unknown)[0]!r}")
        clean.append({c: _cell(row.get(c)) for c in SCHEMA})
    return validate(pl.DataFrame(clean, schema=SCHEMA, orient="row"))


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return dumps(value)
    return value


def validate(trials: pl.DataFrame) -> pl.DataFrame:
    """Return `trials` if it is a valid trials table.

    Every column of `SCHEMA` is there with its type; subject, instrument, item, epoch and grader
    are never null; a score is a finite number or null; a trial with a null score says why in
    `error`; no trial occurs twice.

    Raises:
        InputError: naming the first column or row that is wrong.
    """
    for column, dtype in SCHEMA.items():
        if column not in trials.columns:
            raise InputError(f"trials: column {column!r} is missing")
        if trials.schema[column] != dtype:
            raise InputError(
                f"trials: column {column!r}: wanted {dtype}, got {trials.schema[column]}"
            )
    for column in _REQUIRED:
        _refuse(trials, pl.col(column).is_null(), f"{column} is null")
    _refuse(trials, pl.col("score").is_nan() | pl.col("score").is_infinite(), "score is not finite")
    _refuse(trials, pl.col("score").is_null() & pl.col("error").is_null(), "no score and no error")
    key = ["run", "subject", "instrument", "item", "variant", "epoch", "grader", "metadata"]
    _refuse(trials, pl.struct(key).is_duplicated(), "the same trial occurs twice")
    return trials


def _refuse(trials: pl.DataFrame, wrong: pl.Expr, what: str) -> None:
    rows = trials.select(wrong.fill_null(False).arg_true()).to_series()
    if rows.len():
        raise InputError(f"trials row {rows[0]}: {what}")


def write_parquet(trials: pl.DataFrame, path: Path) -> None:
    """Write a trials table, whole or not at all.

    Raises:
        RunFolderError: if the file cannot be written.
    """
    partial = path.with_name(path.name + ".part")
    try:
        trials.write_parquet(partial, compression="zstd")
        partial.replace(path)
    except (OSError, pl.exceptions.PolarsError) as e:
        # A full disk reaches us through Polars as an error of its own.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise RunFolderError(f"{path}: cannot be written ({str(e).splitlines()[0]})") from e


def read_parquet(path: str | Path) -> pl.DataFrame:
    """Read and validate a trials table.

    Raises:
        InputError: if the file is not there, not Parquet, or not a trials table.
    """
    try:
        trials = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as e:
        # Polars panics on some broken files.
        reason = str(e).splitlines()[0]
        raise InputError(f"{path}: not a Parquet file of trials ({reason})") from e
    return validate(trials)


_SPOKEN = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
"""Scores in words, by the rules of Inspect's `value_to_float`."""


def score_number(value: Any) -> float | None:
    """A score as the number it stands for: Inspect's C, P, I, N, yes and no, else as it is.

    None for values that are no number (or not finite): they can still be counted by name.
    """
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        value = _SPOKEN.get(value, _SPOKEN.get(value.lower(), value))
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
