"""How did the evidence move between its boundaries? One run, trial by trial, as a figure.

Boundaries are drawn half-way between the counts they separate, so that a region bounded by "at most
0 events" has a height; the path itself runs on whole counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from calibrant._figure import INK, Spec, base, ticks
from calibrant.assurance.assessment import ClaimResult
from calibrant.report.svg import figure
from calibrant.report.words import count, plural

FLOOR = -0.5
_MOST_POINTS = 1500
_STEP = 3
"""Pixels between the columns in which room for labels is looked for."""

Values = Sequence[int | None]
Point = tuple[float, float]


@dataclass(frozen=True)
class Plane:
    """Trials and events as pixels of the plot."""

    trials: int
    events: float
    width: int
    height: int

    def x(self, n: float) -> float:
        return n / self.trials * self.width

    def y(self, k: float) -> float:
        return (self.events - min(max(k, FLOOR), self.events)) / (self.events - FLOOR) * self.height


@dataclass(frozen=True)
class Box:
    """A rectangle of the plot, in pixels, y downward."""

    left: float
    right: float
    top: float
    bottom: float


def path_figure(result: ClaimResult, ident: str, shape: str) -> str:
    """The path of the evidence as inline SVG, `shape` being "wide" or "narrow"."""
    wide = shape == "wide"
    plane = _plane(result, 624 if wide else 290, 300 if wide else 250)
    spec = base(plane.width, plane.height, {"left": 40, "right": 16, "top": 30, "bottom": 44})
    end, box = _end(result, plane)
    layers = _regions(result, plane) + _path(result) + end
    layers += _region_labels(result, plane, box)
    layers.append(_text("Events against the claim", -34, -14, INK["soft"]))
    x_axis = {"title": "Trials observed", "format": ",d", "tickCount": 6,
              "values": _whole(plane.trials, 8 if wide else 4)}  # fmt: skip
    y_axis = {"title": None, "format": ",d", "values": _whole(plane.events, 6)}
    spec["layer"] = layers
    spec["encoding"] = {
        "x": {"field": "n", "type": "quantitative", "axis": x_axis,
              "scale": {"domain": [0, plane.trials], "nice": False}},
        "y": {"type": "quantitative", "axis": y_axis,
              "scale": {"domain": [FLOOR, plane.events], "nice": False, "zero": False}},
    }  # fmt: skip
    observed = len(result.path)
    return figure(
        spec,
        ident=ident,
        title="Path of the evidence between its boundaries",
        description=_description(result),
        shape=shape,
        data={"trials": observed, "events": result.path[-1] if observed else 0},
    )


def _description(result: ClaimResult) -> str:
    if not result.path:
        return "Decision boundaries over the number of trials. No trial was observed."
    events = plural(result.path[-1], "event")
    return (
        f"A step line of {plural(len(result.path), 'observed trial')} ending at {events} against "
        f"the claim: {result.verdict}. Below it lies the region that supports the claim, above it "
        "the region that refutes it."
    )


def _plane(result: ClaimResult, width: int, height: int) -> Plane:
    b = result.boundaries
    trials = max([1, len(result.path), *b.n[-1:]])
    at = max(len(result.path), 1)
    tops = [v for v in (_at(b.n, b.futile_at_least, trials), _at(b.n, b.refute_at_least, at)) if v]
    tops += [v + 1 for v in b.support_at_most if v is not None][-1:]
    top = max([2, *tops, *(k + 1 for k in result.path[-1:])])
    return Plane(trials, round(top * 1.12) + 0.5, width, height)


def _at(ns: Sequence[int], values: Values, n: float) -> int | None:
    """The value of a boundary at n trials."""
    i = bisect_right(ns, n) - 1
    return values[i] if 0 <= i < len(values) else None


def _whole(top: float, about: int) -> list[float]:
    return [t for t in ticks(0, top, about) if t == int(t)]


def _steps(ns: Sequence[int], values: Values) -> list[list[Point]]:
    """The stretches where a boundary exists, each as the points where it changes."""
    stretches: list[list[Point]] = []
    for exists, group in groupby(zip(ns, values, strict=False), key=lambda p: p[1] is not None):
        if exists:
            points: list[Point] = [(n, v) for n, v in group if v is not None]
            kept = [p for i, p in enumerate(points) if i == 0 or p[1] != points[i - 1][1]]
            kept = _thin(kept)
            # A value holds until the next trial.
            stretches.append([*kept, (points[-1][0] + 1, points[-1][1])])
    return stretches


def _thin(points: list[Any]) -> list[Any]:
    """Every so many points of a rising line, the last one included: more than pixels can show."""
    every = -(-len(points) // _MOST_POINTS)
    return points if every <= 1 else [*points[::every], points[-1]]


def _text(text: str, x: float, y: float, colour: str, **more: Any) -> Spec:
    mark = {"type": "text", "text": text, "color": colour, "align": "left", "baseline": "middle"}
    encoding = {"x": {"value": x}, "y": {"value": y}}
    return {"data": {"values": [{}]}, "mark": mark | more, "encoding": encoding}


def _regions(result: ClaimResult, plane: Plane) -> list[Spec]:
    """The shaded regions and their edges."""
    b = result.boundaries
    top = plane.events
    layers: list[Spec] = []
    given_up = b.futile_at_least != b.refute_at_least
    kinds: list[tuple[str, Values, float, float, list[int]]] = [
        ("refute", b.refute_at_least, -0.5, top, [1, 0]),
        ("support", b.support_at_most, 0.5, FLOOR, [1, 0]),
    ]
    if given_up:
        # First, so that the refuting region covers the part they share.
        kinds.insert(0, ("futile", b.futile_at_least, -0.5, top, [5, 4]))
    edges: list[Spec] = []
    for role, values, shift, far, dash in kinds:
        rows = [
            {"n": min(n, plane.trials), "k": min(v + shift, top), "far": far, "part": part}
            for part, stretch in enumerate(_steps(b.n, values))
            for n, v in stretch
        ]
        if not rows:
            continue
        line = {"type": "line", "interpolate": "step-after", "color": INK[role], "strokeWidth": 1.4}
        drawn = [r for i, r in enumerate(rows) if r["k"] < top or (i and rows[i - 1]["k"] < top)]
        encoding = {"y": {"field": "k"}, "detail": {"field": "part"}}
        area = {"type": "area", "interpolate": "step-after", "color": INK[f"{role}-area"],
                "opacity": 1}  # fmt: skip
        between = encoding | {"y2": {"field": "far"}}
        layers.append({"data": {"values": rows}, "mark": area, "encoding": between})
        if role == "futile":
            line["strokeDash"] = dash
        edges.append({"data": {"values": drawn}, "mark": line, "encoding": encoding})
    return layers + edges


def _path(result: ClaimResult) -> list[Spec]:
    if not result.path:
        return []
    points: list[Point] = [(0, 0)]
    points += [(n, k) for n, k in enumerate(result.path, 1) if k != points[-1][1] or n == 1]
    changes = [p for i, p in enumerate(points) if i == 0 or p[1] != points[i - 1][1]]
    rows = [{"n": n, "k": k} for n, k in [*_thin(changes), (len(result.path), result.path[-1])]]
    mark = {"type": "line", "interpolate": "step-after", "color": INK["path"], "strokeWidth": 2.2,
            "strokeJoin": "round", "strokeCap": "round"}  # fmt: skip
    return [{"data": {"values": rows}, "mark": mark, "encoding": {"y": {"field": "k"}}}]


def _end(result: ClaimResult, plane: Plane) -> tuple[list[Spec], Box]:
    """The point where the run ended, with its label, and the room the label takes."""
    n = len(result.path)
    k = result.path[-1] if n else 0
    verb = {"supported": "Supported", "refuted": "Refuted", "undetermined": "Ended"}[result.verdict]
    text = (
        f"{verb} at {'observed ' if result.missing else ''}trial {count(n)}"
        if n
        else "No trial was observed"
    )
    if n and plane.width > 400:
        text += f", {plural(k, 'event')}"
    box = _beside(result, plane, plane.x(n), plane.y(k), 6.6 * len(text))
    label = _text(text, box.left, (box.top + box.bottom) / 2, INK["text"], fontWeight="bold")
    if not n:
        return [label], box
    colour = {"supported": "support", "refuted": "refute", "undetermined": "futile"}[result.verdict]
    shapes = {"supported": "circle", "refuted": "diamond", "undetermined": "square"}
    mark = {"type": "point", "filled": True, "size": 95, "opacity": 1, "color": INK[colour],
            "shape": shapes[result.verdict], "stroke": INK["page"], "strokeWidth": 1.5}  # fmt: skip
    there = {"values": [{"n": n, "k": k}]}
    point = {"data": there, "mark": mark, "encoding": {"y": {"field": "k"}}}
    return [point, label], box


def _beside(result: ClaimResult, plane: Plane, x: float, y: float, wide: float) -> Box:
    """Where a label near (x, y) crosses fewest lines and stays nearest."""
    b = result.boundaries
    lines = _path_boxes(result, plane)
    for values, shift in (
        (b.support_at_most, 0.5), (b.futile_at_least, -0.5), (b.refute_at_least, -0.5)
    ):  # fmt: skip
        columns = range(0, plane.width, _STEP)
        edge = [(c, _at(b.n, values, c / plane.width * plane.trials)) for c in columns]
        at = [(c, plane.y(v + shift)) for c, v in edge if v is not None]
        lines += [Box(c, c + _STEP, h - 2, h + 2) for c, h in at]
    best: tuple[float, Box] | None = None
    for shift in (10 - wide, -wide / 2, -10, 14, -wide - 14):
        for rise in (-20, 20, -34, 34, -50, 50, -70, 70, 0):
            left = min(max(x + shift, 4), plane.width - wide - 4)
            box = Box(left - 2, left + wide + 2, y + rise - 9, y + rise + 9)
            if box.top < 0 or box.bottom > plane.height:
                continue
            crossed = sum(o.left < box.right and o.right > box.left and o.top < box.bottom
                          and o.bottom > box.top for o in lines)  # fmt: skip
            on_point = abs(rise) < 14 and box.left - 8 < x < box.right + 8
            cost = 3 * crossed + abs(rise) + 0.2 * abs(left - x - shift) + 400 * on_point
            if best is None or cost < best[0]:
                best = (cost, box)
    assert best is not None
    return best[1]


def _region_labels(result: ClaimResult, plane: Plane, end: Box) -> list[Spec]:
    """A word in each region, where there is room for it."""
    b = result.boundaries
    far = plane.events + 1

    def edge(values: Values, shift: float, absent: float) -> Callable[[float], float]:
        def at(n: float) -> float:
            value = _at(b.n, values, n)
            return absent if value is None else value + shift

        return at

    support = edge(b.support_at_most, 0.5, FLOOR)
    refute = edge(b.refute_at_least, -0.5, far)
    futile = edge(b.futile_at_least, -0.5, far)
    kinds = [
        ("Supported", "support", lambda _: FLOOR, support),
        ("Refuted", "refute", refute, lambda _: plane.events),
        ("Support given up", "futile", futile, refute),
        ("Undecided", "soft", support, lambda n: min(futile(n), refute(n))),
    ]
    taken = [end, *_path_boxes(result, plane)]
    layers = []
    for word, role, low, high in kinds:
        wide = 6.7 * len(word)
        spot = _room(plane, low, high, wide, taken)
        if spot is not None:
            layers.append(_text(word, *spot, INK[role], fontStyle="italic"))
            taken.append(Box(spot[0], spot[0] + wide, spot[1] - 9, spot[1] + 9))
    return layers


def _path_boxes(result: ClaimResult, plane: Plane) -> list[Box]:
    """What the path covers, column by column."""
    boxes = []
    last = len(result.path)
    for left in range(0, int(plane.x(last)) + 1, _STEP):
        first = min(int(left / plane.width * plane.trials), last)
        after = min(int((left + _STEP) / plane.width * plane.trials) + 1, last)
        low = result.path[first - 1] if first else 0
        high = result.path[after - 1] if after else 0
        boxes.append(Box(left, left + _STEP, plane.y(high) - 5, plane.y(low) + 5))
    return boxes


def _room(
    plane: Plane,
    low: Callable[[float], float],
    high: Callable[[float], float],
    wide: float,
    taken: list[Box],
) -> tuple[float, float] | None:
    """Left end and middle height for a label `wide` pixels long between two edges, if it fits."""
    columns = range(0, plane.width - 3, _STEP)
    trials = [c / plane.width * plane.trials for c in columns]
    bands = [(plane.y(high(n)), plane.y(low(n))) for n in trials]
    need = -(-int(wide + 12) // _STEP)
    best: tuple[float, float, float] | None = None
    for i in range(len(bands) - need):
        top = max(t for t, _ in bands[i : i + need])
        bottom = min(b for _, b in bands[i : i + need])
        left, right = columns[i], columns[i] + wide + 12
        inside = sorted((x.top, x.bottom) for x in taken if x.left < right and x.right > left)
        for upper, lower in _gaps(top, bottom, inside):
            height = lower - upper
            # Beyond some height more room gains nothing; then the middle of the plot is better.
            score = min(height, 48) - abs(left + wide / 2 - plane.width / 2) / plane.width * 8
            if height >= 17 and (best is None or score > best[0]):
                best = (score, left + 6, (upper + lower) / 2)
    return None if best is None else (best[1], best[2])


def _gaps(top: float, bottom: float, taken: list[Point]) -> list[Point]:
    """What the intervals `taken`, sorted, leave of the interval from top to bottom."""
    gaps = []
    for start, stop in taken:
        if start > top:
            gaps.append((top, min(start, bottom)))
        top = max(top, stop)
    return [*gaps, (top, bottom)]
