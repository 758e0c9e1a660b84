"""What has been found so far? Counts that add up, whichever shards they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from calibrant.contamination.matching.index import Index
from calibrant.errors import InputError

Kind = Literal["verbatim", "numbers", "near", "part", "fragment"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""How an item stands in a place. "verbatim": its question, its answer or all of it, word for word.
"numbers": the same, but with other numbers. "near": with words changed, left out or put in.
"part": at least the rule's share of it, as n-grams. "fragment": n-grams, but less of it than that;
no exposure."""


@dataclass(frozen=True, order=True)
class Place:
    """A place in a corpus where an item, or something of it, stands.

    Attributes:
        fragment: whether it is no exposure; exposures stand first.
        file, document: as of a batch.
        byte, end: of the document's text (UTF-8), where it begins and ends.
        kind: see `Kind`.
        part: of which part of the item that is said: "item", "question" or "answer".
        share: of the words of that part, how many stand there, 0–1; for "near", among those and
            words put in.
        words: of the whole item, how many stand there in n-grams, or in order if it was aligned.
        replaced, deleted, inserted: words of that part that stand there changed, that do not, and
            words that stand between its own. Of a question or an answer that stands there word for
            word: of the whole item, if the rest of it stands beside it changed.
        numbers: how many of these changes concern words with a digit.
        excerpt: what the document says there, shortened.
    """

    fragment: bool
    file: str
    document: int
    byte: int
    end: int
    kind: Kind
    part: str
    share: float
    words: int
    replaced: int = 0
    deleted: int = 0
    inserted: int = 0
    numbers: int = 0
    excerpt: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """What a part of a corpus holds of the items of an index: mergeable in any order.

    Attributes:
        index: the fingerprint of the index.
        places: how many places of each item are kept.
        documents, bytes, words: what was read; bytes of text.
        invalid: bytes that are not UTF-8.
        exposed: documents with an exposure.
        matched: by (width, item): bit k is set if the n-gram at word k of the item was found.
        counts: by item: places of each kind, in the order of `KINDS`.
        best: by item: the largest share of a part in one place.
        where: by item: the first places, exposures before fragments, in the order of the corpus.
        fragments: by n-gram of the index: documents that hold it as a fragment and no exposure
            of an item there.
    """

    index: str
    places: int = 5
    documents: int = 0
    bytes: int = 0
    words: int = 0
    invalid: int = 0
    exposed: int = 0
    matched: Mapping[tuple[int, int], int] = field(default_factory=dict)
    counts: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    best: Mapping[int, float] = field(default_factory=dict)
    where: Mapping[int, tuple[Place, ...]] = field(default_factory=dict)
    fragments: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, index: Index) -> Found:
        """Nothing, of nothing."""
        return cls(index.fingerprint, index.rule.places)

    def merge(self, other: Found) -> Found:
        """What both hold. It does not matter which comes first, or what was merged before.

        Raises:
            InputError: if they are of different items or rules.
        """
        if (self.index, self.places) != (other.index, other.places):
            raise InputError(
                f"counts of one index cannot be added to those of another: {self.index} (keeps "
                f"{self.places} places) and {other.index} (keeps {other.places})"
            )
        where = {
            i: first(
                (*self.where.get(i, ()), *other.where.get(i, ())), self.places
            )
            for i in sorted({*self.where, *other.where})
        }  # fmt: skip
        sums = ("documents", "bytes", "words", "invalid", "exposed")
        return Found(
            self.index, self.places,
            **{name: getattr(self, name) + getattr(other, name) for name in sums},
            matched=_joined(self.matched, other.matched, lambda a, b: a | b),
            counts=_joined(self.counts, other.counts, _added),
            best=_joined(self.best, other.best, max), where=where,
            fragments=_joined(self.fragments, other.fragments, lambda a, b: a + b),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for a checkpoint or another machine; `from_dict` reads it."""
        plain = ("index", "places", "documents", "bytes", "words", "invalid", "exposed")
        return {name: getattr(self, name) for name in plain} | {
            "matched": [[n, i, f"{bits:x}"] for (n, i), bits in self.matched.items()],
            "counts": [[i, *counts] for i, counts in self.counts.items()],
            "best": [list(pair) for pair in self.best.items()],
            "where": [[i, [p.to_dict() for p in places]] for i, places in self.where.items()],
            "fragments": [list(pair) for pair in self.fragments.items()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Found:
        """What `to_dict` said.

        Raises:
            InputError: if it is something else.
        """
        try:
            return cls(
                **{
                    **data,
                    "matched": {(int(n), int(i)): int(bits, 16) for n, i, bits in data["matched"]},
                    "counts": {int(i): tuple(counts) for i, *counts in data["counts"]},
                    "best": {int(i): float(share) for i, share in data["best"]},
                    "where": {
                        int(i): tuple(Place(**p) for p in places) for i, places in data["where"]
                    },
                    "fragments": {int(g): int(times) for g, times in data["fragments"]},
                }
            )
        except (KeyError, TypeError, ValueError) as e:
            raise InputError(f"wanted counts of a scan, as Found.to_dict gives: {e}") from e


def first(places: Iterable[Place], most: int) -> tuple[Place, ...]:
    """The places to keep."""
    return tuple(sorted(places)[:most])


def _joined(left: Mapping[Any, Any], right: Mapping[Any, Any], both: Any) -> dict[Any, Any]:
    keys = sorted({*left, *right})
    return {
        k: both(left[k], right[k]) if k in left and k in right else left.get(k, right.get(k))
        for k in keys
    }


def _added(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))
