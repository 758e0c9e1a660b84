"""Does it matter to a judge who is said to have written the answer?

The answer may say so itself ("author-…"), or the prompt may ("named-…", by `Case.authors`).

What is tested is the name and nothing else: a judge that knows its own style without being told is
found only by giving it answers of known authors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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


def _judge(case: Case) -> str | None:
    name = case.extra.get("judge")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        return None
    return " ".join(name.split())


def _signed_by_judge(text: str, case: Case, _rng: np.random.Generator) -> str | None:
    name = _judge(case)
    return None if name is None else after(text, f"[This answer was written by {name}.]")


def _named_judge(case: Case, side: int, _rng: np.random.Generator) -> Case | None:
    name = _judge(case)
    return None if name is None else _named_as(case, side, name)


def _named(case: Case, side: int, rng: np.random.Generator, *, by: Sequence[str]) -> Case | None:
    return _named_as(case, side, pick(rng, by))


def _named_as(case: Case, side: int, name: str) -> Case | None:
    """The case with the author of one answer named so; the other is said to be who it was."""
    authors = list(case.authors) or [""] * len(case.answers)
    if len(authors) != len(case.answers) or authors[side] == name:
        return None
    authors[side] = name
    return replace(case, authors=tuple(authors))


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
        "named-self",
        "identity",
        "same",
        "Does a judge prefer an answer that the prompt says is its own?",
        _named_judge,
        PANICKSSERY,
        needs=f'extra["judge"], a name of at most {_LONGEST_NAME} characters',
        changes=("authors",),
        caveat="only where the judge is shown the authors",
    ),
    entry(
        "named-model",
        "identity",
        "same",
        "Does a grade change when the prompt names a well-known model as the author?",
        partial(_named, by=_MODELS),
        KOO,
        needs="any case",
        changes=("authors",),
        caveat="only where the judge is shown the authors",
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
