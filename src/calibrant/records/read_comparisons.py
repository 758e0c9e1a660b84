"""What comparisons does this path hold? CSV and Parquet, and frames of other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibrant.errors import InputError
from calibrant.records.comparisons import Comparisons, check_comparisons
from calibrant.records.frames import as_frame, read_table


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
