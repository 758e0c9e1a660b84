"""What will the next subject do? Transfer and scaling, with back-tests before belief.

The verbs of `calibrant forecast`, each loaded when it is first used.
"""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES: dict[str, str] = {
    "Scores": "calibrant.scaling.scores",
    "Predictive": "calibrant.scaling.predictive",
    "Forecaster": "calibrant.scaling.forecaster",
    "rare_events": "calibrant.scaling.rare.forecast",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
