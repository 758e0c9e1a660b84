"""Which votes does a table of comparisons hold? From the table to what an audit takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from calibrant.errors import InputError
from calibrant.ratings.audit.data import Ints, Votes
from calibrant.ratings.audit.whole import audit
from calibrant.ratings.likelihood import MODELS
from calibrant.records.comparisons import Comparisons

COLUMNS = {"item": "item", "voter": "voter", "judge": "grader", "category": "category"}
"""What an audit groups by, and the column of the table that says it."""


def votes(rows: Comparisons, covariates: Sequence[str] = ()) -> Votes:
    """The comparisons as votes, with who asked, who judged and what was asked where that is known.

    Args:
        covariates: columns of numbers, the left answer's minus the right one's.

    Raises:
        InputError: if the comparisons have weights, since an audit counts whole votes; or a
            covariate is not there.
    """
    there = rows.columns.columns
    if "weight" in there:
        raise InputError("audit: wanted comparisons that count once each, got a column of weights")
    groups: dict[str, Ints] = {}
    labels: dict[str, Sequence[str]] = {}
    for name, column in COLUMNS.items():
        if column in there and rows.columns[column].null_count() < len(rows):
            groups[name], labels[name] = _coded(rows.columns[column])
    every = slice(None)
    return Votes(
        rows.names,
        rows.left.take(every).astype(np.int64),
        rows.right.take(every).astype(np.int64),
        rows.outcome.take(every).astype(np.int64),
        labels=labels,
        covariates={c: rows.numbers(c) for c in covariates},
        **groups,
    )


def audit_table(
    rows: Comparisons,
    model: str,
    *,
    prior_sd: float | None = None,
    covariates: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """The audit of a table, as plain data; `page` holds it as lines for people.

    Models without a likelihood of pairs are audited as Bradley–Terry, and `model` says so.

    Raises:
        InputError: as `votes` does.
    """
    likelihood: Any = model if model in MODELS else "bt"
    found = audit(votes(rows, covariates), model=likelihood, prior_sd=prior_sd, seed=seed)
    return {**found.to_dict(), "page": found.page()}


def _coded(column: pl.Series) -> tuple[Ints, Sequence[str]]:
    """Whole numbers from 0 in the order of the values, -1 where there is none."""
    text = column.cast(pl.String)
    values = text.drop_nulls().unique().sort()
    codes = text.cast(pl.Enum(values)).to_physical().cast(pl.Int64).fill_null(-1)
    return codes.to_numpy(), values.to_list()
