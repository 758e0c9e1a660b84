"""Which column is what? Judge, doubt and gold labels from a table of items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

IDS = ("item", "id")
"""Columns taken for ids if none is named."""


@dataclass(frozen=True, eq=False)
class Items:
    """Items to plan for.

    Attributes:
        n: how many.
        judge, doubt: shape (n,), or None.
        pilot: positions with a gold label; `gold`: those labels.
        ids: shape (n,), as text, or None.
    """

    n: int
    judge: Floats | None
    doubt: Floats | None
    pilot: Ints
    gold: Floats
    ids: pl.Series | None

    def rows(
        self, at: Ints, stratum: NDArray[Any], main: NDArray[np.bool_], p: Floats, weight: Floats
    ) -> pl.DataFrame:
        """The table of items to label, in the order in which to label them."""
        gold = dict(zip(self.pilot.tolist(), self.gold.tolist(), strict=True))
        columns: dict[str, Any] = {"row": at + 1}
        if self.ids is not None:
            columns["item"] = self.ids.gather(at.tolist())
        if self.judge is not None:
            columns["judge"] = self.judge[at]
        columns |= {
            "stratum": [str(s) for s in stratum],
            "phase": ["main" if m else "pilot" for m in main],
            "probability": p,
            "weight": weight,
            "gold": pl.Series([gold.get(int(i)) for i in at], dtype=pl.Float64),
        }
        return pl.DataFrame(columns)


def items_of(
    source: Any,
    *,
    judge: str,
    gold: str | None,
    doubt: str | None,
    item: str | None,
    positive: str | None,
) -> Items:
    """Read the columns that are asked for.

    Raises:
        InputError: for an absent column, or a cell that is no number, named by its row.
    """
    none = np.array([], dtype=np.int64)
    if isinstance(source, int) and not isinstance(source, bool):
        if source < 10:
            raise InputError(f"items: wanted at least 10, got {source}")
        return Items(source, None, None, none, none.astype(np.float64), None)
    table = table_of(source, "items")
    if table.height < 10:
        raise InputError(f"items: wanted at least 10 rows, got {table.height}")
    f = _numbers(table, judge, positive)
    d = None if doubt is None else _numbers(table, doubt, None)
    for name, values in ((judge, f), (doubt, d)):
        if values is not None and np.isnan(values).any():
            at = int(np.flatnonzero(np.isnan(values))[0]) + 1
            raise InputError(f"{name}: wanted a value in every row, row {at} is empty")
    pilot, labels = none, none.astype(np.float64)
    if gold is not None:
        g = _numbers(table, gold, positive)
        pilot = np.flatnonzero(~np.isnan(g))
        labels = g[pilot]
    if item is not None and item not in table.columns:
        raise InputError(_absent(item, table))
    column = item or next((c for c in IDS if c in table.columns), None)
    ids = None if column is None else table[column].cast(pl.String)
    return Items(table.height, f, d, pilot, labels, ids)


def _numbers(table: pl.DataFrame, name: str, positive: str | None) -> Floats:
    """A column as numbers; empty cells are NaN."""
    if name not in table.columns:
        raise InputError(_absent(name, table))
    column = table[name]
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Float64)
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        text = pl.select(pl.when(text != "").then(text)).to_series()
        read = text.cast(pl.Float64, strict=False)
        wrong = text.is_not_null() & read.is_null()
        if wrong.any():
            if positive is None:
                at = int(wrong.arg_max() or 0)
                raise InputError(
                    f"{name}: wanted numbers (or a positive label), got "
                    f"{one_line(str(text[at]), 40)!r} in row {at + 1}"
                )
            read = (text == positive).cast(pl.Float64)
            if not (text == positive).any():
                raise InputError(f"{name}: no row is {one_line(positive, 40)!r}")
        column = read
    if not column.dtype.is_numeric():
        raise InputError(f"{name}: wanted numbers, got {column.dtype}")
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if np.isinf(values).any():
        raise InputError(f"{name}: wanted finite numbers, got infinity")
    return np.asarray(values, dtype=np.float64)


def _absent(name: str, table: pl.DataFrame) -> str:
    known = one_line(", ".join(table.columns), 120)
    return f"columns: no {one_line(name, 40)!r}; there are {known}"
