"""How does a cut look? The panel's raters, and curves over the score with the cut in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    base,
    dot,
    fixed_mark,
    inside,
    label,
    rule,
    shorten,
    text_width,
    ticks,
)

if TYPE_CHECKING:
    from calibrant.quality.cuts.cut import Cut

Floats = NDArray[np.float64]

_WIDTH, _HEIGHT, _ROW, _MOST = 420, 220, 24, 60


@dataclass(frozen=True)
class Curve:
    """A named line: x and y of one length; role is an ink, dash a pattern."""

    name: str
    x: Floats
    y: Floats
    role: str
    dash: tuple[float, ...] = (1, 0)


def rows_figure(title: str, cut: Cut, rows: Sequence[tuple[str, float, bool]], axis: str) -> Figure:
    """A dot a row around the cut and its interval; rows that are marked stand out.

    Args:
        rows: a name, a value on the score scale, and whether it is marked.
    """
    rows = rows[:_MOST]
    values = [v for _, v, _ in rows]
    low, high = min([*values, cut.low]), max([*values, cut.high])
    pad = max(0.05 * (high - low), 0.01)
    place = Place(max(0.0, low - pad), min(1.0, high + pad), _WIDTH)
    height = _ROW * len(rows) + 8
    left = max([text_width(shorten(n, 34)) for n, _, _ in rows]) + 24
    spec = base(_WIDTH, height, {"left": left, "right": 60, "top": 72, "bottom": 44})
    band = place.x(cut.low), place.x(cut.high)
    layers = [
        fixed_mark({"type": "rect", "color": INK["support-area"]}, x=band[0],
                   x2=max(band[1], band[0] + 1), y=0, y2=height),
        rule(place.x(cut.value), height, INK["support"], [1, 0]),
        label(title, -left + 4, "left", -54, "text", bold=True),
        label(_said(cut), -left + 4, "left", -34, "soft"),
    ]  # fmt: skip
    at = inside(place.x(cut.value), f"cut {cut.value:.3f}", _WIDTH)
    layers.append(label(f"cut {cut.value:.3f}", *at, -11, "support"))
    for i, (name, value, marked) in enumerate(rows):
        y, role = _ROW * (i + 0.5) + 4, "refute" if marked else "path"
        layers += [
            label(shorten(name, 34), -12, "right", y, role if marked else "text"),
            dot(place.x(value), y, INK[role], 80),
            label(f"{value:.3f}", _WIDTH + 14, "left", y, "soft"),
        ]
    spec["layer"] = [_unseen(place.low), *layers]
    spec["encoding"] = {"x": _axis(place, axis)}
    return Figure(spec, title, f"{cut!r}; {len(rows)} rows")


def curves_figure(
    title: str, cut: Cut, curves: Sequence[Curve], *, axis: str, said: str, top: float | None = None
) -> Figure:
    """Lines over the score, each named below the title, with the cut and its interval.

    Args:
        said: a line below the title.
        top: the top of the vertical axis; by default a little above the curves.
    """
    x = np.concatenate([c.x for c in curves])
    place = Place(float(x.min()), float(x.max()), _WIDTH)
    most = top if top is not None else max(float(c.y.max()) for c in curves) * 1.06 or 1.0
    spec = base(_WIDTH, _HEIGHT, {"left": 64, "right": 24, "top": 96, "bottom": 46})
    band = place.x(cut.low), place.x(cut.high)
    layers = [
        fixed_mark({"type": "rect", "color": INK["support-area"]}, x=band[0],
                   x2=max(band[1], band[0] + 1), y=0, y2=_HEIGHT),
        rule(place.x(cut.value), _HEIGHT, INK["support"], [1, 0]),
        label(title, -56, "left", -78, "text", bold=True),
        label(said, -56, "left", -58, "soft"),
    ]  # fmt: skip
    at = inside(place.x(cut.value), f"cut {cut.value:.3f}", _WIDTH)
    layers.append(label(f"cut {cut.value:.3f}", *at, -10, "support"))
    start = -56.0
    for c in curves:
        layers.append(
            fixed_mark({"type": "rule", "color": INK[c.role], "strokeWidth": 2.2,
                        "strokeDash": list(c.dash)}, x=start, x2=start + 24, y=-34, y2=-34)
        )  # fmt: skip
        layers.append(label(c.name, start + 30, "left", -34, "text"))
        start += 48 + text_width(c.name)
    y_axis = {"title": None, "values": ticks(0.0, most, 5), "format": "~g"}
    y = {"field": "y", "type": "quantitative", "axis": y_axis,
         "scale": {"domain": [0, most], "nice": False}}  # fmt: skip
    for c in curves:
        points = [{"x": float(a), "y": float(b)} for a, b in zip(c.x, c.y, strict=True)]
        layers.append(
            {"data": {"values": points},
             "mark": {"type": "line", "color": INK[c.role], "strokeWidth": 2.2,
                      "strokeDash": list(c.dash), "clip": True},
             "encoding": {"x": _axis(place, axis, "x"), "y": y}}
        )  # fmt: skip
    spec["layer"] = layers
    return Figure(spec, title, f"{said}; {cut!r}")


def _said(cut: Cut) -> str:
    return f"{cut.origin}; {cut.level:.0%} interval {cut.low:.3f} to {cut.high:.3f}"


def _unseen(x: float) -> Spec:
    # A mark nobody sees carries the axis: all others stand at fixed places.
    return {"data": {"values": [{"x": x}]}, "mark": {"type": "point", "opacity": 0}}


def _axis(place: Place, title: str, field: str = "x") -> Spec:
    axis = {"values": ticks(place.low, place.high, 6), "title": title, "format": "~g"}
    scale = {"domain": [place.low, place.high], "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}
