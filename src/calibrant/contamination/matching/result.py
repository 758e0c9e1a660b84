"""Which items stand in the corpus? What a scan reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._text import one_line
from calibrant.contamination.matching.found import KINDS, Found, Place
from calibrant.contamination.matching.index import Index

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class Grams:
    """N-grams of an item, or of a part of it.

    Attributes:
        ngrams: how many distinct ones it has.
        matched: how many of them stand somewhere in the corpus.
    """

    ngrams: int
    matched: int

    @property
    def containment(self) -> float | None:
        """The share that stands in the corpus; None for a part without n-grams."""
        return self.matched / self.ngrams if self.ngrams else None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "ngrams": self.ngrams, "matched": self.matched, "containment": self.containment,
        }  # fmt: skip


@dataclass(frozen=True)
class ItemFound:
    """What a corpus holds of one item.

    Attributes:
        item: its id.
        n: words of an n-gram; less than asked for where the item was looked for as a whole.
        shown, question, answer: its n-grams: as shown (with those that reach from one part into
            the next), and those within the question and the answer.
        other: the same as `shown` for further widths, if more were asked for.
        exposures: places where it stands; see `Kind` for what counts.
        kinds: places of each kind, fragments among them.
        best: the largest share of its question, its answer or all of it in one place; 0 if none.
        where: the first places.
    """

    item: str
    n: int
    shown: Grams
    question: Grams
    answer: Grams
    other: Mapping[int, Grams]
    kinds: Mapping[str, int]
    best: float
    where: tuple[Place, ...]

    @property
    def exposures(self) -> int:
        """Places where it stands, fragments aside."""
        return sum(times for kind, times in self.kinds.items() if kind != "fragment")

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "item": self.item, "n": self.n, **self.shown.to_dict(), "exposures": self.exposures,
            "kinds": dict(self.kinds), "best": self.best, "question": self.question.to_dict(),
            "answer": self.answer.to_dict(),
            "other": {str(n): grams.to_dict() for n, grams in self.other.items()},
            "where": [place.to_dict() for place in self.where],
        }  # fmt: skip


@dataclass(frozen=True)
class Boilerplate:
    """An n-gram that many items hold, or many documents without more of the item.

    Attributes:
        text: its words, folded.
        items: items of different text that hold it.
        documents: documents that hold it, and no exposure of an item of it.
    """

    text: str
    items: int
    documents: int


@dataclass(frozen=True)
class Scan:
    """What a corpus holds of the items of a test.

    Attributes:
        items: of each item that can be scanned what was found, in their order.
        documents, bytes, words: what was read.
        invalid: bytes that were not UTF-8.
        exposed: documents with an exposure of some item.
        seconds: how long it took; of all processes together.
        not_scannable: items that cannot be looked for, with the reason.
        duplicates: items with the words of an earlier one, which is named.
        boilerplate: n-grams that say nothing, the most frequent first.
        notes: one sentence each.
    """

    items: tuple[ItemFound, ...]
    documents: int
    bytes: int
    words: int
    invalid: int
    exposed: int
    seconds: float
    not_scannable: Mapping[str, str] = field(default_factory=dict)
    duplicates: Mapping[str, str] = field(default_factory=dict)
    boilerplate: tuple[Boilerplate, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        out = len(self.not_scannable)
        return (
            f"{len(self.exposed_items):,} of {len(self.items):,} items stand in {self.exposed:,} "
            f"of {self.documents:,} documents ({self.bytes / 1e6:,.1f} MB)"
            + (f"; {out:,} items cannot be scanned" if out else "")
        )

    @property
    def exposed_items(self) -> tuple[ItemFound, ...]:
        """Items with an exposure."""
        return tuple(item for item in self.items if item.exposures)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "items": [item.to_dict() for item in self.items],
            "documents": self.documents, "bytes": self.bytes, "words": self.words,
            "invalid": self.invalid, "exposed": self.exposed, "seconds": self.seconds,
            "not_scannable": dict(self.not_scannable), "duplicates": dict(self.duplicates),
            "boilerplate": [vars(gram) for gram in self.boilerplate], "notes": list(self.notes),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Containment of each item, and which of them stand in the corpus."""
        from calibrant.contamination.matching.figure import figure

        return figure(self)


def scan_of(
    index: Index, found: Found, *, seconds: float = 0.0, common: int = 10, most: int = 50
) -> Scan:
    """What was found, told of each item.

    Args:
        seconds: how long it took.
        common: documents without more of an item from which on an n-gram is boilerplate.
        most: boilerplate that is named.
    """
    items = tuple(_item(index, found, int(i)) for i in np.flatnonzero(index.least))
    out = index.not_scannable()
    notes = []
    if found.invalid:
        notes.append(f"{found.invalid:,} bytes are not UTF-8; they separate words")
    if not found.words:
        notes.append("no words were read")
    return Scan(
        items, found.documents, found.bytes, found.words, found.invalid, found.exposed, seconds,
        out, index.duplicates, _boilerplate(index, found, common, most), tuple(notes),
    )  # fmt: skip


def _item(index: Index, found: Found, i: int) -> ItemFound:
    n = int(index.least[i])
    length = int(index.lengths[i])
    counts = found.counts.get(i, (0,) * len(KINDS))
    return ItemFound(
        index.ids[i], n, _grams(index, found, i, n, 0, length),
        _grams(index, found, i, n, *index.question[i].tolist()),
        _grams(index, found, i, n, *index.answer[i].tolist()),
        {m: _grams(index, found, i, m, 0, length) for m in index.rule.n if m != n},
        dict(zip(KINDS, counts, strict=True)), found.best.get(i, 0.0), found.where.get(i, ()),
    )  # fmt: skip


def _grams(index: Index, found: Found, i: int, n: int, low: int, high: int) -> Grams:
    """Distinct n-grams between two words of an item, and those that were found."""
    if high - low < n:
        return Grams(0, 0)
    start, width = int(index.starts[i]), index.rule.width
    # An n-gram is told by the shorter ones at its words.
    grams = index.gram[start + low : start + high - width + 1]
    rows = np.lib.stride_tricks.sliding_window_view(grams, n - width + 1)
    _, kept = np.unique(rows, axis=0, return_index=True)
    bits = found.matched.get((n, i), 0)
    return Grams(len(kept), sum(bits >> (low + int(k)) & 1 for k in kept) if bits else 0)


def _boilerplate(index: Index, found: Found, common: int, most: int) -> tuple[Boilerplate, ...]:
    """N-grams that many items or documents hold; of those that overlap, the most frequent."""
    held = {int(g) for g in np.flatnonzero(index.boilerplate)}
    held |= {g for g, times in found.fragments.items() if times >= common}
    named = [
        Boilerplate(one_line(index.text(g)), int(index.held[g]), found.fragments.get(g, 0))
        for g in held
    ]
    return tuple(sorted(named, key=lambda b: (-b.documents, -b.items, b.text))[:most])
