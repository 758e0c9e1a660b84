"""How do ratings look? A forest with tiers, and a map of who beats whom, as Vega-Lite charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calibrant._text import dumps, one_line
from calibrant.errors import InputError
from calibrant.ratings.result import Rating, Ratings

Spec = dict[str, Any]

MOST = 60
"""Most subjects drawn; the best are."""

_INK, _SOFT, _GRID, _PAGE = "#1c2024", "#565c63", "#e6e5e0", "#fdfdfb"
_TIERS = ("#0b6670", "#7a5c0b", "#a8381c", "#565c63")
_ROW = 18


def forest(found: Ratings) -> Spec:
    """Ratings with intervals, one line a subject, coloured by tier; a rule parts the pools.

    Raises:
        InputError: if nobody is rated.
    """
    rated = [r for r in found.ratings if r.reason is None][:MOST]
    if not rated:
        raise InputError("figure: nobody is rated")
    elo = rated[0].elo is not None
    rows = [_row(r, elo) for r in rated]
    order = [r["label"] for r in rows]
    y = {"field": "label", "type": "nominal", "sort": order, "title": None}
    colour = {
        "field": "tier", "type": "ordinal", "title": "tier",
        "scale": {"domain": ["1", "2", "3", "4 and below"], "range": list(_TIERS)},
    }  # fmt: skip
    x = {"type": "quantitative", "scale": {"zero": False}, "title": "Elo" if elo else found.model}
    layers = [
        {"mark": {"type": "rule", "strokeWidth": 2},
         "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"},
                      "color": colour}},
        {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
         "encoding": {"y": y, "x": {**x, "field": "value"}, "color": colour}},
    ]  # fmt: skip
    title = f"Ratings by {found.model}, {found.level:.0%} intervals"
    spec = _base(title, "Relative: cannot show that any subject is good or safe")
    return {**spec, "width": 420, "height": {"step": _ROW}, "data": {"values": rows},
            "layer": layers}  # fmt: skip


def _row(r: Rating, elo: bool) -> Spec:
    value = r.elo if elo else r.score
    ends = (r.elo_interval if elo else r.score_interval) or (value, value)
    tier = "4 and below" if r.tier is None or r.tier > 3 else str(r.tier)
    pool = f" (pool {r.pool + 1})" if r.pool else ""
    return {
        "label": one_line(r.subject, 40) + pool, "value": value, "low": ends[0], "high": ends[1],
        "tier": tier,
    }  # fmt: skip


def heat(found: Ratings) -> Spec:
    """Chance that the row's subject beats the column's, ties counting half, in the first pool.

    Raises:
        InputError: if the model gives no such chances.
    """
    if not found.pools:
        raise InputError(f"figure: {found.model} gives no chances of winning")
    fit = found.pools[0].fit
    order = np.argsort(-fit.strengths, kind="stable")[:MOST]
    chance = fit.probabilities()[np.ix_(order, order)]
    names = [one_line(fit.counts.names[i], 40) for i in order]
    values = [
        {"row": names[a], "column": names[b], "chance": round(float(chance[a, b]), 4)}
        for a in range(len(names))
        for b in range(len(names))
        if a != b
    ]
    axis = {"type": "nominal", "sort": names, "title": None}
    spec = _base("Chance of winning, row against column", "Ties count half")
    return {
        **spec, "width": {"step": _ROW}, "height": {"step": _ROW}, "data": {"values": values},
        "mark": "rect",
        "encoding": {
            "y": {**axis, "field": "row"},
            "x": {**axis, "field": "column", "axis": {"orient": "top", "labelAngle": -60}},
            "color": {"field": "chance", "type": "quantitative", "title": "chance",
                      "scale": {"domain": [0, 0.5, 1], "range": ["#a8381c", _PAGE, "#0b6670"]}},
        },
    }  # fmt: skip


def _base(title: str, below: str) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": _PAGE,
        "title": {"text": one_line(title), "subtitle": below, "anchor": "start", "color": _INK,
                  "subtitleColor": _SOFT, "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": _GRID, "labelColor": _SOFT, "titleColor": _SOFT,
                            "domain": False, "ticks": False, "labelLimit": 260}},
    }  # fmt: skip


def save(spec: Spec, path: str | Path) -> Path:
    """Write a chart as .svg, or as .json (the Vega-Lite chart).

    Raises:
        InputError: for another ending, or a path that cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".json":
            text = dumps(spec, indent=1)
        case ".svg":
            import vl_convert

            text = str(vl_convert.vegalite_to_svg(spec))
        case ending:
            raise InputError(f"{path}: wanted a figure as .svg or .json, got {ending or 'none'!r}")
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"{path}: cannot be written: {e.strerror or e}") from e
    return path
