"""What stands on a datasheet: parts with sentences, tables and figures, or why one is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from calibrant._figure import Figure
from calibrant._text import one_line


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        title: what it shows.
        columns: their names; the first names the row.
        rows: texts, one for each column.
        numbers: columns that hold numbers, by position.
        left_out: rows that are not shown.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    left_out: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False)
class Part:
    """One question about the benchmark.

    Attributes:
        key: short and unique.
        title: the question.
        said: what was found, one sentence each, the weightiest first.
        grids, figures: tables and figures.
        missing: why it could not be computed; None if it could.
        data: the whole result as plain data.
    """

    key: str
    title: str
    said: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    figures: tuple[Figure, ...] = ()
    missing: str | None = None
    data: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without figures."""
        return {
            "key": self.key, "title": self.title, "said": list(self.said),
            "missing": self.missing, "tables": [g.to_dict() for g in self.grids],
            "data": self.data,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Datasheet:
    """A benchmark on one page.

    Attributes:
        name: of the benchmark.
        about: what its author says of it: label and text.
        made: when, in ISO form, UTC.
        findings: what a reader must know first, one sentence each.
        parts: in order.
        sources: files with their SHA-256.
        commands: by which this page is made again.
        calibrant: the version.
    """

    name: str
    about: tuple[tuple[str, str], ...]
    made: str
    findings: tuple[str, ...]
    parts: tuple[Part, ...]
    sources: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    calibrant: str
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, key: str) -> Part:
        """A part by its key.

        Raises:
            KeyError: if there is none.
        """
        for part in self.parts:
            if part.key == key:
                return part
        raise KeyError(key)

    def __repr__(self) -> str:
        return one_line(f"{self.name}: " + "; ".join(self.findings[:3]), 600)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name, "about": [list(a) for a in self.about], "made": self.made,
            "findings": list(self.findings), "parts": [p.to_dict() for p in self.parts],
            "sources": [{"file": f, "sha256": h} for f, h in self.sources],
            "commands": list(self.commands), "calibrant": self.calibrant,
            "notes": list(self.notes),
        }  # fmt: skip
