"""Where does what was observed lie among what chance gives? And what a blind baseline sees."""

from __future__ import annotations

from typing import Any

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    label,
    rule,
    shorten,
    ticks,
)
from calibrant.contamination.evidence import REASONS, ExposureTest
from calibrant.errors import InputError

_WIDTH, _HEIGHT, _ROW, _GAP = 480, 170, 20, 70


def null_figure(test: ExposureTest) -> Figure:
    """The distribution of a test's statistic under chance, the observed value, the blind baseline.

    Raises:
        InputError: for a test without a distribution, as that of answers.
    """
    detail = test.detail
    if "null" not in detail:
        raise InputError(f"figure: a test by {test.method} has no distribution to draw")
    at, share = detail["null"]["at"], detail["null"]["share"]
    observed = float(detail["observed"])
    low, high = min(*at, observed), max(*at, observed)
    margin = 0.04 * (high - low) or 1.0
    place, top = Place(low - margin, high + margin, _WIDTH), max(share)
    thick = max(1.5, 0.8 * _WIDTH / max(len(at), 12))
    seen = test.verdict == "seen"
    bars: list[Spec] = [
        _column(
            place.x(x), _HEIGHT * (1 - s / top), thick, x >= observed - 1e-9 * abs(observed), seen
        )
        for x, s in zip(at, share, strict=True)
        if s > 0
    ]
    ink = INK["refute" if seen else "path"]
    p = "none" if test.p is None else f"{test.p:.3g}"
    side = "right" if place.x(observed) > _WIDTH / 2 else "left"
    shift = -8 if side == "right" else 8
    layers = [
        label(f"{shorten(test.subject, 40)}: {test.verdict}", -12, "left", -50, "text", bold=True),
        label(f"by {test.method}, p = {p}, as {REASONS[test.reason]}", -12, "left", -30, "soft"),
        *bars,
        rule(place.x(observed), _HEIGHT, ink, [1, 0], top=-12),
        label("observed", place.x(observed) + shift, side, -8, "refute" if seen else "path"),
    ]
    rows = test.blind
    height = float(_HEIGHT)
    right = 24.0
    if rows:
        height = _HEIGHT + _GAP + _ROW * len(rows)
        layers += _blind(rows)
        right = 150.0
    frame = base(_WIDTH, height, {"left": 110 if rows else 24, "right": right, "top": 66,
                                  "bottom": 44 if not rows else 26})  # fmt: skip
    marks = ticks(low, high, 6)
    layers += [label(f"{t:g}", place.x(t), "center", _HEIGHT + 14, "soft") for t in marks]
    layers.append(label("statistic under chance", _WIDTH / 2, "center", _HEIGHT + 32, "soft"))
    unseen: Spec = {"data": {"values": [{}]}, "mark": {"type": "point", "opacity": 0}}
    return Figure({**frame, "layer": [unseen, *layers]},
                  f"{test.subject}: {test.verdict}", repr(test))  # fmt: skip


def _column(x: float, y: float, thick: float, beyond: bool, seen: bool) -> Spec:
    ink = INK[("refute" if seen else "support") if beyond else "line"]
    return {
        "data": {"values": [{}]},
        "mark": {"type": "rect", "color": ink, "opacity": 0.85},
        "encoding": {
            "x": {"value": round(x - thick / 2, 2)}, "x2": {"value": round(x + thick / 2, 2)},
            "y": {"value": round(y, 2)}, "y2": {"value": _HEIGHT},
        },
    }  # fmt: skip


def _blind(rows: tuple[dict[str, Any], ...]) -> list[Spec]:
    """Intervals of AUROCs of features of texts, with a line at .5."""
    place, top = Place(0.0, 1.0, _WIDTH), _HEIGHT + _GAP
    size = _ROW * len(rows)
    layers = [
        label("blind baseline: AUROC of texts alone, without a subject", _WIDTH / 2, "center",
              top - 16, "soft"),
        {"data": {"values": [{}]},
         "mark": {"type": "rule", "color": INK["line"], "strokeDash": [4, 3]},
         "encoding": {"x": {"value": place.x(0.5)}, "y": {"value": top},
                      "y2": {"value": top + size}}},
    ]  # fmt: skip
    for number, row in enumerate(rows):
        y = top + _ROW * (number + 0.5)
        apart = not row["low"] <= 0.5 <= row["high"]
        ink = INK["refute" if apart else "support"]
        said = f"{row['auroc']:.2f}, {row['low']:.2f} to {row['high']:.2f}"
        layers += [
            label(str(row["name"]), -12, "right", y, "text"),
            bar(place, row["low"], row["high"], y, ink, 2.5),
            dot(place.x(row["auroc"]), y, ink, 50),
            label(said, _WIDTH + 12, "left", y, "text"),
        ]
    return layers
