"""What comparisons does this path hold? CSV and Parquet, and frames of other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from calibrant.errors import InputError
from calibrant.records.comparisons import Comparisons, check_comparisons


def read_comparisons(source: Any, *, columns: Mapping[str, str] | None = None) -> Comparisons:
    """Read and check comparisons.

    Args:
        source: a path to .csv, .tsv, .jsonl or .parquet, a table of polars, pandas, pyarrow or
            duckdb, or comparisons already read.
        columns: own names of columns, such as {"item": "prompt"}; common ones are recognised.

    Raises:
        InputError: naming the file, and the column or the first row (from 0, without the header)
            and value, that is wrong.
    """
    if isinstance(source, Comparisons):
        return source
    if not isinstance(source, str | Path):
        return check_comparisons(as_frame(source, "comparisons"), columns=dict(columns or {}))
    path = Path(source)
    try:
        return check_comparisons(read_table(path), columns=dict(columns or {}))
    except InputError as e:
        if str(e).startswith(str(path)):
            raise
        raise InputError(f"{path}: {e}") from e


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
    raise InputError(f"{path}: wanted comparisons as .csv, .tsv, .jsonl or .parquet")


def _first_line(e: BaseException) -> str:
    return (str(e).strip() or type(e).__name__).splitlines()[0][:200]
