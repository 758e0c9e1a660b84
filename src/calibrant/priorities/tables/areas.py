"""Which taxonomy are these areas of?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calibrant.errors import InputError
from calibrant.priorities.taxonomy.read import load_taxonomy
from calibrant.priorities.taxonomy.taxonomy import Area, Taxonomy

USUAL = "ai-safety-2025"


def taxonomy_for(areas: Iterable[str], source: Any = None) -> Taxonomy | None:
    """The taxonomy named, or the shipped one if every area (id or name) is of it, else none."""
    if source is not None:
        return load_taxonomy(source)
    usual = load_taxonomy(USUAL)
    return usual if all(find(usual, a) is not None for a in areas) else None


def find(taxonomy: Taxonomy, text: str) -> Area | None:
    """The area of an id or name, if the taxonomy has exactly one."""
    try:
        return taxonomy.find(text)
    except InputError:
        return None
