"""What does a reader hand over? The trials and aggregates of one source, whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from calibrant._text import storable
from calibrant.records.trials import SCHEMA

AGGREGATES: dict[str, pl.DataType] = {
    "run": pl.String(),
    "subject": pl.String(),
    "instrument": pl.String(),
    "grader": pl.String(),
    "statistic": pl.String(),
    "value": pl.Float64(),
    "standard_error": pl.Float64(),
    "n": pl.Int64(),
    "metadata": pl.String(),
}
"""Columns of the aggregates table: numbers that another tool computed, without the trials behind
them. They are never mixed into trials."""

GIB = 2**30


@dataclass(frozen=True)
class Options:
    """How to read; each reader takes what concerns it.

    Attributes:
        cluster_key: metadata key that names clusters; None: "cluster", else "family".
        max_member: bytes that one file, or one member of an archive, may unpack to.
        columns: for tables, trials column → the file's column.
        constants: for tables, trials column → value for every row.
        questions: keep what the subject was asked in the metadata, as text.
    """

    cluster_key: str | None = None
    max_member: int = GIB
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    questions: bool = False


@dataclass
class Batch:
    """Columns of trials, one list each, with what there is to say about their source."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {c: [] for c in SCHEMA})
    table: pl.DataFrame | None = None
    aggregates: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    expected: int = 0
    samples: int = 0
    clustered: bool = False

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one trial; absent columns are null."""
        for name, column in self.columns.items():
            column.append(row.get(name))

    def frame(self) -> pl.DataFrame:
        """The trials as a table, not yet validated."""
        if self.table is not None:
            return self.table
        return pl.DataFrame([pl.Series(n, v, SCHEMA[n]) for n, v in self.columns.items()])

    @property
    def size(self) -> int:
        """Number of trials."""
        return len(self.columns["item"]) if self.table is None else self.table.height


def aggregates_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The aggregates table of `rows`."""
    data = {n: pl.Series(n, [r.get(n) for r in rows], t) for n, t in AGGREGATES.items()}
    return pl.DataFrame(list(data.values()))


def number(value: Any) -> float | None:
    """`value` as a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def moment(value: Any) -> datetime | None:
    """A time as ISO 8601 text or seconds since 1970, as a time in UTC; None if it is neither."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        seconds = number(value)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def label(value: Any, limit: int = 200) -> str | None:
    """A value as a short text, such as the name of a cluster; None stays None."""
    if value is None or isinstance(value, str):
        return value if value is None else storable(value[:limit])
    if isinstance(value, bool | int | float):
        return str(value)
    from calibrant._text import dumps

    try:
        return dumps(value)[:limit]
    except (TypeError, ValueError):
        return storable(str(value)[:limit])


def scalars(metadata: Any) -> dict[str, Any]:
    """The entries of `metadata` that are a short text, a number or a truth value."""
    if not isinstance(metadata, dict):
        return {}
    return {
        str(k): v
        for k, v in metadata.items()
        if isinstance(v, bool | int | float) or (isinstance(v, str) and len(v) <= 200)
    }
