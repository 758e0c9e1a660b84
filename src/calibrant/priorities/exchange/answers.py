"""What did respondents say, whole? The ratings, and the tables that stand beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.records.ratings import Ratings, as_ratings

COMMENTS: dict[str, pl.DataType] = {
    n: pl.String() for n in ("respondent", "category", "question", "text")
}
"""Columns of comments; the category is empty for those on the whole survey."""

DEMOGRAPHICS: dict[str, pl.DataType] = {
    n: pl.String() for n in ("respondent", "question", "value")
} | {"other": pl.Boolean()}
"""Columns of demographic answers; `other`: the value was typed, and is none of the options."""

OWN_AREAS: dict[str, pl.DataType] = {n: pl.String() for n in ("respondent", "area")}
"""Areas that respondents work in themselves."""

RESPONDENTS: dict[str, pl.DataType] = {
    "respondent": pl.String(),
    "round": pl.Int64(),
    "state": pl.String(),
    "chosen": pl.String(),
    "progress": pl.Float64(),
    "seconds": pl.Float64(),
    "started": pl.Datetime("us", "UTC"),
    "finished": pl.Datetime("us", "UTC"),
}
"""Who took part, a row a respondent and round: "finished" or "left", or nothing where it is not
known; the ids of the categories chosen, with commas (empty: not known); per cent of the survey
gone through; seconds from beginning to end."""


def _empty(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True, repr=False, eq=False)
class Answers:
    """Everything that respondents said.

    Attributes:
        ratings: the ratings table.
        comments, demographics, own_areas, respondents: tables as `COMMENTS`, `DEMOGRAPHICS`,
            `OWN_AREAS` and `RESPONDENTS` say.
    """

    ratings: Ratings
    comments: pl.DataFrame = field(default_factory=lambda: _empty(COMMENTS))
    demographics: pl.DataFrame = field(default_factory=lambda: _empty(DEMOGRAPHICS))
    own_areas: pl.DataFrame = field(default_factory=lambda: _empty(OWN_AREAS))
    respondents: pl.DataFrame = field(default_factory=lambda: _empty(RESPONDENTS))

    @classmethod
    def of(cls, ratings: Any, **tables: Any) -> Answers:
        """Answers of a ratings table, and tables beside it, each a path or a table.

        Args:
            ratings: as `as_ratings` takes them.
            tables: comments, demographics, own_areas, respondents; None: there is none.

        Raises:
            InputError: naming the table and what is wrong.
        """
        schemas = {"comments": COMMENTS, "demographics": DEMOGRAPHICS, "own_areas": OWN_AREAS,
                   "respondents": RESPONDENTS}  # fmt: skip
        odd = set(tables) - set(schemas)
        if odd:
            raise InputError(f"answers: no table {min(odd)!r}; wanted {', '.join(schemas)}")
        given = {n: t for n, t in tables.items() if t is not None}
        return cls(
            as_ratings(ratings), **{n: side_table(t, schemas[n], n) for n, t in given.items()}
        )

    def __repr__(self) -> str:
        return f"Answers: {self.ratings!r}, {self.comments.height:,} comments"


def side_table(source: Any, schema: dict[str, pl.DataType], what: str) -> pl.DataFrame:
    """One of the tables beside the ratings, with the columns of its schema.

    Args:
        source: a path or a table; columns that are missing, but the respondent's, are empty.
        schema: such as `COMMENTS`.
        what: for errors, such as "comments".

    Raises:
        InputError: naming what is wrong.
    """
    frame = table_of(source, what)
    what = str(source) if isinstance(source, str | Path) else what
    if "respondent" not in frame.columns:
        raise InputError(f"{what}: no column respondent; wanted {', '.join(schema)}")
    if not set(schema) - {"respondent"} & set(frame.columns):
        raise InputError(f"{what}: wanted columns {', '.join(schema)}")
    missing = [pl.lit(None, kind).alias(n) for n, kind in schema.items() if n not in frame.columns]
    try:
        frame = frame.with_columns(missing)
        times = [n for n, k in schema.items() if k == pl.Datetime("us", "UTC")
                 and frame.schema[n] == pl.String()]  # fmt: skip
        frame = frame.with_columns(pl.col(n).str.to_datetime(time_zone="UTC") for n in times)
        truths = [n for n, k in schema.items() if k == pl.Boolean()
                  and frame.schema[n] == pl.String()]  # fmt: skip
        frame = frame.with_columns(pl.col(n).str.to_lowercase() == "true" for n in truths)
        frame = frame.select(pl.col(n).cast(kind) for n, kind in schema.items())
    except pl.exceptions.PolarsError as e:
        raise InputError(f"{what}: {str(e).splitlines()[0][:200]}") from e
    empty = frame["respondent"].is_null().arg_true()
    if len(empty):
        raise InputError(f"{what}: row {int(empty[0]) + 1}: respondent is empty")
    # A row that says nothing is none.
    content = [n for n in ("text", "value", "area") if n in schema]
    return frame.drop_nulls(content) if content else frame
