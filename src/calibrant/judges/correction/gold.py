"""Where are the gold labels: a column, or a table of their own that is joined by item?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of

ITEM_NAMES = ("item", "id", "item_id", "idx")
GOLD_NAMES = ("gold", "label", "truth", "target")
_GOLD = "gold label, joined"


def joined(
    table: pl.DataFrame, gold: Any, item: str | None, gold_column: str | None
) -> tuple[pl.DataFrame, str, tuple[str, ...], list[str | None] | None]:
    """The table with its gold column, that column's name, notes, and ids of the items if any.

    Raises:
        InputError: for gold labels of other items, or that contradict each other.
    """
    if not is_table(gold):
        column_of(table, gold, "gold")
        by = item_column(table, item)
        ids = None if by is None else texts(table[by])
        if ids is not None:
            _one_each(ids, texts(table[gold]))
        return table, gold, (), ids
    other = table_of(gold, "gold labels")
    by, name = item_column(table, item), item_column(other, item)
    if by is None or name is None:
        where = "judged items" if by is None else "gold labels"
        raise InputError(
            f"item: the {where} have no column {' or '.join(map(repr, ITEM_NAMES))}; "
            "say which holds the item"
        )
    if gold_column is None:
        left = [c for c in other.columns if c != name]
        known = [c for c in GOLD_NAMES if c in left]
        if not known and len(left) != 1:
            raise InputError(
                f"gold: which column holds the labels: {', '.join(map(one_line, left[:6]))}?"
            )
        gold_column = known[0] if known else left[0]
    labels = _one_each(texts(other[name]), texts(column_of(other, gold_column, "gold column")))
    ids = texts(table[by])
    here = set(ids)
    strange = [i for i in labels if i not in here]
    if strange:
        raise InputError(
            f"gold: {len(strange)} of {len(labels)} labelled items are not among the "
            f"{len(here)} judged, such as {one_line(strange[0], 60)!r}"
        )
    notes: tuple[str, ...] = ()
    if other.height > len(labels):
        notes = (f"{other.height - len(labels)} gold rows repeat an item, or have no label",)
    found = pl.Series(_GOLD, [labels.get(i) if i is not None else None for i in ids], pl.String)
    return table.with_columns(found), _GOLD, notes, ids


def _one_each(ids: list[str | None], labels: list[str | None]) -> dict[str, str]:
    """The gold label of each item that has one."""
    found: dict[str, str] = {}
    for i, label in zip(ids, labels, strict=True):
        if i is None or label is None:
            continue
        if found.setdefault(i, label) != label:
            raise InputError(
                f"gold: item {one_line(i, 60)!r} has two labels, {one_line(found[i], 40)!r} and "
                f"{one_line(label, 40)!r}"
            )
    return found


def item_column(table: pl.DataFrame, given: str | None) -> str | None:
    """The column that says which item: the one named, or the first of the usual names."""
    if given is not None:
        column_of(table, given, "item")
        return given
    return next((c for c in ITEM_NAMES if c in table.columns), None)


def column_of(table: pl.DataFrame, name: str, what: str) -> pl.Series:
    """A column.

    Raises:
        InputError: if it is not there.
    """
    if name not in table.columns:
        found = ", ".join(one_line(c, 40) for c in table.columns[:12])
        raise InputError(f"{what}: no column {one_line(str(name), 60)!r}; there are {found}")
    return table[name]


def texts(column: pl.Series) -> list[str | None]:
    """The values as text, numbers without needless zeros; None where there is none."""
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    if column.dtype.is_float():
        values = column.fill_nan(None).to_list()
        return [None if v is None else repr(v) if v != int_of(v) else str(int(v))
                for v in values]  # fmt: skip
    try:
        found = column.cast(pl.String).str.strip_chars()
    except pl.exceptions.PolarsError as e:
        raise InputError(f"{one_line(column.name, 60)!r}: wanted text or numbers") from e
    return [v if v else None for v in found.to_list()]


def int_of(value: float) -> float:
    """The whole number nearest to a finite value; another number for an infinite one."""
    return float(round(value)) if abs(value) < 1e15 else 0.5


def is_table(gold: Any) -> bool:
    """Whether the gold labels are a table of their own, not a column's name."""
    if isinstance(gold, Path) or not isinstance(gold, str):
        return True
    return Path(gold).suffix.lower() in (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
