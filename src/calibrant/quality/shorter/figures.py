"""What does each item fewer cost? Errors on unseen families against the length of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import INK, Figure, base, label
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.quality.shorter.short_form import ShortForm

_INKS = {
    "adaptive": "support",
    "short form": "path",
    "random + model": "futile",
    "random sample": "refute",
    "average": "line",
}
_WIDTH, _HEIGHT, _APART = 470, 290, 15.0


def errors_figure(form: ShortForm) -> Figure:
    """Mean absolute errors by length on log scales, a line a method, the form's own as a dot.

    Raises:
        InputError: if there is only one length.
    """
    shown = [e for e in form.errors if e.method in _INKS and e.error > 0]
    sizes = sorted({e.items for e in shown})
    if len(sizes) < 2:
        raise InputError("figure: too few items for a curve")
    low, high = min(e.error for e in shown), max(e.error for e in shown)
    x: dict[str, Any] = {
        "field": "items", "type": "quantitative", "title": "items asked",
        "scale": {"type": "log", "domain": [sizes[0], sizes[-1]], "nice": False},
        "axis": {"values": [n for n in (5, 10, 25, 50, 100, 200) if n <= sizes[-1]],
                 "format": "d"},
    }  # fmt: skip
    y: dict[str, Any] = {
        "field": "error", "type": "quantitative", "title": "mean absolute error of the full score",
        "scale": {"type": "log", "domain": [low * 0.9, high * 1.1], "nice": False},
        "axis": {"values": [v for v in _MARKS if low * 0.9 <= v <= high * 1.1], "format": "~g"},
    }  # fmt: skip
    methods = [m for m in _INKS if any(e.method == m for e in shown)]
    colour = {"field": "method", "type": "nominal", "legend": None,
              "scale": {"domain": methods, "range": [INK[_INKS[m]] for m in methods]}}  # fmt: skip
    values = [{"items": e.items, "error": round(e.error, 6), "method": e.method} for e in shown]
    mine = form.error()
    own = [{"items": mine.items, "error": mine.error, "low": max(mine.low, low * 0.9),
            "high": mine.high}]  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "line", "strokeWidth": 2.2, "clip": True},
         "encoding": {"x": x, "y": y, "color": colour}},
        {"data": {"values": own}, "mark": {"type": "rule", "color": INK["path"], "strokeWidth": 2},
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
        {"data": {"values": own},
         "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "color": INK["path"]},
         "encoding": {"x": x, "y": y}},
        *_names(form, methods, sizes[-1], low * 0.9, high * 1.1),
    ]  # fmt: skip
    title = f"{form.size} of {len(form.engine.items):,} items"
    said = f"error on families not used in calibration ({form.engine.families} families)"
    layers += [label(title, -56, "left", -40, "text", bold=True),
               label(said, -56, "left", -20, "soft")]  # fmt: skip
    frame = base(_WIDTH, _HEIGHT, {"left": 62, "right": 130, "top": 58, "bottom": 46})
    return Figure({**frame, "data": {"values": values}, "layer": layers}, title, repr(form))


_MARKS = [m * p for p in (1e-3, 1e-2, 0.1, 1.0, 10.0) for m in (1, 2, 5)]


def _names(
    form: ShortForm, methods: list[str], last: int, low: float, high: float
) -> list[dict[str, Any]]:
    """Each line's name at its end, names kept apart."""
    from math import log

    ends = {e.method: e.error for e in form.errors if e.items == last}
    place = {m: _HEIGHT * (log(high) - log(ends[m])) / (log(high) - log(low)) for m in methods}
    layers, before = [], -_APART
    for method in sorted(place, key=lambda m: place[m]):
        before = max(place[method], before + _APART)
        layers.append(label(method, _WIDTH + 8, "left", before, _INKS[method]))
    return layers
