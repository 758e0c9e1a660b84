"""How do abilities look? Each subject with its interval, the ablest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    label,
    shorten,
    text_width,
    ticks,
)
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.quality.scoring.result import Scores

MOST = 100
_PLOT = 420
_ROW = 20


def abilities(found: Scores) -> Figure:
    """Abilities with their intervals; subjects whose answers do not go together stand out.

    Raises:
        InputError: if no ability is known.
    """
    order = np.argsort(-np.where(np.isnan(found.ability), -np.inf, found.ability), kind="stable")
    order = order[np.isfinite(found.ability[order])][:MOST]
    if not order.size:
        raise InputError("figure: no ability is known, so there is nothing to draw")
    ends = np.concatenate([found.low[order], found.high[order], found.ability[order]])
    ends = ends[np.isfinite(ends)]
    low, high = float(ends.min()) - 0.2, float(ends.max()) + 0.2
    place, height = Place(low, high, _PLOT), _ROW * order.size + 8
    names = [shorten(found.subjects[i], 40) for i in order]
    left = max(text_width(n) for n in names) + 24
    spec = base(_PLOT, height, {"left": left, "right": 170, "top": 62, "bottom": 44})
    title = f"Abilities ({found.method})"
    said = f"{found.level:.0%} intervals; red: answers that do not go together"
    layers: list[Spec] = [label(title, -left + 4, "left", -44, "text", bold=True),
                          label(said, -left + 4, "left", -24, "soft")]  # fmt: skip
    for row, (i, name) in enumerate(zip(order, names, strict=True)):
        y = _ROW * (row + 0.5) + 4
        ink = INK["refute" if found.aberrant[i] else "support"]
        a, b = max(found.low[i], low), min(found.high[i], high)
        numbers = f"{found.ability[i]:.2f}  ({_end(found.low[i])} to {_end(found.high[i])})"
        layers += [
            label(name, -12, "right", y, "text"), bar(place, a, b, y, ink, 2.5),
            dot(place.x(float(found.ability[i])), y, ink, 50),
            label(numbers, _PLOT + 14, "left", y, "text"),
        ]  # fmt: skip
    # A mark nobody sees carries the axis: all others stand at fixed places.
    unseen: Spec = {"data": {"values": [{"low": low}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    axis = {"values": ticks(low, high, 6), "title": "ability", "format": "~g"}
    scale = {"domain": [low, high], "nice": False, "zero": False}
    spec["encoding"] = {"x": {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, repr(found))


def _end(x: float) -> str:
    return f"{x:.2f}" if np.isfinite(x) else ("−∞" if x < 0 else "∞")
