"""Where is the text of a row? In a column found or named, however deep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from calibrant.errors import InputError

TEXT = (
    "text", "content", "raw_content", "body", "document", "markdown", "article", "passage",
    "contents", "full_text", "page_content", "code", "messages", "conversations",
)  # fmt: skip
"""Columns that are taken for the text where none is named, in order of preference."""
ALL = "*"


@dataclass(frozen=True)
class Columns:
    """Which columns hold a document's text.

    Attributes:
        paths: keys from the outside in, such as ("meta", "text"), of each column; their texts are
            joined by line ends. A list on the way stands for all that is in it. None: every text
            of the row.
    """

    paths: tuple[tuple[str, ...], ...] | None

    @property
    def simple(self) -> tuple[str, ...] | None:
        """The path, if there is only one."""
        return self.paths[0] if self.paths is not None and len(self.paths) == 1 else None

    def text(self, row: Any) -> str | None:
        """A row's text; None if it has none of the columns, or no text there."""
        if self.paths is None:
            return "\n".join(_texts(row)) or None
        parts = [text for path in self.paths for text in _at(row, path)]
        return "\n".join(parts) if parts else None


def columns_of(named: str | None, rows: Sequence[Any]) -> Columns:
    """The columns of text of a file.

    Args:
        named: as the user gave them: "text", "meta.text", "question,answer", or "*" for all; None
            to find one.
        rows: the file's first rows.

    Raises:
        InputError: if none was found, or what was named is in none of the rows.
    """
    keys = list(dict.fromkeys(k for row in rows if isinstance(row, dict) for k in row))
    if named == ALL:
        return Columns(None)
    if named is not None:
        found = Columns(tuple(path_of(n.strip(), keys) for n in named.split(",")))
        missing = [p for p in found.paths or () if not any(_at(row, p) for row in rows)]
        if missing and len(missing) == len(found.paths or ()):
            raise InputError(f"no column {'.'.join(missing[0])!r} with text; {_there(keys)}")
        return found
    for name in TEXT:
        if name in keys and any(_at(row, (name,)) for row in rows):
            return Columns(((name,),))
    texts = [k for k in keys if any(isinstance(r.get(k), str) for r in rows if isinstance(r, dict))]
    if len(texts) == 1:
        return Columns(((texts[0],),))
    raise InputError(
        f"no column of text found; {_there(keys)}; name it, several with commas, or * for all "
        "(--text-column)"
    )


def path_of(name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """The keys that a name means: one with dots is a path unless a key has these dots itself."""
    return (name,) if name in keys else tuple(name.split("."))


def _there(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:12]) + (", …" if len(keys) > 12 else "")
    return f"there are {shown}" if keys else "rows have no columns"


def _at(value: Any, path: tuple[str, ...]) -> list[str]:
    """The texts at a path; a list stands for what is in it."""
    if isinstance(value, list | tuple):
        return [text for part in value for text in _at(part, path)]
    if path:
        return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else []
    if isinstance(value, str):
        return [value]
    # Messages: what they say, not who says it.
    if isinstance(value, dict):
        return _at(value.get("content", value.get("value")), ())
    return []


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, from the first to the last."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        parts: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for part in parts:
            yield from _texts(part)
