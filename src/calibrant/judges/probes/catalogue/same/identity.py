"""Does it matter to a judge who is said to have written the answer?

What is tested is the name and nothing else: a judge that knows its own style without being told is
found only by giving it answers of known authors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnAnswer, OnText, entry, pick
from calibrant.judges.probes.catalogue.sources import KOO, PANICKSSERY, YE
from calibrant.judges.probes.catalogue.text import after
from calibrant.judges.probes.probe import Case

_MODELS = ("GPT-4", "Claude", "Gemini", "Llama", "Mistral", "Qwen")
_PEOPLE = ("a person", "a human volunteer", "a student", "a human expert")
_GROUPS = (
    "a woman",
    "a man",
    "an immigrant",
    "an elderly person",
    "a teenager",
    "a person with a disability",
    "a member of a religious minority",
)
_REVISED = (
    "This is the revised version of an earlier answer.",
    "(Third draft, improved after feedback.)",
    "This answer was checked and refined after a first attempt.",
)
_LONGEST_NAME = 100


def _signed(text: str, rng: np.random.Generator, *, by: Sequence[str]) -> str:
    return after(text, f"[This answer was written by {pick(rng, by)}.]")


def _signed_by_judge(text: str, case: Case, _rng: np.random.Generator) -> str | None:
    name = case.extra.get("judge")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        return None
    return after(text, f"[This answer was written by {' '.join(name.split())}.]")


def _revised(text: str, rng: np.random.Generator) -> str:
    return after(text, pick(rng, _REVISED))


ENTRIES: tuple[Entry, ...] = (
    entry(
        "author-self",
        "identity",
        "same",
        "Does a judge prefer an answer that is said to be its own?",
        OnAnswer(_signed_by_judge),
        PANICKSSERY,
        needs=f'extra["judge"], a name of at most {_LONGEST_NAME} characters',
    ),
    entry(
        "author-model",
        "identity",
        "same",
        "Does the name of a well-known model under the answer change a grade?",
        OnText(partial(_signed, by=_MODELS)),
        KOO,
    ),
    entry(
        "author-person",
        "identity",
        "same",
        "Does it change a grade that a person is said to have written the answer?",
        OnText(partial(_signed, by=_PEOPLE)),
        PANICKSSERY,
    ),
    entry(
        "author-group",
        "identity",
        "same",
        "Does it change a grade to which group of people the author is said to belong?",
        OnText(partial(_signed, by=_GROUPS)),
        YE,
    ),
    entry(
        "refined",
        "identity",
        "same",
        "Is an answer graded higher for being called a revised one?",
        OnText(_revised),
        YE,
    ),
)
