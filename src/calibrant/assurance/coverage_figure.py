"""How is coverage shown? Each area's chance to be among the first, beside how far it is tested."""

from __future__ import annotations

from calibrant._figure import Figure
from calibrant.assurance.coverage import Coverage, CoveredArea
from calibrant.priorities.portfolio.bars import BarRow, bars, titled

_MOST = 18


def coverage_figure(found: Coverage) -> Figure:
    """The likeliest of the first k, and every area that is touched."""
    rated = [a for a in found.areas if a.p_top is not None]
    first = rated[:_MOST]
    touched = [a for a in found.areas[_MOST:] if a.coverage > 0]
    return bars(
        [_row(a) for a in [*first, *touched]],
        [f"chance to be of the first {found.k}", "tested by instruments"],
        title=f"Of the first {found.k}, {found.expected_untested:.1f} are expected to be untested",
        said="the most promising areas, then others that an instrument touches",
        description=repr(found),
    )


def _row(area: CoveredArea) -> BarRow:
    chance = 0.0 if area.p_top is None else area.p_top
    words = "unrated" if area.p_top is None else f"{chance:.0%}"
    return BarRow(
        titled(area.id, area.name),
        (chance, area.coverage),
        (words, f"{area.coverage:.0%}"),
        ("support", "futile"),
    )
