"""Do the rows go together? Counts, duplicates, order, ranks, and what no row is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from calibrant._text import one_line
from calibrant.priorities.audit.result import Finding
from calibrant.priorities.tables.areas import Finder, folded
from calibrant.priorities.tables.printed import Column, Integers
from calibrant.priorities.tables.read import PublishedTable

_FEW, _SHARE = 12, 0.1
"""An order is taken to be meant if at least so many rows have at most this share of neighbours
against it: by chance that happens in fewer than 1 of 100,000 tables."""


def counts(
    table: PublishedTable, rows: int | None, areas: int | None, excluded: int | None
) -> Iterator[Finding]:
    """The number of rows against what is said of it."""
    here = len(table.areas)
    said = []
    if rows is not None and rows != here:
        said.append(f"{rows} are stated")
    if areas is not None and excluded is not None and areas - excluded != here:
        said.append(f"{areas} areas less {excluded} excluded are {areas - excluded}")
    if said:
        yield Finding("contradiction", "count", f"the table has {here} rows, but "
                      f"{' and '.join(said)}")  # fmt: skip


def duplicates(table: PublishedTable) -> Iterator[Finding]:
    """Areas that are there twice, by id or by name."""
    for what, texts in (("area", table.areas), ("name", table.names)):
        keys = [folded(t) for t in texts]
        seen = Counter(keys)
        twice = tuple(dict.fromkeys(t for t, f in zip(texts, keys, strict=True) if seen[f] > 1))
        if twice:
            yield Finding("contradiction", "duplicate", f"{what} more than once: "
                          f"{one_line(', '.join(twice), 300)}", twice)  # fmt: skip
            return


def order(table: PublishedTable) -> Iterator[Finding]:
    """Rows that break the order which the others keep."""
    columns = {"product": table.product, "difference": table.difference, **table.means}
    if table.rank is not None:
        yield from _ranks(table, columns)
        return
    for name, column in columns.items():
        if column is None:
            continue
        against = _against(column.units)
        if against.size and _meant(len(table.areas), against.size):
            areas = tuple(table.areas[i + 1] for i in against)
            yield Finding("condition", "order", f"rows fall by {name}, but not at "
                          f"{one_line(', '.join(areas), 300)}", areas)  # fmt: skip
        if _meant(len(table.areas), against.size):
            return


def _ranks(table: PublishedTable, columns: dict[str, Column | None]) -> Iterator[Finding]:
    assert table.rank is not None
    rank = table.rank.units
    by_rank = np.argsort(rank, kind="stable")
    for name, column in columns.items():
        if column is None:
            continue
        # Rows of one rank may be in any order: largest first.
        places = by_rank[np.lexsort((-column.units[by_rank], rank[by_rank]))]
        against = _against(column.units[places])
        if not _meant(len(table.areas), against.size):
            continue
        if against.size:
            areas = tuple(table.areas[places[i + 1]] for i in against)
            yield Finding("condition", "rank", f"ranks fall by {name}, but not at "
                          f"{one_line(', '.join(areas), 300)}", areas)  # fmt: skip
        same = np.diff(rank[places]) == 0
        apart = np.flatnonzero(same & (np.diff(column.units[places]) != 0))
        if apart.size:
            areas = tuple(table.areas[places[i + 1]] for i in apart)
            yield Finding("condition", "rank", f"of one rank with the row before, but not of its "
                          f"{name}: {one_line(', '.join(areas), 300)}", areas)  # fmt: skip
        return


def _against(values: Integers) -> Integers:
    """Places whose follower is larger."""
    return np.asarray(np.flatnonzero(np.diff(values) > 0), dtype=np.int64)


def _meant(rows: int, against: int) -> bool:
    return rows >= _FEW and against <= _SHARE * (rows - 1)


def coverage(table: PublishedTable, scheme: Finder) -> Iterator[Finding]:
    """What of the taxonomy no row is about, and what is not of it."""
    taxonomy = scheme.taxonomy
    known = [scheme(a, n) for a, n in zip(table.areas, table.names, strict=True)]
    strange = tuple(a for a, k in zip(table.areas, known, strict=True) if k is None)
    if strange:
        yield Finding("note", "unknown area", f"not of taxonomy {taxonomy.id}: "
                      f"{one_line(', '.join(strange), 300)}", strange)  # fmt: skip
    twice = [a for a, count in Counter(k.id for k in known if k is not None).items() if count > 1]
    if twice and len(set(table.areas)) == len(table.areas):
        yield Finding("contradiction", "duplicate", f"more than one row is about "
                      f"{', '.join(twice)}", tuple(twice))  # fmt: skip
    rated = {k.category for k in known if k is not None}
    empty = [c for c in taxonomy.categories if c.id not in rated]
    if empty:
        names = "; ".join(f"{c.id} {c.name}" for c in empty)
        yield Finding("note", "unrated", f"{len(empty)} of {len(taxonomy.categories)} categories "
                      f"have no row: unrated, not low: {one_line(names, 400)}",
                      tuple(c.id for c in empty))  # fmt: skip
    seen = {k.id for k in known if k is not None}
    left = [a for a in taxonomy.areas if a.id not in seen]
    if left:
        yield Finding("note", "no row", f"{len(left)} of {len(taxonomy.areas)} areas have no row: "
                      f"unrated, not low", tuple(a.id for a in left))  # fmt: skip
