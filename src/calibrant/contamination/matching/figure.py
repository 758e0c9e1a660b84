"""How much of each item stands in the corpus? Containment, item by item, as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import INK, Figure, Spec, base, dot, label, text_width

if TYPE_CHECKING:
    from calibrant.contamination.matching.result import Scan

_WIDTH, _HEIGHT = 620.0, 260.0
_BINS = 20


def figure(scan: Scan) -> Figure:
    """Items by containment: those that stand somewhere in the corpus, and those that do not."""
    layers, counts = [], [[0] * (_BINS + 1), [0] * (_BINS + 1)]
    for item in scan.items:
        share = item.shown.containment or 0.0
        counts[bool(item.exposures)][min(int(share * _BINS + 1e-9), _BINS)] += 1
    most = max(max(a + b for a, b in zip(*counts, strict=True)), 1)
    step = _WIDTH / (_BINS + 1)
    for place in range(_BINS + 1):
        below = _HEIGHT
        for some, ink in ((counts[0], "line"), (counts[1], "refute")):
            # The square root lets a few items be seen beside thousands.
            top = _HEIGHT - _HEIGHT * ((_HEIGHT - below) ** 2 / _HEIGHT**2
                                       + some[place] / most) ** 0.5  # fmt: skip
            if some[place]:
                mark = {"type": "rect", "color": INK[ink]}
                layers.append(_box(mark, place * step + 1.5, (place + 1) * step - 1.5, top, below))
            below = top
        total = counts[0][place] + counts[1][place]
        if total:
            layers.append(label(f"{total:,}", (place + 0.5) * step, "center", below - 9, "soft"))
    for percent in (0, 25, 50, 75, 100):
        x = (percent / 100 * _BINS + 0.5) * step
        layers.append(label(f"{percent} %", x, "center", _HEIGHT + 14, "soft"))
    said = "of an item's n-grams stand in the corpus"
    layers.append(label(said, _WIDTH / 2, "center", _HEIGHT + 34, "soft"))
    key = (("line", "no exposure"), ("refute", "an exposure"))
    x = _WIDTH - sum(text_width(text) + 34 for _, text in key)
    for ink, text in key:
        layers += [dot(x, -26, INK[ink], 70), label(text, x + 10, "left", -26, "text")]
        x += text_width(text) + 34
    exposed = len(scan.exposed_items)
    title = f"{exposed:,} of {len(scan.items):,} items stand in {scan.documents:,} documents"
    layers.append(label(title, 0, "left", -48, "text", bold=True))
    spec = {
        **base(_WIDTH, _HEIGHT, {"left": 16, "right": 16, "top": 66, "bottom": 48}),
        "layer": layers,
    }
    return Figure(
        spec, title, "Items by the share of their n-grams that stand in the corpus; heights grow "
        "with the square root of their number.",
    )  # fmt: skip


def _box(mark: Spec, x: float, x2: float, y: float, y2: float) -> Spec:
    at = {"x": x, "x2": x2, "y": y, "y2": y2}
    return {
        "data": {"values": [{}]}, "mark": mark,
        "encoding": {name: {"value": round(v, 2)} for name, v in at.items()},
    }  # fmt: skip
