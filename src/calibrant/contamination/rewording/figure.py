"""How do scores of clean documents and of the corpus lie about the threshold?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import INK, Figure, Place, Spec, base, label, rule, ticks

if TYPE_CHECKING:
    from calibrant.contamination.rewording.result import Paraphrases

_WIDTH, _HEIGHT, _GAP = 520, 110, 54
_BARS = 50


def draw(found: Paraphrases) -> Figure:
    """Two histograms of documents by score, each as shares on a scale of square roots.

    Square roots, as what matters is few documents: at 1 % a bar is a tenth of the height.
    """
    c = found.calibration
    panels = [("corpus", found.documents, found.scores)]
    if c is not None:
        clean = np.histogram(c.scores, bins=found.scores.size, range=(0, 1))[0]
        panels.insert(0, ("clean documents", c.documents, clean))
    place = Place(0.0, 1.0, _WIDTH)
    height = len(panels) * (_HEIGHT + _GAP) - _GAP
    spec = base(_WIDTH, height, {"left": 30, "right": 30, "top": 96, "bottom": 44})
    title = "How far documents agree with their nearest item"
    layers = [label(title, 0, "left", -78, "text", bold=True),
              label(_said(found), 0, "left", -58, "soft")]  # fmt: skip
    for i, (name, many, counts) in enumerate(panels):
        top = i * (_HEIGHT + _GAP)
        threshold = None if c is None else c.threshold
        layers += _panel(name, many, counts, top, place, threshold)
    if c is not None:
        x = place.x(c.threshold)
        layers.append(rule(x, height, INK["refute"], [4, 3], top=-20))
        side, shift = ("right", -6) if x > _WIDTH / 2 else ("left", 6)
        layers.append(label(f"threshold {c.threshold:.3f}", x + shift, side, -34, "refute"))
    unseen = {"data": {"values": [{"score": 0}]}, "mark": {"type": "point", "opacity": 0}}
    spec["layer"] = [unseen, *layers]
    axis = {"values": ticks(0, 1, 10), "title": "score of the best item", "format": "~g"}
    scale = {"domain": [0, 1], "nice": False}
    spec["encoding"] = {
        "x": {"field": "score", "type": "quantitative", "axis": axis, "scale": scale}
    }
    return Figure(spec, title, repr(found))


def _said(found: Paraphrases) -> str:
    c = found.calibration
    if c is None:
        return "no clean documents, so no threshold; heights are square roots of shares"
    return (
        f"{c.measured:.2%} of clean documents above ({c.low:.2%} to {c.high:.2%}); heights are "
        "square roots of shares"
    )


def _panel(
    name: str, many: int, counts: NDArray[np.int64], top: float, place: Place,
    threshold: float | None,
) -> list[Spec]:  # fmt: skip
    share = counts.reshape(_BARS, -1).sum(axis=1) / max(many, 1)
    tall = np.sqrt(share / max(share.max(), 1e-12)) * (_HEIGHT - 22)
    base_line = top + _HEIGHT
    layers = [label(f"{name}: {many:,}", 0, "left", top + 4, "text")]
    for i, high in enumerate(tall):
        if not high:
            continue
        above = threshold is not None and (i + 0.5) / _BARS > threshold
        mark = {"type": "rect", "color": INK["refute" if above else "support"], "opacity": 1}
        left, right = place.x(i / _BARS) + 0.5, place.x((i + 1) / _BARS) - 0.5
        layers.append(_rect(mark, left, right, base_line - max(float(high), 1.0), base_line))
    return layers


def _rect(mark: Spec, x: float, x2: float, y: float, y2: float) -> Spec:
    at = {"x": x, "x2": x2, "y": y, "y2": y2}
    encoding = {channel: {"value": round(value, 2)} for channel, value in at.items()}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}
