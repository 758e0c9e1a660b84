"""What do tests find on planted subjects, drawn: a panel a test, a line a form of copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scipy.optimize import isotonic_regression

from calibrant._figure import INK, Figure
from calibrant.errors import InputError
from calibrant.subjects.planted.measured import LISTS, SHOWN, WAYS, PowerReport, named

if TYPE_CHECKING:
    from calibrant.subjects.planted.power import Power

_FORMS = ("verbatim", "rephrased")
_TITLES = {"canary": "canaries, from training", "order": "orders, from training"}


def power_figure(report: PowerReport) -> Figure:
    """The curves of a report.

    Points are means over pairs, and bands reach from the lowest pair to the highest: what few
    pairs show of how far arms differ, not an interval (those stand in `Power`). Lines are the
    means made not to fall (least squares, the pool-adjacent-violators algorithm): more copies are
    not found less often, but each arm has its own items.

    Raises:
        InputError: if there are none.
    """
    if not report.curves:
        raise InputError("figure: no power was measured")
    copies = sorted({c.copies for c in report.curves})
    panels = [
        _panel(report, test, variant, copies)
        for variant in WAYS
        for test in SHOWN
        if test not in LISTS
    ] + [_panel(report, test, "planted", copies) for test in LISTS]  # fmt: skip
    size = "whole arms" if report.items is None else f"{report.items} items in each arm"
    title = f"What tests find on {named(report.names)}, {size}"
    spec = {
        "title": {"text": title, "anchor": "start", "color": INK["text"], "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": INK["soft"],
                            "titleColor": INK["soft"], "domain": False, "ticks": False}},
        "columns": 4, "concat": panels,
    }  # fmt: skip
    return Figure(spec, title, "; ".join(report.limits))


def _panel(report: PowerReport, test: str, variant: str, copies: list[int]) -> dict[str, Any]:
    x = {"field": "copies", "type": "ordinal", "sort": copies, "title": "exposures",
         "scale": {"type": "point"}, "axis": {"labelAngle": 0, "grid": False}}  # fmt: skip
    y = {"field": "power", "type": "quantitative", "title": "found at p ≤ .05",
         "scale": {"domain": [0, 1]},
         "axis": {"format": "%", "values": [0, 0.2, 0.4, 0.6, 0.8, 1]}}  # fmt: skip
    layers: list[dict[str, Any]] = []
    for form in _FORMS:
        curve = sorted(
            (c for c in report.curves
             if (c.test, c.form) == (test, form) and c.variant in ("clean", variant)),
            key=lambda c: c.copies,
        )  # fmt: skip
        if curve:
            layers += _form(form, curve, x, y)
    # Bands lie beneath all lines.
    layers.sort(key=lambda layer: layer["mark"]["type"] != "area")
    rules = {"data": {"values": [{"power": 0.05}, {"power": 0.8}]},
             "mark": {"type": "rule", "color": INK["line"], "strokeDash": [2, 3]},
             "encoding": {"y": y}}  # fmt: skip
    title = _TITLES.get(test, f"{test}, {WAYS[variant]}")
    return {
        "title": {"text": title, "anchor": "start", "color": INK["text"],
                  "fontWeight": "normal", "fontSize": 12},
        "width": 190, "height": 150, "layer": [*layers, rules],
    }  # fmt: skip


def _form(
    form: str, curve: list[Power], x: dict[str, Any], y: dict[str, Any]
) -> list[dict[str, Any]]:
    ink = "support" if form == "verbatim" else "refute"
    colour = {
        "field": "copies of", "type": "nominal", "sort": list(_FORMS),
        "scale": {"domain": list(_FORMS), "range": [INK["support"], INK["refute"]]},
        "legend": {"title": "copies"},
    }  # fmt: skip
    risen = isotonic_regression([c.power for c in curve]).x
    values = [
        {"copies": c.copies, "power": round(c.power, 4), "low": round(min(c.shares), 4),
         "high": round(max(c.shares), 4), "line": round(float(v), 4), "copies of": form}
        for c, v in zip(curve, risen, strict=True)
    ]  # fmt: skip
    data = {"values": values}
    band = {"type": "area", "color": INK[f"{ink}-area"], "opacity": 0.6}
    return [
        {"data": data, "mark": band,
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
        {"data": data, "mark": {"type": "line", "strokeWidth": 2},
         "encoding": {"x": x, "y": {**y, "field": "line"}, "color": colour}},
        {"data": data, "mark": {"type": "point", "filled": True, "size": 30, "opacity": 1},
         "encoding": {"x": x, "y": y, "color": {**colour, "legend": None}}},
    ]  # fmt: skip
