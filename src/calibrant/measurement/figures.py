"""How are estimates and comparisons shown? Intervals with budgets, forests, differences.

Names come from files and models: they are shortened and drawn as text, never read as anything else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    base,
    dot,
    fixed_mark,
    label,
    rule,
    shorten,
    text_width,
    ticks,
)
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.measurement.compare import SubjectComparison
    from calibrant.measurement.measure import Measurement

_PLOT = 360
_ROW = 30
_BAR = 20
_MOST_ROWS = 200
_SOURCES = "where the uncertainty comes from (A: from data, B: by other means)"
_KIND_INK = {"A": "support", "B": "futile"}


def plot_measurement(m: Measurement) -> Figure:
    """One estimate with its interval, and below it where its uncertainty comes from."""
    shown = [shorten(str(row["source"]), 30) for row in m.budget]
    left = max([text_width(s) + 24 for s in shown] + [60.0])
    below = 58 + _BAR * (len(m.budget) + 1) if m.budget else 0
    height = 46
    spec = base(_PLOT, height, {"left": left, "right": 170, "top": 74, "bottom": 44 + below})
    low, high = _domain([m])
    place = Place(low, high, _PLOT)
    layers = _heading(f"{m.score} of {m.subject}", f"on {m.instrument}; {_how(m)}", left)
    layers += _interval(m, place, height / 2, strong=True)
    layers.append(label(_numbers(m), _PLOT + 14, "left", height / 2, "text", bold=True))
    if m.budget:
        layers += _budget(m, shown, height + 62)
    spec["layer"] = layers
    spec["encoding"] = {"x": _axis(low, high, m.score)}
    return Figure(spec, f"{m.score} of {m.subject} on {m.instrument}", repr(m))


def plot_measurements(measurements: Sequence[Measurement]) -> Figure:
    """Many estimates with their intervals below each other (a forest plot).

    Args:
        measurements: as `measure` returns them; at least one, at most 200.

    Raises:
        InputError: for none, or too many to read.
    """
    found = _rows(measurements)
    parts = [(m.score, m.subject, m.instrument) for m in found]
    names = _distinct(parts)
    left = max([text_width(n) + 20 for n in names] + [60.0])
    height = _ROW * len(found)
    spec = base(_PLOT, height, {"left": left, "right": 230, "top": 70, "bottom": 46})
    low, high = _domain(found)
    place = Place(low, high, _PLOT)
    title = f"Estimates with {_levels(found)} intervals"
    layers = _heading(title, _common(parts), left)
    layers.append(label("n", _PLOT + 200, "right", -10, "soft"))
    for i, (name, m) in enumerate(zip(names, found, strict=True)):
        y = _ROW * (i + 0.5)
        layers.append(label(name, -12, "right", y, "text"))
        layers += _interval(m, place, y, strong=False)
        layers.append(label(_numbers(m), _PLOT + 14, "left", y, "text"))
        layers.append(label(f"{m.n:,}", _PLOT + 200, "right", y, "soft"))
    spec["layer"] = layers
    scores = {m.score for m in found}
    spec["encoding"] = {"x": _axis(low, high, scores.pop() if len(scores) == 1 else "score")}
    return Figure(spec, title, "; ".join(repr(m) for m in found))


def plot_comparisons(comparisons: Sequence[SubjectComparison]) -> Figure:
    """Differences of two subjects against 0 and the margin, with the items that flipped.

    Args:
        comparisons: of the same two subjects, as `compare` returns them; 1 to 200.

    Raises:
        InputError: for none, too many to read, or several pairs of subjects.
    """
    found = _rows(comparisons)
    if len({(c.a, c.b) for c in found}) != 1:
        raise InputError("comparisons: wanted all of one pair of subjects")
    a, b = shorten(found[0].a, 28), shorten(found[0].b, 28)
    names = [shorten(f"{c.score} on {c.instrument}", 40) for c in found]
    left = max([text_width(n) + 20 for n in names] + [60.0])
    height = _ROW * len(found) + 6
    spec = base(_PLOT, height, {"left": left, "right": 250, "top": 92, "bottom": 46})
    margins = {c.comparison.conclusion.margin for c in found} - {None}
    margin = max((m for m in margins if m is not None), default=0.0)
    ends = [x for c in found for x in (c.comparison.interval.low, c.comparison.interval.high)]
    low, high = _around([*ends, 0.0, margin, -margin], rate=False)
    place = Place(low, high, _PLOT)
    level = found[0].comparison.interval.level
    title = f"A = {a}, B = {b}"
    said = f"difference A − B with its {_level(level)} interval" + (
        f"; margin {margin:g} shaded" if margin else ""
    )
    layers = [*_heading(title, said, left, top=-74), *_zero(place, margin, height)]
    layers.append(label("items higher for", _PLOT + 236, "right", -26, "soft"))
    layers.append(label("A", _PLOT + 186, "right", -10, "support", bold=True))
    layers.append(label("B", _PLOT + 236, "right", -10, "refute", bold=True))
    for i, (name, c) in enumerate(zip(names, found, strict=True)):
        layers += _difference(name, c, place, _ROW * (i + 0.5) + 3)
    spec["layer"] = layers
    spec["encoding"] = {"x": _axis(low, high, "difference A − B")}
    return Figure(spec, title, "; ".join(repr(c) for c in found))


def _rows(given: Sequence[Any]) -> list[Any]:
    found = list(given)
    if not 1 <= len(found) <= _MOST_ROWS:
        raise InputError(f"figure: wanted 1–{_MOST_ROWS} rows, got {len(found)}")
    return found


def _heading(title: str, said: str, left: float, top: float = -52) -> list[Spec]:
    wide = left + _PLOT + 150
    bold = label(shorten(title, int(wide / 8.4)), 8 - left, "left", top, "text", bold=True)
    bold["mark"]["fontSize"] = 15
    return [bold, label(shorten(said, int(wide / 5.9)), 8 - left, "left", top + 21, "soft")]


def _how(m: Measurement) -> str:
    clusters = "" if m.clusters == m.n else f" in {m.clusters:,} clusters"
    missing = f", {m.missing:,} missing" if m.missing else ""
    return f"{_level(m.level)} interval, {m.method}; n = {m.n:,}{clusters}{missing}"


def _numbers(m: Measurement) -> str:
    if m.value is None:
        return "no scores"
    if m.interval is None:
        return f"{m.value:.3g} (no interval)"
    low, high = (f"{x:.3g}" if math.isfinite(x) else "∞" for x in m.interval)
    return f"{m.value:.3g} [{'−' * (low == '∞')}{low}, {high}]".replace("-", "−")


def _interval(m: Measurement, place: Place, y: float, *, strong: bool) -> list[Spec]:
    layers = []
    if m.if_missing is not None:
        layers.append(_span(*m.if_missing, place, y, INK["line"], 2))
    if m.interval is not None:
        layers.append(_span(*m.interval, place, y, INK["support"], 7 if strong else 4))
        for end, mark in zip(m.interval, ("triangle-left", "triangle-right"), strict=True):
            if not math.isfinite(end):
                arrow = dot(place.x(end), y, INK["support"], 90)
                arrow["mark"]["shape"] = mark
                layers.append(arrow)
    if m.value is not None:
        layers.append(_point(m.value, y, INK["support"], 130 if strong else 75))
    return layers


def _span(low: float, high: float, place: Place, y: float, ink: str, thick: float) -> Spec:
    """An interval as data: its ends are values on the axis."""
    low, high = max(low, place.low), min(high, place.high)
    least = (place.high - place.low) / place.width * 1.5  # no width still has to be seen
    return {
        "data": {"values": [{"low": low, "high": max(high, low + least)}]},
        "mark": {"type": "rule", "color": ink, "strokeWidth": thick, "strokeCap": "butt"},
        "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"},
                     "y": {"value": y}},
    }  # fmt: skip


def _point(value: float, y: float, ink: str, size: float) -> Spec:
    return {
        "data": {"values": [{"value": value}]},
        "mark": {"type": "point", "filled": True, "size": size, "opacity": 1, "color": ink,
                 "stroke": INK["page"], "strokeWidth": 1.5},
        "encoding": {"x": {"field": "value", "type": "quantitative"}, "y": {"value": y}},
    }  # fmt: skip


def _budget(m: Measurement, names: list[str], top: float) -> list[Spec]:
    """Bars of the standard uncertainties, with shares of the variance; Type A and B told apart."""
    layers = [label(_SOURCES, 0, "left", top, "text", bold=True),
              label("u", _PLOT + 62, "right", top, "soft"),
              label("share", _PLOT + 112, "right", top, "soft")]  # fmt: skip
    total = m.standard_uncertainty or 0.0
    most = max([float(row["u"]) for row in m.budget] + [total, 1e-300])
    rows = [(n, str(r["type"]), float(r["u"]), float(r["share"]))
            for n, r in zip(names, m.budget, strict=True)]  # fmt: skip
    y = top + 4
    for name, kind, u, share in rows:
        y += _BAR
        role = _KIND_INK.get(kind, "soft")
        layers.append(label(name, -26, "right", y, "text"))
        layers.append(label(kind, -12, "center", y, role, bold=True))
        layers += _bar(u / most, y, role, u, f"{share * 100:.0f} %")
    y += _BAR
    layers.append(label("combined", -26, "right", y, "text", bold=True))
    return layers + _bar(total / most, y, "text", total, "")


def _bar(part: float, y: float, role: str, u: float, share: str) -> list[Spec]:
    mark = {"type": "rect", "color": INK[role], "opacity": 1}
    return [
        fixed_mark(mark, x=0, x2=max(part * _PLOT, 1.0), y=y - 6, y2=y + 6),
        label(f"{u:.2g}", _PLOT + 62, "right", y, "text"),
        label(share, _PLOT + 112, "right", y, "soft"),
    ]


def _zero(place: Place, margin: float, height: float) -> list[Spec]:
    layers = []
    if margin:
        area = {"type": "rect", "color": INK["support-area"], "opacity": 1}
        x, x2 = place.x(-margin), place.x(margin)
        layers.append(fixed_mark(area, x=x, x2=x2, y=0, y2=height))
        if (x2 - x) / 2 > text_width("within margin") + 10:
            layers.append(label("within margin", x + 5, "left", height - 8, "support"))
    at = place.x(0.0)
    layers.append(rule(at, height, INK["text"], [1, 0]))
    if at > 80:
        layers.append(label("← B higher", at - 8, "right", -12, "soft"))
    if place.width - at > 80:
        layers.append(label("A higher →", at + 8, "left", -12, "soft"))
    return layers


def _difference(name: str, c: SubjectComparison, place: Place, y: float) -> list[Spec]:
    d = c.comparison
    better = d.conclusion.better
    role = {"A": "support", "B": "refute", None: "soft"}[better]
    ends = d.interval
    numbers = f"{d.difference:+.3g} [{ends.low:+.3g}, {ends.high:+.3g}]".replace("-", "−")
    return [
        label(name, -12, "right", y, "text"),
        _span(ends.low, ends.high, place, y, INK[role], 5),
        _point(d.difference, y, INK[role], 110),
        label(numbers, _PLOT + 14, "left", y, "text"),
        label(f"{len(d.a_higher):,}", _PLOT + 186, "right", y, "support"),
        label(f"{len(d.b_higher):,}", _PLOT + 236, "right", y, "refute"),
    ]


def _distinct(parts: list[tuple[str, str, str]]) -> list[str]:
    """Names of rows: only the parts in which they differ, the subject if they are all alike."""
    vary = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    if not any(vary):
        vary = [False, True, False]
    several = sum(vary) > 1
    # subject, score, instrument, and how much of each there is room for
    order = [(1, "", 28), (0, "", 16), (2, "on ", 18)]
    return [
        " ".join(f"{word}{shorten(p[i], most if several else 42)}"
                 for i, word, most in order if vary[i])
        for p in parts
    ]  # fmt: skip


def _common(parts: list[tuple[str, str, str]]) -> str:
    """What all rows share, for the heading."""
    same = [c[0] if len(set(c)) == 1 else "" for c in zip(*parts, strict=True)]
    words = [same[0], f"of {same[1]}" if same[1] else "", f"on {same[2]}" if same[2] else ""]
    return " ".join(w for w in words if w)


def _levels(found: Sequence[Measurement]) -> str:
    return " and ".join(sorted({_level(m.level) for m in found}))


def _level(level: float) -> str:
    return f"{level * 100:.6g} %"


def _domain(found: Sequence[Measurement]) -> tuple[float, float]:
    values = [m.value for m in found if m.value is not None]
    for m in found:
        values += [x for x in (*(m.interval or ()), *(m.if_missing or ())) if math.isfinite(x)]
    rate = all(0 <= v <= 1 for v in values)
    return _around(values or [0.0, 1.0], rate=rate)


def _around(values: list[float], *, rate: bool) -> tuple[float, float]:
    """A little more than the values span; a rate's axis starts at 0 or ends at 1 if that is near.

    One-sided intervals end at the edge.
    """
    low, high = min(values), max(values)
    span = max(high - low, 1e-9, 1e-6 * max(abs(low), abs(high)))
    if not rate:
        return low - 0.1 * span, high + 0.1 * span
    near = 0.6 * span
    return (
        0.0 if low < near else low - 0.1 * span,
        1.0 if 1 - high < 0.3 * span else min(1.0, high + 0.1 * span),
    )


def _axis(low: float, high: float, title: str) -> Spec:
    axis = {"title": shorten(title, 60), "values": ticks(low, high, 6), "format": "~g"}
    scale = {"domain": [low, high], "nice": False, "zero": False}
    return {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}
