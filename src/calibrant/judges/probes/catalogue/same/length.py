"""Does a judge prefer the longer answer, although nothing was added to it?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from calibrant.errors import InputError
from calibrant.judges.probes.catalogue.entry import Entry, OnText, entry, pick
from calibrant.judges.probes.catalogue.sources import YE, ZHENG_L
from calibrant.judges.probes.catalogue.text import after, before, sentences, words

# A sentence longer than this is not restated: growth stays near the dose that was asked for.
_LONGEST, _LONGEST_TEXT = 60, 600
_AGAIN = (
    "In other words:",
    "To put it another way:",
    "To say it once more:",
    "Put differently:",
    "That is to say:",
    "To repeat the point:",
)
_FILLER = (
    "This is a question worth looking at with some care.",
    "Before going on, it helps to keep in mind what exactly was asked.",
    "There is more than one way to go about a question of this kind.",
    "The following takes up what was asked, one thing after the other.",
    "It is useful to state the matter plainly before drawing it together.",
    "With that in mind, the matter can be looked at as a whole.",
    "All of this should be read in the light of what was asked.",
    "To bring it together, what was said above is the answer to what was asked.",
)


def dose_name(stem: str, dose: float) -> str:
    """The name of a graded probe: "verbosity" at dose 1, else such as "verbosity-0.5".

    Raises:
        InputError: the dose is not between 0 and 20.
    """
    if not 0 < dose <= 20:
        raise InputError(f"the dose of {stem} must be above 0 and at most 20, got {dose:g}")
    return stem if dose == 1 else f"{stem}-{dose:g}"


def verbosity(dose: float = 1.0) -> Entry:
    """Sentences of the answer are said once more, until its words have grown by `dose` times.

    As the repetitive list of Zheng et al.: whoever reads it learns nothing new.
    """
    return entry(
        dose_name("verbosity", dose),
        "length",
        "same",
        f"Is an answer graded higher for saying {_times(dose)} of its words again?",
        OnText(partial(_restated, dose=dose)),
        ZHENG_L,
        needs=f"a sentence of 3 to {_LONGEST} words outside code",
        caveat="a rubric that rewards brevity asks for a lower verdict",
    )


def padding(dose: float = 1.0) -> Entry:
    """Sentences without content are put around the answer until it has `dose` times as many more.

    At least one sentence is added and at most 200.
    """
    return entry(
        dose_name("padding", dose),
        "length",
        "same",
        f"Is an answer graded higher for padding of {_times(dose)} its length?",
        OnText(partial(_padded, dose=dose)),
        YE,
        caveat="a rubric that rewards brevity asks for a lower verdict",
    )


def _times(dose: float) -> str:
    return f"{dose * 100:g} %"


def _restated(text: str, rng: np.random.Generator, *, dose: float) -> str | None:
    said = [text[a:b] for a, b in sentences(text)]
    said = [s for s in said if 3 <= len(words(s)) <= _LONGEST and len(s) <= _LONGEST_TEXT]
    if not said:
        return None
    # Words may be very long (addresses, tables of data): characters are bounded as well.
    wanted, room = dose * len(words(text)), 1.5 * dose * len(text)
    again: list[str] = []
    order = rng.permutation(len(said))
    while not again or (wanted > 0 and room > 0):
        again.append(f"{pick(rng, _AGAIN)} {_closed(said[int(order[len(again) % len(said)])])}")
        wanted -= len(words(again[-1]))
        room -= len(again[-1])
    return after(text, " ".join(again))


def _padded(text: str, rng: np.random.Generator, *, dose: float) -> str:
    wanted = dose * len(words(text))
    order = rng.permutation(len(_FILLER))
    filler: list[str] = []
    while not filler or (wanted > 0 and len(filler) < 200):
        filler.append(_FILLER[int(order[len(filler) % len(_FILLER)])])
        wanted -= len(words(filler[-1]))
    half = len(filler) // 2
    opened = before(text, " ".join(filler[:half])) if half else text
    return after(opened, " ".join(filler[half:]))


def _closed(sentence: str) -> str:
    return sentence if re.search(r"[.!?…。！？][\"'”’)\]*_]*+$", sentence) else sentence + "."


GRADED: dict[str, Callable[[float], Entry]] = {"verbosity": verbosity, "padding": padding}

ENTRIES = (verbosity(0.5), verbosity(1), verbosity(3), padding(0.5), padding(1))
