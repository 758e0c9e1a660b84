"""Which items stand in a corpus in other words, and how sure is that?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.contamination.rewording.calibrate import MILLION, Calibration
from calibrant.contamination.rewording.rule import Kind
from calibrant.contamination.rewording.scan import Candidate

if TYPE_CHECKING:
    from calibrant._figure import Figure

BINS = 100
KINDS: tuple[Kind, ...] = ("verbatim", "paraphrase", "same template", "unclear")


@dataclass(frozen=True)
class ItemFound:
    """An item and its candidates, the surest first.

    Attributes:
        item: its id.
        kind: of the surest candidate; "not found" without candidates, "not scannable" if its
            question has no words.
        documents: documents in which the item is more than unclear, over the whole corpus.
    """

    item: str
    kind: str
    documents: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Check:
    """How often clean documents that the threshold was not chosen by are above it.

    Attributes:
        documents, above: counts.
        low, high: Clopper–Pearson interval of the rate.
    """

    documents: int
    above: int
    low: float
    high: float

    def __repr__(self) -> str:
        return (
            f"{self.above} of {self.documents:,} other clean documents are above the threshold: "
            f"{self.above / self.documents * MILLION:,.0f} per million "
            f"({self.low * MILLION:,.0f} to {self.high * MILLION:,.0f})"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        measured = self.above / self.documents
        rates = {"measured": measured, "low": self.low, "high": self.high}
        return self.__dict__ | {
            "measured": measured,
            "per_million": {k: v * MILLION for k, v in rates.items()},
        }


@dataclass(frozen=True)
class Paraphrases:
    """What a scan for paraphrases found.

    Attributes:
        items: all of them, in their order.
        documents, windows: of the corpus.
        counts: documents of each kind: the surest candidate of each; "none" without one.
        calibration: the threshold and its rate; None without clean documents.
        check: the rate on other clean documents, if there are any.
        embedder: its name, if there is one.
        notes: one sentence each.
        scores: shape (BINS,), documents of the corpus by score, from 0 to 1.
    """

    items: tuple[ItemFound, ...]
    documents: int
    windows: int
    counts: dict[str, int]
    calibration: Calibration | None
    check: Check | None
    embedder: str | None
    notes: tuple[str, ...]
    scores: NDArray[np.int64] = field(repr=False, compare=False)

    def __repr__(self) -> str:
        found = [f"{self.of(k)} {k}" for k in KINDS[:3] if self.of(k)]
        what = f"{', '.join(found) or 'none found'} of {len(self.items):,} items"
        where = f"in {self.documents:,} documents"
        if self.calibration is None:
            return f"{what} {where}; no rate of false positives is known: no clean documents"
        return f"{what} {where}; {self.calibration!r}"

    def of(self, kind: str) -> int:
        """How many items are of a kind."""
        return sum(i.kind == kind for i in self.items)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "items": [
                {"item": i.item, "kind": i.kind, "documents": i.documents,
                 "candidates": [self._candidate(c) for c in i.candidates]}
                for i in self.items
            ],
            "documents": self.documents, "windows": self.windows, "counts": self.counts,
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "check": None if self.check is None else self.check.to_dict(),
            "embedder": self.embedder, "notes": list(self.notes), "scores": self.scores.tolist(),
        }  # fmt: skip

    def p_value(self, c: Candidate) -> float | None:
        """The chance of such a score of a clean document; None without clean documents."""
        return None if self.calibration is None else self.calibration.p_value(c.score)

    def _candidate(self, c: Candidate) -> dict[str, Any]:
        return {
            "file": c.file, "document": c.number, "start": c.start, "end": c.end,
            "kind": c.kind, "score": c.score, "p": self.p_value(c),
            "features": c.features.to_dict(), "excerpt": c.excerpt,
        }  # fmt: skip

    def plot(self) -> Figure:
        """Scores of clean documents and of the corpus, with the threshold."""
        from calibrant.contamination.rewording.figure import draw

        return draw(self)

    def shown(self, limit: int = 20) -> list[tuple[ItemFound, Candidate]]:
        """The surest candidate of items, the surest first."""
        found = [(i, i.candidates[0]) for i in self.items if i.candidates]
        order = {k: n for n, k in enumerate(KINDS)}
        found.sort(key=lambda p: (order[p[1].kind], -p[1].score, one_line(p[0].item)))
        return found[:limit]
