"""How many verdicts may stand for which guaranteed agreement with gold? A curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import INK, Figure, Spec, config, shorten, ticks
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.judges.panels.result import Panel

_WIDTH, _HEIGHT = 420, 260
_PERCENT = "format(datum.value * 100, '.6~f') + ' %'"


def plot_panel(p: Panel) -> Figure:
    """The share of items accepted against the agreement guaranteed for them.

    Every point is a guarantee of its own.

    Raises:
        InputError: without gold, or where no agreement at all can be guaranteed.
    """
    if p.accept is None:
        raise InputError("figure: wanted gold: without it no agreement is guaranteed")
    if not p.curve:
        raise InputError("figure: no agreement from 50 % on can be guaranteed for any share, or "
                         "items come in clusters")  # fmt: skip
    points = [{"share": share, "agreement": goal} for goal, share in p.curve]
    who = shorten(p.selector, 30)
    title = f"What may stand without a person: {who}"
    low = min(0.5, min(goal for goal, _ in p.curve))
    spec: Spec = {
        "title": {
            "text": title,
            "subtitle": [
                f"guaranteed agreement with gold of accepted verdicts, confidence "
                f"{1 - p.accept.delta:.0%} each;",
                f"{p.accept.calibration:,} gold items test thresholds chosen on "
                f"{p.accept.learning:,} others",
            ],
            "anchor": "start", "color": INK["text"], "subtitleColor": INK["soft"], "fontSize": 15,
            "subtitleFontSize": 12, "fontWeight": "bold", "offset": 14, "subtitlePadding": 5,
        },
        "width": _WIDTH,
        "height": _HEIGHT,
        "padding": 16,
        "config": config(),
        "layer": [*_lines(p), *_steps(points, low)],
    }  # fmt: skip
    return Figure(spec, title, repr(p))


def _steps(points: list[dict[str, float]], low: float) -> list[Spec]:
    x = {"field": "share", "type": "quantitative", "scale": {"domain": [0, 1]},
         "axis": {"title": "Share of items accepted", "values": ticks(0, 1, 5),
                  "labelExpr": _PERCENT}}  # fmt: skip
    y = {"field": "agreement", "type": "quantitative",
         "scale": {"domain": [low, 1], "zero": False},
         "axis": {"title": "Guaranteed agreement", "values": ticks(low, 1, 5),
                  "labelExpr": _PERCENT}}  # fmt: skip
    return [
        {"data": {"values": points}, "encoding": {"x": x, "y": y, "order": {"field": "agreement"}},
         "mark": {"type": mark, "color": INK["support"], **more}}
        for mark, more in (("line", {"strokeWidth": 2}), ("point", {"filled": True, "size": 36,
                                                                    "opacity": 1}))
    ]  # fmt: skip


def _lines(p: Panel) -> list[Spec]:
    """The target, and how often the verdicts agree if all stand."""
    assert p.accept is not None
    rates = {r.name: r.agreement for r in [*(j.agreement for j in p.judges), *p.rules]}
    marked = [("target", p.accept.target, "refute"),
              ("all verdicts, as observed", rates[p.selector], "soft")]  # fmt: skip
    layers: list[Spec] = []
    for i, (name, value, role) in enumerate(marked):
        here = {"values": [{"v": value, "name": f"{name} {value:.1%}"}]}
        y = {"field": "v", "type": "quantitative"}
        layers += [
            {"data": here, "encoding": {"y": y},
             "mark": {"type": "rule", "color": INK[role], "strokeDash": [4, 3]}},
            {"data": here,
             "encoding": {"y": y, "x": {"value": _WIDTH - 3 if i == 0 else 3},
                          "text": {"field": "name"}},
             "mark": {"type": "text", "align": "right" if i == 0 else "left", "dy": -7,
                      "fontSize": 11, "color": INK[role]}},
        ]  # fmt: skip
    return layers
