"""The ladder drawn: a row for each measure, a panel for each rung, values against compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import INK, Figure
from calibrant._text import one_line
from calibrant.scaling.metrics.rungs import MARKS

if TYPE_CHECKING:
    from calibrant.scaling.metrics.ladder import MetricLadder, MetricLadders, RungValues

SHOWN = ("log-probability", "log share", "Brier", "share", "accuracy")
"""Rungs with a panel, beside the first pass^k."""

_INKS = {"ability": "refute", "metric": "support", "none": "support", "undetermined": "futile"}


def ladder_figure(found: MetricLadders) -> Figure:
    """Every rung against scale, with intervals of two standard errors and the level of chance.

    The band is the jump that was tested; its colour says what it was found to be.
    """
    rows = [_row(ladder) for ladder in found.ladders]
    title = "The metric ladder: the same answers, rung by rung"
    spec = {
        "title": {"text": title, "anchor": "start", "color": INK["text"], "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": INK["soft"],
                            "titleColor": INK["soft"], "titleFontWeight": "normal", "domain": False,
                            "ticks": False}},
        "vconcat": rows, "spacing": 18,
    }  # fmt: skip
    return Figure(spec, title, "; ".join(one_line(repr(a), 300) for a in found.ladders))


def _row(ladder: MetricLadder) -> dict[str, Any]:
    passes = [r.name for r in ladder.rungs if r.name.startswith("pass^")][:1]
    shown = [r for r in ladder.rungs if r.name in (*SHOWN, *passes)]
    told = ladder.emergence.says
    head = {"none": "no jump"}.get(told, told)
    return {
        "title": {"text": f"{one_line(ladder.measure, 50)}: {head}", "anchor": "start",
                  "color": INK["text"], "fontSize": 12.5, "fontWeight": "normal"},
        "hconcat": [_panel(ladder, r) for r in shown], "bounds": "flush", "spacing": 46,
    }  # fmt: skip


def _panel(ladder: MetricLadder, r: RungValues) -> dict[str, Any]:
    e = ladder.emergence
    wide = [0.0] * len(r.values) if r.se is None else [2 * s for s in r.se]
    points = [
        {"x": 10**x, "y": y, "low": y - w, "high": y + w}
        for x, y, w in zip(ladder.scale, r.values, wide, strict=True)
    ]
    x = {"field": "x", "type": "quantitative", "title": "compute",
         "scale": {"type": "log", "nice": False, "padding": 7},
         "axis": {"format": ".0e", "tickCount": 3, "grid": False}}  # fmt: skip
    arrow = "" if r.better > 0 else " (less is better)"
    y: dict[str, Any] = {"field": "y", "type": "quantitative", "title": None,
                         "scale": {"zero": r.name.startswith(MARKS), "nice": True}}  # fmt: skip
    layers: list[dict[str, Any]] = []
    if e.cut is not None and e.next is not None:
        ink = INK[f"{_INKS[e.says]}-area"]
        layers.append({"data": {"values": [{"a": 10**e.cut, "b": 10**e.next}]},
                       "mark": {"type": "rect", "color": ink},
                       "encoding": {"x": {**x, "field": "a"}, "x2": {"field": "b"}}})  # fmt: skip
    if r.chance is not None:
        rule = {"type": "rule", "color": INK["line"], "strokeDash": [3, 3]}
        chance = {"data": {"values": [{"y": r.chance}]}, "mark": rule, "encoding": {"y": y}}
        layers.append(chance)
    data = {"values": points}
    layers += [
        {"data": data, "mark": {"type": "rule", "color": INK["support"], "strokeWidth": 1.5},
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
        {"data": data, "mark": {"type": "line", "color": INK["support"], "strokeWidth": 1.5},
         "encoding": {"x": x, "y": y}},
        {"data": data, "mark": {"type": "point", "filled": True, "size": 36, "opacity": 1,
                                "color": INK["support"]},
         "encoding": {"x": x, "y": y}},
    ]  # fmt: skip
    title = {"text": r.name + arrow, "anchor": "start", "color": INK["soft"], "fontSize": 11.5,
             "fontWeight": "normal"}  # fmt: skip
    return {"title": title, "width": 140, "height": 120, "layer": layers}
