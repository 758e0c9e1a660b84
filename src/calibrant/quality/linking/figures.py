"""How do anchors shift? Each shared item's change in difficulty, the largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    label,
    rule,
    shorten,
    text_width,
    ticks,
)
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.quality.linking.link import Link

MOST = 60
_PLOT = 380
_ROW = 20


def anchor_shifts(found: Link) -> Figure:
    """Shifts of anchors on the old scale with two standard errors; those dropped stand out.

    Raises:
        InputError: if no shift is known.
    """
    known = [a for a in found.anchors if a.shift is not None and a.reason != "turned round"]
    rows = sorted(known, key=lambda a: -abs(a.shift or 0.0))[:MOST]
    if not rows:
        raise InputError("figure: no shift is known, so there is nothing to draw")
    ends = [(a.shift or 0.0) + s * 2 * (a.standard_error or 0.0) for a in rows for s in (-1, 1)]
    low, high = min(0.0, *ends) - 0.1, max(0.0, *ends) + 0.1
    place, height = Place(low, high, _PLOT), _ROW * len(rows) + 8
    names = [shorten(a.item, 36) for a in rows]
    left = max(max(text_width(n) for n in names) + 24, 60.0)
    spec = base(_PLOT, height, {"left": left, "right": 130, "top": 62, "bottom": 44})
    title = "How much harder each shared item has become"
    said = "on the old scale, ± 2 standard errors; red: not an anchor"
    layers: list[Spec] = [label(title, -left + 4, "left", -44, "text", bold=True),
                          label(said, -left + 4, "left", -24, "soft"),
                          rule(place.x(0.0), height, INK["line"], [4, 3])]  # fmt: skip
    for i, (a, name) in enumerate(zip(rows, names, strict=True)):
        assert a.shift is not None
        y, ink = _ROW * (i + 0.5) + 4, INK["support" if a.used else "refute"]
        reach = 2 * (a.standard_error or 0.0)
        layers += [
            label(name, -12, "right", y, "text"),
            bar(place, a.shift - reach, a.shift + reach, y, ink, 2.5),
            dot(place.x(a.shift), y, ink, 50),
            label(f"{a.shift:+.2f}", _PLOT + 14, "left", y, "text"),
        ]  # fmt: skip
    # A mark nobody sees carries the axis: all others stand at fixed places.
    unseen: Spec = {"data": {"values": [{"low": low}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    axis = {"values": ticks(low, high, 6), "title": "shift in difficulty", "format": "~g"}
    scale = {"domain": [low, high], "nice": False, "zero": False}
    spec["encoding"] = {"x": {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, repr(found))
