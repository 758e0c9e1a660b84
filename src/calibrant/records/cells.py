"""How is a table written that a spreadsheet shows and never executes?"""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl

from calibrant._files import write_whole
from calibrant._text import one_line, shown
from calibrant.errors import InputError, RunFolderError

FORMULA = re.compile(r"[\t\r]|\s*[=+\-@'＝＋－＠]")
"""A text cell that begins so is given a leading apostrophe.

Spreadsheets take = + - @ (also full-width, also after white space, tabs and carriage returns) for
the start of a formula. An apostrophe is escaped too, so that taking off one leading apostrophe
gives the cell back.
"""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def cell(text: str) -> str:
    """A text as a cell that is shown as text."""
    safe = shown(text, len(text))
    return f"'{safe}" if FORMULA.match(text) or FORMULA.match(safe) else safe


def uncell(text: str) -> str:
    """The text of a cell that `cell` made."""
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def to_bytes(table: pl.DataFrame, ending: str) -> bytes:
    """A table as CSV, in which nothing is taken for a formula, or as Parquet.

    Raises:
        InputError: for another ending.
    """
    out = io.BytesIO()
    if ending == ".csv":
        text = [n for n, kind in table.schema.items() if kind == pl.String()]
        safe = [
            pl.Series(n, [None if v is None else _cell(v) for v in table[n]], pl.String())
            for n in text
        ]
        table.with_columns(safe).write_csv(out, datetime_format="%Y-%m-%dT%H:%M:%S%.6f%:z")
    elif ending == ".parquet":
        table.write_parquet(out, compression="zstd")
    else:
        raise InputError(f"wanted a file as .csv or .parquet, got {one_line(repr(ending), 40)}")
    return out.getvalue()


def _cell(text: str) -> str:
    """As `cell`; a number with a sign is no formula."""
    return text if _NUMBER.fullmatch(text) else cell(text)


def write(table: pl.DataFrame, path: Path) -> None:
    """Write a table to a .csv or .parquet file, whole or not at all.

    Raises:
        InputError: for another ending.
        RunFolderError: if it cannot be written.
    """
    write_bytes(to_bytes(table, path.suffix.lower()), path)


def write_bytes(data: bytes, path: Path) -> None:
    """Write a file, whole or not at all.

    Raises:
        RunFolderError: if it cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as e:
        raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
