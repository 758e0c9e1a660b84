"""The scan in plain Python: words by a loop over characters, n-grams as tuples in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.items import Item
from calibrant.contamination.matching.letters import (
    LONGEST,
    MARK,
    SEPARATOR,
    SINGLE,
    folded,
    kind_of,
)

Word = tuple[str, int, int]


def plain_words(data: bytes) -> tuple[list[Word], int]:
    """Words with the bytes at which they begin and end; bytes that do not decode."""
    words: list[Word] = []
    said, opened, begin, end, at, invalid = "", 0, 0, 0, 0, 0
    for character in data.decode("utf-8", "surrogateescape"):
        bad = "\udc80" <= character <= "\udcff"
        size = 1 if bad else len(character.encode())
        invalid += bad
        for c in " " if bad else folded(ord(character)):
            kind = kind_of(ord(c))
            goes_on = said and (kind == MARK or (kind not in (SEPARATOR, SINGLE) and opened != 2))
            if said and (not goes_on or len(said) == LONGEST):
                words.append((said, begin, end))
                said = ""
                if not goes_on:
                    opened = 0
            if kind != SEPARATOR:
                if not said:
                    begin = at
                opened = opened or (2 if kind == SINGLE else 1)
                said, end = said + c, at + size
        at += size
    return words + ([(said, begin, end)] if said else []), invalid


def shown_words(item: Item) -> list[str]:
    """The words of an item."""
    parts = (item.question, "\n".join(item.choices), item.answer)
    return [
        w for part in parts for w, _, _ in plain_words(part.encode("utf-8", "surrogatepass"))[0]
    ]


def plain_matched(items: Sequence[Item], texts: Sequence[bytes], n: int) -> dict[int, int]:
    """Of each item, bit k if the n-gram at its word k stands in some text."""
    there = set()
    for text in texts:
        words = [w for w, _, _ in plain_words(text)[0]]
        there |= {tuple(words[k : k + n]) for k in range(len(words) - n + 1)}
    found = {}
    for i, item in enumerate(items):
        words = shown_words(item)
        bits = sum(1 << k for k in range(len(words) - n + 1) if tuple(words[k : k + n]) in there)
        if bits:
            found[i] = bits
    return found


def batches_of(texts: Sequence[bytes], cuts: Sequence[int], file: str = "f") -> list[Batch]:
    """Documents in batches that end after so many bytes, wherever that is, in turn."""
    import numpy as np

    batches: list[Batch] = []
    data, starts, numbers, offset = b"", [0], [], 0
    turn = 0

    def room() -> int:
        return max(cuts[turn % len(cuts)], 1) if cuts else 1 << 60

    for number, text in enumerate(texts):
        at = 0
        while True:
            piece = text[at : at + room() - len(data)]
            data += piece
            starts.append(len(data))
            numbers.append(number)
            at += len(piece)
            if len(data) >= room() or at < len(text):
                batches.append(Batch(data, np.array(starts), file, np.array(numbers), offset))
                data, starts, numbers, offset = b"", [0], [], at if at < len(text) else 0
                turn += 1
            if at >= len(text):
                break
    if numbers:
        batches.append(Batch(data, np.array(starts), file, np.array(numbers), offset))
    return batches
