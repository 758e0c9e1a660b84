"""Does a judge notice that an answer was cut off, put out of order, or belongs elsewhere?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from calibrant.errors import InputError
from calibrant.judges.probes.catalogue.entry import Entry, Harm, entry
from calibrant.judges.probes.catalogue.sources import DODDAPANENI, ZHENG_X
from calibrant.judges.probes.catalogue.target import right_after
from calibrant.judges.probes.catalogue.text import Span, edited, has_words, lines, words
from calibrant.judges.probes.probe import Case

_STEP = re.compile(r"^([ \t]*[0-9]{1,2}[.)][ \t]+)(\S[^\r\n]*)", re.M)
_IN_ORDER = re.compile(
    r"(?i)\b(?:steps?|first|then|next|finally|before|after|procedure|recipe|instructions|"
    r"how (?:do|to|can|does))\b"
)
_WORD = re.compile(r"\S+")
_FEWEST = 12


def truncation(dose: float = 1.0) -> Entry:
    """The answer cut off in mid-sentence; half of its words are lost at dose 1 (below 2)."""
    if not 0 < dose < 2:
        raise InputError(f"the dose of truncation must be above 0 and below 2, got {dose:g}")
    return entry(
        "truncation" if dose == 1 else f"truncation-{dose:g}",
        "structure",
        "lower",
        f"Does a judge notice that {50 * dose:g} % of an answer is missing at its end?",
        Harm(partial(_cut, lost=0.5 * dose)),
        DODDAPANENI,
        needs=f"an answer of {_FEWEST} words or more; a target, if any, that is lost by the cut",
        keeps="nothing",
    )


def _cut(text: str, case: Case, _rng: np.random.Generator, *, lost: float) -> str | None:
    found = list(_WORD.finditer(text))
    if len(found) < _FEWEST:
        return None
    end = found[max(1, int(len(found) * (1 - lost))) - 1].end()
    cut = text[:end]
    return cut if has_words(cut) and not right_after(cut, case) else None


def _shuffled(text: str, case: Case, rng: np.random.Generator) -> str | None:
    """The steps of a numbered list in another order, under the numbers as they were."""
    prose = [Span(line.start, line.end) for line in lines(text) if line.listed]
    starts = {span.start for span in prose}
    found = [m for m in _STEP.finditer(text) if m.start(2) in starts]
    said = [m[2].rstrip() for m in found]
    if len(set(said)) < 3 or not _IN_ORDER.search(f"{case.question}\n{text}"):
        return None
    order = [int(i) for i in rng.permutation(len(found))]
    shift = order[1:] + order[:1]
    new = [""] * len(found)
    for place, source in zip(order, shift, strict=True):
        new[place] = said[source]
    spans = [Span(m.start(2), m.start(2) + len(old)) for m, old in zip(found, said, strict=True)]
    return edited(text, list(zip(spans, new, strict=True)))


def _scrambled(text: str, _case: Case, rng: np.random.Generator) -> str | None:
    """The words of the whole answer in random order; white space stays where it was."""
    found = list(_WORD.finditer(text))
    if len(found) < _FEWEST:
        return None
    order = rng.permutation(len(found))
    spans = [Span(m.start(), m.end()) for m in found]
    return edited(text, [(span, found[i][0]) for span, i in zip(spans, order, strict=True)])


def _of_another(text: str, case: Case, _rng: np.random.Generator) -> str | None:
    other = case.extra.get("other")
    if not isinstance(other, str) or not has_words(other):
        return None
    same = [w.lower() for w in words(other)] == [w.lower() for w in words(text)]
    return None if same or right_after(other, case) else other


GRADED: dict[str, Callable[[float], Entry]] = {"truncation": truncation}

ENTRIES: tuple[Entry, ...] = (
    truncation(1),
    truncation(1.5),
    entry(
        "steps-shuffled",
        "structure",
        "lower",
        "Does a judge notice that the steps of a procedure are out of order?",
        Harm(_shuffled),
        DODDAPANENI,
        needs="a numbered list of three different steps or more, and a word of order",
        keeps="nothing",
        caveat="not where the list is numbered for another reason",
    ),
    entry(
        "words-scrambled",
        "structure",
        "lower",
        "Does a judge notice that the words of an answer are in random order?",
        Harm(_scrambled),
        DODDAPANENI,
        needs=f"an answer of {_FEWEST} words or more",
        keeps="nothing",
    ),
    entry(
        "other-answer",
        "structure",
        "lower",
        "Does a judge notice that an answer is one to another question?",
        Harm(_of_another),
        ZHENG_X,
        needs='extra["other"], without the target',
        keeps="nothing",
    ),
)
