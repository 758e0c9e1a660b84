"""Which items stand in a corpus, what was scanned, and what was not? What the verb `scan` gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from calibrant.contamination.corpora.problems import Problem
from calibrant.contamination.corpora.scanning import ShardFound
from calibrant.contamination.matching import Index, ItemFound, Scan

if TYPE_CHECKING:
    from calibrant._figure import Figure

ITSELF = 0.9
"""Share of the items that stand word for word in one file, from which on it is the benchmark."""
_LEAST = 10
"""Items below which a benchmark is too small to be recognised so."""


@dataclass(frozen=True, repr=False)
class CorpusScan:
    """What a corpus holds of a test, and how it was scanned.

    Attributes:
        found: items, documents, bytes of text, the same for any number of workers, and for a
            scan that was killed and resumed; and seconds of computation.
        n: words of an n-gram.
        files, shards: how many there are.
        stored: bytes of the files, as they lie.
        elapsed: seconds from beginning to end, of this run.
        engine, workers: who scanned.
        resumed: shards that were finished before.
        lost: shards that were given up, as their workers died.
        problems: what was not scanned as it stands, per file.
        itself: files that are the benchmark, or hold nearly all of it word for word, with how
            many items.
        notes: one sentence each.
    """

    found: Scan
    n: int
    files: int
    shards: int
    stored: int
    elapsed: float
    engine: str = "none"
    workers: int = 1
    resumed: int = 0
    lost: int = 0
    problems: tuple[Problem, ...] = ()
    itself: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[ItemFound, ...]:
        """What was found of each item that can be scanned, in their order."""
        return self.found.items

    @property
    def documents(self) -> int:
        """How many were scanned."""
        return self.found.documents

    @property
    def bytes(self) -> int:
        """Of text."""
        return self.found.bytes

    def __repr__(self) -> str:
        text = repr(self.found)
        if self.lost:
            text += f"; {self.lost:,} of {self.shards:,} shards were not scanned"
        if self.problems:
            files = len({p.file for p in self.problems})
            text += f"; of {files:,} files something was not scanned as it stands"
        return text

    def to_dict(self) -> dict[str, Any]:
        """As plain data: the scan's, and how it was made.

        Items that cannot be scanned come after the others, without a containment.
        """
        plain = ("n", "files", "shards", "stored", "elapsed", "engine", "workers", "resumed",
                 "lost")  # fmt: skip
        said = self.found.to_dict()
        said["items"] += [
            {"item": item, "n": self.n, "ngrams": 0, "matched": 0, "containment": None,
             "exposures": 0, "where": [], "why_not": why}
            for item, why in self.found.not_scannable.items()
        ]  # fmt: skip
        return {
            **said,
            **{name: getattr(self, name) for name in plain},
            "problems": [p.to_dict() for p in self.problems],
            "itself": dict(self.itself),
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """Containment of each item, and which of them stand in the corpus."""
        return self.found.plot()


def itself(index: Index, total: ShardFound) -> dict[str, int]:
    """Files in which nearly all items stand word for word, with how many."""
    can = int((index.least > 0).sum())
    if can < _LEAST:
        return {}
    counts = {file: items.bit_count() for file, items in total.verbatim.items()}
    return {file: n for file, n in sorted(counts.items()) if n >= ITSELF * can}
