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

_KEY = ["run", "subject", "instrument", "item", "variant", "epoch", "grader"]
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
        if trials[column].null_count():
            _refuse(trials[column].is_null(), f"{column} is null")
    _refuse(~trials["score"].is_finite(), "score is not finite")
    if trials["score"].null_count():
        silent = trials["score"].is_null() & trials["error"].is_null()
        _refuse(silent, "no score and no error")
    _refuse_twins(trials)
    return trials


def _refuse(wrong: pl.Series, what: str) -> None:
    row = wrong.fill_null(False).arg_max() if wrong.any() else None
    if row is not None:
        raise InputError(f"trials row {row}: {what}")


def _refuse_twins(trials: pl.DataFrame) -> None:
    """Refuse a trial that occurs twice; hashes clear nearly all rows, the rest are compared."""
    columns = [trials[c] for c in _KEY]
    # Sums of hashes can only agree too often, and those rows are looked at again.
    hashes = pl.Series("hash", [0], dtype=pl.UInt64).new_from_index(0, trials.height)
    for seed, column in enumerate(c for c in columns if not constant(c)):
        hashes = hashes + column.hash(seed)
    if hashes.n_unique() == trials.height:
        return
    rows = hashes.is_duplicated().arg_true()
    near = trials.select(*_KEY, "metadata")[rows]
    again = near.is_duplicated().arg_true()
    if again.len():
        raise InputError(f"trials row {rows[again[0]]}: the same trial occurs twice")


def constant(column: pl.Series) -> bool:
    """Whether all values are the same, or all are null."""
    if column.is_empty() or column.null_count() == column.len():
        return True
    return column.null_count() == 0 and bool((column == column[0]).all())


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
