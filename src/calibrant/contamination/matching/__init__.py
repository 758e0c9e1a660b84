"""Which items stand in a corpus, word for word or nearly? One pass, exact, mergeable."""

from calibrant.contamination.matching.found import Found, Place
from calibrant.contamination.matching.index import Index, Rule, build_index
from calibrant.contamination.matching.result import ItemFound, Scan, scan_of
from calibrant.contamination.matching.scanner import Scanner, scan_batches

__all__ = [
    "Found",
    "Index",
    "ItemFound",
    "Place",
    "Rule",
    "Scan",
    "Scanner",
    "build_index",
    "scan_batches",
    "scan_of",
]
