"""How does agreement look? A forest of coefficients and pairs, and a map of confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    fixed_mark,
    label,
    rule,
    shorten,
    text_width,
    ticks,
)
from calibrant.errors import InputError
from calibrant.stats.agreement.estimate import Coefficient

if TYPE_CHECKING:
    from calibrant.judges.agreement.gold import AgainstGold
    from calibrant.judges.agreement.result import Agreement

MOST = 60
"""Rows of a forest, and graders in a map."""

_PLOT = 340
_ROW = 26
_CELL = 64


def forest(found: Agreement) -> Figure:
    """Coefficients and pairs of graders with intervals; what is wholly below chance stands out.

    Raises:
        InputError: if no coefficient is defined.
    """
    named = [(c.name, c) for c in found.coefficients if c.name != "agreement"]
    named += [(f"{p.one}, {p.two}", p.kappa) for p in found.pairs]
    rows = [(shorten(n, 44), c) for n, c in named if c.value is not None][:MOST]
    if not rows:
        raise InputError("figure: no coefficient is defined, so there is nothing to draw")
    ends = [x for _, c in rows for x in (c.interval or ())]
    low, high = min(0.0, *ends), 1.0
    place, height = Place(low, high, _PLOT), _ROW * len(rows) + 8
    left = max(text_width(n) + 22 for n, _ in rows)
    spec = base(_PLOT, height, {"left": left, "right": 190, "top": 62, "bottom": 40})
    title = "Agreement beyond chance"
    said = f"{found.level:.0%} intervals; 0 is chance, 1 is perfect; scale {found.scale}"
    layers = [label(title, -left + 4, "left", -44, "text", bold=True),
              label(said, -left + 4, "left", -24, "soft"),
              rule(place.x(0.0), height, INK["line"], [4, 3])]  # fmt: skip
    split = len([c for c in found.coefficients if c.name != "agreement" and c.value is not None])
    for i, (name, c) in enumerate(rows):
        layers += _row(name, c, place, _ROW * (i + 0.5) + (8 if i >= split else 0))
    # A mark nobody sees carries the axis: all others stand at fixed places.
    unseen = {"data": {"values": [{"low": low}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    axis = {"values": ticks(low, high, 6), "title": "coefficient", "format": "~g"}
    scale = {"domain": [low, high], "nice": False, "zero": False}
    spec["encoding"] = {"x": {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, "; ".join(repr(c) for _, c in rows[:6]))


def _row(name: str, c: Coefficient, place: Place, y: float) -> list[Spec]:
    assert c.value is not None and c.interval is not None
    low, high = c.interval
    role = "refute" if high < 0 else "support"
    numbers = f"{c.value:.3f}  ({low:.3f} to {high:.3f})"
    return [
        label(name, -12, "right", y, "text"),
        bar(place, low, high, y, INK[role], 3),
        dot(place.x(c.value), y, INK[role], 80),
        label(numbers, _PLOT + 14, "left", y, "text"),
    ]


def confusion(found: Agreement) -> Figure:
    """What each judged grader says where gold says what: one square map a grader.

    Raises:
        InputError: if there is no gold, or nothing was labelled by both.
    """
    judged = [a for a in found.against if a.items]
    if not judged:
        raise InputError("figure: no grader was compared with gold, so there is no confusion")
    if len(found.categories) > 20:
        raise InputError(f"figure: {len(found.categories)} categories are too many for a map")
    judged = judged[:12]
    names = [shorten(c, 14) for c in found.categories]
    side = _CELL * len(names)
    left = max(text_width(n) for n in names) + 28
    gap = left + 30
    width = (side + gap) * len(judged) - gap
    spec = base(width, side, {"left": left, "right": 30, "top": 92, "bottom": 46})
    title = f"What graders say where gold ({shorten(found.gold or '', 40)}) says what"
    layers = [label(title, -left + 4, "left", -74, "text", bold=True)]
    for i, a in enumerate(judged):
        layers += _map(a, names, i * (side + gap), side)
    spec["layer"] = layers
    return Figure(spec, title, "; ".join(repr(a) for a in judged[:6]))


def _map(a: AgainstGold, names: Sequence[str], x: float, side: float) -> list[Spec]:
    layers = [label(shorten(a.grader, 40), x, "left", -44, "text", bold=True),
              label("gold", x - 12, "right", -14, "soft"),
              label("grader", x + side / 2, "center", side + 30, "soft")]  # fmt: skip
    for r, row in enumerate(a.confusion):
        y, total = (r + 0.5) * _CELL, sum(row)
        layers.append(label(names[r], x - 12, "right", y, "text"))
        layers.append(label(names[r], x + (r + 0.5) * _CELL, "center", side + 12, "text"))
        for c, n in enumerate(row):
            share = n / total if total else 0.0
            at = x + c * _CELL
            mark = {"type": "rect", "color": INK["support" if r == c else "refute"],
                    "opacity": round(0.08 + 0.92 * share, 3)}  # fmt: skip
            layers.append(fixed_mark(mark, x=at + 1, x2=at + _CELL - 1, y=y - _CELL / 2 + 1,
                                     y2=y + _CELL / 2 - 1))  # fmt: skip
            role = "page" if share > 0.55 else "text"
            text = f"{n:,}" if total else "–"
            layers.append(label(text, at + _CELL / 2, "center", y, role))
    return layers
