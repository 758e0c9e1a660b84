"""Which taxonomy are these areas of?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from calibrant.priorities.taxonomy.read import load_taxonomy
from calibrant.priorities.taxonomy.taxonomy import Area, Taxonomy

USUAL = "ai-safety-2025"


class Finder:
    """Looks areas up by id or by any of their names; what has two meanings has none."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        names = [(folded(n), a) for a in taxonomy.areas for n in {a.name, *a.also}]
        several = Counter(dict.fromkeys((n, a.id) for n, a in names)).keys()
        often = Counter(n for n, _ in several)
        self._known = {n: a for n, a in names if often[n] == 1}
        self._known |= {folded(a.id): a for a in taxonomy.areas}

    def __call__(self, *texts: str) -> Area | None:
        """The area of the first text that names one."""
        for text in texts:
            if (found := self._known.get(folded(text))) is not None:
                return found
        return None


def folded(text: str) -> str:
    """A name as it is compared: case, white space, curly quotes and "&" do not count."""
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("&", "and")
    return " ".join(text.casefold().split())


@cache
def usual() -> Finder:
    """Of the taxonomy that calibrant ships."""
    return Finder(load_taxonomy(USUAL))


def finder_for(areas: Iterable[str], source: Any = None) -> Finder | None:
    """Of the taxonomy named, or of the shipped one if every area (id or name) is of it."""
    if source is not None:
        return Finder(load_taxonomy(source))
    return usual() if all(usual()(a) is not None for a in areas) else None
