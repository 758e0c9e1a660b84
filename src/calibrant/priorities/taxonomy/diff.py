"""What changed between two taxonomies, and is it known what became of what?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calibrant.priorities.taxonomy.read import load_taxonomy
from calibrant.priorities.taxonomy.taxonomy import Taxonomy


@dataclass(frozen=True, repr=False)
class Difference:
    """How two taxonomies differ.

    Attributes:
        old, new: which, as "id, version".
        changes: one sentence each; from the newer one's history where it reaches back to the
            older, else as the ids show.
        known: whether they are from the history.
        gone, made: ids of areas that only the old, or only the new one has.
        kept: how many areas both have.
    """

    old: str
    new: str
    changes: tuple[str, ...]
    known: bool
    gone: tuple[str, ...]
    made: tuple[str, ...]
    kept: int

    def __repr__(self) -> str:
        if not self.changes:
            return f"{self.old} and {self.new}: the same {self.kept} areas"
        return (
            f"{self.old} → {self.new}: {self.kept} areas kept, {len(self.gone)} gone, "
            f"{len(self.made)} new"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "old": self.old, "new": self.new, "changes": list(self.changes), "known": self.known,
            "gone": list(self.gone), "made": list(self.made), "kept": self.kept,
        }  # fmt: skip


def diff(old: Any, new: Any) -> Difference:
    """How two taxonomies differ.

    Args:
        old, new: as `load_taxonomy` takes them.
    """
    a, b = load_taxonomy(old), load_taxonomy(new)
    gone = tuple(x.id for x in a.areas if x.id not in b)
    made = tuple(x.id for x in b.areas if x.id not in a)
    known = a.id == b.id and a.version in b.versions and _agree(a, b)
    changes = (
        [str(c) for v in b.history[b.versions.index(a.version) :] for c in v.changes]
        if known
        else _seen(a, b)
    )
    return Difference(
        f"{a.id}, version {a.version}", f"{b.id}, version {b.version}", tuple(changes), known,
        gone, made, len(a.areas) - len(gone),
    )  # fmt: skip


def _agree(a: Taxonomy, b: Taxonomy) -> bool:
    """Whether the history accounts for every id that came or went."""
    steps = b.history[b.versions.index(a.version) :]
    went = {i for v in steps for c in v.changes for i in c.gone}
    came = {i for v in steps for c in v.changes for i in c.made}
    ids = {x.id for x in a.areas} | {c.id for c in a.categories}
    now = {x.id for x in b.areas} | {c.id for c in b.categories}
    return (ids | came) - went == now


def _seen(a: Taxonomy, b: Taxonomy) -> list[str]:
    """What can be seen from the ids alone."""
    found = []
    for c in a.categories:
        other = {x.id: x for x in b.categories}.get(c.id)
        if other is None:
            found.append(f"category {c.id} ({c.name}) is gone")
        elif other.name != c.name:
            found.append(f"category {c.id} is now called {other.name}")
    found += [
        f"category {c.id} ({c.name}) is new"
        for c in b.categories
        if c.id not in {x.id for x in a.categories}
    ]
    for x in a.areas:
        if x.id not in b:
            found.append(f"{x.id} ({x.name}) is gone; nothing says what became of it")
            continue
        y = b.area(x.id)
        if y.name != x.name:
            found.append(f"{x.id} is now called {y.name}")
        if y.category != x.category:
            found.append(f"{x.id} is now in category {y.category}, not {x.category}")
        if y.description != x.description:
            found.append(f"{x.id} is described anew")
    return [*found, *(f"{y.id} ({y.name}) is new" for y in b.areas if y.id not in a)]
