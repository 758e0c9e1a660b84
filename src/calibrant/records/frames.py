"""Which table is meant? A path, or a table of another library, as a polars table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

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
            raise InputError(f"{what}: not columns of one length ({_first_line(e)})") from e
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
    """A table from .csv (all text), .tsv, .jsonl or .parquet.

    Raises:
        InputError: if there is none, or it is not one.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        match path.suffix.lower():
            case ".csv":
                return pl.read_csv(path, infer_schema_length=0)
            case ".tsv":
                return pl.read_csv(path, infer_schema_length=0, separator="\t")
            case ".jsonl" | ".ndjson":
                return pl.read_ndjson(path)
            case ".parquet":
                return pl.read_parquet(path)
    except pl.exceptions.NoDataError as e:
        raise InputError(f"{path}: the file is empty") from e
    except (OSError, pl.exceptions.PolarsError) as e:
        raise InputError(f"{path}: not a table ({_first_line(e)})") from e
    raise InputError(f"{path}: wanted a table as .csv, .tsv, .jsonl or .parquet")


def _first_line(e: BaseException) -> str:
    return (str(e).strip() or type(e).__name__).splitlines()[0][:200]
