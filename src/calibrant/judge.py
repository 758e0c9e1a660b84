"""Graders on trial: the verbs of `calibrant judge`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "agree": "calibrant.judges.agreement",
}

__all__: list[str] = [  # noqa: F822
    "agree",
    "correct": "calibrant.judges.correction.correct",
}

__all__: list[str] = [
    "correct",  # noqa: F822
]
    "latent": "calibrant.judges.latent",
    "panel": "calibrant.judges.panels",
}

__all__: list[str] = [*_HOMES]
    "pressure": "calibrant.judges.pressure",
}

__all__: list[str] = [
    "pressure",
    "anytime_ppi": "calibrant.judges.anytime",
    "calibrated": "calibrant.judges.calibration",
    "calibrated_ppi": "calibrant.judges.calibration",
    "calibration": "calibrant.judges.calibration",
    "plan": "calibrant.judges.planning",
}

__all__: list[str] = [  # noqa: F822
    "anytime_ppi",
    "calibrated",
    "calibrated_ppi",
    "calibration",
    "plan",
    "probe": "calibrant.bench.judging.run",
}

__all__: list[str] = [
    "probe",  # noqa: F822
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.judge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
