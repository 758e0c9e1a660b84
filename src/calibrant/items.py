"""Benchmarks on trial: the verbs of `calibrant items`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "check_bank": "calibrant.quality.banks",
    "read_responses": "calibrant.quality.read",
    "score": "calibrant.quality.scoring",
    "link": "calibrant.quality.linking",
    "dif": "calibrant.quality.dif",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.items' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
