"""How is an audit shown? One page of plain text; names are hostile and shown on one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from calibrant._text import one_line

if TYPE_CHECKING:
    from calibrant.ratings.audit.whole import Audit

SHOWN = 3
"""Rows of each kind."""


def page(found: Audit) -> str:
    """The audit as lines under headings."""
    lines = [one_line(repr(found), 400)]
    if found.ranking:
        lines += _section(
            f"The board ({found.model}, Elo points, mean 0)",
            [f"{i}. {n} {x:+.1f}" for i, (n, x) in enumerate(found.ranking[:5], 1)],
        )
    lines += _section("What could not be said", found.notes)
    if found.left_out:
        lines += _section("Left out", [", ".join(map(repr, found.left_out))])
    lines += _section("Fewest votes whose removal changes a place", map(repr, found.upsets))
    lines += _section("Fake votes that lift a subject", map(repr, found.riggings))
    for kind, rows in found.influences.items():
        lines += _section(f"Without one {kind}", map(repr, rows[:SHOWN]))
    lines += _section("Other mixes of what was asked", map(repr, found.mixes))
    lines += _section("The order of votes", [repr(found.order_noise)])
    lines += _section("A copy of a subject", map(repr, found.clones))
    lines += _section("Private variants", [_private(p) for p in found.private])
    if found.confounding is not None:
        lines += _section("Covariates held equal", [repr(found.confounding)])
    lines += _section("Left and right", map(repr, found.sides[: 2 * SHOWN]))
    lines += _section("Judges", map(repr, found.agreements[: 2 * SHOWN]))
    lines += _section(
        "Always",
        ["A rating is relative: it cannot show that every subject is good, or safe."],
    )
    return "\n".join(lines)


def _private(row: object) -> str:
    from calibrant.ratings.audit.whole import Private

    assert isinstance(row, Private)
    more = "" if row.to_first is None else f"; {row.to_first:,} alike variants would reach first"
    return f"{row!r}{more}"


def _section(heading: str, rows: Iterable[str]) -> list[str]:
    shown = [f"  {one_line(row, 400)}" for row in rows]
    return ["", heading, *shown] if shown else []
