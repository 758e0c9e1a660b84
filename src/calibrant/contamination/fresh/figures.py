"""How far are twins from what they stand for? Each subject's difference, and that of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import Figure
from calibrant._forest import Row, forest

if TYPE_CHECKING:
    from calibrant.contamination.fresh.twins import TwinCheck

MOST = 60


def twins_figure(found: TwinCheck) -> Figure:
    """Differences with intervals, those that do not lie within the margin standing out."""

    def row(name: str, value: float, low: float, high: float) -> Row:
        out = not -found.margin < low <= high < found.margin
        return Row(name, value, low, high, f"{value:+.3f} ({low:+.3f} to {high:+.3f})", out)

    rows = [row("all reference subjects", found.difference, found.low, found.high)]
    rows += [row(s.subject, s.difference, s.low, s.high) for s in found.subjects[:MOST]]
    return forest(
        rows,
        title=f"Twins: {found.verdict} within ±{found.margin:g}",
        said=f"published minus twins, {1 - 2 * found.alpha:.0%} intervals; red: not within it",
        axis="difference of mean scores", description=repr(found),
    )  # fmt: skip
