"""What stands in an exported file of answers? Its headers, as Qualtrics writes them, and rows."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from calibrant._text import one_line, reason
from calibrant.errors import InputError
from calibrant.priorities.exchange.columns import Head

LARGEST = 2_000_000_000
"""Bytes of a file of answers; a larger one is something else."""


@dataclass(frozen=True)
class Sheet:
    """A file of answers.

    Attributes:
        heads: a header per column.
        extra: what else the third header row says of each column, such as its time zone.
        rows: the cells of each response, as many as there are columns.
        numbers: the record's number in the file, headers counted, from 1.
    """

    heads: tuple[Head, ...]
    extra: tuple[dict[str, Any], ...]
    rows: list[list[str]]
    numbers: list[int]

    def column(self, *names: str) -> int | None:
        """Where the first of these columns is, by ImportId or name."""
        return next(
            (self._places[n.casefold()] for n in names if n.casefold() in self._places), None
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for i, head in enumerate(self.heads):
            found.setdefault(head.import_id.casefold(), i)
        for i, head in enumerate(self.heads):
            found.setdefault(head.name.casefold(), i)
        return found


def read_sheet(path: str | Path) -> Sheet:
    """Read a .csv or .tsv export: three header rows (names, texts, ImportIds), two, or one.

    UTF-8 with or without a byte order mark, and UTF-16 with one; cells may hold line breaks.

    Raises:
        InputError: naming the file and the record that is wrong.
    """
    path = Path(path)
    text = _text(path)
    if not text.strip():
        raise InputError(f"{path}: the file is empty")
    try:
        records = _records(text)
    except csv.Error as e:
        raise InputError(f"{path}: not a table of comma-separated values ({e})") from e
    names = [one_line(n, 200) for n in records[0]]
    while names and not names[-1]:
        names.pop()
    if len(names) < 2:
        raise InputError(f"{path}: wanted a table of answers, got one column")
    twice = next((n for i, n in enumerate(names) if n and n in names[:i]), None)
    if twice is not None:
        raise InputError(f"{path}: the column {twice!r} is there twice")
    wide = len(names)
    ids = [_import_ids(r) for r in records[1:3]]
    headers = 1
    texts, imports = [""] * wide, [dict[str, Any]()] * wide
    if len(ids) > 1 and ids[1]:
        headers, texts, imports = 3, records[1], ids[1]
    elif ids and ids[0]:
        headers, imports = 2, ids[0]
    elif len(records) > 1 and _titles(names, records[1]):
        headers, texts = 2, records[1]
    texts = [*texts, *[""] * wide][:wide]
    imports = [*imports, *[dict[str, Any]()] * wide][:wide]
    heads = tuple(
        Head(n, " ".join(t.split()), str(i.get("ImportId", "")))
        for n, t, i in zip(names, texts, imports, strict=True)
    )
    rows, numbers = [], []
    for number, record in enumerate(records[headers:], headers + 1):
        if not any(c.strip() for c in record):
            continue
        if any(c.strip() for c in record[wide:]):
            raise InputError(
                f"{path} record {number}: wanted {wide} cells as the first line has, got "
                f"{len(record)}"
            )
        rows.append([*record, *[""] * (wide - len(record))][:wide])
        numbers.append(number)
    return Sheet(heads, tuple(imports), rows, numbers)


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise InputError(f"{path}: wanted a file of answers, got a folder")
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: too large for answers to a survey")
        data = path.read_bytes()
    except FileNotFoundError as e:
        raise InputError(f"{path}: no such file") from e
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({reason(e)})") from e
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(
            f"{path}: not text in UTF-8 (byte {e.start}); export it anew, or save it as UTF-8"
        ) from e


def _records(text: str) -> list[list[str]]:
    first = next(csv.reader(io.StringIO(text, newline="")), [])
    counts = {s: len(next(csv.reader(io.StringIO(text, newline=""), delimiter=s), []))
              for s in ",;\t"}  # fmt: skip
    separator = "," if len(first) > 1 else max(counts, key=lambda s: counts[s])
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _import_ids(record: list[str]) -> list[dict[str, Any]]:
    """The third header row's cells; nothing if the record is another row."""
    found = []
    for cell in record:
        try:
            plain = json.loads(cell) if cell.lstrip().startswith("{") else {}
        except (ValueError, RecursionError):
            plain = {}
        found.append(plain if isinstance(plain, dict) else {})
    return found if sum("ImportId" in f for f in found) * 2 >= max(1, len(record)) else []


_TITLES = {
    "startdate": "start date", "enddate": "end date", "responseid": "response id",
    "recordeddate": "recorded date", "ipaddress": "ip address",
}  # fmt: skip


def _titles(names: list[str], record: list[str]) -> bool:
    """Whether a record is the row of texts, in a file without ImportIds."""
    return any(
        _TITLES.get(n.casefold()) == c.strip().casefold()
        for n, c in zip(names, record, strict=False)
        if n.casefold() in _TITLES
    )
