"""Which trials are meant? From what a caller has (a path or a table) to the trials of one score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from calibrant.errors import InputError
from calibrant.records import read_trials, validate


def as_trials(source: Any) -> pl.DataFrame:
    """The trials table that a path, or a table of polars, pandas, pyarrow or duckdb, holds.

    Raises:
        InputError: if it holds no valid trials.
    """
    if isinstance(source, str | Path):
        return read_trials(source)
    if isinstance(source, pl.DataFrame):
        return validate(source)
    if hasattr(source, "pl"):  # a duckdb relation
        return validate(source.pl())
    try:
        import narwhals as nw

        return validate(nw.from_native(source, eager_only=True).to_polars())
    except TypeError as e:
        raise InputError(
            f"trials: wanted a path or a table of trials, got {type(source).__name__}"
        ) from e


def of_score(trials: pl.DataFrame, score: str | None) -> pl.DataFrame:
    """The trials of one score; all of them if `score` is None.

    Raises:
        InputError: if there are none.
    """
    if trials.is_empty():
        raise InputError("trials: wanted at least one, got none")
    if score is None:
        return trials
    chosen = trials.filter(pl.col("grader") == score)
    if chosen.is_empty():
        known = ", ".join(sorted(set(trials["grader"].to_list()))[:8])
        raise InputError(f"score: wanted one of {known}, got {score!r}")
    return chosen


def is_rate(scores: pl.Series) -> bool:
    """Whether all scores are 0 or 1."""
    return bool(scores.is_in([0.0, 1.0]).all())
