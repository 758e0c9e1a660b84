"""How do rows of .jsonl, .json, .csv and .tsv become documents?"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import msgspec

from calibrant._text import reason
from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.blocks import Piece
from calibrant.contamination.corpora.columns import Columns, columns_of
from calibrant.contamination.corpora.packing import Numbered, packed
from calibrant.contamination.corpora.problems import Problems
from calibrant.contamination.corpora.text import LONGEST, repaired, sound, whole_lines
from calibrant.errors import InputError

LOOK = 50
"""Rows that are looked at to find the column of text."""
_BOM = b"\xef\xbb\xbf"


def jsonl_batches(
    blocks: Iterable[bytes], piece: Piece, problems: Problems, column: str | None
) -> Iterator[Batch]:
    """Batches of a file of one JSON value a line."""
    yield from packed(_jsonl(whole_lines(blocks), piece, problems, column), piece.file)


def json_batches(
    blocks: Iterable[bytes], piece: Piece, problems: Problems, column: str | None
) -> Iterator[Batch]:
    """Batches of a file of one JSON list of rows, or of rows one after the other."""
    stream = iter(blocks)
    head = next(stream, b"")
    if not head.removeprefix(_BOM).lstrip().startswith(b"["):
        yield from jsonl_batches(chain([head], stream), piece, problems, column)
        return
    parts, held = [head], len(head)
    for block in stream:
        parts.append(block)
        held += len(block)
        if held > LONGEST:
            problems.say(
                piece.file, "", f"a JSON list of more than {LONGEST >> 20} MB; wanted JSON lines"
            )
            return
    text = repaired(b"".join(parts).removeprefix(_BOM), piece.file, "the list", problems)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as e:
        problems.say(piece.file, "", f"not JSON ({reason(e)})")
        return
    columns = columns_of(column, rows[:LOOK])
    yield from packed(_texts(rows, columns, piece, problems), piece.file)


def _texts(
    rows: Iterable[Any], columns: Columns, piece: Piece, problems: Problems
) -> Iterator[Numbered]:
    for number, row in enumerate(rows):
        text = columns.text(row)
        if text is None:
            problems.say(piece.file, f"row {number + 1:,}", "a row without text")
        else:
            yield number, text.encode("utf-8", "replace")


def _jsonl(
    blocks: Iterator[bytes], piece: Piece, problems: Problems, column: str | None
) -> Iterator[Numbered]:
    first = next(blocks, b"")
    if piece.start == 0:
        first = first.removeprefix(_BOM)
    columns = columns_of(column, _sample(first))
    fast = _Fast(columns.simple) if columns.simple else None
    number = 0
    stream = chain([first], blocks)
    del first  # a line may be long: one copy of it is enough
    for block in stream:
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        texts = fast.texts(block, count) if fast else None
        if texts is None:
            yield from _slow(block, number, columns, piece, problems)
        else:
            for i, text in enumerate(texts):
                if text is None:
                    _without(piece, number + i, problems)
                else:
                    yield number + i, text.encode("utf-8", "replace")
        number += count


def _without(piece: Piece, number: int, problems: Problems) -> None:
    problems.say(piece.file, line(piece, number), "a row without text")


def line(piece: Piece, number: int) -> str:
    """A line's place, in words; in a later part of a file, lines are counted from there."""
    after = f" after byte {piece.start:,}" if piece.start else ""
    return f"line {number + 1:,}{after}"


def _sample(block: bytes) -> list[Any]:
    """The first rows of a block, those that are sound."""
    rows: list[Any] = []
    start = 0
    while start < len(block) and len(rows) < LOOK:
        end = block.find(b"\n", start)
        end = len(block) if end < 0 else end
        try:
            rows.append(msgspec.json.decode(memoryview(block)[start:end]))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            with contextlib.suppress(ValueError, RecursionError):
                rows.append(json.loads(block[start:end].decode("utf-8", "replace")))
        start = end + 1
    return rows


class _Fast:
    """Takes one key, perhaps nested, out of whole blocks of lines, and nothing else."""

    def __init__(self, path: tuple[str, ...]) -> None:
        kind: Any = str | None
        for depth, key in enumerate(reversed(path)):
            name = f"Row{depth}"
            kind = msgspec.defstruct(name, [("it", kind, None)], rename={"it": key}) | None
        self._depth = len(path)
        self._decoder = msgspec.json.Decoder(kind)

    def texts(self, block: bytes, count: int) -> list[str | None] | None:
        """Texts of `count` lines; None if one of them is not plain, and must be looked at."""
        try:
            rows: list[Any] = self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if len(rows) != count:
            return None
        for _ in range(self._depth):
            rows = [None if row is None else row.it for row in rows]
        return rows


def _slow(
    block: bytes, number: int, columns: Columns, piece: Piece, problems: Problems
) -> Iterator[Numbered]:
    """One line after the other, so that what is wrong with one is said and costs no other."""
    lines = block.split(b"\n")
    if block.endswith(b"\n"):
        lines.pop()
    for place, text in enumerate(lines, number):
        if not text.strip():
            continue
        text = repaired(text, piece.file, line(piece, place), problems)
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as e:
            kind = "too deeply nested" if isinstance(e, RecursionError) else "not JSON"
            problems.say(piece.file, line(piece, place), f"a line that is {kind}")
            continue
        if (found := columns.text(row)) is None:
            _without(piece, place, problems)
        else:
            yield place, found.encode("utf-8", "replace")


def csv_batches(
    blocks: Iterable[bytes], piece: Piece, problems: Problems, column: str | None
) -> Iterator[Batch]:
    """Batches of a table with names in its first row; .tsv is parted by tabs."""
    yield from packed(_csv(blocks, piece, problems, column), piece.file)


def _csv(
    blocks: Iterable[bytes], piece: Piece, problems: Problems, column: str | None
) -> Iterator[Numbered]:
    csv.field_size_limit(LONGEST)
    text = whole_lines(sound(blocks, piece, problems))
    lines = (row for block in text for row in io.StringIO(block.decode(), newline=""))
    first = next(lines, "")
    separator = "\t" if piece.kind == "tsv" else max(",;\t", key=first.count)
    rows = csv.reader(chain([first], lines), delimiter=separator)
    names = next(rows, [])
    sample: list[list[str]] = []
    try:
        sample.extend(islice(rows, LOOK))
    except csv.Error as e:
        raise InputError(f"not a table ({reason(e)})") from e
    columns = columns_of(column, [dict(zip(names, row, strict=False)) for row in sample])
    number = 0
    stream = chain(sample, rows)
    while True:
        try:
            row = next(stream, None)
        except csv.Error as e:
            problems.say(piece.file, f"row {number + 2:,}", f"not a row ({reason(e)})")
            number += 1
            continue
        if row is None:
            return
        if row:
            found = columns.text(dict(zip(names, row, strict=False)))
            if found is None:
                problems.say(piece.file, f"row {number + 2:,}", "a row without text")
            else:
                yield number, found.encode("utf-8", "replace")
        number += 1
