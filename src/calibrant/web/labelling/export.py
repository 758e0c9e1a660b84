"""What did people say, as tables? Labels as `calibrant judge agree` reads them; comparisons too."""

from __future__ import annotations

import polars as pl

from calibrant.errors import InputError
from calibrant.records.cells import to_bytes as to_bytes
from calibrant.records.cells import write as write
from calibrant.records.comparisons import COMPARISONS
from calibrant.web.labelling.store import Store

LABELS: dict[str, pl.DataType] = {
    "item": pl.String(),
    "grader": pl.String(),
    "label": pl.String(),
    "time": pl.Datetime("us", "UTC"),
    "seconds": pl.Float64(),
    "order": pl.String(),
    "note": pl.String(),
    "state": pl.String(),
    "position": pl.Int64(),
    "revision": pl.Int64(),
    "cluster": pl.String(),
    "subject": pl.String(),
    "other": pl.String(),
    "epoch": pl.Int64(),
    "gold": pl.String(),
}
"""Columns of exported labels. `label` is null unless `state` is "label"; `order` is "straight" or
"swapped" for pairs; `position` counts in the rater's order, `revision` from 1 for each rater and
item; `cluster` is the question."""


def labels(store: Store, *, history: bool = False) -> pl.DataFrame:
    """What every rater said about every item, the last word each, without items skipped.

    Args:
        history: every word instead, in order of time, skipping too.
    """
    with store.read() as con:
        rows = con.execute(
            "SELECT u.key, r.name, l.value, l.time, l.seconds,"
            " CASE WHEN u.other_answer IS NULL THEN NULL WHEN l.swapped THEN 'swapped'"
            " ELSE 'straight' END, l.note, l.state, a.position,"
            " ROW_NUMBER() OVER (PARTITION BY l.rater, l.unit ORDER BY l.id), u.item, u.subject,"
            " u.other_subject, u.epoch, u.gold, l.id"
            " FROM label l JOIN unit u ON u.id = l.unit JOIN rater r ON r.id = l.rater"
            " JOIN assignment a ON a.rater = l.rater AND a.unit = l.unit"
            " ORDER BY u.id, r.id, l.id"
        ).fetchall()
    kinds = {**LABELS, "time": pl.String(), "id": pl.Int64()}
    table = pl.DataFrame([tuple(r) for r in rows], schema=kinds, orient="row").with_columns(
        pl.col("time").str.to_datetime(time_unit="us", time_zone="UTC"),
        pl.col("note").replace("", None),
    )
    if history:
        return table.sort("id").select(list(LABELS))
    last = table.filter(pl.col("revision") == pl.col("revision").max().over("item", "grader"))
    return last.filter(pl.col("state") != "skipped").select(list(LABELS))


def comparisons(store: Store) -> pl.DataFrame:
    """The labels of pairs as a comparisons table, as `calibrant rate` reads it.

    Raises:
        InputError: if raters did not choose between two answers.
    """
    if store.plan.scheme.kind != "pairwise":
        raise InputError(f"{store.path}: raters label single answers, which compares nothing")
    table = labels(store).filter(pl.col("state") == "label")
    return table.select(
        pl.col("cluster").alias("item"),
        pl.col("subject").alias("left"),
        pl.col("other").alias("right"),
        pl.col("label").alias("outcome"),
        "order",
        "grader",
        pl.lit(None, pl.Float64()).alias("margin"),
        "time",
        pl.lit(None, pl.String()).alias("metadata"),
    ).select(list(COMPARISONS))
