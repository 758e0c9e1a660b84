"""Is a judge led astray by true sentences that have nothing to do with the question?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnText, entry
from calibrant.judges.probes.catalogue.same.length import dose_name
from calibrant.judges.probes.catalogue.sources import YE
from calibrant.judges.probes.catalogue.text import after, before

_ASIDES = (
    "By the way, I like the sound of rain on a roof.",
    "On another note, bicycles usually have two wheels.",
    "Incidentally, many people drink tea in the afternoon.",
    "As an aside, cats tend to sleep for much of the day.",
    "Unrelated to this, the piano has black keys and white keys.",
    "While at it, some libraries are open on weekends.",
    "Apart from that, oranges grow on trees.",
    "And, for what it is worth, chess is played on a square board.",
)


def distractor(dose: float = 1.0) -> Entry:
    """True sentences beside the point, as many as the dose (rounded up, at most eight)."""
    return entry(
        dose_name("distractor", dose),
        "distraction",
        "same",
        "Does a true sentence beside the point change a grade?"
        if dose == 1
        else f"Do {_count(dose)} true sentences beside the point change a grade?",
        OnText(partial(_distracted, number=_count(dose))),
        YE,
        caveat="a rubric that grades relevance or brevity asks for a lower verdict",
    )


def _count(dose: float) -> int:
    return min(len(_ASIDES), int(np.ceil(dose)))


def _distracted(text: str, rng: np.random.Generator, *, number: int) -> str:
    for i in rng.permutation(len(_ASIDES))[:number]:
        text = before(text, _ASIDES[i]) if rng.integers(2) else after(text, _ASIDES[i])
    return text


GRADED: dict[str, Callable[[float], Entry]] = {"distractor": distractor}

ENTRIES: tuple[Entry, ...] = (distractor(1), distractor(3))
