"""Which words does a text have? Runs of letters, numbers and marks, folded, with their places."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.matching.letters import LONGEST, MARK, SEPARATOR, SINGLE, WORD, Letters

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

BASE = 0x9E3779B97F4A7C15
"""Of the polynomial over the code points of a word, and of that over the words of an n-gram."""
SPREAD = 0xFF51AFD7ED558CCD
_WORD_SIZE = 1 << 64


@dataclass(frozen=True, eq=False)
class Words:
    """The words of texts that stand end to end.

    Attributes:
        code: folded code points of all words, plus 1, with one 0 after each word.
        start, stop: shape (words,), where each begins and ends in `code`.
        first, last: shape (words,), the bytes at which each begins and ends.
        text: shape (words,), the text that each is of.
        hash: shape (words,), of each word.
        invalid: how many bytes are not UTF-8: they separate words.
    """

    code: NDArray[np.uint32]
    start: Ints
    stop: Ints
    first: Ints
    last: Ints
    text: Ints
    hash: Hashes
    invalid: int

    def __len__(self) -> int:
        return len(self.start)

    def word(self, place: int) -> str:
        """A word, folded."""
        return "".join(chr(c - 1) for c in self.code[self.start[place] : self.stop[place]])


def split(data: bytes, table: Letters, starts: Ints | None = None) -> Words:
    """The words of texts.

    Args:
        data: UTF-8 texts end to end. Bytes that do not decode are separators.
        table: what letters are.
        starts: shape (texts + 1,), where texts begin in `data`; None for a single text.
    """
    starts = np.array([0, len(data)], np.int64) if starts is None else starts
    # One code point a byte that does not decode, as lone surrogates, which UTF-8 cannot hold. A
    # sequence that goes on from one text into the next is none, so that texts are decoded apart.
    texts = [data[a:b].decode("utf-8", "surrogateescape") for a, b in pairwise(starts)]
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    escaped = (points >= 0xDC80) & (points <= 0xDCFF)
    size = 1 + (points >= 0x80) + (points >= 0x800).astype(np.int64) + (points >= 0x10000)
    size[escaped] = 1
    at = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    entry = table.entry[table.block[points >> 8], points & 255]
    many = (entry & 31).astype(np.int64)
    source = np.repeat(np.arange(len(points)), many)
    within = np.arange(len(source)) - np.repeat(np.cumsum(many) - many, many)
    place = (entry[source] >> 5).astype(np.int64) + within
    return _words(table.code[place], table.kind[place], at[source], at[source + 1], starts,
                  int(escaped.sum()))  # fmt: skip


def _words(
    code: NDArray[np.uint32], kind: NDArray[np.uint8], first: Ints, last: Ints, starts: Ints,
    invalid: int,
) -> Words:  # fmt: skip
    """Cuts folded code points into words."""
    text = np.searchsorted(starts, first, side="right") - 1
    inside = kind != SEPARATOR
    code, kind, first, last, text, broken = _without(inside, code, kind, first, last, text)
    if len(code):
        broken[1:] |= text[1:] != text[:-1]
        broken[:1] = True
    begins = broken | (kind == SINGLE)
    # A letter after a word of one character and its marks begins anew; one after other letters
    # goes on: what counts is what opened the run, the last that is no mark or begins it.
    opener = np.maximum.accumulate(np.where(begins | (kind != MARK), np.arange(len(kind)), 0))
    before = np.concatenate([[0], opener[:-1]]).astype(np.int64)
    begins |= (kind == WORD) & (kind[before] == SINGLE) & ~broken if len(kind) else False
    begin = np.flatnonzero(begins)
    length = np.diff(np.append(begin, len(code)))
    pieces = -(-length // LONGEST)
    if len(pieces) and pieces.max() > 1:
        nth = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        begin = np.repeat(begin, pieces) + nth * LONGEST
        length = np.diff(np.append(begin, len(code)))
    word = np.repeat(np.arange(len(begin)), length)
    spaced = np.zeros(len(code) + len(begin), np.uint32)
    spaced[np.arange(len(code)) + word] = code
    start = begin + np.arange(len(begin))
    stop = start + length
    values = code.astype(np.uint64) * powers(LONGEST)[LONGEST - 1 - (np.arange(len(code))
                                                                     - begin[word])]  # fmt: skip
    total = np.add.reduceat(values, begin) if len(begin) else np.zeros(0, np.uint64)
    # Each was weighed as if it were the longest; an odd base has an inverse modulo 2⁶⁴.
    hashed = total * _inverses(LONGEST)[LONGEST - length]
    end = begin + length - 1
    return Words(spaced, start, stop, first[begin], last[end], text[begin], _mixed(hashed), invalid)


def _without(inside: NDArray[np.bool_], *arrays: NDArray[np.generic]) -> tuple[Any, ...]:
    """What is inside words, and whether something was left out before each."""
    kept = np.flatnonzero(inside)
    broken = np.diff(kept, prepend=-1) > 1
    return (*(array[kept] for array in arrays), broken)


def _mixed(value: Hashes) -> Hashes:
    spread = value * np.uint64(SPREAD)
    mixed: Hashes = spread ^ (spread >> np.uint64(32))
    return mixed


def powers(count: int, base: int = BASE) -> Hashes:
    """Shape (count,): the base to 0, 1, …, modulo 2⁶⁴."""
    steps = np.full(count, base, np.uint64)
    steps[:1] = 1
    found: Hashes = np.cumprod(steps, dtype=np.uint64)
    return found


def _inverses(count: int) -> Hashes:
    return powers(count + 1, pow(BASE, -1, _WORD_SIZE))


def gram_hashes(hashes: Hashes, n: int) -> Hashes:
    """Shape (words − n + 1,): of every n consecutive words, whichever texts they are of."""
    if len(hashes) < n:
        return np.zeros(0, np.uint64)
    total = np.zeros(len(hashes) - n + 1, np.uint64)
    for k in range(n):
        total = total * np.uint64(BASE) + hashes[k : len(hashes) - n + 1 + k]
    return _mixed(total)
