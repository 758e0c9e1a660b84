"""How does the interval shrink with gold labels? A line per design, as a Vega-Lite chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import INK, Figure
from calibrant._text import one_line
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.judges.planning.result import LabelPlan

_INKS = {
    "gold only": "soft",
    "uniform": "futile",
    "stratified": "support",
    "active": "refute",
}


def labels_figure(found: LabelPlan) -> Figure:
    """Mean width (or chance of the verdict) by gold labels, with the goal as a rule.

    Raises:
        InputError: if there is nothing to draw.
    """
    if not found.curve:
        raise InputError("figure: too few items for a curve")
    of_width = found.goal.width is not None
    name = "width" if of_width else "chance"
    goal = found.goal.width if of_width else found.goal.power
    designs = [o.design for o in found.options]
    values = [
        {"design": p.design, "labels": p.labels, "y": round(getattr(p, name), 5)}
        for p in found.curve
    ]
    colour = {
        "field": "design", "type": "nominal", "title": "design", "sort": designs,
        "scale": {"domain": designs, "range": [INK[_INKS[d]] for d in designs]},
    }  # fmt: skip
    x = {"field": "labels", "type": "quantitative", "title": "gold labels",
         "scale": {"type": "log", "nice": False}}  # fmt: skip
    y = {"field": "y", "type": "quantitative", "title": _title(found),
         "scale": {"zero": not of_width}}  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "line", "strokeWidth": 2.2}, "encoding": {"x": x, "y": y,
                                                                    "color": colour}},
        {"data": {"values": [{"y": goal}]},
         "mark": {"type": "rule", "color": INK["line"], "strokeDash": [4, 3]},
         "encoding": {"y": {**y, "title": _title(found)}}},
    ]  # fmt: skip
    best = found.recommended
    if best is not None and best.labels is not None:
        at = best.width if of_width else best.chance
        layers.append({
            "data": {"values": [{"labels": best.labels, "y": at, "design": best.design}]},
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour},
        })  # fmt: skip
    title = f"Gold labels for {found.goal!r}"
    soft = INK["soft"]
    spec = {
        "title": {"text": one_line(title), "subtitle": one_line(found.reason), "anchor": "start",
                  "color": INK["text"], "subtitleColor": soft, "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": soft, "titleColor": soft,
                            "domain": False, "ticks": False}},
        "width": 480, "height": 300, "data": {"values": values}, "layer": layers,
    }  # fmt: skip
    return Figure(spec, title, repr(found))


def _title(found: LabelPlan) -> str:
    return "mean width of the interval" if found.goal.width is not None else "chance of the verdict"
