"""Which parts of an answer are prose, where do its sentences lie, and how is it edited there?

Every function takes any text, runs in time about linear in its length and leaves what it is not
asked to change as it was, to the character: code, line ends and odd white space included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MARKER = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_STRUCTURE = re.compile(r"\s*(?:#{1,6}\s|\||>|\$\$|\\\[|<|[-*_=]{3,}\s*$| {4}|\t)")
_END = re.compile(r"[.!?…][\"'”’)\]*_]*+(?=\s)|[。！？]")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Dr|Mr|Mrs|Ms|Prof|St|No|Fig|Eq|approx|al|Inc|Ltd|Jr|Sr)"
    r"|\b[A-Z])\.$"
)
_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s*")


class Span(NamedTuple):
    """Where a part of a text begins and ends (the end is not included)."""

    start: int
    end: int


class Line(NamedTuple):
    """One line of prose: its place without the line end and without a list marker."""

    start: int
    end: int
    listed: bool
    structure: bool


def words(text: str) -> list[str]:
    """The words and numbers of a text, in order."""
    return _WORD.findall(text)


def has_words(text: str) -> bool:
    """Whether a text holds any word or number."""
    return _WORD.search(text) is not None


def holds(text: str, phrase: str) -> bool:
    """Whether the words of a phrase occur in a text, in their order and next to one another."""
    said = " ".join(words(phrase.casefold()))
    return f" {said} " in f" {' '.join(words(text.casefold()))} "


def newline(text: str) -> str:
    """The line end that a text uses: "\\r\\n" where it occurs, else "\\n"."""
    return "\r\n" if "\r\n" in text else "\n"


def fences(text: str) -> tuple[list[Span], str | None]:
    """The fenced code blocks, fences included, and the fence still open at the end, if any."""
    found: list[Span] = []
    opened: str | None = None
    begin = at = 0
    for line in text.splitlines(keepends=True):
        match = _FENCE.match(line)
        if match:
            if opened is None:
                opened, begin = match[1], at
            elif match[1].startswith(opened) and not line[match.end() :].strip():
                found.append(Span(begin, at + len(line)))
                opened = None
        at += len(line)
    if opened is not None:
        found.append(Span(begin, len(text)))
    return found, opened


def lines(text: str) -> Iterator[Line]:
    """The lines outside code blocks that hold words, in order."""
    blocks, _ = fences(text)
    blocks.reverse()
    at = 0
    for line in text.splitlines(keepends=True):
        start, at = at, at + len(line)
        while blocks and blocks[-1].end <= start:
            blocks.pop()
        if (blocks and blocks[-1].start <= start) or not has_words(line):
            continue
        marker = _MARKER.match(line)
        structure = marker is None and _STRUCTURE.match(line) is not None
        inner = line[marker.end() :] if marker else line.lstrip()
        begin = start + len(line) - len(inner)
        end = begin + len(inner.rstrip())
        if begin < end:
            yield Line(begin, end, marker is not None, structure)


def sentences(text: str, *, listed: bool = True) -> list[Span]:
    """The sentences of the prose, in order; none crosses a line, lies in code or in a heading."""
    found: list[Span] = []
    for line in lines(text):
        if line.structure or (line.listed and not listed):
            continue
        inner, begin = text[line.start : line.end], 0
        for match in _END.finditer(inner):
            if _ABBREVIATION.search(inner, max(begin, match.end() - 8), match.end()):
                continue
            found.append(Span(line.start + begin, line.start + match.end()))
            begin = _end_of(_SPACE, inner, match.end())
        if begin < len(inner):
            found.append(Span(line.start + begin, line.end))
    return [span for span in found if has_words(text[span.start : span.end])]


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def edited(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    """The text with each span replaced; spans may not overlap."""
    parts: list[str] = []
    at = 0
    for span, new in sorted(edits):
        parts += [text[at : span.start], new]
        at = span.end
    return "".join([*parts, text[at:]])


def after(text: str, addition: str) -> str:
    """The text with a paragraph more at its end, outside a code block left open."""
    end, (_, opened) = newline(text), fences(text)
    if opened is not None:
        text += ("" if text.endswith(("\n", "\r")) else end) + opened + end
    gap = "" if text.endswith(("\n\n", "\r\n\r\n")) else end
    return text + (gap if text.endswith(("\n", "\r")) else end + gap) + addition


def before(text: str, addition: str) -> str:
    """The text with a paragraph more at its beginning."""
    return addition + 2 * newline(text) + text
