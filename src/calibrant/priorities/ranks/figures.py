"""How sure is the ranking of areas? Rank intervals and chances of the top k, as figures."""

from __future__ import annotations

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.ranks.result import Ranked, RankedArea

MOST = 120
"""Most areas drawn; the best are."""


def rank_figure(found: Ranked) -> Figure:
    """Rank intervals, one line an area, best first; those to fund stand out.

    Raises:
        InputError: if no area is ranked.
    """
    areas = _shown(found)
    k = found.decision.k
    rows = []
    for a in areas:
        low, high = a.rank_interval
        said = f"{low}–{high} · tier {a.tier} · n {a.n}"
        rows.append(Row(_label(a), a.expected_rank, low, high, said, alert=a.funded))
    title = f"{found.level:.0%} rank intervals of {len(found.areas)} areas by {found.by}"
    return forest(
        rows,
        title=title,
        said=f"expected rank and interval; the best {k} by expected {found.by} stand out. "
        f"The median interval spans {found.median_width:g} places",
        axis="rank (1 is best)",
        description=f"{one_line(repr(found), 400)}. Best first: "
        + ", ".join(f"{one_line(a.name, 60)} {_span(a)}" for a in areas[:5])
        + ".",
        zero=False,
    )


def chance_figure(found: Ranked) -> Figure:
    """P(top k), one line an area, as far as it is a hundredth or more.

    Raises:
        InputError: if no area is ranked.
    """
    areas = [a for a in sorted(_shown(found), key=lambda a: -a.p_top) if a.p_top >= 0.01]
    k = found.decision.k
    rows = [Row(_label(a), a.p_top, 0.0, a.p_top, f"{a.p_top:.0%}", alert=a.funded) for a in areas]
    return forest(
        rows,
        title=f"Chance to be among the first {k} by {found.by}",
        said=f"{found.decision.expected_overlap:.0%} of the best {k} by expected {found.by} "
        "(they stand out) are expected to be there",
        axis=f"P(top {k})",
        description=", ".join(f"{one_line(a.name, 60)} {a.p_top:.0%}" for a in areas[:10]) + ".",
    )


def _shown(found: Ranked) -> tuple[RankedArea, ...]:
    if not found.areas:
        raise InputError("figure: no area is ranked")
    return found.areas[:MOST]


def _label(a: RankedArea) -> str:
    return a.id if a.name == a.id else f"{a.id} {a.name}"


def _span(a: RankedArea) -> str:
    return f"{a.rank_interval[0]} to {a.rank_interval[1]}"
