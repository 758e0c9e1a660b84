"""What happens to gold under pressure, at a glance? Gold and the judge's promise over sqrt(KL)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import INK, Figure, Spec, config, ticks
from calibrant.judges.pressure.kl import kl_bound

if TYPE_CHECKING:
    from calibrant.judges.pressure.result import Pressure

Floats = NDArray[np.float64]

_WIDTH, _HEIGHT = 620, 330


def pressure_figure(p: Pressure) -> Figure:
    """Gold with its band, what the judge promises, the law, and the set of best n shaded."""
    d = np.sqrt(p.kl_bound)
    g = p.gold
    promise = p.promise()
    top, low = _ends(p, promise)
    rows = [
        {"d": a, "gold": b, "low": max(c, low), "high": min(e, top)}
        for a, b, c, e in zip(d, g.value, g.band_low, g.band_high, strict=True)
    ]
    layers: list[Spec] = [_best(p, d), *_n_axis(p)]
    x = {"field": "d", "type": "quantitative",
         "scale": {"domain": [0, float(d[-1])], "nice": False},
         "axis": {"title": "√KL from the base policy, upper bound √(log n − (n − 1)/n)",
                  "values": ticks(0, float(d[-1]), 6)}}  # fmt: skip
    y = {"type": "quantitative", "scale": {"domain": [low, top], "nice": False},
         "axis": {"title": "mean gold score of the answer picked", "values": ticks(low, top, 6),
                  "format": "~g"}}  # fmt: skip
    layers.append({
        "data": {"values": rows},
        "mark": {"type": "area", "color": INK["support-area"], "opacity": 0.9, "clip": True},
        "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}},
    })  # fmt: skip
    if p.scale is not None:
        layers.append(_line(zip(d, promise, strict=True), "refute", [5, 3], x, y))
    if p.fit is not None:
        fine = np.linspace(0, float(d[-1]), 60)
        law = g.value[0] + p.fit.gain(fine)
        layers.append(_line(zip(fine, law, strict=True), "soft", [2, 2.5], x, y))
    layers.append(_line(zip(d, g.value, strict=True), "support", [1, 0], x, y, 2.6))
    title = "Gold under pressure from the judge"
    t = p.turn
    said = "the judge is over-optimised" if t.overoptimised else "no decline shown"
    spec: Spec = {
        "width": _WIDTH, "height": _HEIGHT, "padding": {"left": 14, "right": 14, "top": 12,
                                                         "bottom": 12},
        "title": {
            "text": title,
            "subtitle": [f"best of n, {p.prompts:,} prompts, band at {p.level:.0%} for all n "
                         f"together; at n = {p.n_max:,} {said} (p = {t.p_value:.2g})",
                         _keys(p)],
            "anchor": "start", "color": INK["text"], "subtitleColor": INK["soft"], "fontSize": 15,
            "subtitleFontSize": 12, "fontWeight": "bold", "offset": 26, "subtitlePadding": 5,
        },
        "layer": layers,
        "config": config(),
    }  # fmt: skip
    return Figure(spec, title, repr(p))


def _keys(p: Pressure) -> str:
    parts = ["solid: gold"]
    if p.scale is not None:
        parts.append("dashed: what the judge promises")
    if p.fit is not None:
        parts.append("dotted: fitted d(α − β d)")
    return "; ".join([*parts, "shaded: where gold may be highest"])


def _ends(p: Pressure, promise: Floats) -> tuple[float, float]:
    """Top and bottom of the plot: the estimates whole, bands and promise within reason."""
    g = p.gold
    low, high = float(g.value.min()), float(g.value.max())
    room = max(high - low, float(np.median(g.band_high - g.band_low)), 1e-9)
    top = min(max(float(g.band_high.max()), float(promise.max()) if p.scale else high),
              high + 1.2 * room)  # fmt: skip
    bottom = max(min(float(g.band_low.min()), low), low - 0.8 * room)
    return top, bottom


def _line(
    points: object, role: str, dash: list[float], x: Spec, y: Spec, width: float = 1.8
) -> Spec:
    values = [{"d": float(a), "value": float(b)} for a, b in points]  # type: ignore[attr-defined]
    return {
        "data": {"values": values},
        "mark": {"type": "line", "color": INK[role], "strokeWidth": width, "strokeDash": dash,
                 "clip": True},
        "encoding": {"x": x, "y": {"field": "value", **y}},
    }  # fmt: skip


def _best(p: Pressure, d: Floats) -> Spec:
    """The ranges of n at which gold may be highest, to the middle between neighbours."""
    place = {int(n): i for i, n in enumerate(p.gold.n)}
    values = []
    for first, last in p.turn.runs():
        i, j = place[first], place[last]
        left = d[i] if i == 0 else (d[i - 1] + d[i]) / 2
        right = d[j] if j == d.size - 1 else (d[j] + d[j + 1]) / 2
        values.append({"left": float(left), "right": float(right)})
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "color": INK["futile-area"]},
        "encoding": {"x": {"field": "left", "type": "quantitative"}, "x2": {"field": "right"},
                     "y": {"value": 0}, "y2": {"value": _HEIGHT}},
    }  # fmt: skip


def _n_axis(p: Pressure) -> list[Spec]:
    """n above the plot, at round numbers that stand apart."""
    most = float(np.sqrt(kl_bound([p.n_max])[0]))
    values: list[dict[str, object]] = []
    last = -1.0
    steps = [m * 10**e for e in range(7) for m in (1, 2, 5)]
    for n in [x for x in steps if x < p.n_max] + [p.n_max]:
        at = float(np.sqrt(kl_bound([n])[0]))
        if (at - last) / most < 0.055:
            if n != p.n_max:
                continue
            values.pop()
        values.append({"d": at, "n": f"n = {n:,}" if not values else f"{n:,}"})
        last = at
    return [{
        "data": {"values": values},
        "mark": {"type": "text", "dy": -10, "fontSize": 11, "color": INK["soft"]},
        "encoding": {"x": {"field": "d", "type": "quantitative"}, "y": {"value": 0},
                     "text": {"field": "n"}},
    }]  # fmt: skip
