"""Which items stand in a corpus in other words? Candidates, a score, and its measured rate."""

from __future__ import annotations

from calibrant.contamination.rewording.calibrate import Calibration, calibrate, documents_needed
from calibrant.contamination.rewording.documents import Files
from calibrant.contamination.rewording.find import paraphrase
from calibrant.contamination.rewording.result import Check, ItemFound, Paraphrases

__all__ = [
    "Calibration",
    "Check",
    "Files",
    "ItemFound",
    "Paraphrases",
    "calibrate",
    "documents_needed",
    "paraphrase",
]
