"""Where is the benchmark precise, and where are the subjects? One figure with both."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import INK, Figure, Place, Spec, base, fixed_mark, label, level, ticks

Floats = NDArray[np.float64]

WIDTH, HEIGHT, BINS = 560.0, 280.0, 28


def targeting_figure(ability: Floats, error: Floats, subjects: Floats, spread: float) -> Figure:
    """The standard error of ability as a curve above the distribution of the subjects.

    Args:
        ability: where the curve is.
        error: of ability there, by these items.
        subjects: their abilities.
        spread: standard deviation of abilities: an error of half of it is a reliability of 0.8,
            of a third 0.9.
    """
    low = min(float(ability[0]), float(subjects.min()))
    high = max(float(ability[-1]), float(subjects.max()))
    top = max(1.6 * spread, float(np.min(error)) * 2.0)
    x, y = Place(low, high, WIDTH), Place(0.0, top, HEIGHT)
    layers: list[Spec] = []
    counts, edges = np.histogram(subjects, bins=BINS, range=(low, high))
    for count, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
        if count:
            tall = 0.3 * HEIGHT * float(count) / float(counts.max())
            mark: Spec = {"type": "rect", "color": INK["support-area"]}
            layers.append(fixed_mark(mark, x=x.x(a) + 0.5, x2=x.x(b) - 0.5, y=HEIGHT,
                                     y2=HEIGHT - tall))  # fmt: skip
    for value in ticks(0.0, top, 5):
        layers += [level(HEIGHT - y.x(value), WIDTH),
                   label(f"{value:g}", -8, "right", HEIGHT - y.x(value), "soft")]  # fmt: skip
    for value in ticks(low, high, 7):
        layers.append(label(f"{value:g}", x.x(value), "center", HEIGHT + 16, "soft"))
    for goal in (0.8, 0.9):
        at = HEIGHT - y.x(spread * math.sqrt(1.0 / goal - 1.0))
        mark = {"type": "rule", "color": INK["futile"], "strokeWidth": 1.2, "strokeDash": [5, 3]}
        layers += [fixed_mark(mark, x=0, x2=WIDTH, y=at, y2=at),
                   label(f"reliability {goal:g}", WIDTH, "right", at - 8, "futile")]  # fmt: skip
    inside = error <= top
    values = [
        {"x": round(x.x(a), 2), "y": round(HEIGHT - y.x(e), 2), "i": i}
        for i, (a, e) in enumerate(zip(ability[inside].tolist(), error[inside].tolist(),
                                       strict=True))
    ]  # fmt: skip
    scale = {"x": {"domain": [0, WIDTH]}, "y": {"domain": [HEIGHT, 0]}}
    layers.append({
        "data": {"values": values},
        "mark": {"type": "line", "color": INK["path"], "strokeWidth": 2.4},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "axis": None, "scale": scale["x"]},
            "y": {"field": "y", "type": "quantitative", "axis": None, "scale": scale["y"]},
            "order": {"field": "i", "type": "quantitative"},
        },
    })  # fmt: skip
    layers.append(label("ability; bars: subjects, line: standard error", WIDTH / 2, "center",
                        HEIGHT + 38, "soft"))  # fmt: skip
    said = (
        f"The standard error is least, {float(error.min()):.3f}, at an ability of "
        f"{float(ability[int(np.argmin(error))]):.2f}; {subjects.size} subjects lie between "
        f"{float(subjects.min()):.2f} and {float(subjects.max()):.2f}."
    )
    padding = {"left": 44.0, "right": 20.0, "top": 14.0, "bottom": 52.0}
    spec = {**base(WIDTH, HEIGHT, padding), "layer": layers}
    return Figure(spec, "Standard error of ability, and where the subjects are", said)
