"""Many values with their intervals, one below the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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

_PLOT = 380
_ROW = 20


@dataclass(frozen=True)
class Row:
    """One line of a forest.

    Attributes:
        low, high: ends of the interval; infinite ones are drawn to the edge.
        said: the numbers in words, at the right.
        alert: whether it stands out.
    """

    name: str
    value: float
    low: float
    high: float
    said: str
    alert: bool = False


def forest(
    rows: Sequence[Row], *, title: str, said: str, axis: str, description: str,
    zero: bool = True, strokes: Sequence[float] = (),
) -> Figure:  # fmt: skip
    """A figure of values with intervals.

    Args:
        rows: at least one, from top to bottom.
        said: below the title.
        zero: whether 0 is shown, with a line.
        strokes: other values with a line.
    """
    ends = [x for r in rows for x in (r.low, r.value, r.high) if math.isfinite(x)]
    ends += strokes
    ends += [0.0] if zero else []
    margin = 0.04 * (max(ends) - min(ends)) or 0.1
    low, high = min(ends) - margin, max(ends) + margin
    place, height = Place(low, high, _PLOT), _ROW * len(rows) + 8
    names = [shorten(r.name, 40) for r in rows]
    left = max(max(text_width(n) for n in names) + 24, 60.0)
    right = max(text_width(r.said) for r in rows) + 30
    spec = base(_PLOT, height, {"left": left, "right": right, "top": 62, "bottom": 44})
    layers: list[Spec] = [label(title, -left + 4, "left", -44, "text", bold=True),
                          label(said, -left + 4, "left", -24, "soft")]  # fmt: skip
    if zero:
        layers.append(rule(place.x(0.0), height, INK["line"], [4, 3]))
    layers += [rule(place.x(x), height, INK["futile"], [2, 3]) for x in strokes]
    for number, (r, name) in enumerate(zip(rows, names, strict=True)):
        y, ink = _ROW * (number + 0.5) + 4, INK["refute" if r.alert else "support"]
        layers += [
            label(name, -12, "right", y, "text"),
            bar(place, max(r.low, low), min(r.high, high), y, ink, 2.5),
            dot(place.x(r.value), y, ink, 50),
            label(r.said, _PLOT + 14, "left", y, "text"),
        ]  # fmt: skip
    # A mark nobody sees carries the axis: all others stand at fixed places.
    unseen: Spec = {"data": {"values": [{"low": low}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    scale = {"domain": [low, high], "nice": False, "zero": False}
    shown = {"values": ticks(low, high, 6), "title": axis, "format": ".6~g"}
    spec["encoding"] = {
        "x": {"field": "low", "type": "quantitative", "axis": shown, "scale": scale}
    }
    return Figure(spec, title, description)
