"""What is a letter? Every code point as what it is folded to, and whether that makes a word.

A code point is decomposed (NFKD), case-folded, and so on until nothing changes: what compatibility
composition would join again is left apart, so that é is the same written as one code point or two,
and full-width digits, ligatures and ß are what they stand for. Each code point of the result is of
one of these classes.

* SEPARATOR: ends a word. All that is no letter, number or mark; also bytes that are not UTF-8.
* WORD: a letter or number of a script that separates words.
* SINGLE: a letter of a script that does not (Han, kana, Thai, Lao, Khmer, Myanmar, …): a word of
  its own, together with the marks that follow.
* MARK: goes on with whatever word stands before it.

Format characters (category Cf: soft hyphens, zero-width spaces and joiners, direction marks),
variation selectors and fillers are left out, as if they did not stand there. Markup and entities
are text like other text: `&amp;` is the word "amp".
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SEPARATOR, WORD, SINGLE, MARK = 0, 1, 2, 3
LONGEST = 64
"""Code points after which a word is cut: runs of letters without end are no words."""

_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF),
    (0x1B00, 0x1B7F), (0x3005, 0x3007), (0x3021, 0x3035), (0x3038, 0x312F), (0x31A0, 0x31BF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0xA4CF), (0xA980, 0xA9FF), (0xAA60, 0xAADF),
    (0xF900, 0xFAFF), (0x16FE0, 0x18DFF), (0x1AFF0, 0x1B2FF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Thai and Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham, Balinese, kana, bopomofo, Han, Yi,
Javanese, Tai Viet, Tangut."""
_FILLERS = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810),
     *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)  # fmt: skip
_IDEOGRAPHS = (0x20000, 0x40000)
_COMPATIBLE = range(0x2F800, 0x2FA20)
_SPECIAL = range(0xE0000, 0xE1000)
_ALL = 0x110000
_BITS = 5
"""A code point is folded to fewer than 2⁵ others (18 at most)."""


@dataclass(frozen=True, eq=False)
class Letters:
    """The table of all code points.

    Attributes:
        block: shape (0x1100,), the row of `entry` for the upper bits of a code point.
        entry: shape (rows, 256), where its folded code points begin in `code`, times 32, plus how
            many there are.
        code: folded code points, plus 1 (0 stands between words).
        kind: the class of each.
        ascii: shape (256,): of bytes that are ASCII letters or digits the folded code, else 0.
        version: of the Unicode database that it was derived from.
    """

    block: NDArray[np.uint16]
    entry: NDArray[np.uint32]
    code: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    ascii: NDArray[np.uint32]
    version: str


def folded(point: int) -> str:
    """A code point decomposed and case-folded until nothing changes; "" if it is left out."""
    if point in _FILLERS or unicodedata.category(chr(point)) == "Cf":
        return ""
    before, text = chr(point), unicodedata.normalize("NFKD", chr(point)).casefold()
    if before == text:
        return text
    while before != text:
        before, text = text, unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in text if not (ord(c) in _FILLERS or unicodedata.category(c) == "Cf"))


@cache
def kind_of(point: int) -> int:
    """The class of a folded code point."""
    category = unicodedata.category(chr(point))
    if category[0] == "M":
        return MARK
    if category[0] not in "LN":
        return SEPARATOR
    if category not in ("Nd", "No") and any(low <= point <= high for low, high in _UNSPACED):
        return SINGLE
    return WORD


@cache
def letters() -> Letters:
    """The table, derived from this Python's Unicode database."""
    entry = np.full(_ALL, 1, np.uint32)  # a separator, at place 0
    codes, kinds = [1], [SEPARATOR]
    known: dict[str, int] = {}
    low, high = _IDEOGRAPHS
    for point in (*range(0xD800), *range(0xE000, low), *_COMPATIBLE, *_SPECIAL):
        if unicodedata.category(chr(point)) in ("Cn", "Co", "Zs", "Cc"):
            continue
        text = folded(point)
        if text not in known:
            own = [kind_of(ord(c)) for c in text]
            if text and not any(own):
                continue
            known[text] = len(codes) << _BITS | len(text)
            codes += [ord(c) + 1 for c in text]
            kinds += own
        entry[point] = known[text]
    ideographs = [
        p for p in range(low, high)
        if p not in _COMPATIBLE and unicodedata.category(chr(p)) == "Lo"
    ]  # fmt: skip
    entry[ideographs] = (len(codes) + np.arange(len(ideographs))) << _BITS | 1
    codes += [p + 1 for p in ideographs]
    kinds += [SINGLE] * len(ideographs)
    rows, block = np.unique(entry.reshape(-1, 256), axis=0, return_inverse=True)
    table = np.zeros(256, np.uint32)
    for point in range(128):
        if chr(point).isalnum():
            table[point] = ord(chr(point).lower()) + 1
    return Letters(
        block.reshape(-1).astype(np.uint16), rows, np.array(codes, np.uint32),
        np.array(kinds, np.uint8), table, unicodedata.unidata_version,
    )  # fmt: skip
