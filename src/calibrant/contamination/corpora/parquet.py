"""How do rows of Parquet become documents? Row group by row group, of the text column only."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.blocks import Piece
from calibrant.contamination.corpora.columns import Columns, columns_of
from calibrant.contamination.corpora.packing import SIZE, packed
from calibrant.contamination.corpora.problems import Problems
from calibrant.contamination.corpora.rows import LOOK
from calibrant.contamination.corpora.text import repaired
from calibrant.errors import InputError
from calibrant.records.readers.files import File


def row_groups(stream: Any) -> list[int]:
    """Uncompressed bytes of each row group of an open file."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

    meta = pq.ParquetFile(stream).metadata
    return [meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)]


def parquet_batches(piece: Piece, problems: Problems, column: str | None) -> Iterator[Batch]:
    """Batches of row groups `piece.start` to `piece.stop` of a Parquet file."""
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

    with File(piece.file).open() as stream:
        file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20)
        meta = file.metadata
        stop = meta.num_row_groups if piece.stop is None else piece.stop
        if not meta.num_rows:
            return
        columns = _columns(file, column)
        number = sum(meta.row_group(i).num_rows for i in range(piece.start))
        wanted = None if columns.paths is None else [".".join(path) for path in columns.paths]
        simple = columns.simple
        for group in range(piece.start, stop):
            size = meta.row_group(group).total_byte_size / max(meta.row_group(group).num_rows, 1)
            rows = int(min(max(SIZE / max(size, 1), 16), 1 << 16))
            for part in file.iter_batches(rows, row_groups=[group], columns=wanted):
                texts: Any = part.column(0) if simple and part.num_columns == 1 else None
                for key in (simple or ())[1:]:
                    known = texts is not None and pa.types.is_struct(texts.type)
                    texts = texts.field(key) if known and texts.null_count == 0 else None
                if texts is not None and _is_text(texts.type):
                    yield from _direct(texts, number, piece, problems)
                else:
                    yield from _by_row(_rows(part), number, columns, piece, problems)
                number += part.num_rows


def _columns(file: Any, column: str | None) -> Columns:
    """Which columns hold text, by the first rows; the names that are there come first."""
    names = file.schema_arrow.names
    if column not in (None, "*"):
        tops = {n.strip().split(".")[0] for n in str(column).split(",")} | {
            n.strip() for n in str(column).split(",")
        }
        kept = [n for n in names if n in tops]
        if not kept:
            raise InputError(f"no column {column!r}; there are {', '.join(names[:12])}")
    first = next(file.iter_batches(LOOK), None)
    return columns_of(column, [] if first is None else _rows(first))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _direct(texts: Any, number: int, piece: Piece, problems: Problems) -> Iterator[Batch]:
    """A column of texts as a batch, as it lies in memory."""
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    if texts.null_count:
        first = int(np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))[0])
        problems.say(
            piece.file, f"row {number + first + 1:,}", "a row without text", texts.null_count
        )
        texts = texts.fill_null("")
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, wide)[texts.offset : texts.offset + len(texts) + 1]
    starts = places.astype(np.int64) - int(places[0])
    total = int(starts[-1])
    if not total:
        return
    body = data.slice(int(places[0]), total).to_pybytes()
    if total > 2 * SIZE or not _is_sound(body):
        # Some very long documents, which are cut, or text that is no UTF-8, which is repaired.
        parts = (body[a:b] for a, b in pairwise(starts.tolist()))
        yield from packed(
            (
                (i, repaired(part, piece.file, f"row {i + 1:,}", problems))
                for i, part in enumerate(parts, number)
            ),
            piece.file,
        )
        return
    yield Batch(body, starts, piece.file, np.arange(number, number + len(texts), dtype=np.int64))


def _is_sound(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _rows(part: Any) -> list[dict[str, Any]]:
    """Rows as dictionaries; texts that are no UTF-8 with U+FFFD."""
    try:
        found: list[dict[str, Any]] = part.to_pylist()
    except UnicodeDecodeError:
        columns = {
            name: [
                None if v is None else v.decode("utf-8", "replace")
                for v in column.cast("binary").to_pylist()
            ]
            if _is_text(column.type)
            else column.to_pylist()
            for name, column in zip(part.schema.names, part.columns, strict=True)
        }
        found = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
    return found


def _by_row(
    rows: list[Any], number: int, columns: Columns, piece: Piece, problems: Problems
) -> Iterator[Batch]:
    texts = [columns.text(row) for row in rows]
    for i, text in enumerate(texts):
        if text is None:
            problems.say(piece.file, f"row {number + i + 1:,}", "a row without text")
    yield from packed(
        ((number + i, text.encode("utf-8", "replace")) for i, text in enumerate(texts) if text),
        piece.file,
    )
