"""What stands in the places of an item? Runs and verdicts by compiled loops over arrays.

The plain twin is `places` with `runs`: both say the same of every document.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.matching.found import KINDS, Kind, Place
from calibrant.contamination.matching.hits import Hits, compiled
from calibrant.contamination.matching.index import Index
from calibrant.contamination.matching.places import (
    ANCHORED,
    Reader,
    excerpt_of,
    own_words,
    parts_of,
    reach,
    slack_of,
    telling,
)  # fmt: skip
from calibrant.contamination.matching.runs import Runs

Ints = NDArray[np.int64]

_MANY = 16
"""Occurrences of an n-gram in items from which on those after the usual one are told apart."""
_KEPT = 4096
"""Alignments that are remembered: what stands in one document often stands in the next."""
_ROOM = 1 << 17
_LOW = (1 << 32) - 1


class Verdicts(NamedTuple):
    """What stands in places of one item in one document, in order.

    Attributes:
        kind: shape (places,), as a number of `KINDS`; 5 for nothing.
        part, share, words, byte, end: of each; see `Place`.
        changes: by place: words replaced, deleted, inserted, and changes of numbers.
        member, at, long: of each run its place (or −1), and words of the item.
        open_run, stop: the first run of a place that may go on (or −1), and the word of the
            document at which the last of the others ends.
    """

    kind: Ints
    part: Ints
    share: NDArray[np.float64]
    words: Ints
    byte: Ints
    end: Ints
    changes: dict[int, tuple[int, int, int, int]]
    member: Ints
    at: Ints
    long: Ints
    open_run: int
    stop: int

    def grams(self, index: Index, item: int, fragments: bool) -> set[int]:
        """N-grams of the item that stand in fragments, or in exposures."""
        kind = np.append(self.kind, len(KINDS))[self.member]
        which = kind == 4 if fragments else kind < 4
        start, width = int(index.starts[item]), index.rule.width
        key = np.unique(self.at[which] << 32 | self.long[which]).tolist()
        first = [start + (k >> 32) for k in key]
        held = [(at, at + (k & _LOW) - width + 1) for at, k in zip(first, key, strict=True)]
        return {g for low, high in held for g in index.gram[low:high].tolist()}


class Judge:
    """The compiled judge of an index; keeps what it needs of it."""

    def __init__(self, index: Index) -> None:
        compiled()
        from calibrant.contamination.matching import judge, spread

        self._judge: Any = judge
        self._spread: Any = spread.spread
        self._index = index
        letters = index.letters
        self._letters = (letters.block, letters.entry, letters.code, letters.kind)
        self._digits, self._usual, self._rare, self._many, self._tables = _tables(index)
        room = max(_ROOM, int(self._many.max(initial=0)))
        self._out = [np.empty(room, np.int64) for _ in Runs._fields]
        self._items: dict[int, tuple[Any, ...]] = {}
        self._known: dict[Any, tuple[float, Ints]] = {}

    def most(self, hits: Hits) -> Ints:
        """How many runs may begin at each hit, at most."""
        before = np.full(len(hits.gram), -1)
        follows = (np.diff(hits.word) == 1) & (np.diff(hits.text) == 0)
        before[1:][follows] = hits.gram[:-1][follows]
        usual = (before >= 0) & (before == self._usual[hits.gram])
        many: Ints = np.where(usual, self._rare[hits.gram], self._many[hits.gram])
        return many

    def runs(self, hits: Hits, old: Runs, known: int) -> Runs:
        """As `runs.runs_of`, for hits that together begin no more runs than there is room."""
        at = known
        parts = [old._replace(grams=old.grams.copy(), last=old.last.copy())]
        while at < len(hits.text):
            held = parts[0] if len(parts) == 1 else _concatenated(parts)
            found, at = self._spread(
                *hits, at, *self._tables, held.text, held.item, held.at, held.grams, held.word,
                held.last, *self._out,
            )  # fmt: skip
            parts = [held, Runs(*(array[:found].copy() for array in self._out))]
        return _concatenated(parts)

    def relevant(self, runs: Runs) -> NDArray[np.bool_]:
        """Runs of one document whose items have an n-gram there, or words enough to be aligned."""
        index = self._index
        long = runs.grams + (index.rule.width - 1)
        item, where = np.unique(runs.item, return_inverse=True)
        words = np.bincount(where, long)
        longest = np.zeros(len(item), np.int64)
        np.maximum.at(longest, where, long)
        count = longest >= np.minimum(index.least[item], min(index.rule.n))
        if index.rule.anchor is not None:
            count |= words >= ANCHORED * self._shortest(item)
        return count[where]

    def _shortest(self, item: Ints) -> Ints:
        """Words of the shortest part of items that can be judged."""
        index = self._index
        parts = np.stack([index.question[item], index.answer[item]])
        sizes = parts[:, :, 1] - parts[:, :, 0]
        whole = index.lengths[item]
        sizes = np.where(sizes < index.least[item], whole, sizes)
        found: Ints = np.minimum(sizes.min(axis=0), whole)
        return found

    def item(
        self, item: int, runs: Runs, frontier: int | None, widths: Ints, bits: Any, read: Reader
    ) -> Verdicts:
        """What stands in the places of one item in a document.

        Args:
            runs: sorted by word, longer ones first.
            frontier: places that end there or later are left open; None if there are none.
            widths, bits: n-grams that were found, of each width; `bits` is changed.
        """
        index = self._index
        if item not in self._items:
            if len(self._items) >= _KEPT:
                self._items.clear()
            parts = parts_of(index, item)
            spans = np.array([part[1:] for part in parts])
            tells = np.array([telling(index, item, a, b) for _, a, b in parts])
            self._items[item] = (spans, tells, own_words(index, item))
        spans, tells, own = self._items[item]
        rule, count = index.rule, len(runs.at)
        member = np.full(count, -1)
        ints = (np.empty(count, np.int64) for _ in range(6))
        kind, part, words, byte, end, begin = ints
        share = np.empty(count)
        long = runs.grams + (rule.width - 1)
        places, opened, stop = self._judge.group(
            runs.at, long, runs.word, runs.first, runs.last, rule.width, int(index.lengths[item]),
            int(index.least[item]), spans, tells, own, reach(index, item),
            np.iinfo(np.int64).max if frontier is None else frontier,
            rule.anchor is not None, ANCHORED, rule.share, widths, bits,
            member, kind, part, share, words, byte, end, begin,
        )  # fmt: skip
        changes = {}
        for k in np.flatnonzero(kind[:places] < 0).tolist():
            kind[k] = -kind[k] - 1
            first = int(begin[k])
            found, said = self._near(
                item, int(runs.at[first]), int(byte[k]), int(end[k]), read,
                spans[:1] if kind[k] == 0 else spans, own,
            )  # fmt: skip
            if said[0] >= 0:
                changes[k] = tuple(said[2:6].tolist())
                words[k] = said[6]
                if kind[k] != 0:
                    kind[k], part[k], share[k] = said[0], said[1], found
        if opened >= 0:
            member[member >= places] = -1
        return Verdicts(
            kind[:places], part[:places], share[:places], words[:places], byte[:places],
            end[:places], changes, member, runs.at, long, opened, stop,
        )  # fmt: skip

    def _near(
        self, item: int, at: int, byte: int, end: int, read: Reader, spans: Ints, own: Any
    ) -> tuple[float, Ints]:
        index = self._index
        far = reach(index, item)
        data, zero = read(byte - far, end + far)
        key = (item, at, byte - zero, len(spans), data)
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            start, length = int(index.starts[item]), int(index.lengths[item])
            out = np.empty(7, np.int64)
            share = self._judge.near(
                np.frombuffer(data, np.uint8), byte - zero, at, index.code,
                index.word[start : start + length + 1], length, slack_of(length), spans, own,
                self._digits, int(index.least[item]), index.rule.near, *self._letters, out,
            )  # fmt: skip
            self._known[key] = share, out
        return self._known[key]

    def places(
        self, item: int, found: Verdicts, file: str, document: int, read: Reader,
        kept: tuple[Place, ...],
    ) -> Iterator[Place]:  # fmt: skip
        """Places that may be among those to keep."""
        most = self._index.rule.places
        parts = parts_of(self._index, item)
        for fragment in (False, True):
            which = found.kind == 4 if fragment else found.kind < 4
            for k in np.flatnonzero(which)[:most].tolist():
                byte, end = int(found.byte[k]), int(found.end[k])
                if len(kept) == most and (fragment, file, document, byte) > (
                    kept[-1].fragment, kept[-1].file, kept[-1].document, kept[-1].byte
                ):  # fmt: skip
                    break
                kind: Kind = KINDS[found.kind[k]]
                yield Place(
                    fragment, file, document, byte, end, kind, parts[found.part[k]][0],
                    float(found.share[k]), int(found.words[k]),
                    *found.changes.get(k, (0, 0, 0, 0)), excerpt=excerpt_of(read, byte, end),
                )  # fmt: skip


def _tables(index: Index) -> tuple[Any, ...]:
    """What is derived from an index once in a process, and not kept with it."""
    known: dict[str, Any] = vars(index)
    if "_tables" not in known:
        words = len(index.gram)
        item_of = np.repeat(np.arange(len(index), dtype=np.int32), np.diff(index.starts))
        goes_on = np.zeros(words, bool)
        goes_on[:-1] = (index.gram[1:] == index.gram[:-1]) & (item_of[1:] == item_of[:-1])
        # Of each word the number of words to the first that does not go on.
        ends = np.where(goes_on, words, np.arange(words))
        same = np.minimum.accumulate(ends[::-1])[::-1] - np.arange(words) + 1
        usual, rare_words, rare_starts = _usual(index, item_of)
        tables = (
            index.gram, item_of, index.starts, same.astype(np.int32), index.sorted_words,
            index.sorted_starts, usual, rare_words, rare_starts, index.boilerplate,
        )  # fmt: skip
        known["_tables"] = (
            _digits(), usual, np.diff(rare_starts),
            np.diff(index.sorted_starts), tables,
        )  # fmt: skip
    found: tuple[Any, ...] = known["_tables"]
    return found


def _concatenated(parts: list[Runs]) -> Runs:
    return Runs(*map(np.concatenate, zip(*parts, strict=True)))


@cache
def _digits() -> NDArray[np.bool_]:
    """Shape (code points + 2,), by code point plus 1: whether it is a digit."""
    found = np.zeros(0x110002, bool)
    found[1:-1] = [chr(point).isdigit() for point in range(0x110000)]
    return found


def _usual(index: Index, item_of: NDArray[np.int32]) -> tuple[Ints, NDArray[np.int32], Ints]:
    """Of n-grams that items repeat over and over: which stands before most of its occurrences
    (−2 if none does), and where it stands after something else.

    So an item of one repeated word, or a table, costs no more than others.
    """
    grams = len(index.place)
    usual = np.full(grams, -2)
    many = np.flatnonzero(np.diff(index.sorted_starts) >= _MANY)
    rare: list[Ints] = []
    size = np.zeros(grams, np.int64)
    for g in many.tolist():
        at = index.sorted_words[index.sorted_starts[g] : index.sorted_starts[g + 1]]
        before = np.where(
            (at > 0) & (item_of[np.maximum(at - 1, 0)] == item_of[at]),
            index.gram[np.maximum(at - 1, 0)], -1,
        )  # fmt: skip
        values, counts = np.unique(before[before >= 0], return_counts=True)
        if len(values):
            usual[g] = values[counts.argmax()]
            rare.append(at[before != usual[g]])
            size[g] = len(rare[-1])
    starts = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    return usual, np.concatenate([np.zeros(0, np.int32), *rare]).astype(np.int32), starts
