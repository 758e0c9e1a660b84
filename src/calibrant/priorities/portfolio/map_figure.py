"""Where does each area stand on importance and tractability, and how sure is that?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import INK, Figure, Place, Spec, base, dot, fixed_mark, label, shorten, ticks
from calibrant.errors import InputError
from calibrant.priorities.portfolio.worth import limits
from calibrant.priorities.posterior import AreaPosterior

Floats = NDArray[np.float64]

_WIDE, _HIGH = 410, 400
_POINTS = 48
_TEXT = 6.1
_LINE = 14.0


def ellipse(x: Floats, y: Floats, level: float) -> tuple[Floats, Floats]:
    """The ellipse that holds draws with chance `level` if they are jointly normal.

    Args:
        x, y: draws, shape (draws,).

    Returns:
        Points around it, from the axis of the largest spread on.
    """
    values, vectors = np.linalg.eigh(np.cov(x, y))
    # The radius of a bivariate normal: chi-square with two degrees of freedom.
    radius = math.sqrt(-2 * math.log(1 - level))
    turn = np.linspace(0, 2 * np.pi, _POINTS)
    axes = vectors * np.sqrt(np.maximum(values, 0)) * radius
    circle = np.stack([np.cos(turn), np.sin(turn)])
    around = axes @ circle
    return x.mean() + around[0], y.mean() + around[1]


def map_figure(
    posterior: AreaPosterior,
    *,
    named: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    level: float = 0.5,
    min_ratings: int = 3,
) -> Figure:
    """The importance–tractability map, with an ellipse for each area that is named.

    Args:
        named: areas that get a label and an ellipse, the first ones first; by default the seven
            of the highest promise and the four with the widest gap among the important.
        level: of the ellipses.
        min_ratings: areas rated by fewer are not shown.

    Raises:
        InputError: without the two questions, or with no area that is rated enough.
    """
    for question in ("importance", "tractability"):
        if question not in posterior.draws:
            raise InputError(
                f"map: no question {question!r}; there are {', '.join(posterior.draws)}"
            )
    rated = np.max(np.stack([np.asarray(v) for v in posterior.n.values()]), axis=0)
    keep = np.flatnonzero(rated >= min_ratings)
    if not keep.size:
        raise InputError(f"map: no area has {min_ratings} ratings or more")
    i, t = (posterior.draws[q][:, keep] for q in ("importance", "tractability"))
    ids = [posterior.areas[a] for a in keep]
    mean_i, mean_t = i.mean(axis=0), t.mean(axis=0)
    important, hard = limits(posterior.most)
    chosen = [ids.index(a) for a in named if a in ids] or _default(mean_i, mean_t, hard)
    rings = {a: ellipse(i[:, a], t[:, a], level) for a in chosen}
    ends = [
        _ends(mean_i, [r[0] for r in rings.values()]),
        _ends(mean_t, [r[1] for r in rings.values()]),
    ]
    across, up = Place(*ends[0], _WIDE), Place(*ends[1], _HIGH)
    xs = [across.x(v) for v in mean_i]
    ys = [_HIGH - up.x(v) for v in mean_t]
    title = "Importance and tractability"
    said = f"{len(ids)} areas; ellipses hold {level:.0%}; dashed: equal promise"
    layers: list[Spec] = [
        _axes(across, up),
        *_zone(across.x(important), _HIGH - up.x(hard)),
        *_levels(across, up),
    ]
    layers += [dot(xs[a], ys[a], INK["line"], 34) for a in range(len(ids)) if a not in rings]
    for a, (x, y) in rings.items():
        role = "futile" if _hard(mean_i[a], mean_t[a], hard) else "support"
        layers.append(_ring([across.x(v) for v in x], [_HIGH - up.x(v) for v in y], role))
    for a in rings:
        role = "futile" if _hard(mean_i[a], mean_t[a], hard) else "support"
        layers.append(dot(xs[a], ys[a], INK[role], 62))
    layers += _labels(chosen, {a: shorten(ids[a], 10) for a in chosen}, xs, ys)
    known = [(shorten(ids[a], 8), shorten(_name(ids[a], names), 34)) for a in chosen]
    layers += _key(known, [_hard(mean_i[a], mean_t[a], hard) for a in chosen])
    layers += [
        label(title, -44, "left", -44, "text", bold=True),
        label(said, -44, "left", -23, "soft"),
    ]
    spec = base(_WIDE, _HIGH, {"left": 52, "right": 300, "top": 62, "bottom": 50})
    spec["layer"] = layers
    spec["encoding"] = {
        "x": _axis("x", ends[0], "importance: mean rating"),
        "y": _axis("y", ends[1], "tractability: mean rating"),
    }
    first = ", ".join(ids[a] for a in chosen[:8])
    return Figure(spec, title, f"Mean ratings of {len(ids)} areas with uncertainty; named: {first}")


def _hard(i: float, t: float, limit: float) -> bool:
    return t <= limit and i - t >= 0.3


def _default(i: Floats, t: Floats, hard: float) -> list[int]:
    best = list(np.argsort(-i * t, kind="stable")[:7])
    wide = [a for a in np.argsort(t - i, kind="stable") if t[a] <= hard and a not in best]
    return [int(a) for a in [*best, *wide[:4]]]


def _ends(means: Floats, rings: Sequence[Floats]) -> tuple[float, float]:
    low = min(float(means.min()), *(float(r.min()) for r in rings)) - 0.06
    high = max(float(means.max()), *(float(r.max()) for r in rings)) + 0.06
    return low, high


def _zone(left: float, top: float) -> list[Spec]:
    """Where the long-term strategy looks: important and hard."""
    if left >= _WIDE - 1 or top >= _HIGH - 1:
        return []
    area = {"type": "rect", "color": INK["futile-area"], "opacity": 1}
    return [
        fixed_mark(area, x=left, x2=_WIDE, y=top, y2=_HIGH),
        label("important and hard", _WIDE - 6, "right", _HIGH - 12, "futile"),
    ]


def _levels(across: Place, up: Place) -> list[Spec]:
    """Lines of equal promise."""
    layers: list[Spec] = []
    for promise in range(2, 26, 2):
        i = np.linspace(across.low, across.high, 40)
        t = promise / i
        inside = (t >= up.low) & (t <= up.high)
        if inside.sum() < 4:
            continue
        x = [across.x(v) for v in i[inside]]
        y = [_HIGH - up.x(v) for v in t[inside]]
        mark = {"type": "line", "color": INK["grid"], "strokeWidth": 1.2, "strokeDash": [4, 4]}
        layers.append(_path(x, y, mark))
        layers.append(label(str(promise), x[0] + 9, "left", y[0] + 9, "line"))
    return layers


def _ring(x: Sequence[float], y: Sequence[float], role: str) -> Spec:
    mark = {
        "type": "line", "color": INK[role], "strokeWidth": 1.1, "strokeOpacity": 0.5,
    }  # fmt: skip
    return _path(x, y, mark)


def _path(x: Sequence[float], y: Sequence[float], mark: Spec) -> Spec:
    values = [
        {"x": round(a, 2), "y": round(b, 2), "o": n}
        for n, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    pixel = {"type": "quantitative", "scale": None, "axis": None}
    return {
        "data": {"values": values},
        "mark": mark,
        "encoding": {"x": {"field": "x", **pixel}, "y": {"field": "y", **pixel},
                     "order": {"field": "o", "type": "quantitative"}},
    }  # fmt: skip


def _name(id: str, names: Mapping[str, str] | None) -> str:
    """The area's name, or nothing where it has none but its id."""
    name = (names or {}).get(id, "")
    return "" if name == id else name


def _key(named: Sequence[tuple[str, str]], hard: Sequence[bool]) -> list[Spec]:
    """What the labels stand for, at the right."""
    layers: list[Spec] = []
    at = 8.0
    for kind, title in ((False, "most promising"), (True, "important, but hard")):
        some = [n for n, h in zip(named, hard, strict=True) if h == kind]
        if not some:
            continue
        layers.append(label(title, _WIDE + 22, "left", at, "futile" if kind else "support"))
        for id, name in some:
            at += 19
            layers.append(label(id, _WIDE + 22, "left", at, "text", bold=True))
            layers.append(label(name, _WIDE + 52, "left", at, "text"))
        at += 32
    return layers


Box = tuple[float, float, float, float]


def _labels(
    chosen: Sequence[int], texts: Mapping[int, str], xs: Sequence[float], ys: Sequence[float]
) -> list[Spec]:
    """Labels beside their dots where they cover no dot and no other label; else none."""
    taken: list[Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in zip(xs, ys, strict=True)]
    layers: list[Spec] = []
    for a in chosen:
        wide = _TEXT * len(texts[a]) + 4
        for dx, dy, align in _PLACES:
            x, y = xs[a] + dx, ys[a] + dy
            left = {"left": x, "right": x - wide, "center": x - wide / 2}[align]
            box = (left, y - _LINE / 2, left + wide, y + _LINE / 2)
            # Its own dot touches no box: places keep their distance.
            free = all(
                box[2] <= b[0] or b[2] <= box[0] or box[3] <= b[1] or b[3] <= box[1] for b in taken
            )
            if box[0] < 0 or box[2] > _WIDE or box[1] < 0 or box[3] > _HIGH or not free:
                continue
            taken.append(box)
            if abs(dy) > 16 or abs(dx) > 16:
                lead = {"type": "rule", "color": INK["line"], "strokeWidth": 0.8}
                layers.append(fixed_mark(lead, x=xs[a], y=ys[a], x2=x, y2=y))
            layers.append(label(texts[a], x, align, y, "text"))
            break
    return layers


_PLACES: tuple[tuple[float, float, str], ...] = tuple(
    (dx * far, dy * far, align)
    for far in (1.0, 2.2, 3.6, 5.2, 7.0)
    for dx, dy, align in (
        (9, 0, "left"), (-9, 0, "right"), (8, -11, "left"), (-8, -11, "right"), (8, 11, "left"),
        (-8, 11, "right"), (0, -14, "center"), (0, 14, "center"),
    )
)  # fmt: skip


def _axes(across: Place, up: Place) -> Spec:
    # A mark nobody sees carries the axes: all others stand at fixed places.
    return {"data": {"values": [{"x": across.low, "y": up.low}]},
            "mark": {"type": "point", "opacity": 0}}  # fmt: skip


def _axis(field: str, ends: tuple[float, float], title: str) -> Spec:
    axis = {"values": ticks(*ends, 6), "title": title, "format": "~g", "grid": False}
    scale = {"domain": list(ends), "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale}
