"""How do scores follow capability? A forest of correlations between the margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.scaling.capability.result import OnlyCapability

MOST = 40
"""Rows of a figure: the first and last of all by size."""


def forest_of(found: OnlyCapability) -> Figure:
    """Correlations with capability and their intervals, by falling value; driven ones stand out.

    Raises:
        InputError: if no correlation is defined.
    """
    drawn = [s for s in found.scores if s.correlation.value is not None]
    if not drawn:
        raise InputError("figure: no correlation is defined, so there is nothing to draw")
    drawn.sort(key=lambda s: -(s.correlation.value or 0.0))
    left = len(drawn) - MOST
    shown = drawn if left <= 0 else [*drawn[: MOST // 2], *drawn[-MOST // 2 :]]
    rows = []
    for s in shown:
        e = s.correlation
        value = e.value or 0.0
        low = value if e.low is None else e.low
        high = value if e.high is None else e.high
        said = f"{value:.2f} ({low:.2f} to {high:.2f}) {s.verdict}"
        rows.append(Row(s.score, value, low, high, said, alert=s.verdict == "capability-driven"))
    more = f"; {left} in the middle not shown" if left > 0 else ""
    said = f"rank correlation with capability, {found.level:.0%} intervals by families{more}"
    edges = (-found.driven, -found.margin, found.margin, found.driven)
    title = "Is it only capability?"
    return forest(rows, title=title, said=said, axis="Spearman's correlation",
                  description=repr(found), strokes=edges)  # fmt: skip
