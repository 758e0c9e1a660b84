"""How do the methods' answers look beside the judge's own?"""

from __future__ import annotations

import math
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
    rule,
    ticks,
)

if TYPE_CHECKING:
    from calibrant.judges.correction.correct import Correction

_ROW, _WIDTH, _LEFT, _RIGHT = 26.0, 460.0, 190.0, 190.0


def intervals(found: Correction) -> Figure:
    """One line a method, the judge's own first, the recommended one in colour.

    Ends outside the plot are cut at its edge; the numbers beside are as computed.
    """
    lines = [("judge alone", found.naive.value, found.naive.low, found.naive.high)]
    lines += [(r.method, r.value, r.low, r.high) for r in found.corrected
              if math.isfinite(r.value) and not math.isnan(r.low)]  # fmt: skip
    place = _place(found, [x for line in lines for x in line[1:] if math.isfinite(x)])
    height = _ROW * len(lines)
    layers: list[Spec] = []
    for t in ticks(place.low, place.high, 6):
        layers.append(rule(place.x(t), height, INK["grid"], []))
        layers.append(label(f"{t:g}", place.x(t), "center", height + 12, "soft"))
    for i, (name, value, low, high) in enumerate(lines):
        y = _ROW * (i + 0.5)
        role = "refute" if i == 0 else "support" if name == found.recommended else "soft"
        ends = max(low, place.low), min(high, place.high)
        layers.append(bar(place, *ends, y, INK[role], 3))
        layers.append(dot(place.x(value), y, INK[role], 60))
        layers.append(label(name, -10, "right", y, role, bold=name == found.recommended))
        said = f"{value:.3g} [{_end(low)}, {_end(high)}]"
        layers.append(label(said, _WIDTH + 10, "left", y, role))
    layers.append(fixed_mark({"type": "text", "text": f"{found.level:.0%} intervals",
                              "align": "left", "color": INK["soft"]},
                             x=0, y=height + 30))  # fmt: skip
    spec = {**base(_WIDTH, height, {"left": _LEFT, "right": _RIGHT, "top": 12, "bottom": 44}),
            "layer": layers}  # fmt: skip
    what = "Rate" if found.positive is not None else "Mean"
    title = f"{what} by a judge, corrected by {found.labels} gold labels"
    return Figure(spec, title, repr(found))


def _place(found: Correction, seen: list[float]) -> Place:
    low, high = min(seen), max(seen)
    if found.positive is not None:
        low, high = max(low, -0.05), min(high, 1.05)
    pad = 0.04 * (high - low) or 0.5
    return Place(low - pad, high + pad, _WIDTH)


def _end(x: float) -> str:
    return f"{x:.3g}" if math.isfinite(x) else "none"
