"""What does a list of changes make of a taxonomy? Its next version."""

from __future__ import annotations

from collections.abc import Sequence

from calibrant.errors import InputError
from calibrant.priorities.taxonomy.changes import Change, Version
from calibrant.priorities.taxonomy.taxonomy import Area, Category, Taxonomy


class _Draft:
    """A taxonomy while it is changed: categories with their areas, in order."""

    def __init__(self, old: Taxonomy, where: str) -> None:
        self.where = where
        self.category: dict[str, tuple[str, str]] = {
            c.id: (c.name, c.description) for c in old.categories
        }
        self.within: dict[str, list[Area]] = {c.id: list(c.areas) for c in old.categories}
        self.used = {*self.category, *(a.id for a in old.areas), *old.retired}
        self.gone = dict(old.retired)

    def place(self, id: str) -> tuple[str, int]:
        """Category and position of an area."""
        for c, areas in self.within.items():
            for i, a in enumerate(areas):
                if a.id == id:
                    return c, i
        if id in self.category:
            raise InputError(f"{self.where}: {id!r} is a category; wanted an area")
        became = f": it was {self.gone[id]}" if id in self.gone else ""
        raise InputError(f"{self.where}: no area {id!r}{became}")

    def target(self, id: str) -> str:
        """A category to put something in."""
        if id not in self.category:
            raise InputError(f"{self.where}: to: no category {id!r}")
        return id

    def fresh(self, change: Change) -> None:
        """Refuse ids that were ever used."""
        for id in change.made:
            if id in self.used:
                became = f" ({self.gone[id]})" if id in self.gone else ""
                raise InputError(
                    f"{self.where}: id {id!r} was used before{became}; ids stay unique"
                )
            self.used.add(id)

    def do(self, change: Change) -> None:
        """One change."""
        self.fresh(change)
        getattr(self, f"_{change.op}")(change)
        self.gone |= change.gone

    def _add(self, c: Change) -> None:
        (id, name, description), = c.into  # fmt: skip
        if not c.to:
            self.category[id] = (name, description)
            self.within[id] = []
        else:
            self.within[self.target(c.to)].append(Area(id, name, description, c.to))

    def _retire(self, c: Change) -> None:
        (id,) = c.ids
        if id in self.category:
            if self.within[id]:
                raise InputError(
                    f"{self.where}: category {id!r} still has areas ("
                    f"{', '.join(a.id for a in self.within[id])}); move or retire them first"
                )
            del self.category[id], self.within[id]
            return
        where, at = self.place(id)
        del self.within[where][at]

    def _rename(self, c: Change) -> None:
        (id,) = c.ids
        if id in self.category:
            self.category[id] = (c.name, c.description or self.category[id][1])
            return
        where, at = self.place(id)
        old = self.within[where][at]
        # The old name still finds it.
        also = tuple(dict.fromkeys((*old.also, old.name)))
        self.within[where][at] = Area(id, c.name, c.description or old.description, where, also)

    def _move(self, c: Change) -> None:
        where, at = self.place(c.ids[0])
        to = self.target(c.to)
        a = self.within[where].pop(at)
        self.within[to].append(Area(a.id, a.name, a.description, to, a.also))

    def _split(self, c: Change) -> None:
        where, at = self.place(c.ids[0])
        to = self.target(c.to) if c.to else where
        new = [Area(i, n, d, to) for i, n, d in c.into]
        if to == where:
            self.within[where][at : at + 1] = new
        else:
            del self.within[where][at]
            self.within[to] += new

    def _merge(self, c: Change) -> None:
        where, at = self.place(c.ids[0])
        to = self.target(c.to) if c.to else where
        for id in c.ids:
            self.place(id)
        (id, name, description), = c.into  # fmt: skip
        new = Area(id, name, description, to)
        if to == where:
            self.within[where][at] = new
        else:
            self.within[to].append(new)
        for old in c.ids[1 if to == where else 0 :]:
            w, i = self.place(old)
            del self.within[w][i]


def next_version(
    old: Taxonomy,
    changes: Sequence[Change],
    version: str,
    *,
    id: str | None = None,
    title: str = "",
    source: str = "",
    where: str = "changes",
) -> Taxonomy:
    """The taxonomy after the changes, made in their order.

    Args:
        version: of the result; not one that `old` has had.
        id, title, source: of the result; those of `old` if missing.
        where: for errors.

    Raises:
        InputError: naming the change that cannot be made: it touches an area that is not there,
            uses an id again, retires a category with areas, or there is none left.
    """
    if version in old.versions:
        raise InputError(f"{where}: version {version!r} was there before; wanted a new one")
    draft = _Draft(old, where)
    for number, change in enumerate(changes, 1):
        draft.where = f"{where}: change {number} ({change.op})"
        draft.do(change)
    categories = tuple(
        Category(c, name, description, tuple(draft.within[c]))
        for c, (name, description) in draft.category.items()
    )
    if not any(c.areas for c in categories):
        raise InputError(f"{where}: no area is left")
    return Taxonomy(
        id or old.id, version, categories, title or old.title, source or old.source,
        (*old.history, Version(version, old.version, tuple(changes))),
    )  # fmt: skip
