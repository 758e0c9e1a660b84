"""What does each design of a plan do over the true rate? Two panels: support, and trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._figure import INK, Figure, Spec, config, ticks

if TYPE_CHECKING:
    from calibrant.measurement.plan import Plans

_INKS = {
    # design: (role, dashes)
    "fixed": ("line", [1, 0]),
    "curtailed": ("futile", [7, 3]),
    "sprt": ("support", [1, 0]),
    "anytime": ("refute", [2, 2.5]),
}
_WIDTH, _HEIGHT = 330, 230
_PERCENT = "format(datum.value * 100, '.6~f') + ' %'"


def plan_figure(plans: Plans) -> Figure:
    """Power and expected trials of every design over the true rate, side by side."""
    curves = plans.curves()
    rows = [
        {"design": c.design, "rate": r, "support": s, "trials": t}
        for c in curves
        for r, s, t in zip(c.rates, c.support_probability, c.expected_trials, strict=True)
    ]
    low, high = curves[0].rates[0], curves[0].rates[-1]
    ends = (low, high)
    title = f"Designs for a rate {plans.relation} {_percent(plans.threshold)}"
    clusters = ""
    if plans.one_per_cluster is not None:
        clusters = f" Trials in clusters of {plans.cluster_size}, ICC {plans.icc:g}."
    spec: Spec = {
        "data": {"values": rows},
        "title": {
            "text": title,
            "subtitle": f"α = {plans.alpha:g}, β = {plans.beta:g} if really "
            f"{_percent(plans.if_really)}.{clusters}",
            "anchor": "start", "color": INK["text"], "subtitleColor": INK["soft"], "fontSize": 15,
            "subtitleFontSize": 12, "fontWeight": "bold", "offset": 14, "subtitlePadding": 5,
        },
        "hconcat": [_support(plans, ends), _trials(plans, ends)],
        "spacing": 34,
        "padding": 16,
        "config": config() | {
            "legend": {"title": None, "orient": "bottom", "direction": "horizontal",
                       "labelColor": INK["text"], "labelFontSize": 12, "symbolType": "stroke",
                       "symbolSize": 700, "symbolStrokeWidth": 2.4, "columnPadding": 26,
                       "padding": 4, "offset": 10},
        },
    }  # fmt: skip
    most = ", ".join(f"{d.design} at most {d.trials:,}" for d in plans.designs)
    return Figure(
        spec,
        title,
        f"Exact chance of support and expected trials of four designs over the true rate; {most}.",
    )


def _percent(rate: float) -> str:
    return f"{rate * 100:.6g} %"


def _axes(ends: tuple[float, float], y: Spec) -> Spec:
    x_axis = {"title": "True rate", "values": ticks(*ends, 5), "labelExpr": _PERCENT}
    scale = {"domain": list(ends), "nice": False, "zero": False}
    return {
        "x": {"field": "rate", "type": "quantitative", "axis": x_axis, "scale": scale},
        "y": y,
        "color": {"field": "design", "type": "nominal",
                  "scale": {"domain": list(_INKS), "range": [INK[r] for r, _ in _INKS.values()]}},
        "strokeDash": {"field": "design", "type": "nominal",
                       "scale": {"domain": list(_INKS), "range": [d for _, d in _INKS.values()]}},
    }  # fmt: skip


def _panel(heading: str, plans: Plans, layers: list[Spec], ends: tuple[float, float]) -> Spec:
    return {
        "title": {"text": heading, "anchor": "start", "fontSize": 12.5, "color": INK["text"],
                  "offset": 20, "fontWeight": "bold"},
        "width": _WIDTH, "height": _HEIGHT,
        "layer": [*_marked(plans, ends), *layers],
    }  # fmt: skip


def _marked(plans: Plans, ends: tuple[float, float]) -> list[Spec]:
    """The threshold and the design alternative, named above the plot."""
    rates = [("threshold", plans.threshold, "text", [1, 0]),
             ("if really", plans.if_really, "soft", [4, 3])]  # fmt: skip
    layers = []
    for name, rate, role, dash in rates:
        here: Any = {"values": [{"at": rate, "name": f"{name} {_percent(rate)}"}]}
        x = {"field": "at", "type": "quantitative"}
        # The two names lean away from each other.
        right = rate == max(plans.threshold, plans.if_really)
        side = {"align": "left", "dx": -3} if right else {"align": "right", "dx": 3}
        if not right and (rate - ends[0]) / (ends[1] - ends[0]) * _WIDTH < 100:
            side = {"align": "center"}
        layers += [
            {"data": here, "encoding": {"x": x},
             "mark": {"type": "rule", "color": INK[role], "strokeWidth": 1.3, "strokeDash": dash}},
            {"data": here, "encoding": {"x": x, "y": {"value": -9}, "text": {"field": "name"}},
             "mark": {"type": "text", "color": INK[role], "fontSize": 11, **side}},
        ]  # fmt: skip
    return layers


def _support(plans: Plans, ends: tuple[float, float]) -> Spec:
    y = {"field": "support", "type": "quantitative", "scale": {"domain": [0, 1]},
         "axis": {"title": None, "values": [0, 0.25, 0.5, 0.75, 1],
                  "labelExpr": _PERCENT}}  # fmt: skip
    levels = [("α", plans.alpha), ("1 − β", 1 - plans.beta)]
    layers: list[Spec] = []
    # Each level is named at the end where the curves are far from it.
    for name, value in levels:
        far_right = (plans.relation == "below") == (name == "1 − β")
        end = {"align": "right", "x": _WIDTH - 3} if far_right else {"align": "left", "x": 3}
        here: Any = {"values": [{"v": value, "name": f"{name} = {value:.4g}"}]}
        at = {"field": "v", "type": "quantitative"}
        layers += [
            {"data": here, "encoding": {"y": at},
             "mark": {"type": "rule", "color": INK["soft"], "strokeWidth": 1,
                      "strokeDash": [2, 3]}},
            {"data": here, "encoding": {"y": at, "x": {"value": end["x"]},
                                        "text": {"field": "name"}},
             "mark": {"type": "text", "align": end["align"], "dy": -8, "fontSize": 11,
                      "color": INK["soft"]}},
        ]  # fmt: skip
    line = {"mark": {"type": "line", "strokeWidth": 2.2}, "encoding": _axes(ends, y)}
    return _panel("Chance that the claim is supported", plans, [*layers, line], ends)


def _trials(plans: Plans, ends: tuple[float, float]) -> Spec:
    curves = {c.design: max(c.expected_trials) for c in plans.curves()}
    ordinary = max(v for k, v in curves.items() if k != "anytime")
    # The anytime design needs many more trials near the threshold: it may leave the plot.
    most, below = max(curves.values()), plans.relation == "below"
    top = 1.08 * min(most, 2.2 * ordinary)
    y = {"field": "trials", "type": "quantitative", "scale": {"domain": [0, top], "nice": False},
         "axis": {"title": None, "values": ticks(0, top, 5), "format": ",d"}}  # fmt: skip
    line = {"mark": {"type": "line", "strokeWidth": 2.2, "clip": True}, "encoding": _axes(ends, y)}
    here: Any = {"values": [{"rate": plans.if_really, "trials": plans.wald_bound,
                             "name": "Wald’s bound"}]}  # fmt: skip
    place = {"x": {"field": "rate", "type": "quantitative"},
             "y": {"field": "trials", "type": "quantitative"}}  # fmt: skip
    bound: list[Spec] = [
        {"data": here, "encoding": place,
         "mark": {"type": "point", "shape": "diamond", "filled": True, "size": 60, "opacity": 1,
                  "color": INK["text"]}},
        {"data": here, "encoding": {**place, "text": {"field": "name"}},
         "mark": {"type": "text", "align": "left" if below else "right", "dx": 7 if below else -7,
                  "dy": 9, "fontSize": 11, "color": INK["text"]}},
    ]  # fmt: skip
    off = f" (anytime: up to {most:,.0f})" * (most > top)
    return _panel(f"Expected trials{off}", plans, [line, *bound], ends)
