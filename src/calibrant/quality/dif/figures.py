"""How do differences look? Log odds ratios of the items that differ most."""

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
    from calibrant.quality.dif.result import Dif

MOST = 40
_PLOT = 380
_ROW = 20


def differences(found: Dif) -> Figure:
    """The items with the smallest p-values and their log odds ratios; those flagged stand out.

    Raises:
        InputError: if no item could be compared.
    """
    known = [i for i in found.items if i.odds is not None and i.p is not None]
    rows = sorted(known, key=lambda i: i.p or 0.0)[:MOST]
    if not rows:
        raise InputError("figure: no item could be compared, so there is nothing to draw")
    ends = [e for i in rows for e in (i.low or 0.0, i.high or 0.0)]
    low, high = min(0.0, *ends) - 0.2, max(0.0, *ends) + 0.2
    place, height = Place(low, high, _PLOT), _ROW * len(rows) + 8
    names = [shorten(i.item, 36) for i in rows]
    title = f"Items by group: {shorten(found.focal, 30)} against {shorten(found.reference, 30)}"
    left = max(max(text_width(n) for n in names) + 24, 60.0)
    spec = base(_PLOT, height, {"left": left, "right": 170, "top": 62, "bottom": 44})
    said = f"log odds ratio at equal score, {found.level:.0%} intervals; red: unequal"
    layers: list[Spec] = [label(title, -left + 4, "left", -44, "text", bold=True),
                          label(said, -left + 4, "left", -24, "soft"),
                          rule(place.x(0.0), height, INK["line"], [4, 3])]  # fmt: skip
    for row, (i, name) in enumerate(zip(rows, names, strict=True)):
        assert i.odds is not None and i.low is not None and i.high is not None
        y, ink = _ROW * (row + 0.5) + 4, INK["refute" if i.flagged else "support"]
        layers += [
            label(name, -12, "right", y, "text"), bar(place, i.low, i.high, y, ink, 2.5),
            dot(place.x(i.odds), y, ink, 50),
            label(f"{i.odds:+.2f}  ({i.low:.2f} to {i.high:.2f})", _PLOT + 14, "left", y, "text"),
        ]  # fmt: skip
    # A mark nobody sees carries the axis: all others stand at fixed places.
    unseen: Spec = {"data": {"values": [{"low": low}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    axis = {"values": ticks(low, high, 6), "title": "favours the focal group →", "format": "~g"}
    scale = {"domain": [low, high], "nice": False, "zero": False}
    spec["encoding"] = {"x": {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, repr(found))
