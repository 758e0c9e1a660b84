"""Do two tables of one survey say the same? Cell by cell, and which rows the smaller one picks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calibrant._text import one_line
from calibrant.priorities.audit.result import Finding
from calibrant.priorities.tables.areas import Finder, folded
from calibrant.priorities.tables.printed import Column
from calibrant.priorities.tables.read import PublishedTable


def compare(
    table: PublishedTable,
    other: PublishedTable,
    name: str,
    scheme: Finder | None,
) -> Iterator[Finding]:
    """What another table says otherwise.

    Args:
        table: the larger table; rows of the other are looked up in it by id or name.
        name: what the other table is called in findings.
        scheme: of a taxonomy whose other names of areas count too.
    """
    here = {key: i for i in range(len(table.areas)) for key in _keys(table, i, scheme)}
    pairs, strange = [], []
    for j in range(len(other.areas)):
        found = next((here[k] for k in _keys(other, j, scheme) if k in here), None)
        if found is None:
            strange.append(other.areas[j])
        else:
            pairs.append((found, j))
    if strange:
        yield Finding("note", "cross unknown", f"{name}: no such row in the table: "
                      f"{one_line(', '.join(strange), 300)}", tuple(strange))  # fmt: skip
    wrong = []
    for i, j in pairs:
        for what, a, b in _cells(table, other):
            if a is not None and b is not None and not _agree(a, i, b, j):
                wrong.append((table.areas[i], f"{what} {a.text(i)} here, {b.text(j)} there"))
        if table.n[i] != other.n[j]:
            wrong.append((table.areas[i], f"n {table.n[i]} here, {other.n[j]} there"))
    if wrong:
        said = "; ".join(f"{area}: {text}" for area, text in wrong)
        yield Finding("contradiction", "cross", f"{name} says otherwise: {one_line(said, 600)}",
                      tuple(dict.fromkeys(a for a, _ in wrong)))  # fmt: skip
    yield from _gaps(table, other, name, pairs)
    yield from _picked(table, other, name, [i for i, _ in pairs])


def _keys(table: PublishedTable, i: int, scheme: Finder | None) -> list[str]:
    keys = [table.areas[i], table.names[i]]
    known = scheme(*keys) if scheme is not None else None
    return [folded(k) for k in keys] + ([folded(known.id)] if known is not None else [])


def _cells(
    table: PublishedTable, other: PublishedTable
) -> Iterator[tuple[str, Column | None, Column | None]]:
    for q in table.means:
        yield q, table.means[q], other.means.get(q)
    yield "product", table.product, other.product
    yield "difference", table.difference, other.difference


def _agree(a: Column, i: int, b: Column, j: int) -> bool:
    """Whether two printed numbers can be of one number: their ranges of rounding meet."""
    digits = max(a.digits, b.digits)
    units = (10 ** (digits - a.digits), 10 ** (digits - b.digits))
    apart = abs(int(a.units[i]) * units[0] - int(b.units[j]) * units[1])
    return bool(apart == 0 if units == (1, 1) else 2 * apart <= sum(units))


def _gaps(
    table: PublishedTable, other: PublishedTable, name: str, pairs: list[tuple[int, int]]
) -> Iterator[Finding]:
    """Differences of the other table that the means of this one cannot have."""
    if other.difference is None or table.difference is not None or len(table.means) < 2:
        return
    first, second = list(table.means.values())[:2]
    digits = max(first.digits, second.digits, other.difference.digits)
    wrong = []
    for i, j in pairs:
        x, y, d = (int(c.units[k]) * 10 ** (digits - c.digits)
                   for c, k in ((first, i), (second, i), (other.difference, j)))  # fmt: skip
        slack = sum(10 ** (digits - c.digits) for c in (first, second, other.difference))
        if 2 * abs(x - y - d) > slack:
            wrong.append((table.areas[i], other.difference.text(j)))
    if wrong:
        said = ", ".join(f"{a} ({d})" for a, d in wrong)
        yield Finding("contradiction", "cross", f"{name}: no difference of the means here: "
                      f"{one_line(said, 300)}", tuple(a for a, _ in wrong))  # fmt: skip


def _picked(
    table: PublishedTable, other: PublishedTable, name: str, rows: list[int]
) -> Iterator[Finding]:
    """Rows that the other table leaves out although they are surely larger than one it has."""
    if not rows or len(rows) >= len(table.areas) or len(table.means) < 2:
        return
    inside = np.zeros(len(table.areas), dtype=np.bool_)
    inside[rows] = True
    if other.difference is not None:
        what = "difference"
        first, second = list(table.means.values())[:2]
        digits = max(first.digits, second.digits)
        size = first.units * 10 ** (digits - first.digits)
        size = size - second.units * 10 ** (digits - second.digits)
        slack = 10 ** (digits - first.digits) + 10 ** (digits - second.digits)
    elif table.product is not None and other.product is not None:
        what, size, slack = "product", table.product.units, 1
    else:
        return
    larger = np.flatnonzero(~inside & (size > size[inside].min() + slack))
    if larger.size:
        areas = tuple(table.areas[i] for i in larger)
        yield Finding("note", "left out", f"{name} leaves out rows with a larger {what} than its "
                      f"smallest: {one_line(', '.join(areas), 300)}", areas)  # fmt: skip
