"""Graders on trial: the verbs of `calibrant judge`, each loaded when it is first used."""

from __future__ import annotations

from calibrant._lazy import surface

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

__getattr__, __dir__ = surface(__name__, _HOMES)
