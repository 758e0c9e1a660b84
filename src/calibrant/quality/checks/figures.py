"""What does a benchmark look like, item by item? Facility against discrimination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._figure import INK, Figure, config
from calibrant._text import one_line

if TYPE_CHECKING:
    from calibrant.quality.checks.result import ItemCheck

KINDS = ("sound", "suspect key", "twin")


def items_figure(found: ItemCheck) -> Figure:
    """Each item at its facility and its correlation with the rest; suspects and twins marked."""
    rest = found.rest
    kind = np.zeros(rest.facility.size, np.int64)
    for t in found.twins:
        kind[[t.first, t.second]] = 2
    kind[[s.item for s in found.suspects]] = 1
    rows: list[dict[str, Any]] = [
        {
            "facility": round(float(rest.facility[j]), 4),
            "correlation": round(float(rest.correlation[j]), 4),
            "kind": KINDS[kind[j]],
            "item": one_line(found.responses.items[j], 80),
        }
        for j in np.flatnonzero(~np.isnan(rest.correlation))
    ]
    # Marked items are drawn last, above the others.
    rows.sort(key=lambda r: r["kind"] != "sound")
    spec: dict[str, Any] = {
        "width": 560, "height": 360, "background": None,
        "config": {**config(),
                   "legend": {"labelColor": INK["text"], "orient": "top", "title": None}},
        "layer": [
            {
                "data": {"values": [{"y": 0}]},
                "mark": {"type": "rule", "color": INK["line"]},
                "encoding": {"y": {"field": "y", "type": "quantitative"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "opacity": 0.75},
                "encoding": {
                    "x": {"field": "facility", "type": "quantitative",
                          "scale": {"domain": [0, 1]}, "title": "share of subjects right"},
                    "y": {"field": "correlation", "type": "quantitative",
                          "title": "correlation with the rest of the items"},
                    "color": {"field": "kind", "type": "nominal",
                              "scale": {"domain": list(KINDS),
                                        "range": [INK["support"], INK["refute"], INK["futile"]]}},
                    "shape": {"field": "kind", "type": "nominal",
                              "scale": {"domain": list(KINDS),
                                        "range": ["circle", "triangle-down", "square"]}},
                    "size": {"condition": {"test": "datum.kind !== 'sound'", "value": 70},
                             "value": 26},
                },
            },
        ],
    }  # fmt: skip
    title = f"{len(rows)} items: who gets them right, and whether able subjects do"
    said = (
        f"{len(found.suspects)} items with suspect keys, {len(found.twins)} pairs of twins; "
        f"{int((rest.correlation < 0).sum())} items below zero"
    )
    return Figure(spec, title, said)
