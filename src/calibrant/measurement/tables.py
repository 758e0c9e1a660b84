"""Which trials are meant? From what a caller has (a path or a table) to the trials of one score."""

from __future__ import annotations

import logging
from typing import Any

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records import SCHEMA, Reading, read, validate

_log = logging.getLogger("calibrant")


def as_trials(source: Any) -> pl.DataFrame:
    """The trials that paths, or a table of polars, pandas, pyarrow or duckdb, hold.

    Whatever `read` takes is taken, but nothing may be left out of it unseen.

    Raises:
        InputError: if it holds no valid trials, or something in it cannot be read.
    """
    if isinstance(source, Reading):
        return source.trials
    if isinstance(source, pl.DataFrame) and set(SCHEMA) <= set(source.columns):
        return validate(source)
    found = read(source, strict=True)
    for one in found.sources:
        for note in one.notes:
            _log.warning("%s", one_line(f"{one.path}: {note}", 600))
    if found.trials.is_empty() and found.aggregates.height:
        raise InputError(
            f"{found.sources[0].path}: {found.aggregates.height} aggregates and no trials"
        )
    return found.trials


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
