"""How do families differ? A forest of how much scale each is ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.scaling.hierarchical.result import Families

MOST = 40
"""Rows of a figure: the first and last of all."""


def head_starts(found: Families) -> Figure:
    """Families' head starts in units of the scale, the one furthest ahead first.

    Raises:
        InputError: if no family is told from another.
    """
    every = sorted(found.head_start, key=lambda e: -e.median)
    if not every:
        raise InputError("figure: no family is told from another, so there is nothing to draw")
    left = len(every) - MOST
    shown = every if left <= 0 else [*every[: MOST // 2], *every[-MOST // 2 :]]
    rows = []
    for e in shown:
        middle, low, high = (v * found.unit for v in (e.median, e.low, e.high))
        rows.append(Row(e.name, middle, low, high, f"{middle:.2f} ({low:.2f} to {high:.2f})"))
    more = f"; {left} in the middle not shown" if left > 0 else ""
    return forest(
        rows, title="How far ahead is each family for its scale?",
        said=f"by {found.method}, {found.level:.0%} intervals{more}",
        axis="head start, in orders of magnitude of scale", description=repr(found),
    )  # fmt: skip
