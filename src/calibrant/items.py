"""Benchmarks on trial: the verbs of `calibrant items`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "read_responses": "calibrant.quality.read",
    "calibrate": "calibrant.quality.shorter.calibrate",
    "read_engine": "calibrant.quality.shorter.engine",
    "shorten": "calibrant.quality.shorter.shorten",
    "read_form": "calibrant.quality.shorter.short_form",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.items' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
