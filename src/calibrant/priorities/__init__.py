"""What should be tested at all? The expert survey: asked, watched live, and ranked honestly.

The verbs of `calibrant priorities`, each loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "Survey": "calibrant.priorities.survey.model",
    "AreaPosterior": "calibrant.priorities.posterior",
    "Ratings": "calibrant.records.ratings",
    "as_ratings": "calibrant.records.ratings",
    "check_integrity": "calibrant.priorities.integrity.check",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.priorities' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
