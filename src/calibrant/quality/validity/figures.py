"""How does validity look? A map of correlations, a scree, and forests of measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    level,
    rule,
    shorten,
    text_width,
    ticks,
)
from calibrant.errors import InputError
from calibrant.quality.validity.factors import Factors
from calibrant.stats.relations.spread import Estimate

if TYPE_CHECKING:
    from calibrant.quality.validity.result import Validity

MOST = 40
"""Rows of a figure."""

Row = tuple[str, Estimate, float | None]
"""A name, its estimate, and where a stroke marks what is possible."""

_PLOT = 340
_ROW = 26
_UNSEEN = {"data": {"values": [{"low": 0}]}, "mark": {"type": "point", "opacity": 0}}


def draw(found: Validity, kind: str) -> Figure:
    """One of the figures of a result, by name.

    Raises:
        InputError: for an unknown name, or a part that was not computed.
    """
    if kind == "correlations" and found.pairs:
        return correlations(found)
    if kind == "scree" and found.factors is not None:
        return scree(found.factors)
    if kind == "capability" and found.capability:
        rows: list[Row] = [(c.measure, c.pearson, None) for c in found.capability]
        said = "correlation with the component of the other measures"
        return _forest(rows, "How much is general ability", said, found.level)
    if kind == "agreement" and found.agreement:
        rows = [(a.benchmark, a.tau, a.ceiling) for a in found.agreement]
        title = f"Agreement with {shorten(found.agreement[0].reference, 40)}"
        return _forest(rows, title, "Kendall's τ; a stroke marks what noise allows", found.level)
    if kind not in ("correlations", "scree", "capability", "agreement"):
        raise InputError(
            f"figure: wanted correlations, scree, capability or agreement, got {kind!r}"
        )
    raise InputError(f"figure: there is no {kind} in this result to draw")


def correlations(found: Validity) -> Figure:
    """Correlations as seen below the diagonal, without error (or of ranks) above it."""
    names = [m.name for m in found.measures][:MOST]
    at = {name: i for i, name in enumerate(names)}
    shown = [shorten(n, 28) for n in names]
    cell = 46 if len(names) <= 12 else 30
    side = float(cell * len(names))
    left = max(text_width(n) for n in shown) + 18
    # Names stand upright above the columns: they need their whole length there.
    pure = any(p.true.value is not None for p in found.pairs)
    title = "What measures share"
    upper = "without error above, reliability on the diagonal" if pure else "Spearman's above"
    said = f"Pearson's correlations below the diagonal; {upper}"
    right = max(40.0, text_width(said) - left - side + 20)
    spec = base(side, side, {"left": left, "right": right, "top": 62 + left, "bottom": 20})
    layers = [label(title, -left + 4, "left", -left - 44, "text", bold=True),
              label(said, -left + 4, "left", -left - 24, "soft")]  # fmt: skip
    for i, name in enumerate(shown):
        layers.append(label(name, -10, "right", (i + 0.5) * cell, "text"))
        mark = {"type": "text", "text": name, "align": "left", "baseline": "middle", "angle": 270,
                "color": INK["text"]}  # fmt: skip
        layers.append(fixed_mark(mark, x=(i + 0.5) * cell, y=-10))
        layers += _cell(i, i, found.measures[i].reliability, cell, "futile")
    for p in found.pairs:
        if p.one not in at or p.two not in at:
            continue
        a, b = sorted((at[p.one], at[p.two]))
        other = p.true.value if pure else p.spearman.value
        layers += _cell(b, a, p.pearson.value, cell) + _cell(a, b, other, cell)
    spec["layer"] = layers
    closest = sorted(found.pairs, key=lambda p: -abs(p.pearson.value or 0.0))[:6]
    return Figure(spec, title, f"{said}. Closest: {'; '.join(map(repr, closest))}")


def _cell(row: int, column: int, value: float | None, size: int, role: str = "") -> list[Spec]:
    role = role or ("support" if (value or 0.0) >= 0 else "refute")
    strength = min(abs(value or 0.0), 1.0)
    x, y = column * size, row * size
    mark = {"type": "rect", "color": INK[role], "opacity": round(0.06 + 0.9 * strength**2, 3)}
    text = "–" if value is None else f"{value:.2f}"
    # Ink on a light ground, paper on a dark one.
    written = label(
        text, x + size / 2, "center", y + size / 2, "page" if strength > 0.7 else "text"
    )
    written["mark"]["fontSize"] = 11 if size > 40 else 9
    return [fixed_mark(mark, x=x + 1, x2=x + size - 1, y=y + 1, y2=y + size - 1), written]


def scree(found: Factors) -> Figure:
    """Eigenvalues, and the limit that each one that was tested had to exceed."""
    values = found.eigenvalues[:MOST]
    top = max(*values, *found.limits) * 1.06
    width, height = float(max(26 * len(values), 300)), 240.0
    step, place = width / len(values), Place(0.0, top, height)
    spec = base(width, height, {"left": 54, "right": 60, "top": 66, "bottom": 46})
    title = (
        f"{found.factors} factor{'' if found.factors == 1 else 's'} in {len(found.names)} measures"
    )
    said = "eigenvalues; strokes are limits by parallel analysis with families"
    layers = [label(title, -50, "left", -48, "text", bold=True),
              label(said, -50, "left", -28, "soft"),
              level(height - place.x(1.0), width)]  # fmt: skip
    for i, value in enumerate(values):
        x = (i + 0.5) * step
        there = i < found.factors
        layers.append(dot(x, height - place.x(value), INK["support" if there else "line"], 90))
        layers.append(label(f"{i + 1}", x, "center", height + 14, "soft"))
        if i < len(found.limits):
            y = height - place.x(found.limits[i])
            mark = {"type": "rule", "color": INK["refute"], "strokeWidth": 2.4}
            layers.append(fixed_mark(mark, x=x - 9, x2=x + 9, y=y, y2=y))
    layers.append(label("1", width + 8, "left", height - place.x(1.0), "soft"))
    layers.append(label("factor", width / 2, "center", height + 34, "soft"))
    spec["layer"] = [_UNSEEN, *layers]
    axis = {"values": ticks(0.0, top, 5), "title": None, "format": "~g"}
    scale = {"domain": [0.0, top], "nice": False}
    spec["encoding"] = {"y": {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, repr(found))


def _forest(rows: list[Row], title: str, said: str, confidence: float) -> Figure:
    drawn = [r for r in rows if r[1].value is not None]
    drawn = sorted(drawn, key=lambda r: -(r[1].value or 0.0))[:MOST]
    if not drawn:
        raise InputError("figure: nothing is defined, so there is nothing to draw")
    lows = [e.value if e.low is None else e.low for _, e, _ in drawn]
    low, high = min(0.0, *(v for v in lows if v is not None)), 1.0
    place, height = Place(low, high, _PLOT), _ROW * len(drawn) + 8.0
    names = [shorten(n, 40) for n, _, _ in drawn]
    left = max(text_width(n) for n in names) + 22
    spec = base(_PLOT, height, {"left": left, "right": 190, "top": 62, "bottom": 40})
    layers = [label(title, -left + 4, "left", -44, "text", bold=True),
              label(f"{said}; {confidence:.0%} intervals", -left + 4, "left", -24, "soft"),
              rule(place.x(0.0), height, INK["line"], [4, 3])]  # fmt: skip
    for i, (name, (_, e, mark)) in enumerate(zip(names, drawn, strict=True)):
        y = _ROW * (i + 0.5)
        layers.append(label(name, -12, "right", y, "text"))
        text = f"{e.value:.2f}"
        if e.low is not None and e.high is not None:
            layers.append(bar(place, e.low, e.high, y, INK["support"], 3))
            text += f"  ({e.low:.2f} to {e.high:.2f})"
        if mark is not None:
            layers.append(rule(place.x(mark), y + 9, INK["futile"], [], y - 9))
        layers.append(dot(place.x(e.value or 0.0), y, INK["support"], 80))
        layers.append(label(text, _PLOT + 14, "left", y, "text"))
    spec["layer"] = [_UNSEEN, *layers]
    axis = {"values": ticks(low, high, 6), "title": None, "format": "~g"}
    scale = {"domain": [low, high], "nice": False, "zero": False}
    spec["encoding"] = {"x": {"field": "low", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, "; ".join(f"{n} {e!r}" for n, e, _ in drawn[:8]))
