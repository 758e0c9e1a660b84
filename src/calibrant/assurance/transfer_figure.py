"""How do a family's rates look beside a threshold, and the next one's?"""

from __future__ import annotations

from calibrant._figure import INK, Figure, Spec
from calibrant._text import one_line
from calibrant.assurance.transfer import ClaimTransfer

_INKS = {"supported": INK["support"], "refuted": INK["refute"], "undetermined": INK["futile"]}


def forest(t: ClaimTransfer) -> Figure:
    """Each subject's rate with its interval, coloured by verdict; below, the next one's."""
    rows = [
        {"label": one_line(s.subject, 40), "value": s.value, "low": s.low, "high": s.high,
         "kind": s.verdict}
        for s in t.subjects
    ]  # fmt: skip
    f = t.found
    if f.probability is not None:
        rows.append({"label": "the next subject", "value": f.next_median, "low": f.next_low,
                     "high": f.next_high, "kind": "forecast"})  # fmt: skip
    order = [r["label"] for r in rows]
    y = {"field": "label", "type": "nominal", "sort": order, "title": None,
         "axis": {"labelLimit": 260}}  # fmt: skip
    x = {"type": "quantitative", "title": "rate", "scale": {"zero": True}}
    kinds = [*_INKS, "forecast"]
    colour = {"field": "kind", "type": "nominal", "title": None,
              "scale": {"domain": kinds, "range": [*_INKS.values(), INK["path"]]}}  # fmt: skip
    layers: list[Spec] = [
        {"data": {"values": [{"at": f.threshold}]},
         "mark": {"type": "rule", "color": INK["soft"], "strokeDash": [4, 3]},
         "encoding": {"x": {**x, "field": "at"}}},
        {"mark": {"type": "rule", "strokeWidth": 2.4},
         "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"},
                      "color": colour}},
        {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
         "encoding": {"y": y, "x": {**x, "field": "value"}, "color": colour}},
    ]  # fmt: skip
    chance = "not said" if f.probability is None else f"{f.probability:.0%}"
    title = one_line(f"The claim holds for the next subject: {chance}", 120)
    soft = INK["soft"]
    spec: Spec = {
        "title": {"text": title, "subtitle": one_line(f"{t.statement}; {f.level:.0%} interval of "
                                                      "the next subject's rate", 160),
                  "anchor": "start", "color": INK["text"], "subtitleColor": soft,
                  "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": soft, "titleColor": soft,
                            "domain": False, "ticks": False},
                   "legend": {"labelColor": soft, "titleColor": soft}},
        "width": 460, "height": {"step": 24}, "data": {"values": rows}, "layer": layers,
    }  # fmt: skip
    return Figure(spec, title, repr(t))
