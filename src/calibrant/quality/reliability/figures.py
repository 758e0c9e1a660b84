"""How many items are enough, and where is the error large? Figures of reliability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    label,
    level,
    rule,
    shorten,
    ticks,
)
from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats

if TYPE_CHECKING:
    from calibrant.quality.reliability.result import Reliability

WIDTH, HEIGHT = 560.0, 300.0
MOST_ROWS = 40


def by_items(found: Reliability) -> Figure:
    """Eρ² and Φ by number of items, the number there is marked.

    Raises:
        InputError: if there is no study of components.
    """
    study = found.study
    if study is None:
        why = dict(found.cannot).get("components", "")
        raise InputError(f"figure: there are no components to draw ({why})")
    most = max(2.0 * study.items, 50.0)
    items = np.unique(np.round(np.geomspace(2, most, 80)))
    relative, absolute, _ = study.at(items)
    x = Place(math.log(2), math.log(most), WIDTH)
    y = Place(0.0, 1.0, HEIGHT)
    layers: list[Spec] = []
    for value in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0):
        layers += [level(HEIGHT - y.x(value), WIDTH),
                   label(f"{value:g}", -8, "right", HEIGHT - y.x(value), "soft")]  # fmt: skip
    for count in _powers(most):
        layers.append(label(f"{count:,}", x.x(math.log(count)), "center", HEIGHT + 16, "soft"))
    layers += [
        _line(x, y, np.log(items), absolute, INK["support"], []),
        _line(x, y, np.log(items), relative, INK["path"], []),
        rule(x.x(math.log(study.items)), HEIGHT, INK["line"], [4, 3]),
        label("items, other facets as they are", WIDTH / 2, "center", HEIGHT + 38, "soft"),
    ]
    at = float(np.exp(0.25 * math.log(most)))
    for value, text, role, off in (
        (float(study.at(np.array([at]))[0][0]), "Eρ² (order)", "text", -14),
        (float(study.at(np.array([at]))[1][0]), "Φ (value)", "support", 16),
    ):
        x_at = x.x(math.log(max(at, 2)))
        align = "right" if off < 0 else "left"
        layers.append(label(text, x_at + (-6 if off < 0 else 10), align,
                            HEIGHT - y.x(value) + off, role, bold=True))  # fmt: skip
    layers.append(label(f"{study.items:,.4g} items here", x.x(math.log(study.items)) - 6, "right",
                        HEIGHT - 12, "soft"))  # fmt: skip
    title = "Reliability by number of items"
    said = (
        f"Eρ² is {study.coefficient[0]:.4f} and Φ {study.dependability[0]:.4f} with the "
        f"{study.items:,.4g} items there are. "
        + " ".join(f"{n.coefficient} of {n.target:g} takes {n.items:,} items."
                   for n in study.needed if n.items is not None)
    )  # fmt: skip
    return _figure(layers, title, said, left=44, bottom=52)


def by_score(found: Reliability) -> Figure:
    """Each subject's standard error at its score, with the curve.

    Raises:
        InputError: if there are none.
    """
    known = found.conditional
    if known is None or not known.absolute:
        raise InputError("figure: there are no errors at a score to draw")
    low, high = known.scores[0], known.scores[-1]
    top = max([*known.absolute, *(s.absolute for s in known.subjects)]) * 1.1 or 1.0
    x, y = Place(low, high, WIDTH), Place(0.0, top, HEIGHT)
    layers: list[Spec] = []
    for value in ticks(0.0, top, 5):
        layers += [level(HEIGHT - y.x(value), WIDTH),
                   label(f"{value:g}", -8, "right", HEIGHT - y.x(value), "soft")]  # fmt: skip
    for value in ticks(low, high, 6):
        layers.append(label(f"{value:g}", x.x(value), "center", HEIGHT + 16, "soft"))
    scores = np.array(known.scores)
    layers += [
        _line(x, y, scores, np.array(known.relative), INK["line"], [4, 3]),
        _line(x, y, scores, np.array(known.absolute), INK["support"], []),
        *(dot(x.x(s.score), HEIGHT - y.x(s.absolute), INK["path"], 36) for s in known.subjects),
        label("score", WIDTH / 2, "center", HEIGHT + 38, "soft"),
    ]
    middle = len(scores) // 2
    for curve, text, role in ((known.absolute, "error of a score", "support"),
                              (known.relative, "of order only", "soft")):  # fmt: skip
        layers.append(label(text, x.x(scores[middle]), "center",
                            HEIGHT - y.x(curve[middle]) - 12, role, bold=True))  # fmt: skip
    title = "Standard error of a subject's mean at its score"
    worst = max(known.subjects, key=lambda s: s.absolute)
    said = (
        f"The largest is {worst.absolute:.4f} at a score of {worst.score:.3f}; "
        f"{len(known.subjects)} subjects, one point each."
    )
    return _figure(layers, title, said, left=60, bottom=52)


def over_variants(found: Reliability) -> Figure:
    """Each subject's scores over variants: worst to best, the middle half, and the mean.

    Raises:
        InputError: if there are no variants.
    """
    known = found.variants
    if known is None:
        raise InputError("figure: the responses have no variants to draw")
    shown = sorted(known.subjects, key=lambda s: -s.mean.value)[:MOST_ROWS]
    low = min(s.worst.value for s in shown)
    high = max(s.best.value for s in shown)
    pad = 0.05 * max(high - low, 0.02)
    x = Place(low - pad, high + pad, WIDTH - 120)
    height = 24.0 * len(shown) + 10
    layers: list[Spec] = []
    for value in ticks(low, high, 5):
        layers += [rule(x.x(value), height, INK["grid"], []),
                   label(f"{value:g}", x.x(value), "center", height + 14, "soft")]  # fmt: skip
    for i, s in enumerate(shown):
        at = 14 + 24.0 * i
        quantile = dict(s.quantiles)
        layers += [
            label(shorten(s.subject, 26), -10, "right", at, "text"),
            bar(x, s.worst.value, s.best.value, at, INK["line"], 2),
            bar(x, quantile[0.25].value, quantile[0.75].value, at, INK["support"], 8),
            dot(x.x(s.mean.value), at, INK["path"], 40),
        ]
    layers.append(label("score: worst to best variant, middle half, mean", (WIDTH - 120) / 2,
                        "center", height + 36, "soft"))  # fmt: skip
    said = "; ".join(
        f"{s.subject}: mean {s.mean.value:.3f}, worst {s.worst.value:.3f}, best "
        f"{s.best.value:.3f}" for s in shown[:10]
    )  # fmt: skip
    padding = {"left": 190.0, "right": 20.0, "top": 12.0, "bottom": 50.0}
    spec = {**base(WIDTH - 120, height, padding), "layer": layers}
    return Figure(spec, f"Scores over {len(known.variants)} prompt variants", said)


def _figure(layers: list[Spec], title: str, said: str, *, left: float, bottom: float) -> Figure:
    padding = {"left": left, "right": 20.0, "top": 12.0, "bottom": bottom}
    return Figure({**base(WIDTH, HEIGHT, padding), "layer": layers}, title, said)


def _line(x: Place, y: Place, at: Floats, to: Floats, colour: str, dash: list[int]) -> Spec:
    """A curve through the given points."""
    values = [
        {"x": round(x.x(a), 2), "y": round(HEIGHT - y.x(b), 2), "i": i}
        for i, (a, b) in enumerate(zip(at.tolist(), to.tolist(), strict=True))
    ]
    mark = {"type": "line", "color": colour, "strokeWidth": 2.2, "strokeDash": dash}
    scale = {"x": {"domain": [0, WIDTH]}, "y": {"domain": [HEIGHT, 0]}}
    return {
        "data": {"values": values},
        "mark": mark,
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "axis": None, "scale": scale["x"]},
            "y": {"field": "y", "type": "quantitative", "axis": None, "scale": scale["y"]},
            "order": {"field": "i", "type": "quantitative"},
        },
    }


def _powers(most: float) -> list[int]:
    steps = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000]
    return [s for s in steps if s <= most]
