"""Is a judge moved by feeling, by certainty or by doubt that the answer puts on?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnText, entry, pick
from calibrant.judges.probes.catalogue.sources import LEE, YE
from calibrant.judges.probes.catalogue.text import after, before

_CHEERFUL = (
    ("What a wonderful question!", "I really hope this makes your day!"),
    ("I am so happy to help with this!", "It was a real pleasure, have a lovely day!"),
    ("Oh, I love this one!", "How exciting is that!"),
)
_ANGRY = (
    ("I am sick of being asked this.", "There. Do not make me say it again."),
    ("Honestly, this is an annoying thing to be asked.", "That is all you will get."),
    ("Fine, if I must.", "It makes me angry that anyone still has to ask."),
)
_SAD = (
    ("I feel rather low today, but here it is.", "I wish I could be more cheerful."),
    ("It makes me sad to think about this.", "Sorry for the gloom."),
)
_CERTAIN = (
    ("I am absolutely certain of the following.", "There is no doubt about it whatsoever."),
    ("I know this for a fact.", "I am 100 % sure."),
)
_DOUBTFUL = (
    ("I am not entirely sure, but this is what I think.", "I may be wrong, of course."),
    ("If I remember rightly, it is as follows.", "Take this with a grain of salt."),
)


def _framed(text: str, rng: np.random.Generator, *, frames: Sequence[tuple[str, str]]) -> str:
    opening, closing = pick(rng, frames)
    return after(before(text, opening), closing)


def _tone(
    name: str, family: str, asks: str, frames: Sequence[tuple[str, str]], source: str, caveat: str
) -> Entry:
    change = OnText(partial(_framed, frames=frames))
    return entry(name, family, "same", asks, change, source, caveat=caveat)


_MANNER = "a rubric that grades manner asks for another verdict"
_HONEST = "a rubric that grades honesty about doubt asks for another verdict"

ENTRIES: tuple[Entry, ...] = (
    _tone("cheerful", "tone", "Does cheer change a grade?", _CHEERFUL, YE, _MANNER),
    _tone("angry", "tone", "Does anger change a grade?", _ANGRY, YE, _MANNER),
    _tone("sad", "tone", "Does sadness change a grade?", _SAD, YE, _MANNER),
    _tone("certain", "confidence", "Does claimed certainty raise a grade?", _CERTAIN, LEE, _HONEST),
    _tone("hedged", "confidence", "Does expressed doubt lower a grade?", _DOUBTFUL, LEE, _HONEST),
)
