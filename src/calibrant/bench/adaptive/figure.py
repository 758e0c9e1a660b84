"""How a predicted score settled, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import INK, Figure, Spec, base, config, fixed_mark, ticks
from calibrant._text import one_line

if TYPE_CHECKING:
    from calibrant.bench.adaptive.result import Adapted

WIDTH, HEIGHT = 560.0, 240.0


def path_figure(found: Adapted) -> Figure:
    """The predicted score and its interval after each batch, with a claim's threshold."""
    points = [
        {"asked": p.asked, "value": p.value, "low": p.low, "high": p.high} for p in found.path
    ]
    most = float(max(p.asked for p in found.path))
    lows, highs = [p.low for p in found.path], [p.high for p in found.path]
    limit = None if found.claim is None else float(found.claim["threshold"])
    low, high = min(lows), max(highs)
    if limit is not None:
        low, high = min(low, limit), max(high, limit)
    margin = 0.05 * max(high - low, 1e-6)
    low, high = low - margin, high + margin
    x = {
        "field": "asked", "type": "quantitative", "title": "items asked",
        "scale": {"domain": [0, most], "nice": False},
        "axis": {"values": [t for t in ticks(0, most, 8) if t == round(t)]},
    }  # fmt: skip
    y = {
        "type": "quantitative", "title": "score on the whole benchmark",
        "scale": {"domain": [low, high], "nice": False},
        "axis": {"values": ticks(low, high, 6)},
    }  # fmt: skip
    layers: list[Spec] = [
        {
            "data": {"values": points},
            "mark": {"type": "area", "color": INK["support-area"]},
            "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": {"values": points},
            "mark": {"type": "line", "color": INK["support"], "strokeWidth": 2,
                     "point": {"color": INK["support"], "size": 24}},
            "encoding": {"x": x, "y": y | {"field": "value"}},
        },
    ]  # fmt: skip
    if limit is not None:
        at = (high - limit) / (high - low) * HEIGHT
        mark = {"type": "rule", "color": INK["refute"], "strokeWidth": 1.4, "strokeDash": [6, 4]}
        layers.append(fixed_mark(mark, x=0, x2=WIDTH, y=at, y2=at))
    spec: Spec = base(WIDTH, HEIGHT, {"left": 60, "right": 20, "top": 18, "bottom": 44}) | {
        "config": config(), "layer": layers,
    }  # fmt: skip
    end = found.path[-1]
    said = (
        f"After {end.asked} items the predicted score of {one_line(found.subject, 60)} is "
        f"{end.value:.3f}, {found.level:.0%} interval {end.low:.3f} to {end.high:.3f}."
    )
    return Figure(spec, "How the predicted score settled", said)
