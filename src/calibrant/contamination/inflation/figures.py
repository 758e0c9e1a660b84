"""How is an inflation shown? The subject beside the prediction band, inflation by dose, or bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    fixed_mark,
    label,
    rule,
    shorten,
    text_width,
    ticks,
)

if TYPE_CHECKING:
    from calibrant.contamination.inflation.result import Inflation

_WIDE, _HIGH = 420, 320
_ROW = 30
_PLAIN = ("observed", "without exposure")
"""Rows that are scores; others are differences, and have a sign."""


def plot_inflation(found: Inflation) -> Figure:
    """The figure of a design."""
    if found.design == "benchmarks":
        return _band(found)
    if found.design == "items":
        return _doses(found)
    return _bars(found)


def _band(found: Inflation) -> Figure:
    """Scores here against scores on the reference benchmark, with the prediction band."""
    detail = found.detail
    rows = detail["references"]
    xs = [r["reference_score"] for r in rows] + [detail["reference_score"]]
    ys = [r["score"] for r in rows] + [found.observed]
    ys += [c[end] for c in detail["curve"] for end in ("low", "high")]
    ends = [(min(v) - 0.03, max(v) + 0.03) for v in (xs, ys)]
    across, up = Place(*ends[0], _WIDE), Place(*ends[1], _HIGH)

    def y(value: float) -> float:
        return _HIGH - up.x(value)

    spec = base(_WIDE, _HIGH, {"left": 64, "right": 40, "top": 76, "bottom": 52})
    title = f"{shorten(found.subject, 40)} on {shorten(found.instrument, 30)}"
    said = f"reference subjects, and what they predict ({found.level:.0%} band)"
    curve = [{"x": across.x(c["reference_score"]), "low": y(c["low"]), "high": y(c["high"]),
              "y": y(c["expected"])} for c in detail["curve"]]  # fmt: skip
    layers: list[Spec] = [
        label(title, -56, "left", -56, "text", bold=True),
        label(said, -56, "left", -34, "soft"),
        _line(curve, {"type": "area", "color": INK["support-area"]}, {"y": "low", "y2": "high"}),
        _line(curve, {"type": "line", "color": INK["support"], "strokeWidth": 1.5}, {"y": "y"}),
    ]
    for row in rows:
        role = "futile" if row["suspicious"] else "line"
        layers.append(dot(across.x(row["reference_score"]), y(row["score"]), INK[role], 45))
    at = across.x(detail["reference_score"])
    mark = {"type": "rule", "color": INK["refute"], "strokeWidth": 1.4, "strokeDash": [3, 2]}
    layers.append(fixed_mark(mark, x=at, x2=at, y=y(found.observed), y2=y(found.without)))
    layers.append(dot(at, y(found.observed), INK["refute"], 110))
    side = "right" if at > _WIDE / 2 else "left"
    layers.append(label(f"{found.value:+.3f}", at + (-10 if side == "right" else 10), side,
                        y(found.observed) - 12, "refute", bold=True))  # fmt: skip
    layers += [_grid(across, up)]
    spec["layer"] = [layers[-1], *layers[:-1]]
    spec["encoding"] = {
        "x": _axis("x", ends[0], f"score on {shorten(detail['reference'], 40)}"),
        "y": _axis("y", ends[1], f"score on {shorten(found.instrument, 30)}"),
    }
    return Figure(spec, title, repr(found))


def _line(values: list[dict[str, float]], mark: Spec, channels: dict[str, str]) -> Spec:
    """A line or band through fixed pixels."""
    encoding: Spec = {"x": {"field": "x", "type": "quantitative", "scale": None}}
    for channel, field in channels.items():
        encoding[channel] = {"field": field, "type": "quantitative", "scale": None}
    for channel in ("x", "y"):
        encoding[channel]["axis"] = None
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _grid(across: Place, up: Place) -> Spec:
    # A mark nobody sees carries the axes: all others stand at fixed places.
    return {"data": {"values": [{"x": across.low, "y": up.low}]},
            "mark": {"type": "point", "opacity": 0}}  # fmt: skip


def _axis(field: str, ends: tuple[float, float], title: str) -> Spec:
    axis = {"values": ticks(*ends, 6), "title": title, "format": "~g"}
    scale = {"domain": list(ends), "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}


def _doses(found: Inflation) -> Figure:
    """How far each dose lies above what difficulty predicts."""
    rows = found.detail["doses"]
    names = [f"{r['exposures']} exposures, {r['items']:,} items" for r in rows]
    values = [(r["effect"], r["low"], r["high"]) for r in rows]
    low, high = found.detail["effect_interval"]
    names.append(f"all exposed, {found.detail['exposed']:,} items")
    values.append((found.detail["effect"], low, high))
    title = f"{shorten(found.subject, 40)} on {shorten(found.instrument, 30)}"
    said = f"score above what difficulty predicts, with {found.level:.0%} intervals"
    return _forest(found, title, said, names, values, zero=0.0)


def _bars(found: Inflation) -> Figure:
    """The score as it is and without exposure."""
    names = ["observed", "without exposure", "inflation"]
    values: list[tuple[float, Any, Any]] = [
        (found.observed, None, None),
        (found.without, *found.without_interval),
        (found.value, *found.interval),
    ]
    title = f"{shorten(found.subject, 40)} on {shorten(found.instrument, 30)}"
    said = f"with {found.level:.0%} intervals; {shorten(found.method, 60)}"
    return _forest(found, title, said, names, values, zero=0.0)


def _forest(
    found: Inflation, title: str, said: str, names: list[str],
    values: list[tuple[float, Any, Any]], zero: float,
) -> Figure:  # fmt: skip
    every = [x for row in values for x in row if x is not None] + [zero]
    pad = 0.04 * (max(every) - min(every)) or 0.05
    ends = min(every) - pad, max(every) + pad
    place, height = Place(*ends, _WIDE), _ROW * len(names) + 8
    left = max(text_width(n) for n in names) + 24
    spec = base(_WIDE, height, {"left": left, "right": 190, "top": 70, "bottom": 44})
    layers = [label(title, 8 - left, "left", -50, "text", bold=True),
              label(said, 8 - left, "left", -29, "soft"),
              rule(place.x(zero), height, INK["line"], [4, 3])]  # fmt: skip
    for i, (name, (value, low, high)) in enumerate(zip(names, values, strict=True)):
        y = _ROW * (i + 0.5) + 4
        text = f"{value:.3f}" if name in _PLAIN else f"{value:+.3f}"
        layers.append(label(name, -12, "right", y, "text"))
        if low is not None:
            layers.append(bar(place, low, high, y, INK["support"], 3))
            text += f"  ({low:.3f} to {high:.3f})"
        layers.append(dot(place.x(value), y, INK["support"], 80))
        layers.append(label(text, _WIDE + 14, "left", y, "text"))
    unseen = {"data": {"values": [{"x": ends[0]}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    spec["encoding"] = {"x": _axis("x", ends, "score")}
    return Figure(spec, title, repr(found))
