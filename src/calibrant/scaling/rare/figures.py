"""How do the forecasts look? Return levels, more attempts, and the hidden mode, as charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import INK, Figure, Spec

if TYPE_CHECKING:
    from calibrant.scaling.rare.attempts import BestOfN
    from calibrant.scaling.rare.deploy import HiddenMode
    from calibrant.scaling.rare.forecast import Rare
    from calibrant.scaling.rare.largest import Tail

_WIDTH, _HEIGHT = 460, 230


def draw(found: Rare) -> Figure:
    """Every forecast that was made, one panel each, the hidden mode last."""
    panels, titles = [], []
    if found.tail is not None:
        panels.append(_levels(found.tail))
        titles.append("return levels")
    if found.best_of_n is not None:
        panels.append(_attempts(found.best_of_n))
        titles.append("best of n")
    if len(found.pass_at_k) > 1 and found.best_of_n is None:
        panels.append(_passes(found))
        titles.append("pass@k")
    panels.append(_hidden(found.hidden))
    titles.append("a hidden mode")
    spec: Spec = {"vconcat": panels, "spacing": 34, "config": _config(), "background": INK["page"],
                  "padding": 12, "resolve": {"scale": {"color": "independent"}}}  # fmt: skip
    return Figure(spec, f"From n trials to deployment: {', '.join(titles)}", repr(found))


def _levels(tail: Tail) -> Spec:
    path = [{"m": m, "value": v, "low": lo, "high": hi} for m, v, lo, hi in tail.path]
    names = {"probability": "probability of the event", "logprob": "log-probability",
             "score": "score"}  # fmt: skip
    x = _log("m", "queries, of which one reaches this level")
    y = {"type": "quantitative", "title": names[tail.of], "scale": {"zero": tail.of != "logprob"}}
    layers = [
        _band(path, x, y),
        _line(path, x, y, "value"),
        _dots([{"m": m, "value": v} for m, v in tail.seen], x, y),
        *_at(tail.n, f"{tail.n:,} queries seen", "m"),
    ]
    return _panel(
        f"Return levels, {tail.level:.0%} interval by profile likelihood",
        f"Points: the largest seen. Right of the rule the law alone speaks (shape "
        f"{tail.shape.value:.2f})",
        layers,
    )


def _attempts(best: BestOfN) -> Spec:
    path = [
        {"m": b.k, "value": b.value, "low": b.low, "high": b.high,
         "bottom": b.bound_low, "top": b.bound_high}
        for b in best.path
    ]  # fmt: skip
    x = _log("m", "attempts at one item")
    y = {"type": "quantitative", "title": "chance of at least one event",
         "scale": {"domain": [0, 1]}}  # fmt: skip
    layers = [
        _line(path, x, y, "bottom", "line", [3, 3]),
        _line(path, x, y, "top", "line", [3, 3]),
        *([_band(path, x, y), _line(path, x, y, "value")] if best.withheld is None else []),
        _dots([{"m": k, "value": v} for k, v in best.observed], x, y),
        *_at(best.fewest, f"{best.fewest:,} attempts made", "m", foot=False),
    ]
    below = "the beta law is withheld" if best.withheld else "band: beta law"
    return _panel(
        f"Best of n, {best.level:.0%} intervals",
        f"Points: pass@k without bias; {below}; dashed: what holds for any law",
        layers,
    )


def _passes(found: Rare) -> Spec:
    rows = [
        {"m": p.k, "value": p.value, "low": p.low, "high": p.high,
         "kind": "any of k (pass@k)" if p.kind == "any" else "all of k (pass^k)"}
        for p in (*found.pass_at_k, *found.pass_hat_k)
    ]  # fmt: skip
    x = _log("m", "attempts k")
    y = {"type": "quantitative", "title": "chance", "scale": {"domain": [0, 1]}}
    colour = {"field": "kind", "type": "nominal", "title": None,
              "scale": {"range": [INK["refute"], INK["support"]]}}  # fmt: skip
    layers = [
        {"data": {"values": rows}, "mark": {"type": "rule", "strokeWidth": 2},
         "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"},
                      "color": colour}},
        {"data": {"values": rows}, "mark": {"type": "point", "filled": True, "size": 50},
         "encoding": {"x": x, "y": {**y, "field": "value"}, "color": colour}},
    ]  # fmt: skip
    one = found.pass_at_k[0]
    title = f"pass@k and pass^k, {found.level:.0%} intervals"
    return _panel(title, f"{one.items:,} {one.of} items", layers)


def _hidden(mode: HiddenMode) -> Spec:
    rows = [
        {"m": s, "value": chance, "kind": kind}
        for kind, values in (
            (f"it brings an event in {mode.deployments:,.6g} deployments", mode.from_mode),
            (f"{mode.units:,} trials show nothing", mode.unseen),
        )
        for s, chance in zip(mode.shares, values, strict=True)
    ]
    x = _log("m", "share of deployment in the mode")
    x["axis"]["format"] = ".0e"
    layers = [
        {"data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 2, "clip": True},
         "encoding": {
             "x": x,
             "y": {"field": "value", "type": "quantitative", "title": "chance",
                   "scale": {"domain": [0, 1]}},
             "color": {"field": "kind", "type": "nominal", "title": None,
                       "sort": None, "legend": {"orient": "top", "labelLimit": 400},
                       "scale": {"range": [INK["refute"], INK["support"]]}}}},
        *_at(mode.worst_share, f"{mode.worst_share:.2g}: not ruled out", "m", right=False),
    ]  # fmt: skip
    return _panel(
        "A mode that no trial showed",
        f"Left of the rule the trials do not rule it out: up to {mode.worst_expected:,.3g} events",
        layers,
    )


def _panel(title: str, below: str, layers: list[Spec]) -> Spec:
    return {
        "title": {"text": title, "subtitle": below, "anchor": "start", "color": INK["text"],
                  "subtitleColor": INK["soft"], "fontWeight": "normal"},
        "width": _WIDTH, "height": _HEIGHT, "layer": layers,
    }  # fmt: skip


def _log(field: str, title: str) -> Spec:
    # Rules at whole powers of ten only: log scales would draw one at each digit.
    powers = [10.0**i for i in range(-15, 16)]
    return {"field": field, "type": "quantitative", "title": title,
            "scale": {"type": "log", "nice": False},
            "axis": {"format": "~s", "values": powers}}  # fmt: skip


def _band(rows: list[Spec], x: Spec, y: Spec) -> Spec:
    return {
        "data": {"values": rows},
        "mark": {"type": "area", "color": INK["support-area"], "opacity": 1},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }


def _line(
    rows: list[Spec], x: Spec, y: Spec, field: str, ink: str = "support", dash: Any = None
) -> Spec:
    mark: Spec = {"type": "line", "color": INK[ink], "strokeWidth": 2}
    if dash:
        mark |= {"strokeDash": dash, "strokeWidth": 1.4}
    return {"data": {"values": rows}, "mark": mark,
            "encoding": {"x": x, "y": {**y, "field": field}}}  # fmt: skip


def _dots(rows: list[Spec], x: Spec, y: Spec) -> Spec:
    return {
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "size": 26, "opacity": 1, "color": INK["path"]},
        "encoding": {"x": x, "y": {**y, "field": "value"}},
    }


def _at(
    value: float, text: str, field: str, *, right: bool = True, foot: bool = True
) -> list[Spec]:
    """An upright rule with its words beside its foot, or beside its head."""
    place = {"data": {"values": [{field: value}]}}
    x = {"field": field, "type": "quantitative"}
    side = {"align": "left", "dx": 5} if right else {"align": "right", "dx": -5}
    return [
        {**place, "mark": {"type": "rule", "color": INK["refute"], "strokeDash": [4, 3]},
         "encoding": {"x": x}},
        {**place, "mark": {"type": "text", "text": text, "baseline": "bottom" if foot else "top",
                           **side, "dy": -4 if foot else 4, "color": INK["refute"], "fontSize": 11},
         "encoding": {"x": x, "y": {"value": _HEIGHT if foot else 0}}},
    ]  # fmt: skip


def _config() -> Spec:
    soft = INK["soft"]
    return {"font": "sans-serif", "view": {"stroke": None},
            "legend": {"labelColor": soft, "titleColor": soft},
            "axis": {"gridColor": INK["grid"], "labelColor": soft, "titleColor": soft,
                     "domain": False, "ticks": False}}  # fmt: skip
