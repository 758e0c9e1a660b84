"""Which items stand in a corpus in other words? Candidates, a score, and its measured rate."""

from __future__ import annotations

from calibrant.contamination.paraphrase.calibrate import Calibration, calibrate, documents_needed
from calibrant.contamination.paraphrase.documents import Files
from calibrant.contamination.paraphrase.find import paraphrase
from calibrant.contamination.paraphrase.result import Check, ItemFound, Paraphrases

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
