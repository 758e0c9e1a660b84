"""Which table is meant? A path, or a table of another library, as a polars table."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from calibrant._text import reason
from calibrant.errors import InputError


def table_of(source: Any, what: str) -> pl.DataFrame:
    """The table that a path holds (see `read_table`), or that another library's table is.

    Args:
        what: what it should be, for errors, such as "labels".

    Raises:
        InputError: if there is none.
    """
    if isinstance(source, str | Path):
        return read_table(Path(source))
    return as_frame(source, what)


def as_frame(source: Any, what: str) -> pl.DataFrame:
    """A polars table of what another library calls one.

    Raises:
        InputError: if it is no table.
    """
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, Mapping):
        try:
            return pl.DataFrame(dict(source))
        except (TypeError, ValueError, pl.exceptions.PolarsError) as e:
            raise InputError(f"{what}: not columns of one length ({reason(e)})") from e
    if hasattr(source, "pl"):  # a duckdb relation
        frame: pl.DataFrame = source.pl()
        return frame
    import narwhals as nw

    try:
        table: pl.DataFrame = nw.from_native(source, eager_only=True).to_polars()
    except TypeError as e:
        raise InputError(f"{what}: wanted a path or a table, got {type(source).__name__}") from e
    return table


def read_table(path: Path) -> pl.DataFrame:
    """A table from .csv (all text; see `csv_options`), .tsv, .jsonl or .parquet.

    Raises:
        InputError: if there is none, or it is not one.
    """
    if path.is_dir():
        raise InputError(f"{path}: wanted a table, got a folder")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        match path.suffix.lower():
            case ".csv":
                return pl.read_csv(path, infer_schema_length=0, **csv_options(path))
            case ".tsv":
                return pl.read_csv(path, infer_schema_length=0, separator="\t")
            case ".jsonl" | ".ndjson":
                return pl.read_ndjson(path)
            case ".parquet":
                return pl.read_parquet(path)
    except pl.exceptions.NoDataError as e:
        raise InputError(f"{path}: the file is empty") from e
    except (OSError, pl.exceptions.PolarsError) as e:
        where = _long_row(path) if "more fields" in str(e) else ""
        raise InputError(where or f"{path}: not a table ({reason(e)})") from e
    raise InputError(f"{path}: wanted a table as .csv, .tsv, .jsonl or .parquet")


def csv_options(path: Path) -> dict[str, Any]:
    """How a .csv is read: its separator, and names of columns where R left out the first.

    Commas separate, or semicolons or tabs where the first line has no comma.
    """
    try:
        separator = _separator(path)
        head, first = (*_records(path, separator, 2), [], [])[:2]
    except (OSError, csv.Error):
        # Whatever is wrong with it, the reader says it.
        return {}
    if head and len(first) == len(head) + 1 and first[-1].strip():
        return {"separator": separator, "has_header": False, "skip_rows": 1,
                "new_columns": ["", *head]}  # fmt: skip
    return {"separator": separator}


def _separator(path: Path) -> str:
    found = {s: len(next(iter(_records(path, s, 1)), [])) for s in ",;\t"}
    return "," if found[","] > 1 else max(found, key=lambda s: found[s])


def _records(path: Path, separator: str, most: int | None = None) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return list(islice(csv.reader(file, delimiter=separator), most))


def _long_row(path: Path) -> str:
    """Which row of a .csv has more fields than there are names; nothing if none has."""
    if path.suffix.lower() != ".csv":
        return ""
    try:
        rows = _records(path, _separator(path))
    except (OSError, csv.Error):
        return ""
    wanted = len(rows[0]) if rows else 0
    long = next((i for i, row in enumerate(rows) if len(row) > wanted), None)
    if long is None:
        return ""
    return f"{path} row {long}: wanted {wanted} fields as in the first line, got {len(rows[long])}"
