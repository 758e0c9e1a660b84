"""What is rated? Categories and their areas, in the order in which pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from calibrant.errors import InputError


@dataclass(frozen=True)
class Area:
    """One sub-area."""

    id: str
    name: str
    description: str = ""


@dataclass(frozen=True)
class Category:
    """One category with its areas."""

    id: str
    name: str
    description: str
    areas: tuple[Area, ...]


@dataclass(frozen=True)
class Areas:
    """A taxonomy as the pages need it.

    Attributes:
        id, version: of the taxonomy; empty where it says none.
    """

    categories: tuple[Category, ...]
    id: str = ""
    version: str = ""

    @classmethod
    def of(cls, taxonomy: Mapping[str, Any]) -> Areas:
        """The areas of a taxonomy as plain data: `categories: [{id, name, description, areas:
        [{id, name, description}]}]`, and its `id` and `version`; other keys are left alone.

        Raises:
            InputError: if it is none, or names an id twice.
        """
        try:
            found = cls(
                tuple(
                    Category(
                        str(c["id"]), str(c["name"]), str(c.get("description") or ""),
                        tuple(
                            Area(str(a["id"]), str(a["name"]), str(a.get("description") or ""))
                            for a in c["areas"]
                        ),
                    )
                    for c in taxonomy["categories"]
                ),
                str(taxonomy.get("id") or ""), str(taxonomy.get("version") or ""),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as e:
            raise InputError(f"taxonomy: wanted categories with id, name and areas ({e!r})") from e
        for what, ids in (
            ("category", [c.id for c in found.categories]),
            ("area", [a.id for c in found.categories for a in c.areas]),
        ):
            if len(set(ids)) < len(ids) or not ids:
                raise InputError(f"taxonomy: no {what}, or one that is there twice")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @property
    def which(self) -> str:
        """Which taxonomy and version, in words; empty where it says none."""
        version = f", version {self.version}" if self.version else ""
        return f"{self.id}{version}" if self.id else ""

    @cached_property
    def category(self) -> dict[str, Category]:
        """Each category by its id."""
        return {c.id: c for c in self.categories}

    @cached_property
    def area(self) -> dict[str, Area]:
        """Each area by its id."""
        return {a.id: a for c in self.categories for a in c.areas}

    @cached_property
    def category_of(self) -> dict[str, str]:
        """Each area's category, as ids."""
        return {a.id: c.id for c in self.categories for a in c.areas}
