"""Benchmarks on trial: the verbs of `calibrant items`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "check": "calibrant.quality.checks",
    "check_bank": "calibrant.quality.banks",
    "read_responses": "calibrant.quality.read",
    "fit": "calibrant.quality.models.fit",
    "fit_bank": "calibrant.quality.models.fit",
    "score": "calibrant.quality.scoring",
    "calibrate": "calibrant.quality.shorter.calibrate",
    "read_engine": "calibrant.quality.shorter.engine",
    "Cut": "calibrant.quality.cuts.cut",
    "read_cut": "calibrant.quality.cuts.cut",
    "write_cut": "calibrant.quality.cuts.cut",
    "read_judgements": "calibrant.quality.cuts.judgements",
    "angoff": "calibrant.quality.cuts.angoff",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.items' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
