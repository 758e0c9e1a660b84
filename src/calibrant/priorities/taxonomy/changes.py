"""How does one version of a taxonomy become the next? Changes, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Op = Literal["add", "retire", "rename", "move", "split", "merge"]
OPS: tuple[Op, ...] = ("add", "retire", "rename", "move", "split", "merge")


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        op: what was done.
        ids: of areas, or of one category, that were there before; empty for "add".
        into: id, name and description of each new area (or category) that came of it.
        to: id of the category that it, or what came of it, is put in.
        name, description: new ones, of "rename".
        why: one sentence, or nothing.
    """

    op: Op
    ids: tuple[str, ...] = ()
    into: tuple[tuple[str, str, str], ...] = ()
    to: str = ""
    name: str = ""
    description: str = ""
    why: str = ""

    @property
    def made(self) -> tuple[str, ...]:
        """Ids that did not exist before."""
        return tuple(i for i, _, _ in self.into)

    @property
    def gone(self) -> dict[str, str]:
        """Ids that do not exist after it, each with what became of it."""
        became = {
            "split": "split into " + ", ".join(self.made),
            "merge": "merged into " + ", ".join(self.made),
            "retire": "retired",
        }.get(self.op)
        return dict.fromkeys(self.ids, became) if became else {}

    def __str__(self) -> str:
        made = ", ".join(f"{i} ({name})" for i, name, _ in self.into)
        ids = ", ".join(self.ids)
        to = f" to {self.to}" if self.to else ""
        said = {
            "add": f"added {made}{to}",
            "retire": f"retired {ids}",
            "rename": f"renamed {ids}: {self.name}",
            "move": f"moved {ids}{to}",
            "split": f"split {ids} into {made}",
            "merge": f"merged {ids} into {made}",
        }[self.op]
        return f"{said} ({self.why})" if self.why else said

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a file of changes."""
        new = [{"id": i, "name": n, "description": d} for i, n, d in self.into]
        plain: dict[str, Any]
        match self.op:
            case "add":
                plain = {"add": new[0]}
            case "split":
                plain = {"split": self.ids[0], "into": new}
            case "merge":
                plain = {"merge": list(self.ids), "into": new[0]}
            case "rename":
                plain = {"rename": self.ids[0], "name": self.name}
            case _:
                plain = {self.op: self.ids[0]}
        for key in ("to", "description", "why"):
            if getattr(self, key):
                plain[key] = getattr(self, key)
        return plain


@dataclass(frozen=True)
class Version:
    """How a version became the next.

    Attributes:
        version: the next one.
        previous: the one before.
        changes: in the order in which they were made.
    """

    version: str
    previous: str
    changes: tuple[Change, ...] = field(default=())

    @cached_property
    def retired(self) -> dict[str, str]:
        """Ids that the change took away, each with what became of it."""
        return {
            i: f"{became} in version {self.version}"
            for c in self.changes
            for i, became in c.gone.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a taxonomy's file."""
        return {
            "version": self.version, "previous": self.previous,
            "changes": [c.to_dict() for c in self.changes],
        }  # fmt: skip
