"""Where did outcomes fall? Each on the interval of its forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant._text import one_line
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.scaling.cards.settle import Settled

MOST = 40
"""Rows of a figure."""


def outcomes_on_intervals(found: Settled) -> Figure:
    """Outcomes as points on intervals, those outside first and in another ink.

    Raises:
        InputError: if there is no outcome.
    """
    if not found.rows:
        raise InputError("figure: the forecast was withheld, so there is no outcome to draw")
    several = len({r.measure for r in found.rows}) > 1
    shown = sorted(found.rows, key=lambda r: r.covered)[:MOST]
    rows = [
        Row(f"{r.subject}, {r.measure}" if several else r.subject, r.outcome, r.low, r.high,
            f"{r.outcome:.3g}, {'inside' if r.covered else 'outside'} {r.low:.3g} to {r.high:.3g}",
            alert=not r.covered)
        for r in shown
    ]  # fmt: skip
    left = len(found.rows) - len(shown)
    more = f"; {left} more not shown" if left else ""
    axis = "score" if several else one_line(found.rows[0].measure, 60)
    return forest(
        rows, title="What came of the forecast", axis=axis, zero=False, description=repr(found),
        said=f"outcomes on {found.level:.0%} intervals, forecast before they were known{more}",
    )  # fmt: skip
