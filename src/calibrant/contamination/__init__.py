"""Has the subject seen the test? Found in corpora, measured on subjects, designed away.

The verbs of `calibrant contamination`, each loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES: dict[str, str] = {
    "Item": "calibrant.contamination.items",
    "read_items": "calibrant.contamination.items",
    "TokenScores": "calibrant.contamination.tokens",
    "read_scores": "calibrant.contamination.tokens",
    "Rule": "calibrant.contamination.scan",
    "Scan": "calibrant.contamination.scan",
    "build_index": "calibrant.contamination.scan",
    "scan_batches": "calibrant.contamination.scan",
    "scan_of": "calibrant.contamination.scan",
}

__all__: list[str] = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant.contamination' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
