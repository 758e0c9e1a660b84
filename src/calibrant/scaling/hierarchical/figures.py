"""Families drawn: how far ahead of their scale they begin, and how fast they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import INK, Figure
from calibrant._text import one_line
from calibrant.errors import UnfitError

if TYPE_CHECKING:
    from calibrant.scaling.hierarchical.result import Effect, Families


def families_figure(found: Families) -> Figure:
    """Head start and growth of every family with intervals, the one furthest ahead at the top.

    Raises:
        UnfitError: if there is one family: nothing tells it from the average.
    """
    if not found.head_start:
        raise UnfitError("hierarchy: a figure of families wants two families or more, got 1")
    order = sorted(found.head_start, key=lambda e: -e.median)
    names = _labels([e.name for e in order])
    start = [_row(names[e.name], e, found.unit) for e in order]
    growth = [_row(names[e.name], e, 1.0) for e in found.growth]
    best = names[order[0].name]
    title = f"Families by {found.method}, {found.level:.0%} intervals"
    places = [names[e.name] for e in order]
    spec = {
        "title": {"text": title, "anchor": "start", "color": INK["text"], "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": INK["soft"],
                            "titleColor": INK["soft"], "titleFontWeight": "normal",
                            "domain": False, "ticks": False}},
        "hconcat": [
            _panel(start, places, "head start, in units of the scale", 0.0, names=True),
            _panel(growth, places, "growth, the average family is 1", 1.0, names=False),
        ],
        "spacing": 24,
    }  # fmt: skip
    return Figure(spec, title, f"{len(order)} families; furthest ahead for its scale: {best}")


def _labels(names: list[str]) -> dict[str, str]:
    """A short label of each name; those that would be equal are numbered."""
    found: dict[str, str] = {}
    for name in names:
        label, more = one_line(name, 28) or "-", 2
        while label in found.values():
            label, more = f"{one_line(name, 24)} ({more})", more + 1
        found[name] = label
    return found


def _row(name: str, e: Effect, unit: float) -> dict[str, Any]:
    return {"name": name, "x": e.median * unit, "low": e.low * unit, "high": e.high * unit}


def _panel(
    rows: list[dict[str, Any]], places: list[str], title: str, none: float, *, names: bool
) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": None, "labelLimit": 220, "grid": False}
    y = {"field": "name", "type": "nominal", "sort": places, "axis": axis if names else None}
    x = {"field": "x", "type": "quantitative", "title": title, "scale": {"zero": False},
         "axis": {"tickCount": 5}}  # fmt: skip
    data = {"values": rows}
    rule = {"type": "rule", "color": INK["line"], "strokeDash": [3, 3]}
    return {
        "width": 260, "height": {"step": 17},
        "layer": [
            {"data": {"values": [{"x": none}]}, "mark": rule, "encoding": {"x": x}},
            {"data": data, "mark": {"type": "rule", "color": INK["support"], "strokeWidth": 2},
             "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {"data": data, "mark": {"type": "point", "filled": True, "size": 42, "opacity": 1,
                                    "color": INK["support"]},
             "encoding": {"y": y, "x": x}},
        ],
    }  # fmt: skip
