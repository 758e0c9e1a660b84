"""Which rates fit what was seen, and what would the design do at each? Figures over a rate."""

from __future__ import annotations

import itertools
import math

from calibrant._figure import (
    INK,
    Place,
    Spec,
    bar,
    base,
    dot,
    fixed_mark,
    inside,
    label,
    level,
    rule,
    ticks,
)
from calibrant.assurance.assessment import ClaimResult, FamilyResult, Operating
from calibrant.report.svg import figure
from calibrant.report.words import about, interval, line, percent

WIDTH = 460
"""Wide enough for a desktop, and still legible when a telephone shrinks it."""

_VERDICT_INK = {"supported": "support", "refuted": "refute", "undetermined": "futile"}


def interval_figure(result: ClaimResult, ident: str) -> str:
    """The estimate with its interval against the threshold, as inline SVG."""
    e, claim = result.estimate, result.claim
    rates = [e.low, e.high, claim.threshold, e.low_if_missing, e.high_if_missing]
    rates += [r for r in (e.value, claim.if_really) if r is not None]
    low, high = _domain(rates)
    width, height = WIDTH - 44, 78
    spec = base(width, height, {"left": 20, "right": 24, "top": 24, "bottom": 42})
    place = Place(low, high, width)
    ink = INK[_VERDICT_INK[result.verdict]]
    layers = [_scale(low), *_marked(result, place, height)]
    middle = 34
    if result.missing:
        layers.append(bar(place, e.low_if_missing, e.high_if_missing, middle, INK["line"], 2))
    layers.append(bar(place, e.low, e.high, middle, ink, 7))
    if e.value is not None:
        layers.append(dot(place.x(e.value), middle, ink, 130))
        text = percent(e.value)
    else:
        text = "nothing was observed"
    at = place.x((e.low + e.high) / 2 if e.value is None else e.value)
    layers.append(label(text, *inside(at, text, width), middle + 20, "text", bold=True))
    spec["layer"] = layers
    spec["encoding"] = {"x": _rate_axis(low, high, f"Rate of “{line(claim.score, 40)}”")}
    said = "nothing was observed" if e.value is None else f"observed rate {percent(e.value)}"
    return figure(
        spec,
        ident=ident,
        title="Estimate and interval against the threshold",
        description=f"{said}; interval {interval(e)}; threshold {percent(claim.threshold, 4)}.",
        shape="rate",
        data={},
    )


def families_figure(result: ClaimResult, families: list[FamilyResult], ident: str) -> str:
    """The graded rate in each family with its interval, and over all trials, as inline SVG."""
    claim, grading = result.claim, result.grading
    e = result.estimate if grading is None else grading.graded
    # A threshold for the true rate is none for graded ones.
    threshold = claim.threshold if grading is None or grading.measurand == "graded" else None
    rates = [e.low, e.high, *([] if threshold is None else [threshold])]
    rates += [r for f in families for r in (f.low, f.high)]
    low, high = _domain(rates)
    left, row = 150, 24
    width, height = WIDTH - left - 24, row * (len(families) + 1) + 8
    spec = base(width, height, {"left": left, "right": 24, "top": 24, "bottom": 42})
    place = Place(low, high, width)
    layers = [_scale(low)]
    if threshold is not None:
        layers.append(rule(place.x(threshold), height, INK["text"], [1, 0]))
        text = f"threshold {percent(threshold, 4)}"
        layers.append(label(text, *inside(place.x(threshold), text, width), -11, "text"))
    rows = [(line(f.family, 60), f.low, f.high, f.value, "soft", 3) for f in families]
    rows.append(("all trials", e.low, e.high, e.value, _VERDICT_INK[result.verdict], 6))  # type: ignore[arg-type]
    for i, (name, lower, upper, value, role, thick) in enumerate(rows):
        y = row * i + row / 2 + 4
        short = name if len(name) <= 22 else f"{name[:21]}…"
        last = i == len(families)
        layers.append(label(short, -10, "right", y, "text" if last else "soft", bold=last))
        layers.append(bar(place, lower, upper, y, INK[role], thick))
        if value is not None:
            layers.append(dot(place.x(value), y, INK[role], 110 if last else 60))
    spec["layer"] = layers
    spec["encoding"] = {"x": _rate_axis(low, high, f"Rate of “{line(claim.score, 40)}”")}
    return figure(
        spec,
        ident=ident,
        title="Results by family",
        description="One interval for each family and one over all trials.",
        shape="rate",
        data={"families": len(families)},
    )


def chance_figure(result: ClaimResult, ident: str) -> str:
    """The chances of support and of refutation over the true rate, as inline SVG."""
    points = result.design.operating
    curves = [
        ("support", "supported", [1, 0], [(p.rate, p.supported) for p in points]),
        ("refute", "refuted", [5, 3], [(p.rate, p.refuted) for p in points]),
    ]
    axis = {"title": None, "values": [0, 0.25, 0.5, 0.75, 1],
            "labelExpr": "format(datum.value * 100, 'd') + '\u00a0%'"}  # fmt: skip
    spec = _curves(result, points, "Chance of each verdict", curves, axis, 1.0)
    return figure(
        spec,
        ident=ident,
        title="Chance of each verdict over the true rate",
        description="Exact chances that the design supports or refutes the claim.",
        shape="half",
        data={"rates": len(points)},
    )


def trials_figure(result: ClaimResult, ident: str) -> str:
    """The expected number of trials over the true rate, as inline SVG."""
    points = result.design.operating
    most = max([p.expected_trials for p in points if math.isfinite(p.expected_trials)], default=1)
    fixed = result.design.fixed_trials
    top = 1.12 * max(most, fixed if fixed and fixed < 3 * most else 0, 1)
    curves = [("text", "expected", [1, 0], [(p.rate, p.expected_trials) for p in points])]
    axis = {"title": None, "values": ticks(0, top, 4), "format": ",d"}
    spec = _curves(result, points, "Expected trials", curves, axis, top)
    if fixed and fixed <= top:
        height = spec["height"]
        y = height * (1 - fixed / top)
        spec["layer"].insert(0, level(y, spec["width"]))
        # On the side where the curve keeps farther from the level.
        third = max(len(points) // 3, 1)
        left, right = (
            min(abs(p.expected_trials - fixed) for p in part)
            for part in (points[:third], points[-third:])
        )
        x, align = (2, "left") if left > right else (spec["width"] - 2, "right")
        spec["layer"].append(label(f"fixed design {fixed:,}", x, align, y - 8, "soft"))
    return figure(
        spec,
        ident=ident,
        title="Expected trials over the true rate",
        description=f"Exact expected number of trials; at most {about(most)} at the rates shown.",
        shape="half",
        data={"rates": len(points)},
    )


def _domain(rates: list[float]) -> tuple[float, float]:
    """A little more than the rates span; from 0 or to 1 if that is near."""
    finite = [min(max(r, 0.0), 1.0) for r in rates if math.isfinite(r)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    span = max(high - low, 1e-6)
    low = 0.0 if low < 0.6 * span else low - 0.12 * span
    high = 1.0 if 1 - high < 0.3 * span else high + 0.12 * span
    return max(low, 0.0), min(high, 1.0)


def _rate_axis(low: float, high: float, title: str, about: int = 6) -> Spec:
    axis = {"title": title, "values": ticks(low, high, about),
            "labelExpr": "format(datum.value * 100, '.5~f') + '\u00a0%'"}  # fmt: skip
    scale = {"domain": [low, high], "nice": False, "zero": False}
    return {"field": "r", "type": "quantitative", "axis": axis, "scale": scale}


def _scale(rate: float) -> Spec:
    """A layer nobody sees, without which there would be no axis: all others stand at pixels."""
    return {"data": {"values": [{"r": rate}]}, "mark": {"type": "point", "opacity": 0}}


def _marked(result: ClaimResult, place: Place, height: float) -> list[Spec]:
    """The side of the threshold where the claim is true, the threshold, and if_really."""
    claim = result.claim
    at = place.x(claim.threshold)
    left, right = (0.0, at) if claim.relation == "below" else (at, float(place.width))
    area = {"type": "rect", "color": INK["support-area"], "opacity": 1}
    layers = [
        fixed_mark(area, x=left, x2=right, y=0, y2=height),
        rule(at, height, INK["text"], [1, 0]),
    ]
    text = f"threshold {percent(claim.threshold, 4)}"
    layers.append(label(text, *inside(at, text, place.width), -11, "text"))
    if right - left > 110:
        side = "left" if claim.relation == "below" else "right"
        inward = 1 if side == "left" else -1
        x = (left if side == "left" else right) + 6 * inward
        really = None if claim.if_really is None else place.x(claim.if_really)
        if really is not None and 0 < (really - x) * inward < 95 and right - left > 220:
            x = really + 6 * inward
        layers.append(label("claim true here", x, side, 12, "support"))
    if claim.if_really is not None:
        at = place.x(claim.if_really)
        text = f"if really {percent(claim.if_really, 4)}"
        layers.append(rule(at, height, INK["soft"], [4, 3]))
        x, align = inside(at + 5 + 3.3 * len(text), text, place.width)
        layers.append(label(text, x, align, height - 10, "soft"))
    return layers


def _curves(
    result: ClaimResult,
    points: list[Operating],
    heading: str,
    curves: list[tuple[str, str, list[int], list[tuple[float, float]]]],
    y_axis: Spec,
    top: float,
) -> Spec:
    """Curves over the true rate, with the threshold and if_really marked."""
    width, height = 270, 170
    spec = base(width, height, {"left": 48, "right": 22, "top": 44, "bottom": 42})
    claim = result.claim
    marked = [r for r in (claim.threshold, claim.if_really) if r is not None]
    rates = [p.rate for p in points if math.isfinite(p.rate)] + marked
    low, high = min(rates), max(rates)
    if high <= low:
        low, high = max(0.0, low - 0.01), min(1.0, high + 0.01)
    place = Place(low, high, width)
    layers = [label(heading, -40, "left", -32, "text", bold=True)]
    layers.append(rule(place.x(claim.threshold), height, INK["text"], [1, 0]))
    at = place.x(claim.threshold)
    layers.append(label("threshold", *inside(at, "threshold", width), -10, "text"))
    if claim.if_really is not None:
        at2 = place.x(claim.if_really)
        layers.append(rule(at2, height, INK["soft"], [4, 3]))
        # Close to the threshold the name leans away from it.
        lean = (at2 + 4, "right") if at2 < at else (at2 - 4, "left")
        beside = inside(at2, "if really", width) if abs(at2 - at) > 60 else lean
        if abs(at2 - at) > 34:
            layers.append(label("if really", *beside, -10, "soft"))
    for role, name, dash, pairs in curves:
        rows = [
            {"r": r, "v": min(max(v, 0.0), top)}
            for r, v in pairs
            if math.isfinite(r) and math.isfinite(v)
        ]
        mark = {"type": "line", "color": INK[role], "strokeWidth": 2.2, "strokeDash": dash,
                "interpolate": "monotone"}  # fmt: skip
        layers.append({"data": {"values": rows}, "mark": mark, "encoding": {"y": {"field": "v"}}})
        if role != "text" and rows:
            layers.append(_curve_name(name, role, rows, place, height))
    spec["layer"] = layers
    scale = {"domain": [0, top], "nice": False}
    spec["encoding"] = {
        "x": _rate_axis(low, high, "True rate", 4),
        "y": {"type": "quantitative", "axis": y_axis, "scale": scale},
    }
    return spec


def _curve_name(
    name: str, role: str, rows: list[dict[str, float]], place: Place, height: float
) -> Spec:
    """The name of a curve, on its empty side, where it is steep."""
    falls = rows[0]["v"] > rows[-1]["v"]
    # The two curves are named at different heights, so that the names cannot meet.
    target = (0.8 if role == "support" else 0.55) * max(r["v"] for r in rows)
    ordered = rows if falls else rows[::-1]
    x = place.x(ordered[-1]["r"])
    for here, after in itertools.pairwise(ordered):
        if here["v"] >= target >= after["v"] and here["v"] > after["v"]:
            share = (here["v"] - target) / (here["v"] - after["v"])
            x = place.x(here["r"] + share * (after["r"] - here["r"]))
            break
    return label(name, x + (8 if falls else -8), "left" if falls else "right",
                  height * (1 - target), role, bold=True)  # fmt: skip
