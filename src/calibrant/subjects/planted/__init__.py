"""Reference subjects whose exposure was planted: who has seen what is known, item by item.

Tiny transformers read a corpus of an invented world in which items stand 0, 1, 2, 4, 8 or 16
times, word for word or rephrased, drawn at random; a clean twin reads the same without them, and
a tuned one is the clean one fine-tuned on the copies. What a detector finds on them is its power.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "DESIGNS": "corpus",
    "Arms": "corpus",
    "Design": "corpus",
    "PlantedItem": "corpus",
    "PlantedSubject": "subject",
    "fresh_gaps": "fresh",
    "listed": "store",
    "load": "store",
    "measure_power": "measured",
    "readings": "readings",
    "train": "store",
    "verify": "store",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.subjects.planted' has no attribute {name!r}")
    return getattr(import_module(f"calibrant.subjects.planted.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
