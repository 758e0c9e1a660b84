"""Where do n-grams of items stand? The compiled pass over bytes, or NumPy where there is no numba.

Both give the same hits for any division of documents into calls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from tempfile import mkdtemp
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.matching.index import Index
from calibrant.contamination.matching.letters import LONGEST
from calibrant.contamination.matching.words import BASE, Words, gram_hashes, split

Ints = NDArray[np.int64]

ROOM = 1 << 18
"""Hits that are given at a time."""
_PIECE = 1 << 20
"""Bytes that NumPy takes at a time: it needs some hundred bytes of memory for each."""


class Hits(NamedTuple):
    """N-grams of items that stand in texts, in order.

    Attributes:
        text: shape (hits,), the number of the text in its batch.
        word: the number of the first word in its document.
        gram: the n-gram of the index.
        first, last: the bytes of the document at which it begins and ends.
    """

    text: Ints
    word: Ints
    gram: Ints
    first: Ints
    last: Ints


class Engine(Protocol):
    """Finds n-grams; knows where it stands in a document that goes on."""

    @property
    def words(self) -> int:
        """Words that have ended."""

    @property
    def invalid(self) -> int:
        """Bytes that are not UTF-8."""

    def run(
        self, data: bytes, starts: Ints, *, base: int, resume: bool, final: bool
    ) -> Iterator[tuple[Hits, int, int]]:
        """Hits of texts, with the text and the byte of its document up to which they are complete.

        Args:
            data, starts: as of a batch.
            base: bytes of the first document that stood before `data`.
            resume: whether the first text goes on from the last of the call before.
            final: whether the last text ends here.
        """


@cache
def compiled() -> Any:
    """The compiled functions, or None where numba is not installed."""
    try:
        try:
            from calibrant.contamination.matching import kernel
        except RuntimeError:  # nowhere to keep compiled code: compile for this process alone
            import numba

            settings: Any = numba.config
            settings.CACHE_DIR = mkdtemp(prefix="calibrant-")
            from calibrant.contamination.matching import kernel
    except ImportError:
        print(
            "numba is not installed: scanning with NumPy, some ten times slower "
            "(pip install 'calibrant[scan]')",
            file=sys.stderr,
        )
        return None
    return kernel


def engine_of(index: Index, kind: str | None = None) -> Engine:
    """What scans: "compiled", "vectors", or by default the first that there is."""
    if kind is None:
        kind = "vectors" if compiled() is None else "compiled"
    return Compiled(index) if kind == "compiled" else Vectors(index)


class Compiled:
    """One pass over bytes; see `kernel`."""

    def __init__(self, index: Index) -> None:
        self._kernel = kernel = compiled()
        n = index.rule.width
        letters = index.letters
        self._table = (
            letters.ascii, letters.block, letters.entry, letters.code, letters.kind,
            n, index.table, index.value, index.bitmap, index.vocabulary, index.word[index.place],
            index.word[index.place + n] - 1, index.code, np.uint64(pow(BASE, n, 1 << 64)),
        )  # fmt: skip
        self._state = np.zeros(kernel.STATE, np.int64)
        self._rolling = np.zeros(2, np.uint64)
        self._hashes, self._begins = np.zeros(n, np.uint64), np.zeros(n, np.int64)
        ring = 1 << int((n + 1) * (LONGEST + 1)).bit_length()
        self._ring = np.zeros(ring, np.uint32)
        self._hits = [np.empty(ROOM, np.int64) for _ in Hits._fields]
        self._rest = b""

    @property
    def words(self) -> int:
        """Words that have ended."""
        return int(self._state[self._kernel.TOTAL])

    @property
    def invalid(self) -> int:
        """Bytes that are not UTF-8."""
        return int(self._state[self._kernel.INVALID])

    def run(
        self, data: bytes, starts: Ints, *, base: int, resume: bool, final: bool
    ) -> Iterator[tuple[Hits, int, int]]:
        """As `Engine.run`."""
        k = self._kernel
        if resume and self._rest:
            base -= len(self._rest)
            data = self._rest + data
            starts = np.concatenate([starts[:1], starts[1:] + len(self._rest)])
        shown = np.frombuffer(data, np.uint8)
        self._state[k.AT], self._state[k.TEXT] = starts[0], 0
        done = False
        while not done:
            done = k.scan(
                shown, starts, base, resume, final, *self._table, self._state, self._rolling,
                self._hashes, self._begins, self._ring, *self._hits,
            )  # fmt: skip
            text = int(self._state[k.TEXT])
            at = int(self._state[k.AT])
            zero = base if text == 0 else -int(starts[min(text, len(starts) - 1)])
            found = int(self._state[k.HITS])
            yield Hits(*(array[:found].copy() for array in self._hits)), text, zero + at
        self._rest = b"" if final else data[int(self._state[k.AT]) :]


class Vectors:
    """The same with NumPy alone."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._hashes = gram_hashes_of(index)
        self._order = np.argsort(self._hashes, kind="stable")
        self._sorted = self._hashes[self._order]
        self.words: int = 0
        self.invalid: int = 0
        self._tail, self._tail_words, self._tail_invalid, self._count = b"", 0, 0, 0

    def run(
        self, data: bytes, starts: Ints, *, base: int, resume: bool, final: bool
    ) -> Iterator[tuple[Hits, int, int]]:
        """As `Engine.run`."""
        if not resume:
            self._forget()
        text, texts = 0, len(starts) - 1
        at = int(starts[0])
        while text < texts:
            # Whole texts as long as they fit, or a piece of one.
            stop = text + max(int(np.searchsorted(starts, at + _PIECE, side="right")) - 1 - text, 0)
            whole = stop > text
            to = int(starts[stop]) if whole else at + _PIECE
            last = stop if whole else text + 1
            ends = whole and (last < texts or final)
            own = np.clip(starts[text : last + 1], at, to)
            began = base + at if text == 0 else at - int(starts[text])
            found = self._piece(data[at:to], own - at, began, ends)
            yield (
                found._replace(text=found.text + text),
                last - 1 + ends,
                (base + to if last == 1 else to - int(starts[last - 1])),
            )
            text, at = last if whole else text, to

    def _forget(self) -> None:
        self._tail, self._tail_words, self._tail_invalid, self._count = b"", 0, 0, 0

    def _piece(self, data: bytes, starts: Ints, base: int, ends: bool) -> Hits:
        """Hits of some texts, the first after what is left of it."""
        index, n = self._index, self._index.rule.width
        before = len(self._tail)
        data = self._tail + data
        starts = np.concatenate([starts[:1], starts[1:] + before])
        rest = 0 if ends else _unfinished(data[int(starts[-2]) :])
        if rest:
            starts = np.append(starts[:-1], starts[-1] - rest)
        words = split(data, index.letters, starts)
        self.invalid += words.invalid - self._tail_invalid
        closed = len(words) - (not ends and len(words) > 0
                               and bool(words.text[-1] == len(starts) - 2))  # fmt: skip
        zero = np.append(self._tail_words, np.zeros(len(starts), np.int64))
        from_word = np.searchsorted(words.text, np.arange(len(starts)))
        hits = self._hits_of(words, closed)
        new = hits[0] + n > self._count  # the others were given before
        hits = (hits[0][new], hits[1][new])
        self.words += closed - self._count
        offset = np.where(words.text == 0, base - before, -starts[words.text])
        text = words.text[hits[0]]
        found = Hits(
            text, hits[0] - from_word[text] + zero[text], hits[1],
            words.first[hits[0]] + offset[hits[0]],
            words.last[hits[0] + n - 1] + offset[hits[0]],
        )  # fmt: skip
        self._keep(data, words, starts, closed, ends, from_word, zero)
        return found

    def _keep(
        self, data: bytes, words: Words, starts: Ints, closed: int, ends: bool,
        from_word: Ints, zero: Ints,
    ) -> None:  # fmt: skip
        """What is needed of the last text if it goes on: its last n − 1 words and the open one."""
        if ends:
            self._forget()
            return
        text = len(starts) - 2
        low = max(int(from_word[text]), closed - self._index.rule.width + 1)
        at = int(words.first[low]) if low < len(words) else int(starts[-1])
        while low > from_word[text] and words.last[low - 1] > at:
            # One code point may end a word and begin the next, as in a½, which folds to a1⁄2.
            low -= 1
            at = int(words.first[low])
        self._count = max(closed - low, 0)
        self._tail_words = int(low - from_word[text] + zero[text])
        self._tail_invalid = split(data[at : int(starts[-1])], self._index.letters).invalid
        self._tail = data[at:]

    def _hits_of(self, words: Words, closed: int) -> tuple[Ints, Ints]:
        """Words at which n-grams of the index begin, and which."""
        index, n = self._index, self._index.rule.width
        key = gram_hashes(words.hash[:closed], n)
        if not len(key) or not len(self._sorted):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        shift = np.uint64(64 - (len(index.bitmap) * 64).bit_length() + 1)
        bit = key >> shift
        may = index.bitmap[(bit >> np.uint64(6)).astype(np.int64)] >> (bit & np.uint64(63))
        at = np.flatnonzero(
            (may & np.uint64(1)).astype(bool)
            & (words.text[: len(key)] == words.text[n - 1 : n - 1 + len(key)])
        )
        place = np.searchsorted(self._sorted, key[at])
        kept: list[tuple[int, int]] = []
        for where, slot in zip(at.tolist(), place.tolist(), strict=True):
            said = words.code[words.start[where] : words.stop[where + n - 1]]
            while slot < len(self._sorted) and self._sorted[slot] == key[where]:
                gram = int(self._order[slot])
                first = int(index.place[gram])
                own = index.code[index.word[first] : index.word[first + n] - 1]
                if np.array_equal(own, said):
                    kept.append((where, gram))
                    break
                slot += 1
        found = np.array(kept, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]


def gram_hashes_of(index: Index) -> NDArray[np.uint64]:
    """Shape (grams,): the hash of each n-gram of an index."""
    hashes = np.zeros(len(index.place), np.uint64)
    full = index.value > 0
    hashes[index.value[full] - 1] = index.table[full]
    return hashes


def _unfinished(data: bytes) -> int:
    """Bytes at the end that begin a code point which is not complete."""
    for back in range(1, min(3, len(data)) + 1):
        b = data[-back]
        if b >= 0xC0:
            wide = 2 if b < 0xE0 else 3 if b < 0xF0 else 4
            if b < 0xC2 or b > 0xF4 or wide <= back:
                return 0
            try:
                data[-back:].decode()
            except UnicodeDecodeError as e:
                return back if e.reason == "unexpected end of data" else 0
            return 0
        if b < 0x80:
            return 0
    return 0
