"""Which areas are there, and where did each come from? The taxonomy itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.taxonomy.changes import Version


@dataclass(frozen=True)
class Area:
    """One sub-area, such as 4d.

    Attributes:
        id: for ever the same.
        name: what respondents read.
        description: one plain sentence, or nothing.
        category: id of its category.
        also: other names it is known by, such as those of published tables.
    """

    id: str
    name: str
    description: str = ""
    category: str = ""
    also: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The shortest of its names, for axes and narrow tables."""
        return min((self.name, *self.also), key=len)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a taxonomy's file."""
        plain: dict[str, Any] = {"id": self.id, "name": self.name, "description": self.description}
        return plain | ({"also": list(self.also)} if self.also else {})


@dataclass(frozen=True)
class Category:
    """One category, such as 4, with its areas in order."""

    id: str
    name: str
    description: str = ""
    areas: tuple[Area, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a taxonomy's file."""
        return {
            "id": self.id, "name": self.name, "description": self.description,
            "areas": [a.to_dict() for a in self.areas],
        }  # fmt: skip


@dataclass(frozen=True, repr=False)
class Taxonomy:
    """Categories and areas in one version; make one with `load_taxonomy`.

    Attributes:
        id: for ever the same, over all versions.
        version: such as "1".
        title, source: what it is and who made it.
        categories: in order, each with its areas.
        history: how each earlier version became the next, oldest first.
    """

    id: str
    version: str
    categories: tuple[Category, ...]
    title: str = ""
    source: str = ""
    history: tuple[Version, ...] = field(default=())

    def __repr__(self) -> str:
        return (
            f"Taxonomy {self.id}, version {self.version}: {len(self.areas)} areas in "
            f"{len(self.categories)} categories"
        )

    @cached_property
    def areas(self) -> tuple[Area, ...]:
        """Every area, category by category."""
        return tuple(a for c in self.categories for a in c.areas)

    @cached_property
    def _areas(self) -> dict[str, Area]:
        return {a.id: a for a in self.areas}

    @cached_property
    def _categories(self) -> dict[str, Category]:
        return {c.id: c for c in self.categories}

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for a in self.areas:
            for name in {_folded(n) for n in (a.name, *a.also)}:
                found.setdefault(name, []).append(a.id)
        return found

    def __contains__(self, area: object) -> bool:
        return area in self._areas

    def area(self, id: str) -> Area:
        """The area of this id.

        Raises:
            InputError: if there is none, saying what became of it where that is known.
        """
        if id in self._areas:
            return self._areas[id]
        raise InputError(self._missing("area", id, self._areas))

    def category(self, id: str) -> Category:
        """The category of this id.

        Raises:
            InputError: if there is none.
        """
        if id in self._categories:
            return self._categories[id]
        raise InputError(self._missing("category", id, self._categories))

    def category_of(self, area: str) -> Category:
        """The category that an area is in.

        Raises:
            InputError: if there is no such area.
        """
        return self._categories[self.area(area).category]

    def find(self, text: str) -> Area:
        """The area of this id or name, whatever the case; other names count too.

        Raises:
            InputError: if there is none, or more than one.
        """
        if text in self._areas:
            return self._areas[text]
        found = self._names.get(_folded(text), [])
        if len(found) > 1:
            raise InputError(
                f"taxonomy {self.id}: {one_line(text, 80)!r} names {', '.join(found)}; give an id"
            )
        if found:
            return self._areas[found[0]]
        lower = [i for i in self._areas if i.lower() == text.strip().lower()]
        if len(lower) == 1:
            return self._areas[lower[0]]
        raise InputError(self._missing("area", text, (*self._areas, *(a.name for a in self.areas))))

    @cached_property
    def retired(self) -> dict[str, str]:
        """Ids of earlier versions that are gone, each with what became of it."""
        return {i: why for v in self.history for i, why in v.retired.items()}

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version it knows of, oldest first."""
        return (*(v.previous for v in self.history), self.version)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a taxonomy's file: `parse_taxonomy` reads it back."""
        return {
            "id": self.id, "version": self.version, "title": self.title, "source": self.source,
            "categories": [c.to_dict() for c in self.categories],
            "history": [v.to_dict() for v in self.history],
        }  # fmt: skip

    def _missing(self, what: str, id: str, known: Iterable[str]) -> str:
        from difflib import get_close_matches

        said = f"taxonomy {self.id}, version {self.version}: no {what} {one_line(str(id), 60)!r}"
        if id in self.retired:
            return f"{said}: it was {self.retired[id]}"
        near = get_close_matches(str(id), list(known), n=1, cutoff=0.5)
        return f"{said}; did you mean {near[0]!r}?" if near else said


def _folded(name: str) -> str:
    return " ".join(name.replace("’", "'").replace("&", "and").casefold().split())
