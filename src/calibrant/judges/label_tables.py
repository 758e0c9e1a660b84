"""How is a table of labels laid out? Long, wide or as strings of votes, to one long form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of

ALIASES: dict[str, tuple[str, ...]] = {
    "item": ("item", "item_id", "id", "idx", "question_id"),
    "grader": ("grader", "judge", "rater", "annotator", "worker", "evaluator"),
    "label": ("label", "verdict", "score", "rating", "grade"),
}
"""Names by which the columns of a long table are recognised, the first found first."""

_TRIALS = ("run", "instrument", "item", "subject", "variant", "epoch")
"""What names one answer in a table of trials."""

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Told:
    """Labels as texts, one row each.

    Attributes:
        item, grader: shape (rows,), numbers of the names in `items` and `graders`.
        label: texts, null where empty.
        cluster: shape (items,), or None.
    """

    items: tuple[str, ...]
    graders: tuple[str, ...]
    item: pl.Series
    grader: pl.Series
    label: pl.Series
    cluster: NDArray[np.int64] | None
    clusters: tuple[str, ...]
    anonymous: bool
    notes: tuple[str, ...]


def long_of(
    source: Any,
    *,
    item: str | None,
    grader: str | None,
    label: str | None,
    graders: Sequence[str] | None,
    votes: str | None,
    gold: str | None,
    cluster: str | None,
) -> Told:
    """The labels of a table in one long form; see `as_labels`.

    Raises:
        InputError: for layouts that exclude each other, columns that are not there, or clusters
            that cut through an item.
    """
    given = {"graders": graders, "votes": votes, "grader": grader, "label": label}
    layout = [name for name, value in given.items() if value is not None]
    if len(layout) > 1 and layout != ["grader", "label"]:
        raise InputError(
            "labels: wanted columns grader and label, or graders, or votes; "
            f"got {' and '.join(layout)}"
        )
    table = _table(source)
    if table.is_empty():
        raise InputError("labels: wanted at least one row, got none")
    notes: list[str] = []
    truth = gold if gold in table.columns else None
    if graders is not None or votes is not None:
        rows = _framed(table, _row_name(table, item), truth, cluster)
        if graders is not None:
            long, names = _wide(rows, table, graders, notes)
        else:
            long, names = _votes(rows, table, str(votes), notes)
    else:
        rows = _framed(table, _answer_name(table, item), truth, cluster)
        grader = _find(table, "grader", grader)
        trials = _is_trials(table) and label is None
        label = "score" if trials else _find(table, "label", label)
        long = rows.with_columns(_named(table, grader, "grader"), _text(table, label, "label"))
        names = tuple(long["grader"].unique(maintain_order=True).to_list())
    long = long.select("item", "cluster", "grader", "label")
    if truth is not None and truth not in names:
        known = rows.filter(pl.col("gold").is_not_null()).unique(maintain_order=True)
        said = known.select("item", "cluster", pl.lit(truth).alias("grader"),
                            pl.col("gold").alias("label"))  # fmt: skip
        long, names = pl.concat([long, said]), (*names, truth)
    if gold not in (None, "majority", *names):
        there = one_line(", ".join([*names[:8], *table.columns]), 300)
        raise InputError(f"gold: wanted a grader or a column, got {gold!r}; there are {there}")
    return _coded(long, names, votes is not None, notes)


def _table(source: Any) -> pl.DataFrame:
    """A table, or the trials of a log or a folder of logs."""
    if isinstance(source, str | Path):
        path = Path(source)
        if path.exists() and path.suffix.lower() not in _TABLES:
            from calibrant.records.read import read

            return read(path, strict=True).trials
    return table_of(source, "labels")


def _need(table: pl.DataFrame, column: str) -> str:
    if column not in table.columns:
        there = one_line(", ".join(table.columns), 200)
        raise InputError(f"labels: no column {one_line(column, 60)!r}; there are {there}")
    return column


def _find(table: pl.DataFrame, what: str, given: str | None) -> str:
    if given is not None:
        return _need(table, given)
    for name in ALIASES[what]:
        if name in table.columns:
            return name
    there = one_line(", ".join(table.columns), 200)
    raise InputError(
        f"labels: no column {what!r}; there are {there}. Name the columns item, grader and label, "
        "or one column per grader (graders), or the column of votes (votes)"
    )


def _is_trials(table: pl.DataFrame) -> bool:
    return {"item", "subject", "epoch", "grader", "score"} <= set(table.columns)


def _text(table: pl.DataFrame, column: str, name: str) -> pl.Series:
    """A column as texts; null where it is empty or not a number of a column of numbers."""
    found = table[_need(table, column)]
    if found.dtype.is_float():
        found = found.fill_nan(None)
    try:
        texts = found.cast(pl.String).str.strip_chars()
    except pl.exceptions.PolarsError as e:
        raise InputError(f"labels: column {column!r}: wanted texts or numbers, got "
                         f"{found.dtype}") from e  # fmt: skip
    return texts.replace("", None).alias(name)


def _named(table: pl.DataFrame, column: str, name: str) -> pl.Series:
    """A column of names, none of which is empty."""
    found = _text(table, column, name)
    if found.null_count():
        raise InputError(f"labels row {int(found.is_null().arg_max() or 0)}: {column} is empty")
    return found


def _answer_name(table: pl.DataFrame, item: str | None) -> pl.Series:
    """The item of each row of a long table; of trials, the answer that was labelled."""
    if item is not None or not _is_trials(table):
        return _named(table, _find(table, "item", item), "item")
    # What is the same everywhere tells nothing apart; the item always stays.
    parts = [c for c in _TRIALS if c in table.columns and (c == "item" or table[c].n_unique() > 1)]
    texts = [pl.col(c).cast(pl.String).fill_null("–") for c in parts]
    return table.select(pl.concat_str(texts, separator=" · ").alias("item"))["item"]


def _row_name(table: pl.DataFrame, item: str | None) -> pl.Series:
    """What names a row: the column asked for, a column "item" without repeats, or its number."""
    if item is None and "item" in table.columns and table["item"].is_unique().all():
        item = "item"
    if item is not None:
        return _named(table, item, "item")
    return pl.Series("item", [f"row {i}" for i in range(1, table.height + 1)])


def _framed(
    table: pl.DataFrame, item: pl.Series, gold: str | None, cluster: str | None
) -> pl.DataFrame:
    """The columns item, cluster and gold, row for row with the table."""
    none = pl.Series("", [None] * table.height, pl.String)
    return pl.DataFrame([
        item,
        none.alias("cluster") if cluster is None else _named(table, cluster, "cluster"),
        none.alias("gold") if gold is None else _text(table, gold, "gold"),
    ])  # fmt: skip


def _wide(
    rows: pl.DataFrame, table: pl.DataFrame, graders: Sequence[str], notes: list[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    if isinstance(graders, str) or not graders or len(set(graders)) < len(graders):
        raise InputError(f"graders: wanted a list of different columns, got {graders!r}")
    long = pl.concat([
        rows.with_columns(pl.lit(g).alias("grader"), _text(table, g, "label")) for g in graders
    ])  # fmt: skip
    if empty := long["label"].null_count():
        notes.append(f"{empty:,} cells are empty: no label there")
    return long.filter(pl.col("label").is_not_null()), tuple(graders)


def _votes(
    rows: pl.DataFrame, table: pl.DataFrame, votes: str, notes: list[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    texts = table[_need(table, votes)].cast(pl.String).fill_null("")
    each = rows.with_columns(texts.str.split("").alias("label"))
    each = each.with_columns(pl.int_ranges(pl.col("label").list.len()).alias("place"))
    each = each.filter(pl.col("label").list.len() > 0).explode("label", "place")
    long = each.filter(pl.col("label").str.strip_chars() != "")
    if long.is_empty():
        raise InputError(f"labels: no votes in column {votes!r}")
    notes.append("who cast a vote is not known: graders are not compared one by one")
    names = tuple(f"vote {i}" for i in range(1, int(texts.str.len_chars().max() or 0) + 1))  # type: ignore[arg-type]
    vote = ("vote " + (pl.col("place") + 1).cast(pl.String)).alias("grader")
    return long.with_columns(vote), names


def _coded(long: pl.DataFrame, names: tuple[str, ...], anonymous: bool, notes: list[str]) -> Told:
    items = long["item"].unique(maintain_order=True)
    item = _codes(long["item"], items.to_list())
    cluster, clusters = None, ()
    if long["cluster"].null_count() < long.height:
        pairs = long.select("item", "cluster").unique(maintain_order=True)
        if pairs.height > items.len():
            row = int(pairs["item"].is_duplicated().arg_max() or 0)
            raise InputError(one_line(
                f"labels: item {pairs['item'][row]!r} lies in more than one cluster"))  # fmt: skip
        clusters = tuple(pairs["cluster"].unique(maintain_order=True).to_list())
        cluster = _codes(pairs["cluster"], list(clusters)).to_numpy().astype(np.int64)
    return Told(
        tuple(items.to_list()), names, item, _codes(long["grader"], list(names)), long["label"],
        cluster, clusters, anonymous, tuple(notes),
    )  # fmt: skip


def _codes(column: pl.Series, names: list[str]) -> pl.Series:
    place = dict(zip(names, range(len(names)), strict=True))
    return column.replace_strict(place, return_dtype=pl.Int64)
