"""Graders on trial: the verbs of `calibrant judge`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "agree": "calibrant.judges.agreement",
    "anytime_ppi": "calibrant.judges.anytime",
    "calibrated": "calibrant.judges.calibration",
    "calibrated_ppi": "calibrant.judges.calibration",
    "calibration": "calibrant.judges.calibration",
    "correct": "calibrant.judges.correction.correct",
    "drift": "calibrant.judges.drift",
    "label": "calibrant.web.labelling.start",
    "latent": "calibrant.judges.latent",
    "panel": "calibrant.judges.panels",
    "plan": "calibrant.judges.planning",
    "pressure": "calibrant.judges.pressure",
    "probe": "calibrant.bench.judging.run",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.judge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
