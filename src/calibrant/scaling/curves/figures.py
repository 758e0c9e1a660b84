"""How does a curve look? Scores against scale, the best shape, its interval, and what is next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import INK, Figure, Spec, config, shorten

if TYPE_CHECKING:
    from calibrant.scaling.curves.curve import CurveReport

_WIDTH, _HEIGHT = 520, 300
_NAMED = 6


def curve_figure(found: CurveReport) -> Figure:
    """Known scores as points, median and intervals of a new subject, and the forecasts."""
    low, high = found.scale
    far = max(found.curve["scale"][-1], *(p.scale for p in found.forecast))
    x: Spec = {"type": "quantitative", "title": "log10 scale",
               "scale": {"domain": [low, far + 0.03 * (far - low)], "nice": False}}  # fmt: skip
    y: Spec = {"type": "quantitative", "title": shorten(found.target, 40),
               "scale": {"zero": False}}  # fmt: skip
    columns = ("scale", "median", "low", "high")
    band = [dict(zip(columns, row, strict=True))
            for row in zip(*(found.curve[c] for c in columns), strict=True)]  # fmt: skip
    seen = [{"scale": float(a), "score": float(b), "who": shorten(str(c), 40)}
            for a, b, c in zip(found.known.scale, found.known.score, found.known.subject,
                               strict=True)]  # fmt: skip
    asked = _asked(found, far - low)
    ends = {"x": {**x, "field": "scale"}, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [
        {"data": {"values": band}, "mark": {"type": "area", "color": INK["support-area"]},
         "encoding": ends},
        {"data": {"values": band},
         "mark": {"type": "line", "color": INK["support"], "strokeWidth": 1.8},
         "encoding": {"x": {**x, "field": "scale"}, "y": {**y, "field": "median"}}},
        {"data": {"values": [{"scale": high}]},
         "mark": {"type": "rule", "color": INK["line"], "strokeDash": [4, 4]},
         "encoding": {"x": {**x, "field": "scale"}}},
        {"data": {"values": seen},
         "mark": {"type": "point", "filled": True, "size": 34, "opacity": 0.75,
                  "color": INK["soft"]},
         "encoding": {"x": {**x, "field": "scale"}, "y": {**y, "field": "score"}}},
        {"data": {"values": asked},
         "mark": {"type": "rule", "color": INK["refute"], "strokeWidth": 2}, "encoding": ends},
        {"data": {"values": asked},
         "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1,
                  "color": INK["refute"], "stroke": INK["page"]},
         "encoding": {"x": {**x, "field": "scale"}, "y": {**y, "field": "median"}}},
        {"data": {"values": [a for a in asked if a["who"]]},
         "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 3, "dy": -2,
                  "fontSize": 11, "color": INK["refute"]},
         "encoding": {"x": {**x, "field": "scale"}, "y": {**y, "field": "low"},
                      "text": {"field": "who"}}},
    ]  # fmt: skip
    title = f"{shorten(found.target, 40)} against scale: {found.chosen}"
    said = (
        f"Points are scores, the area a new family's subject ({found.level:.0%} interval), "
        "red what is forecast; right of the dashed line nothing was seen"
    )
    spec: Spec = {
        "title": {"text": title, "subtitle": said, "anchor": "start", "color": INK["text"],
                  "subtitleColor": INK["soft"], "subtitleFontSize": 11},
        "width": _WIDTH, "height": _HEIGHT, "padding": 12, "config": config(), "layer": layers,
    }  # fmt: skip
    p = found.forecast[0]
    told = (
        f"{found.monotone.says}. At 10^{p.scale:.2f}: {p.median:.3g}, {p.low:.3g} to {p.high:.3g}."
    )
    return Figure(spec, title, told)


def _asked(found: CurveReport, width: float) -> list[Spec]:
    """Forecasts at one scale stand side by side; families that are known are named, if few."""
    from calibrant.scaling.curves.curve import NEW

    taken: dict[float, int] = {}
    rows: list[Spec] = []
    for p in found.forecast:
        beside = taken[p.scale] = taken.get(p.scale, -1) + 1
        named = p.family != NEW and len(found.forecast) <= _NAMED
        rows.append({"scale": p.scale + 0.014 * width * beside, "median": p.median, "low": p.low,
                     "high": p.high, "who": shorten(p.family, 24) if named else ""})  # fmt: skip
    return rows
