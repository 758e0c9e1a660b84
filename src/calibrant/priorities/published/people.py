"""Who answered? Response by category, and demographics with exact intervals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from calibrant.errors import InputError
from calibrant.priorities.published.result import CategoryResponse, Share
from calibrant.priorities.tables.areas import Finder
from calibrant.records.frames import table_of
from calibrant.stats.estimates.intervals import clopper_pearson

LEVEL = 0.95


def by_category(frame: pl.DataFrame, scheme: Finder) -> tuple[CategoryResponse, ...]:
    """Response in every category of the taxonomy, those without any included."""
    known = {a: scheme(a) for a in frame["area"].unique().to_list()}
    category = {a: k.category for a, k in known.items() if k is not None}
    rows = frame.with_columns(
        pl.col("area").replace_strict(category, default=None, return_dtype=pl.String).alias("in")
    )
    answered = rows.filter(pl.col("state") == "answered")
    out = []
    for c in scheme.taxonomy.categories:
        here = answered.filter(pl.col("in") == c.id)
        unsure = rows.filter((pl.col("in") == c.id) & (pl.col("state") == "don't know"))
        out.append(
            CategoryResponse(
                c.id, c.name, here["respondent"].n_unique(), here.height, unsure.height,
                len(c.areas), here["area"].n_unique(),
            )
        )  # fmt: skip
    return tuple(out)


def shares_of(demographics: Any) -> tuple[tuple[Share, ...], int]:
    """Shares of every option of every question, and how many respondents answered any question.

    Raises:
        InputError: without a column respondent, or with a respondent twice.
    """
    if demographics is None:
        return (), 0
    table = table_of(demographics, "demographics")
    if "respondent" not in table.columns:
        raise InputError("demographics: no column respondent")
    if table["respondent"].is_duplicated().any():
        raise InputError("demographics: a respondent is there twice")
    questions = [c for c in table.columns if c != "respondent"]
    if not questions:
        raise InputError("demographics: no column beside respondent")
    table = table.with_columns(
        pl.col(questions).cast(pl.String).str.strip_chars().replace("", None)
    )
    completed = table.filter(pl.any_horizontal(pl.col(questions).is_not_null())).height
    shares = []
    for q in questions:
        given = table[q].drop_nulls()
        counts = given.value_counts(sort=True).sort(["count", q], descending=[True, False])
        for option, count in counts.iter_rows():
            ends = clopper_pearson(count, given.len(), level=LEVEL)
            shares.append(
                Share(q, option, count, given.len(), Fraction(count, given.len()),
                      (ends.low, ends.high))
            )  # fmt: skip
    return tuple(shares), completed
