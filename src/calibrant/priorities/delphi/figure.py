"""How do spreads look? Medians with the middle half of the answers, an area a line."""

from __future__ import annotations

from typing import Any

from calibrant._figure import INK, Figure, Spec, config
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.delphi.consensus import Cell, Consensus

MOST = 120
"""Most areas drawn."""

_KINDS = {"yes": "support", "undetermined": "soft", "no": "refute"}


def spreads(found: Consensus) -> Figure:
    """The last round: each area's answers by question, coloured by whether there is consensus.

    Raises:
        InputError: if no area has a spread.
    """
    shown = [c for c in found.cells if c.spread is not None]
    if not shown:
        raise InputError("figure: no area has enough answers for a spread")
    last = max(c.round for c in shown)
    shown = [c for c in shown if c.round == last]
    areas = list(dict.fromkeys(c.area for c in shown))[:MOST]
    rows = [_row(c) for c in shown if c.area in areas]
    y = {"field": "area", "type": "nominal", "sort": areas, "title": None}
    x = {"type": "quantitative", "title": "answer", "axis": {"tickCount": found.levels},
         "scale": {"domain": [0.8, found.levels + 0.2], "nice": False}}  # fmt: skip
    colour = {
        "field": "consensus", "type": "nominal", "title": "consensus",
        "scale": {"domain": list(_KINDS), "range": [INK[r] for r in _KINDS.values()]},
    }  # fmt: skip
    layers: list[Spec] = [
        {"mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.8},
         "encoding": {"y": y, "x": {**x, "field": "least"}, "x2": {"field": "most"},
                      "color": colour}},
        {"mark": {"type": "bar", "height": 7, "opacity": 0.35},
         "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"},
                      "color": colour}},
        {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
         "encoding": {"y": y, "x": {**x, "field": "median"}, "color": colour,
                      "shape": {"field": "camps", "type": "nominal", "title": "peaks",
                                "scale": {"domain": ["one", "two"],
                                          "range": ["circle", "diamond"]}}}},
    ]  # fmt: skip
    questions = list(dict.fromkeys(r["question"] for r in rows))
    title = f"Answers in round {last}: median, middle half, and where the median may lie"
    facet: dict[str, Any] = {"field": "question", "type": "nominal", "title": None,
                             "sort": questions}  # fmt: skip
    spec: Spec = {
        "data": {"values": rows}, "title": {"text": title, "anchor": "start", "fontSize": 14},
        "facet": {"column": facet}, "config": config(),
        "spec": {"width": 300, "height": {"step": 16}, "layer": layers},
    }  # fmt: skip
    said = ", ".join(f"{k}: {sum(r['consensus'] == k for r in rows)}" for k in _KINDS)
    return Figure(spec, title, f"{len(areas)} areas; consensus {said}.")


def _row(cell: Cell) -> Spec:
    s = cell.spread
    assert s is not None
    # A middle half of no width still has to be seen.
    flat = 0.06 if s.low == s.high else 0.0
    return {
        "area": one_line(cell.area, 40), "question": one_line(cell.question, 60),
        "median": s.median, "low": s.low - flat, "high": s.high + flat,
        "least": s.median_interval[0], "most": s.median_interval[1], "consensus": s.consensus,
        "camps": "two" if cell.two_camps is not None and cell.two_camps <= 0.05 else "one",
    }  # fmt: skip
