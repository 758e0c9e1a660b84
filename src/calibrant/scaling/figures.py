"""How does a forecast look? What was known, the cut, what is forecast, and how the past went.

All figures are drawn from the document of `calibrant forecast --json`: `run --figure` and the
transfer card show the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
from scipy import special

from calibrant._figure import INK, Figure, Spec, config, shorten
from calibrant.errors import InputError
from calibrant.scaling.predictive import Predictive

Document = Mapping[str, Any]
Row = Mapping[str, Any]

MOST = 24
"""Most rows of a figure of horizons; those of all measures come first."""
PANELS = 8
"""Most measures drawn in one figure."""
DRAWN = 200
"""Most forecasts drawn in one panel: those with an outcome, then the first."""

_VERDICT = {"held": "support", "failed": "refute", "too few": "futile"}
_NESTED = ((0.8, 3.5, 0.45), (0.5, 7.0, 0.8))
"""Inner intervals: their level, thickness and opacity."""
Kind = Literal["scale", "date", "ability"]
_CUT = re.compile(r"(scale|date|axis)\s*<=?\s*(\S+)")


def forecast_figure(
    found: Any, *, measures: Sequence[str] | None = None, outcomes: Sequence[Row] = ()
) -> Figure:
    """Known scores, the cut, and each forecast with three intervals, one panel a measure.

    Args:
        found: the document of a forecast, or what has it as `.to_dict()`.
        measures: those drawn; by default the first `PANELS` that have a forecast.
        outcomes: rows with subject, measure, outcome and covered, of a settled forecast.

    Raises:
        InputError: if there is neither a known score nor a forecast to draw.
    """
    document: Document = found if isinstance(found, Mapping) else found.to_dict()
    rows, history = document.get("forecast") or [], document.get("history") or []
    names = measures or list(dict.fromkeys(r["measure"] for r in (*rows, *history)))[:PANELS]
    if not names:
        raise InputError("figure: neither a known score nor a forecast to draw")
    kind = _kind(document, (*rows, *history))
    single = len(names) == 1
    panels = [_panel(document, m, outcomes, kind=kind, single=single) for m in names]
    level = float(document.get("level") or 0.9)
    title = f"Forecast of {', '.join(shorten(m, 30) for m in names)}"
    said = f"{len(rows)} forecasts with 50 %, 80 % and {level:.0%} intervals"
    if len(rows) > DRAWN:
        said += f", at most {DRAWN} drawn in each panel"
    if document.get("withheld"):
        said = f"The forecast is withheld: {document['withheld']}"
    many = {"concat": panels, "columns": 2, "spacing": {"row": 18, "column": 22}}
    spec: Spec = panels[0] if single else many
    return Figure({**spec, "config": _config(), "padding": 10}, title, said)


def _panel(
    document: Document, measure: str, outcomes: Sequence[Row], *, kind: Kind, single: bool
) -> Spec:
    """One measure: points, the cut, intervals, and what came of them."""
    level = float(document.get("level") or 0.9)
    known = [
        {"x": spot, "y": r["score"], "who": shorten(str(r["subject"]), 40)}
        for r in document.get("history") or []
        if r["measure"] == measure
        and (spot := _place(r, kind)) is not None
        and r["score"] is not None
    ]
    ahead = [
        r
        for r in document.get("forecast") or []
        if r["measure"] == measure and _place(r, kind) is not None
    ]
    seen = {(o["subject"], o["measure"]): o for o in outcomes}
    ahead = sorted(ahead, key=lambda r: (r["subject"], measure) not in seen)[:DRAWN]
    bars = [_bars(r, level, kind, seen.get((r["subject"], measure))) for r in ahead]
    ends = [b[k] for b in bars for k in ("low", "high", "outcome") if b[k] is not None]
    spread = [p["y"] for p in known] + ends or [0.0, 1.0]
    low, high = min(spread), max(spread)
    pad = 0.05 * (high - low) or 0.05
    across = [p["x"] for p in known] + [b["x"] for b in bars] or [0.0, 1.0]
    cut = _cut(document, kind)
    x = _axis([*across, *([] if cut is None else [cut])], kind, str(document.get("scale") or ""))
    y = {"field": "y", "type": "quantitative", "title": None,
         "scale": {"domain": [low - pad, high + pad], "nice": False, "zero": False},
         "axis": {"tickCount": 5}}  # fmt: skip
    layers: list[Spec] = []
    if cut is not None:
        mark = {"type": "rule", "color": INK["text"], "strokeDash": [4, 3], "strokeWidth": 1.2}
        layers.append({"data": {"values": [{"x": cut}]}, "mark": mark, "encoding": {"x": x}})
    dot = {"type": "point", "filled": True, "size": 22, "color": INK["line"], "opacity": 0.75}
    layers.append({"data": {"values": known}, "mark": dot, "encoding": {"x": x, "y": y}})
    layers += _intervals(bars, x, y)
    lines = (
        [shorten(measure, 48)] if not single else [f"{shorten(measure, 60)}: known and forecast"]
    )
    return {
        "width": 480 if single else 250,
        "height": 280 if single else 170,
        "title": {"text": lines, "anchor": "start", "color": INK["text"], "fontSize": 13,
                  "fontWeight": "bold"},
        "layer": layers,
    }  # fmt: skip


def _bars(row: Row, level: float, kind: Kind, seen: Row | None) -> dict[str, Any]:
    """A forecast's intervals at three levels, its median, and its outcome where it is known."""
    told = Predictive.from_dict(row["density"])
    ends: dict[str, Any] = {}
    for name, at in (("80", 0.8), ("50", 0.5), ("", level)):
        low, high = told.interval(at)
        ends |= {f"low{name}": float(low[0]), f"high{name}": float(high[0])}
    outcome = seen["outcome"] if seen else row.get("outcome")
    inside = outcome is None or ends["low"] <= outcome <= ends["high"]
    return {
        **ends, "x": _place(row, kind), "median": float(told.quantile(0.5)[0]),
        "outcome": outcome, "ink": "support" if inside else "refute",
    }  # fmt: skip


def _intervals(bars: list[dict[str, Any]], x: Spec, y: Spec) -> list[Spec]:
    layers: list[Spec] = []
    crowd = min(1.0, (40 / max(len(bars), 1)) ** 0.5)
    for ink in ("support", "refute"):
        some = [b for b in bars if b["ink"] == ink]
        if not some:
            continue
        parts = [("", 1.4, 0.9), *((f"{at * 100:.0f}", wide, seen) for at, wide, seen in _NESTED)]
        for name, wide, seen in parts:
            mark = {"type": "rule", "color": INK[ink], "strokeWidth": max(wide * crowd, 0.8),
                    "opacity": seen * crowd, "strokeCap": "butt"}  # fmt: skip
            layers.append({
                "data": {"values": some}, "mark": mark,
                "encoding": {"x": x, "y": y | {"field": f"low{name}"},
                             "y2": {"field": f"high{name}"}},
            })  # fmt: skip
    if bars:
        middle = {"type": "point", "filled": True, "size": 34 * crowd, "opacity": 1,
                  "color": INK["page"], "stroke": INK["support"], "strokeWidth": 1.2}  # fmt: skip
        layers.append({"data": {"values": bars}, "mark": middle,
                       "encoding": {"x": x, "y": y | {"field": "median"}}})  # fmt: skip
    came = [b for b in bars if b["outcome"] is not None]
    if came:
        mark = {"type": "point", "shape": "diamond", "filled": True, "size": 46, "opacity": 1,
                "color": INK["path"], "stroke": INK["page"], "strokeWidth": 1}  # fmt: skip
        layers.append({"data": {"values": came}, "mark": mark,
                       "encoding": {"x": x, "y": y | {"field": "outcome"}}})  # fmt: skip
    return layers


def _kind(document: Document, rows: Sequence[Row]) -> Kind:
    """What scores are drawn against: ability where scores are given, else compute, else dates."""
    if document.get("given") and any(r.get("ability") is not None for r in rows):
        return "ability"
    return "scale" if any(r.get("scale") is not None for r in rows) else "date"


def _place(row: Row, kind: Kind) -> float | None:
    """Where a row stands: its ability, its scale's logarithm, or its date as a year."""
    value = row.get(kind)
    if value is None:
        return None
    return _year(str(value)) if kind == "date" else float(value)


def _year(day: str) -> float | None:
    try:
        at = date.fromisoformat(day)
    except ValueError:
        return None
    return round(at.year + (at.timetuple().tm_yday - 1) / 365.25, 4)


def _cut(document: Document, kind: Kind) -> float | None:
    rule = _CUT.fullmatch(str(document.get("cut") or "").strip())
    if rule is None or {"axis": "ability"}.get(rule.group(1), rule.group(1)) != kind:
        return None
    if kind == "date":
        return _year(rule.group(2))
    try:
        value = float(rule.group(2))
    except ValueError:
        return None
    if kind == "ability":
        return value
    # A cut of a scale that is a logarithm already is below any amount of compute.
    return float(np.log10(value)) if value > 100 else value


def _axis(values: Sequence[float], kind: Kind, scale: str) -> Spec:
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or 0.5
    words = {
        "scale": "floor(datum.value) == datum.value ? '1e' + datum.value : ''",
        "date": "replace(format(datum.value, '.4~f'), '', '')",
        "ability": "format(datum.value, '.2~f')",
    }[kind]
    title = {
        "scale": shorten(re.sub(r"\s*\([^)]*\)", "", scale) or "scale", 40), "date": "date",
        "ability": "first axis of what is given, in standard deviations",
    }[kind]  # fmt: skip
    step = 1 if high - low <= 7 else int(np.ceil((high - low) / 7))
    ticks = list(range(int(np.ceil(low - pad)), int(np.floor(high + pad)) + 1, step))
    return {
        "field": "x", "type": "quantitative",
        "title": title,
        "scale": {"domain": [low - pad, high + pad], "nice": False, "zero": False},
        "axis": {"values": ticks, "labelExpr": words, "grid": False},
    }  # fmt: skip


def horizon_figure(document: Document) -> Figure:
    """At each horizon of the back-test, the share of outcomes that intervals held, with a 90 %
    interval for as many independent outcomes as they are worth.

    Raises:
        InputError: if the document has no back-test by horizon.
    """
    told = [h for h in (document.get("backtest") or {}).get("by_horizon") or [] if h["n"]]
    told = sorted(told, key=lambda h: h["measure"] is not None)[:MOST]
    if not told:
        raise InputError("figure: no back-test by horizon to draw")
    level = float(told[0]["level"])
    rows = []
    for h in told:
        worth, hits = float(h["effective"]), float(h["covered"]) / h["n"]
        low, high = _share(hits * worth, worth, 0.9)
        who = "all" if h["measure"] is None else str(h["measure"])
        rows.append({
            "label": shorten(f"{who}, {h['horizon']}", 58), "value": hits, "low": low,
            "high": high, "ink": INK[_VERDICT.get(str(h["verdict"]), "soft")],
            "says": f"{h['covered']:.0f} of {h['n']}",
        })  # fmt: skip
    y = {"field": "label", "type": "nominal", "sort": [r["label"] for r in rows], "title": None,
         "axis": {"labelLimit": 330, "grid": False}}  # fmt: skip
    x = {"field": "value", "type": "quantitative", "title": "share of outcomes inside",
         "scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5}}  # fmt: skip
    ink = {"field": "ink", "type": "nominal", "scale": None}
    promised = {"data": {"values": [{"value": level}]}, "encoding": {"x": x},
                "mark": {"type": "rule", "color": INK["text"], "strokeDash": [4, 3]}}  # fmt: skip
    spec: Spec = {
        "width": 230, "height": {"step": 22}, "data": {"values": rows}, "padding": 8,
        "config": _config(), "layer": [
            promised,
            {"mark": {"type": "rule", "strokeWidth": 2.2},
             "encoding": {"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"},
                          "color": ink}},
            {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
             "encoding": {"y": y, "x": x, "color": ink}},
        ],
    }  # fmt: skip
    said = "; ".join(f"{r['label']}: {r['says']}" for r in rows[:6])
    return Figure(spec, f"What {level:.0%} intervals held on the past", said)


def pit_figure(share: Sequence[float], worth: float) -> Figure:
    """Where outcomes fell in their forecasts: flat if forecasts are honest.

    Args:
        share: of the outcomes in each of equal bins of P(score ≤ outcome).
        worth: how many independent outcomes they are worth, for the band around flat.

    Raises:
        InputError: if there is no share.
    """
    bins = len(share)
    if not bins or not sum(share):
        raise InputError("figure: no outcomes to draw")
    low, high = _share(worth / bins, worth, 0.9)
    rows = [
        {"a": i / bins, "b": (i + 1) / bins, "share": float(s), "zero": 0}
        for i, s in enumerate(share)
    ]
    top = max(*share, high, 2 / bins) * 1.08
    x = {"field": "a", "type": "quantitative", "title": "P(score ≤ outcome)",
         "scale": {"domain": [0, 1]}, "axis": {"tickCount": 5, "grid": False}}  # fmt: skip
    y = {"field": "share", "type": "quantitative", "title": "share",
         "scale": {"domain": [0, top], "nice": False},
         "axis": {"format": ".0%", "tickCount": 4}}  # fmt: skip
    over = {"x": x, "x2": {"field": "b"}, "y": y, "y2": {"field": "zero"}}
    band = {"data": {"values": [{"a": 0, "b": 1, "share": low, "zero": high}]},
            "mark": {"type": "rect", "color": INK["support-area"]}, "encoding": over}  # fmt: skip
    drawn = {"data": {"values": rows},
             "mark": {"type": "rect", "color": INK["support"], "opacity": 0.8,
                      "stroke": INK["page"], "strokeWidth": 1}, "encoding": over}  # fmt: skip
    flat = {"data": {"values": [{"share": 1 / bins}]}, "encoding": {"y": y},
            "mark": {"type": "rule", "color": INK["text"], "strokeDash": [4, 3]}}  # fmt: skip
    spec: Spec = {"width": 260, "height": 150, "layer": [band, drawn, flat], "padding": 8,
                  "config": _config()}  # fmt: skip
    outer = share[0] + share[-1]
    said = f"{outer:.0%} of outcomes fell into the outermost tenths, where {2 / bins:.0%} should"
    return Figure(spec, "Where outcomes fell in their forecasts", said)


def _config() -> Spec:
    # The figure as a whole is read out, not each mark: and in labels of marks the renderer would
    # take a backslash of a column's name for an escape.
    return config() | {"aria": False}


def _share(hits: float, worth: float, level: float) -> tuple[float, float]:
    """Clopper–Pearson for a count that need not be whole."""
    if worth <= 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    misses = worth - hits
    low = float(special.betaincinv(hits, misses + 1, tail)) if hits > 1e-9 else 0.0
    high = float(special.betaincinv(hits + 1, misses, 1 - tail)) if misses > 1e-9 else 1.0
    return low, high
