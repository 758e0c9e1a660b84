"""How do ratings look? A forest with tiers, and a map of who beats whom, as Vega-Lite charts."""

from __future__ import annotations

import numpy as np

from calibrant._figure import INK, Figure, Spec
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.ratings.result import Rating, Ratings

MOST = 60
"""Most subjects drawn; the best are."""

_TIERS = (INK["support"], INK["futile"], INK["refute"], INK["soft"])
_CHANCES = [INK["refute"], INK["page"], INK["support"]]
_ROW = 18


def forest(found: Ratings) -> Figure:
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
        # A hollow point has no interval: it is not a certain one.
        {"mark": {"type": "point", "size": 55, "opacity": 1},
         "encoding": {"y": y, "x": {**x, "field": "value"}, "color": colour, "fill": colour,
                      "fillOpacity": {"condition": {"test": "datum.open", "value": 0},
                                      "value": 1}}},
    ]  # fmt: skip
    title = f"Ratings by {found.model}, {found.level:.0%} intervals"
    spec = _base(title, "Relative: cannot show that any subject is good or safe") | {
        "width": 420, "height": {"step": _ROW}, "data": {"values": rows}, "layer": layers
    }  # fmt: skip
    best = ", ".join(f"{r['label']} {r['value']:.4g}" for r in rows[:3])
    return Figure(spec, title, f"{len(rows)} subjects, best first: {best}.")


def _row(r: Rating, elo: bool) -> Spec:
    value = r.elo if elo else r.score
    known = r.elo_interval if elo else r.score_interval
    ends = known or (value, value)
    tier = "4 and below" if r.tier is None or r.tier > 3 else str(r.tier)
    pool = f" (pool {r.pool + 1})" if r.pool else ""
    return {
        "label": one_line(r.subject, 40) + pool, "value": value, "low": ends[0], "high": ends[1],
        "tier": tier, "open": known is None,
    }  # fmt: skip


def heat(found: Ratings) -> Figure:
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
    title = "Chance of winning, row against column"
    spec = _base(title, "Ties count half") | {
        "width": {"step": _ROW}, "height": {"step": _ROW}, "data": {"values": values},
        "mark": "rect",
        "encoding": {
            "y": {**axis, "field": "row"},
            "x": {**axis, "field": "column", "axis": {"orient": "top", "labelAngle": -60}},
            "color": {"field": "chance", "type": "quantitative", "title": "chance",
                      "scale": {"domain": [0, 0.5, 1], "range": _CHANCES}},
        },
    }  # fmt: skip
    return Figure(spec, title, f"{len(names)} subjects, strongest first.")


def _base(title: str, below: str) -> Spec:
    soft = INK["soft"]
    return {
        "title": {"text": one_line(title), "subtitle": below, "anchor": "start",
                  "color": INK["text"], "subtitleColor": soft, "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": soft, "titleColor": soft,
                            "domain": False, "ticks": False, "labelLimit": 260}},
    }  # fmt: skip
