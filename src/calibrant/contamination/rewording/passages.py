"""Where in a document could an item stand? Sentences, and windows of them about two items long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from calibrant.contamination.rewording.words import Words, words

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\s*\n\s*|(?<=[。！？])")


@dataclass(frozen=True)
class Sentence:
    """A sentence of a document, or a line, or a piece of an endless one.

    Attributes:
        start, end: its place in the document's characters.
        words: what of it survives a rewording.
    """

    start: int
    end: int
    words: Words


@dataclass(frozen=True)
class Window:
    """Consecutive sentences of a document in which an item could stand.

    Attributes:
        number: of the window in its document, from 0.
        tokens: of all its sentences.
    """

    number: int
    sentences: tuple[Sentence, ...]
    tokens: tuple[str, ...]


def sentences(text: str, longest: int) -> list[Sentence]:
    """The sentences of a text; those of more than `longest` characters in pieces."""
    found: list[Sentence] = []
    start = 0
    for end in [*(m.end() for m in _END.finditer(text)), len(text)]:
        while end - start > longest:
            cut = text.rfind(" ", start + longest // 2, start + longest) + 1
            cut = cut or start + longest
            found.append(Sentence(start, cut, words(text[start:cut])))
            start = cut
        if end > start:
            found.append(Sentence(start, end, words(text[start:end])))
        start = end
    return [s for s in found if s.words.tokens]


def windows(text: str, width: int) -> Iterator[Window]:
    """Windows of at most `width` characters, each beginning about half a width after the last.

    Whatever is at most half as long as a window and ends within sentences stands whole in one.
    """
    every = sentences(text, max(width // 2, 1))
    first, number = 0, 0
    while first < len(every):
        begin = every[first].start
        last = first
        while last + 1 < len(every) and every[last + 1].end - begin <= width:
            last += 1
        chosen = tuple(every[first : last + 1])
        yield Window(number, chosen, tuple(t for s in chosen for t in s.words.tokens))
        number += 1
        if last + 1 == len(every):
            return
        half = begin + width // 2
        following = next(i for i in range(first + 1, len(every) + 1)
                         if i == len(every) or every[i].end > half)  # fmt: skip
        first = min(max(following, first + 1), last + 1)


def joined(chosen: Sequence[Sentence]) -> Words:
    """The words of consecutive sentences."""
    return Words(
        tuple(t for s in chosen for t in s.words.tokens),
        tuple(t for s in chosen for t in s.words.plain),
        frozenset(n for s in chosen for n in s.words.names),
    )
