"""What did respondents say, as tables? The ratings table, and what stands beside it.

Rows come in the order of respondents' random names, and no table has a time of day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, exists, literal, select

from calibrant.records.ratings import RATINGS, Ratings, as_ratings
from calibrant.web.survey.kept.store import Store
from calibrant.web.survey.kept.tables import (
    ANSWER,
    CHOSEN,
    COMMENT,
    DEMOGRAPHIC,
    OWN,
    PAGE,
    RESPONDENT,
)

PROCESS: dict[str, pl.DataType] = {
    "respondent": pl.String(),
    "area": pl.String(),
    "question": pl.String(),
    "round": pl.Int64(),
    "revision": pl.Int64(),
    "seconds": pl.Float64(),
    "reason": pl.String(),
}
"""Columns of how answers came about, for integrity checks; `revision` is 1 for the first answer,
`seconds` for how long its page had been open."""

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

RESPONDENTS: dict[str, pl.DataType] = {n: pl.String() for n in ("respondent", "state", "chosen")}
"""Respondents with "finished" or "left" ("began" while the survey is open), and the ids of the
categories they chose, with commas."""


def ratings(store: Store) -> Ratings:
    """Every respondent's answer to every question about every area of every round, with its state.

    In a respondent's first round there is a row for each area and question: "answered" or "don't
    know", "skipped" where the category was chosen, and "not shown" where it was not. Later rounds
    hold what was answered anew. What was said about a category that the respondent took back later
    counts as skipped.
    """
    with store.answers.read() as con:
        return as_ratings(_ratings(store, con))


def _ratings(store: Store, con: Connection) -> pl.DataFrame:
    people = [str(r) for r in con.execute(select(RESPONDENT.c.id)).scalars()]
    areas = pl.DataFrame(
        [(a, c) for a, c in store.areas.category_of.items()],
        schema={"area": pl.String(), "category": pl.String()}, orient="row",
    )  # fmt: skip
    saved = exists().where(
        PAGE.c.respondent == CHOSEN.c.respondent,
        PAGE.c.page == literal("rate ").concat(CHOSEN.c.category),
    )
    chosen = _frame(
        con.execute(
            select(CHOSEN.c.respondent, CHOSEN.c.category, CHOSEN.c.active)
            # Chosen, and taken back before its page was ever saved: never shown.
            .where(CHOSEN.c.active | saved)
        ),
        {"respondent": pl.String(), "category": pl.String(), "active": pl.Boolean()},
    )
    said = _frame(
        con.execute(
            select(*(ANSWER.c[n] for n in ("respondent", "area", "question", "round", "state")),
                   ANSWER.c.value)
        ),
        {**{n: RATINGS[n] for n in ("respondent", "area", "question", "round", "state")},
         "value": pl.Float64()},
    )  # fmt: skip
    of = areas.join(chosen, on="category").select("respondent", "area", "active")
    said = said.join(of.filter(pl.col("active")), on=["respondent", "area"], how="semi")
    first = said.group_by("respondent").agg(pl.col("round").min())
    questions = pl.DataFrame({"question": [q.id for q in store.survey.questions]})
    every = (
        pl.DataFrame({"respondent": people}, schema={"respondent": pl.String()})
        .join(areas.select("area"), how="cross")
        .join(questions, how="cross")
        .join(of, on=["respondent", "area"], how="left")
        .join(first, on="respondent", how="left")
        .with_columns(
            pl.col("round").fill_null(1),
            pl.when(pl.col("active").is_null())
            .then(pl.lit("not shown"))
            .otherwise(pl.lit("skipped"))
            .alias("state"),
            pl.lit(None, pl.Float64()).alias("value"),
        )
    )
    key = ["respondent", "area", "question", "round"]
    silent = every.join(said, on=key, how="anti")
    columns = [*key, "state", "value"]
    place = {a: i for i, a in enumerate(store.areas.area)}
    return (
        pl.concat([said.select(columns), silent.select(columns)])
        .with_columns(
            pl.lit(None, RATINGS["time"]).alias("time"),
            pl.col("area").replace_strict(place, return_dtype=pl.Int64, default=-1).alias("_area"),
        )
        .sort("respondent", "round", "_area", "question")
        .select(list(RATINGS))
    )


def process(store: Store) -> pl.DataFrame:
    """How answers came about: `PROCESS`."""
    return _table(store, ANSWER, PROCESS)


def comments(store: Store) -> pl.DataFrame:
    """What respondents wrote: `COMMENTS`."""
    return _table(store, COMMENT, COMMENTS).filter(pl.col("text") != "")


def demographics(store: Store) -> pl.DataFrame:
    """What respondents said of themselves: `DEMOGRAPHICS`."""
    return _table(store, DEMOGRAPHIC, DEMOGRAPHICS)


def own_areas(store: Store) -> pl.DataFrame:
    """Areas that respondents work in themselves: `OWN_AREAS`."""
    return _table(store, OWN, OWN_AREAS)


def respondents(store: Store) -> pl.DataFrame:
    """Who took part, without names: `RESPONDENTS`."""
    is_open = store.window().state != "closed"
    chosen: dict[str, list[str]] = {}
    with store.answers.read() as con:
        for who, category in con.execute(
            select(CHOSEN.c.respondent, CHOSEN.c.category).where(CHOSEN.c.active)
        ):
            chosen.setdefault(who, []).append(category)
        rows = con.execute(select(RESPONDENT.c.id, RESPONDENT.c.state)).fetchall()
    order = {c: i for i, c in enumerate(store.areas.category)}
    return pl.DataFrame(
        [
            (
                r.id,
                "left" if r.state == "began" and not is_open else r.state,
                ",".join(sorted(chosen.get(r.id, []), key=lambda c: order.get(c, -1))),
            )
            for r in rows
        ],
        schema=RESPONDENTS,
        orient="row",
    ).sort("respondent")


TABLES: dict[str, Callable[[Store], pl.DataFrame]] = {
    "ratings": lambda store: ratings(store).frame,
    "comments": comments,
    "demographics": demographics,
    "own-areas": own_areas,
    "process": process,
    "respondents": respondents,
}
"""Every table that may be taken away, by name."""


def _table(store: Store, table: Table, columns: dict[str, pl.DataType]) -> pl.DataFrame:
    with store.answers.read() as con:
        found = _frame(con.execute(select(*(table.c[n] for n in columns))), columns)
    return found.sort([c.name for c in table.primary_key])


def _frame(rows: Iterable[Any], columns: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame([tuple(r) for r in rows], schema=columns, orient="row")
