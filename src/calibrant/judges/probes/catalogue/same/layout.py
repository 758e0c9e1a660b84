"""Does a judge prefer the same words in another layout?"""

from __future__ import annotations

import re

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnText, entry
from calibrant.judges.probes.catalogue.sources import CHEN, FEUER
from calibrant.judges.probes.catalogue.text import Span, edited, lines, newline, sentences

_MARKED = re.compile(r"[*_`#\[\]<>|$\\~]")
_PLAIN_WORDS = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+){0,2}")


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


ENTRIES: tuple[Entry, ...] = (
    entry(
        "bold",
        "layout",
        "same",
        "Is an answer graded higher for words set in bold?",
        OnText(_bold),
        CHEN,
        needs="a line of prose without markup",
        keeps="only words",
    ),
    entry(
        "bullets",
        "layout",
        "same",
        "Is an answer graded higher when each of its sentences is an item of a list?",
        OnText(_bullets),
        FEUER,
        needs="two sentences or more outside lists and code",
        keeps="only words",
    ),
)
