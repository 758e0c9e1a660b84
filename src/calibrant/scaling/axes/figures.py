"""How do axes look? A scree beside what chance makes, and a line for each family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    base,
    dot,
    fixed_mark,
    label,
    level,
    shorten,
    text_width,
    ticks,
)
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.scaling.axes.result import Axes

MOST = 30
"""Axes of a scree."""

NAMED = 16
"""Lines that are named at their ends."""

_INKS = ("support", "refute", "futile", "path")
_DASHES: tuple[list[int], ...] = ([], [6, 3], [2, 2], [9, 3, 2, 3])
_UNSEEN: Spec = {"data": {"values": [{"x": 0, "y": 0}]}, "mark": {"type": "point", "opacity": 0}}


def scree(found: Axes) -> Figure:
    """Eigenvalues of the correlations, and the limit that each one that was tested had to exceed.

    Raises:
        InputError: if the number of axes was not tested.
    """
    tested = found.parallel
    if tested is None:
        raise InputError("figure: the number of axes was not tested, so there is no scree to draw")
    values = tested.eigenvalues[:MOST]
    top = max(*values, *tested.limits) * 1.1
    width, height = float(max(44 * len(values), 360)), 230.0
    step, place = width / len(values), Place(0.0, top, height)
    many = "1 axis" if tested.factors == 1 else f"{tested.factors} axes"
    title = f"{many} in {len(found.measures)} measures"
    said = "eigenvalues of correlations; strokes: what chance reaches, relatives alike"
    right = max(24.0, text_width(said) - width - 20)
    spec = base(width, height, {"left": 50, "right": right, "top": 66, "bottom": 62})
    layers = [label(title, -46, "left", -48, "text", bold=True),
              label(said, -46, "left", -28, "soft")]  # fmt: skip
    for i, value in enumerate(values):
        x = (i + 0.5) * step
        if i < len(tested.limits):
            y = height - place.x(tested.limits[i])
            mark: Spec = {"type": "rule", "color": INK["refute"], "strokeWidth": 2.6}
            layers.append(fixed_mark(mark, x=x - 13, x2=x + 13, y=y, y2=y))
        there = i < tested.factors
        layers.append(dot(x, height - place.x(value), INK["support" if there else "line"], 100))
        layers.append(label(f"{i + 1}", x, "center", height + 15, "text"))
        layers.append(label(f"{found.share[i].value or 0.0:.1%}", x, "center", height + 33, "soft"))
    note = "axis, and its share of the variance" + (" (of scores as given)" if step > 40 else "")
    layers.append(label(note, width / 2, "center", height + 52, "soft"))
    spec["layer"] = [_UNSEEN, *layers]
    axis = {"values": ticks(0.0, top, 5), "title": None, "format": "~g"}
    scale = {"domain": [0.0, top], "nice": False}
    spec["encoding"] = {"y": {"field": "y", "type": "quantitative", "axis": axis, "scale": scale}}
    return Figure(spec, title, repr(found))


def lines(found: Axes) -> Figure:
    """The first axis against compute: a dot for each subject, a line for each family.

    Raises:
        InputError: if no subject's compute is known.
    """
    known = np.flatnonzero(np.isfinite(found.scale))
    if found.growth is None or known.size == 0:
        raise InputError("figure: no compute is known, so there is nothing to draw it against")
    x, y = found.scale[known], found.scores[known, 0]
    across, up = _wide(x), _wide(y)
    width, height = 520.0, 340.0
    place, rise = Place(*across, width), Place(*up, height)
    drawn = sorted(found.growth.lines, key=lambda m: -(m.intercept + m.slope * m.largest))
    ink = {m.family: (_INKS[i % 4], _DASHES[i // 4 % 4]) for i, m in enumerate(drawn)}
    shown = drawn if len(drawn) <= NAMED else []
    right = max((text_width(shorten(m.family, 24)) for m in shown), default=0.0) + 52
    spec = base(width, height, {"left": 58, "right": right, "top": 66, "bottom": 46})
    said = "each line is a family; grey: subjects of families too small for a line"
    layers = [label("The first axis against compute", -54, "left", -48, "text", bold=True),
              label(said, -54, "left", -28, "soft"),
              level(height - rise.x(0.0), width)]  # fmt: skip
    for i, who in zip(known, range(known.size), strict=True):
        colour = INK[ink.get(found.families[i], ("line", []))[0]]
        layers.append(dot(place.x(x[who]), height - rise.x(y[who]), colour, 42))
    for m in drawn:
        role, dash = ink[m.family]
        ends = [m.intercept + m.slope * s for s in (m.smallest, m.largest)]
        mark: Spec = {"type": "rule", "color": INK[role], "strokeWidth": 1.8, "strokeDash": dash}
        layers.append(
            fixed_mark(
                mark, x=place.x(m.smallest), x2=place.x(m.largest),
                y=height - rise.x(ends[0]), y2=height - rise.x(ends[1]),
            )
        )  # fmt: skip
    layers += _key([(m.family, *ink[m.family]) for m in shown], width)
    spec["layer"] = [_UNSEEN, *layers]
    spec["encoding"] = {
        "x": {"field": "x", "type": "quantitative", "scale": _scale(across),
              "axis": {"values": ticks(*across, 6), "title": "log10 of compute", "format": "~g"}},
        "y": {"field": "y", "type": "quantitative", "scale": _scale(up),
              "axis": {"values": ticks(*up, 6), "title": None, "format": "~g"}},
    }  # fmt: skip
    return Figure(spec, "The first axis against compute", repr(found))


def _key(rows: list[tuple[str, str, list[int]]], width: float) -> list[Spec]:
    """Names at the right, in the order in which lines end."""
    layers = []
    for i, (name, role, dash) in enumerate(rows):
        y = 8 + 20.0 * i
        mark: Spec = {"type": "rule", "color": INK[role], "strokeWidth": 1.8, "strokeDash": dash}
        layers.append(fixed_mark(mark, x=width + 14, x2=width + 38, y=y, y2=y))
        layers.append(label(shorten(name, 24), width + 44, "left", y, "text"))
    return layers


def _wide(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _scale(domain: tuple[float, float]) -> Spec:
    return {"domain": list(domain), "nice": False, "zero": False}
