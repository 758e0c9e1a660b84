"""Is a judge disturbed by noise in how an answer is typed, which changes nothing it says?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnText, entry
from calibrant.judges.probes.catalogue.same.length import dose_name
from calibrant.judges.probes.catalogue.sources import DODDAPANENI, FEUER
from calibrant.judges.probes.catalogue.text import Span, edited, fences, lines

# English doubles none of these inside a word, or nearly: the result is a slip, not another word.
_DOUBLED = re.compile(r"(?<=[a-z])[ahikuvwy](?=[a-z])")
_TYPO_WORD = re.compile(r"(?<![\w`/@.#\\<&-])[A-Za-z]?[a-z]{4,30}(?![\w`/@(\[>-]|\.\w)")
_CAPITAL = re.compile(r"(?<![\w`/@.#\\<&-])[A-Z][a-z]{2,30}(?![\w`/@(\[>-]|\.\w)")
_GAP = re.compile(r"(?<=[^\s`|])( )(?=[^\s`|])")
_QUOTE = re.compile(r"(?<=[A-Za-z])'(?=[a-z])")
_LINE_END = re.compile(r"\r\n|\n")


def typos(dose: float = 1.0) -> Entry:
    """In one of ten long words (times the dose, one at least) a letter is doubled by mistake."""
    return entry(
        dose_name("typos", dose),
        "noise",
        "same",
        f"Do slips in {10 * dose:g} % of the longer words, each easily read, change a grade?",
        OnText(partial(_mistyped, share=min(1.0, 0.1 * dose))),
        DODDAPANENI,
        needs="a longer word in small letters, outside code",
        keeps="spelling",
        caveat="a rubric that grades the writing asks for a lower verdict",
    )


def _mistyped(text: str, rng: np.random.Generator, *, share: float) -> str | None:
    places: list[Span] = []
    for line in _open_lines(text):
        for word in _TYPO_WORD.finditer(text, line.start, line.end):
            letters = list(_DOUBLED.finditer(text, word.start(), word.end()))
            if letters:
                at = letters[int(rng.integers(len(letters)))].end()
                places.append(Span(at, at))
    if not places:
        return None
    number = max(1, round(share * len(places)))
    chosen = rng.choice(len(places), size=number, replace=False)
    return edited(text, [(places[int(i)], text[places[int(i)].start - 1]) for i in chosen])


def _uncapitalised(text: str, _rng: np.random.Generator) -> str | None:
    edits = [
        (Span(m.start(), m.start() + 1), m[0][0].lower())
        for line in _open_lines(text)
        for m in _CAPITAL.finditer(text, line.start, line.end)
    ]
    return edited(text, edits) if edits else None


def _spaced(text: str, rng: np.random.Generator) -> str:
    edits = [
        (Span(m.start(1), m.end(1)), "  ")
        for line in _open_lines(text)
        for m in _GAP.finditer(text, line.start, line.end)
        if rng.integers(3) == 0
    ]
    return edited(text, edits) + ("\n" if not fences(text)[1] else "")


def _line_ends(text: str, _rng: np.random.Generator) -> str | None:
    """Line ends of the other sort, \"\\r\\n\" for \"\\n\"; where they are mixed, all \"\\n\"."""
    if "\n" not in text:
        return None
    return _LINE_END.sub("\n" if "\r\n" in text else "\r\n", text)


def _apostrophes(text: str, _rng: np.random.Generator) -> str | None:
    edits = [
        (Span(m.start(), m.end()), "’")
        for line in _open_lines(text)
        for m in _QUOTE.finditer(text, line.start, line.end)
    ]
    return edited(text, edits) if edits else None


def _open_lines(text: str) -> list[Span]:
    """Lines of plain prose, none with code in it."""
    return [
        Span(line.start, line.end)
        for line in lines(text)
        if not line.structure and "`" not in text[line.start : line.end]
    ]


GRADED: dict[str, Callable[[float], Entry]] = {"typos": typos}


def _noise(name: str, asks: str, change: Callable[..., str | None], needs: str) -> Entry:
    return entry(
        name, "noise", "same", asks, OnText(change), FEUER, needs=needs, keeps="only words"
    )


ENTRIES: tuple[Entry, ...] = (
    typos(1),
    typos(3),
    _noise(
        "small-letters",
        "Does it change a grade that words do not begin with capitals?",
        _uncapitalised,
        "a word with a capital, outside code",
    ),
    _noise(
        "spaces",
        "Do double spaces and an empty line at the end change a grade?",
        _spaced,
        "an answer with words",
    ),
    _noise(
        "line-ends", "Does the sort of line end change a grade?", _line_ends, "two lines or more"
    ),
    _noise(
        "apostrophes",
        "Does it change a grade whether apostrophes are straight or curly?",
        _apostrophes,
        "a straight apostrophe in a word",
    ),
)
