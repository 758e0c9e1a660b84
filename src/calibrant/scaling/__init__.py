"""What will the next subject do? Transfer and scaling, with back-tests before belief.

The verbs of `calibrant forecast`, each loaded when it is first used.
"""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES: dict[str, str] = {
    "Scores": "calibrant.scaling.scores",
    "Given": "calibrant.scaling.given",
    "Predictive": "calibrant.scaling.predictive",
    "Forecaster": "calibrant.scaling.forecaster",
    "monotone": "calibrant.scaling.curves.monotone",
    "curve": "calibrant.scaling.curves.curve",
    "CurveReport": "calibrant.scaling.curves.curve",
    "loss_law": "calibrant.scaling.curves.losses",
    "error_law": "calibrant.scaling.curves.losses",
    "FORECASTERS": "calibrant.scaling.curves.forecasters",
    "MetricLadder": "calibrant.scaling.metrics.ladder",
    "MetricLadders": "calibrant.scaling.metrics.ladder",
    "metric_ladder": "calibrant.scaling.metrics.ladder",
    "read_scores": "calibrant.scaling.read",
    "register": "calibrant.scaling.cards.register",
    "read_registered": "calibrant.scaling.cards.register",
    "settle": "calibrant.scaling.cards.settle",
    "Families": "calibrant.scaling.hierarchical.result",
    "fit_families": "calibrant.scaling.hierarchical.verb",
    "Axes": "calibrant.scaling.axes.result",
    "capability_axes": "calibrant.scaling.axes.verb",
    "Forecast": "calibrant.scaling.result",
    "BackTest": "calibrant.scaling.backtests.summary",
    "OnlyCapability": "calibrant.scaling.capability.result",
    "only_capability": "calibrant.scaling.capability.verb",
    "trend": "calibrant.scaling.trends.trend",
    "will_hold": "calibrant.scaling.transfer.holds",
    "rare_events": "calibrant.scaling.rare.forecast",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
