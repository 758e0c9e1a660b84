"""Which items stand in a corpus, word for word or nearly? One pass, exact, mergeable."""

from calibrant.contamination.scan.found import Found, Place
from calibrant.contamination.scan.index import Index, Rule, build_index
from calibrant.contamination.scan.result import ItemFound, Scan, scan_of
from calibrant.contamination.scan.scanner import Scanner, scan_batches

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
