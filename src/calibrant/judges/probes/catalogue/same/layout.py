"""Does a judge prefer the same words in another layout?"""

from __future__ import annotations

import re

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnText, TextChange, entry, pick
from calibrant.judges.probes.catalogue.sources import CHEN, FEUER
from calibrant.judges.probes.catalogue.text import (
    Span,
    edited,
    has_words,
    lines,
    newline,
    sentences,
)

_MARKED = re.compile(r"[*_`#\[\]<>|$\\~]")
_EMPHASIS = re.compile(
    r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\r\n]{1,200}?)(?<=[^\s*])\1(?![\w*])|\A#{1,6}[ \t]+"
)
_EMOJI = ("\U0001f600", "\U0001f44d", "\U0001f680", "\u2728", "\U0001f389", "\u2705")
_PLAIN_WORDS = re.compile(r"(?<!\w)[^\W\d_]+(?:[ '’-][^\W\d_]+){0,2}(?!\w)")


def _bold(text: str, rng: np.random.Generator) -> str | None:
    edits: list[tuple[Span, str]] = []
    for line in lines(text):
        inner = text[line.start : line.end]
        if line.structure or _MARKED.search(inner):
            continue
        found = [m for m in _PLAIN_WORDS.finditer(inner) if len(m[0]) > 3]
        if found:
            chosen = found[int(rng.integers(len(found)))]
            place = Span(line.start + chosen.start(), line.start + chosen.end())
            edits.append((place, f"**{chosen[0]}**"))
    return edited(text, edits) if edits else None


def _bullets(text: str, _rng: np.random.Generator) -> str | None:
    found = sentences(text, listed=False)
    if len(found) < 2:
        return None
    end, edits = newline(text), []
    for number, (start, _) in enumerate(found):
        fresh = number == 0 or "\n" in text[found[number - 1].end : start]
        edits.append((Span(start, start), "- " if fresh else f"{end}- "))
    return edited(text, edits)


def _heading(text: str, _rng: np.random.Generator) -> str | None:
    """The first sentence set as a heading, where the answer opens with it."""
    found = sentences(text, listed=False)
    if not found or has_words(text[: found[0].start]) or _MARKED.search(text[slice(*found[0])]):
        return None
    start, stop = found[0]
    rest = text[stop:].lstrip(" \t")
    gap = "" if not rest or rest.startswith(("\n", "\r")) else 2 * newline(text)
    return f"{text[:start].lstrip()}## {text[start:stop]}{gap}{rest}"


def _pictures(text: str, rng: np.random.Generator) -> str | None:
    found = sentences(text)
    edits = [(Span(end, end), f" {pick(rng, _EMOJI)}") for _, end in found]
    return edited(text, edits) if edits else None


def _plain(text: str, _rng: np.random.Generator) -> str | None:
    """Bold, emphasis and headings taken out; code, lists and all else left."""
    edits: list[tuple[Span, str]] = []
    for line in lines(text):
        inner = text[line.start : line.end]
        if "`" in inner or "$" in inner or "\\" in inner:
            continue
        edits += [
            (Span(line.start + m.start(), line.start + m.end()), m[2] or "")
            for m in _EMPHASIS.finditer(inner)
        ]
    return edited(text, edits) if edits else None


def _layout(name: str, asks: str, change: TextChange, source: str, needs: str) -> Entry:
    return entry(
        name, "layout", "same", asks, OnText(change), source, needs=needs, keeps="only words"
    )


ENTRIES: tuple[Entry, ...] = (
    _layout(
        "bold",
        "Is an answer graded higher for words set in bold?",
        _bold,
        CHEN,
        "a line of prose without markup",
    ),
    _layout(
        "heading",
        "Is an answer graded higher when its first sentence is a heading?",
        _heading,
        FEUER,
        "an answer that opens with prose without markup",
    ),
    _layout(
        "bullets",
        "Is an answer graded higher when each of its sentences is an item of a list?",
        _bullets,
        FEUER,
        "two sentences or more outside lists and code",
    ),
    _layout(
        "emoji",
        "Is an answer graded higher for small pictures after its sentences?",
        _pictures,
        CHEN,
        "a sentence outside code",
    ),
    _layout(
        "plain",
        "Is an answer graded lower when its bold and headings are taken out?",
        _plain,
        CHEN,
        "bold, emphasis or a heading, outside code",
    ),
)
