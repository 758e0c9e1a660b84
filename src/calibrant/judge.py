"""Graders on trial: the verbs of `calibrant judge`, each loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "agree": "calibrant.judges.agreement",
    "label": "calibrant.web.labelling.start",
}

__all__: list[str] = [  # noqa: F822
    "agree",
    "label",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.judge' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
