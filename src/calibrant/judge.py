"""Graders on trial: the verbs of `calibrant judge`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "drift": "calibrant.judges.drift",
    "pressure": "calibrant.judges.pressure",
}

__all__: list[str] = [
    "drift",  # noqa: F822
    "pressure",  # noqa: F822
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.judge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
