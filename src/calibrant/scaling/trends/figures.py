"""How does a trend look? Its points, the line with its interval, and the fan of later subjects."""

from __future__ import annotations

from calibrant._figure import INK, Figure, Spec
from calibrant._text import one_line
from calibrant.scaling.trends.result import Trend

_SHAPES = ["circle", "square", "triangle-up", "diamond", "cross"]


def fan(t: Trend) -> Figure:
    """Points by version, the trend with its interval, and the interval of new subjects ahead."""
    d = t.drawn
    many = len(set(d.version)) > 1
    points = [
        {"date": when, "value": value, "version": one_line(version, 30) or "-",
         "subject": one_line(name, 60)}
        for when, value, version, name in zip(d.date, d.value, d.version, d.subject, strict=True)
    ]  # fmt: skip
    ahead = [
        {"date": when, "low": low, "high": high}
        for when, low, high in zip(d.ahead, d.fan_low, d.fan_high, strict=True)
    ]
    line = [
        {"date": when, "value": value, "low": low, "high": high}
        for when, value, low, high in zip(d.days, d.middle, d.low, d.high, strict=True)
    ]
    forecasts = [
        {"date": f.date, "value": f.median, "low": f.low, "high": f.high}
        for f in t.forecasts
        if not f.withheld
    ]  # fmt: skip
    x = {"field": "date", "type": "temporal", "title": None}
    y = {
        "type": "quantitative",
        "title": "value",
        "axis": {"tickCount": 6},
        "scale": {"type": "log"} if t.on == "log" else {},
    }
    shape = {"field": "version", "type": "nominal", "scale": {"range": _SHAPES},
             "legend": {"title": "version"} if many else None}  # fmt: skip
    layers: list[Spec] = [
        _area(ahead, x, y, INK["support-area"], 1.0),
        _area(line, x, y, INK["line"], 0.3),
        {"data": {"values": line}, "mark": {"type": "line", "color": INK["path"], "strokeWidth": 2},
         "encoding": {"x": x, "y": {**y, "field": "value"}}},
        {"data": {"values": points},
         "mark": {"type": "point", "size": 46, "opacity": 1, "color": INK["path"]},
         "encoding": {"x": x, "y": {**y, "field": "value"}, "shape": shape}},
        {"data": {"values": forecasts},
         "mark": {"type": "rule", "strokeWidth": 2.4},
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"},
                      "color": {"value": INK["support"]}}},
        {"data": {"values": forecasts},
         "mark": {"type": "point", "size": 60, "filled": True, "opacity": 1},
         "encoding": {"x": x, "y": {**y, "field": "value"}, "color": {"value": INK["support"]}}},
    ]  # fmt: skip
    title = one_line(f"It {t.now.sentence(t.on)}", 120)
    soft = INK["soft"]
    held = ", ".join(f.date for f in t.forecasts if f.withheld)
    below = f"at {t.last}; line: the trend, its {t.level:.0%} interval; wide band: new subjects"
    below += f"; withheld: {held}" if held else ""
    spec: Spec = {
        "title": {"text": title, "subtitle": below, "anchor": "start", "color": INK["text"],
                  "subtitleColor": soft, "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": soft, "titleColor": soft,
                            "domain": False, "ticks": False},
                   "legend": {"labelColor": soft, "titleColor": soft}},
        "width": 560, "height": 320, "layer": layers,
    }  # fmt: skip
    return Figure(spec, title, f"{len(points)} values since {t.first}; {t!r}.")


def _area(rows: list[Spec], x: Spec, y: Spec, colour: str, opacity: float) -> Spec:
    return {
        "data": {"values": rows},
        "mark": {"type": "area", "color": colour, "opacity": opacity},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
