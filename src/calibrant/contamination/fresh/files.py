"""How do made items stand in a file? One JSON object a line; the same items, the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.fresh.generate import FreshItem
from calibrant.errors import InputError

_NAMES = tuple(f.name for f in fields(FreshItem))
_TEXTS = tuple(n for n in _NAMES if n not in ("choices", "variant", "index"))


def lines_of(items: Sequence[FreshItem], extra: Sequence[dict[str, Any]] = ()) -> str:
    """Items as JSON lines, each with further keys if there are any."""
    rows = [item.to_dict() for item in items]
    for row, more in zip(rows, extra, strict=False):
        row |= more
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_items(
    items: Sequence[FreshItem], path: Path, extra: Sequence[dict[str, Any]] = ()
) -> None:
    """Write items; no file is left half written, and no other items are written over.

    Raises:
        InputError: if other items stand there, or it cannot be written.
    """
    text = lines_of(items, extra)
    check_free(path, text)
    write_text(path, text)


def check_free(path: Path, text: str) -> None:
    """Refuse to write over items: a set may be published, committed to, or have twins.

    Raises:
        InputError: if a file with another text stands there.
    """
    if path.is_file() and path.stat().st_size and path.read_bytes() != text.encode():
        raise InputError(
            f"{path}: other items stand there, and are never written over; name another file"
        )


def write_text(path: Path, text: str) -> None:
    """Write a file whole, or not at all.

    Raises:
        InputError: if it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as e:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({e.strerror})") from e


def read_rows(path: Path) -> list[tuple[dict[str, Any], str]]:
    """The rows of a JSON lines file, each with its text, and each with an id of its own.

    Raises:
        InputError: naming file and line.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: wanted items as .jsonl, got a folder")
        data = path.read_bytes()
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 (byte {e.start})") from e
    rows: list[tuple[dict[str, Any], str]] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_once)
        except (ValueError, RecursionError) as e:
            raise InputError(
                f"{path}: line {number}: wanted JSON, got {one_line(line, 60)!r}"
            ) from e
        if not isinstance(row, dict) or not isinstance(row.get("id"), str | int):
            raise InputError(f"{path}: line {number}: wanted an object with an id")
        name = str(row["id"])
        if name in seen:
            raise InputError(
                f"{path}: line {number}: wanted one row an id, got {one_line(name, 60)!r} as in "
                f"line {seen[name]}"
            )
        seen[name] = number
        rows.append((row, line))
    if not rows:
        raise InputError(f"{path}: no items")
    return rows


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: of two, a reader would see only the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def read_fresh(path: str | Path) -> tuple[FreshItem, ...]:
    """Items that `write_items` wrote; other keys are left out.

    Raises:
        InputError: if there is no such file, or a row is no such item.
    """
    found = []
    for row, _ in read_rows(Path(path)):
        name = one_line(str(row["id"]), 60)
        for key in _NAMES:
            value = row.get(key, "" if key in ("canary", "entry") else None)
            wanted: tuple[type, str] = (str, "a text") if key in _TEXTS else (int, "a number")
            if key == "choices":
                wanted = (list, "a list")
            if not isinstance(value, wanted[0]) or isinstance(value, bool):
                raise InputError(
                    f"{path}: item {name!r}: {key}: wanted {wanted[1]}, got "
                    f"{one_line(repr(value), 60)}; only items of `generate` can be used here"
                )
        kept = {k: row[k] for k in _NAMES if k in row}
        found.append(FreshItem(**{**kept, "choices": tuple(map(str, row["choices"]))}))
    return tuple(found)
