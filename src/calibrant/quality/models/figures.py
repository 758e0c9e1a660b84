"""The test's information over ability, against where the subjects are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibrant._figure import INK, Figure, Spec, base, config, ticks

if TYPE_CHECKING:
    from calibrant.quality.models.result import Fit

WIDTH, HEIGHT = 560.0, 240.0


def information_figure(fit: Fit) -> Figure:
    """Bars: how many subjects; line: the standard error that the items give at each ability."""
    low = min(float(fit.ability.min()), -3.0 * fit.bank.sd) - 0.2
    high = max(float(fit.ability.max()), 3.0 * fit.bank.sd) + 0.2
    theta = np.linspace(low, high, 161)
    information = np.zeros(theta.size)
    for start in range(0, len(fit.bank.items), 200):
        part = fit.bank.select(np.arange(start, min(start + 200, len(fit.bank.items))))
        information += part.information(theta).sum(axis=1)
    count, edges = np.histogram(fit.ability, bins=30, range=(low, high))
    bars = [
        {"left": float(a), "right": float(b), "subjects": int(c), "none": 0}
        for a, b, c in zip(edges[:-1], edges[1:], count, strict=True)
    ]
    line = [{"ability": float(t), "information": float(i)} for t, i in
            zip(theta, information, strict=True)]  # fmt: skip
    x = {
        "field": "left", "type": "quantitative", "title": "ability",
        "scale": {"domain": [low, high], "nice": False},
        "axis": {"values": ticks(low, high, 8)},
    }  # fmt: skip
    most, top = float(max(count.max(), 1)), float(max(information.max(), 1e-9)) * 1.05
    spec: Spec = base(WIDTH, HEIGHT, {"left": 60, "right": 60, "top": 18, "bottom": 44}) | {
        "config": config(),
        "layer": [
            {
                "data": {"values": bars},
                "mark": {"type": "rect", "color": INK["support-area"], "stroke": INK["page"]},
                "encoding": {
                    "x": x, "x2": {"field": "right"},
                    "y2": {"field": "none"},
                    "y": {"field": "subjects", "type": "quantitative", "title": "subjects (bars)",
                          "scale": {"domain": [0, most * 1.05], "nice": False},
                          "axis": {"values": _whole(most), "grid": False}},
                },
            },
            {
                "data": {"values": line},
                "mark": {"type": "line", "color": INK["support"], "strokeWidth": 2},
                "encoding": {
                    "x": x | {"field": "ability"},
                    "y": {"field": "information", "type": "quantitative",
                          "title": "information of the test (line)",
                          "scale": {"domain": [0, top], "nice": False},
                          "axis": {"values": ticks(0, top, 5), "orient": "right"}},
                },
            },
        ],
        "resolve": {"scale": {"y": "independent"}},
    }  # fmt: skip
    best = float(theta[int(information.argmax())])
    said = (
        f"Information of {len(fit.bank.items)} items, highest at ability {best:.2g}, and how many "
        f"of {len(fit.subjects)} subjects have each ability."
    )
    return Figure(spec, "Where the test informs, and where its subjects are", said)


def _whole(most: float) -> list[float]:
    return [t for t in ticks(0, most, 5) if t == round(t)]
