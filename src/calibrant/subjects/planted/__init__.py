"""Reference subjects whose exposure was planted: who has seen what is known, item by item.

Tiny transformers read a corpus of an invented world in which items stand 0, 1, 2, 4, 8 or 16
times, word for word or rephrased, drawn at random; a clean twin reads the same without them, and
a tuned one is the clean one fine-tuned on the copies. What a detector finds on them is its power.
"""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES = {
    "DESIGNS": "calibrant.subjects.planted.corpus",
    "Arms": "calibrant.subjects.planted.corpus",
    "Design": "calibrant.subjects.planted.corpus",
    "PlantedItem": "calibrant.subjects.planted.corpus",
    "PlantedSubject": "calibrant.subjects.planted.subject",
    "fresh_gaps": "calibrant.subjects.planted.fresh",
    "listed": "calibrant.subjects.planted.store",
    "load": "calibrant.subjects.planted.store",
    "measure_power": "calibrant.subjects.planted.measured",
    "readings": "calibrant.subjects.planted.readings",
    "train": "calibrant.subjects.planted.store",
    "verify": "calibrant.subjects.planted.store",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
