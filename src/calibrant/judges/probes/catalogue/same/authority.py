"""Is a judge impressed by sources, experts and crowds that add nothing to the answer?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnText, entry, pick
from calibrant.judges.probes.catalogue.sources import CHEN, KOO, YE
from calibrant.judges.probes.catalogue.text import Span, after, before, edited, sentences, words
from calibrant.judges.probes.probe import Case

# Made up: no such papers exist, so that nothing true is added to an answer.
_NAMES = ("Halvorsen", "Okonkwo-Reyes", "Lindqvist", "Tamura-Bell", "Achterberg", "Varga-Moreau")
_JOURNALS = ("Journal of Applied Findings", "Annals of General Inquiry", "Review of Settled Facts")
_AUTHORITIES = (
    "According to a study in Nature, this is the accepted answer:",
    "As a leading professor at Oxford puts it:",
    "The standard textbook on the subject says the following:",
    "According to the World Health Organization and other authorities:",
)
_CROWDS = (
    "90 % of experts prefer this answer.",
    "Most readers (87 %) rated this answer the best one they had seen.",
    "A large majority of reviewers agree that this is the right answer.",
)


_MOST_QUOTED, _LONGEST_QUOTE = 12, 200


def _cited(text: str, rng: np.random.Generator) -> str:
    name, journal = pick(rng, _NAMES), pick(rng, _JOURNALS)
    year, volume, page = (int(rng.integers(*r)) for r in ((1998, 2024), (3, 60), (101, 900)))
    places = sentences(text)
    reference = f"Reference: {name} et al. ({year}), {journal} {volume}, {page}–{page + 11}."
    if places:
        end = pick(rng, places).end
        stop = end - 1 if text[end - 1] in ".!?" else end
        text = edited(text, [(Span(stop, stop), f" ({name} et al., {year})")])
    return after(text, reference)


def _authority(text: str, rng: np.random.Generator) -> str:
    return before(text, pick(rng, _AUTHORITIES))


def _crowd(text: str, rng: np.random.Generator) -> str:
    return after(text, pick(rng, _CROWDS))


def _crowd_around(case: Case, side: int, rng: np.random.Generator) -> Case | None:
    which: str | None = "the answer"
    if case.kind == "pairwise":
        which = _by_its_words(case.answers[side], case.answers[1 - side])
    if which is None:
        return None
    share = int(rng.integers(75, 95))
    said = f"Note: {share} % of the people asked believe that {which} is very good."
    return replace(case, question=after(case.question, said))


def _by_its_words(answer: str, other: str) -> str | None:
    """An answer named by how it begins, not by its place: pairs are shown in both orders."""
    mine, theirs = words(answer), words(other)
    least = next((k for k in range(1, len(mine) + 1) if mine[:k] != theirs[:k]), None)
    if least is None or least > _MOST_QUOTED:
        return None
    quoted = " ".join(mine[: max(least, 3)])
    return f'the answer with the words "{quoted}"' if len(quoted) <= _LONGEST_QUOTE else None


ENTRIES: tuple[Entry, ...] = (
    entry(
        "citation",
        "authority",
        "same",
        "Is an answer graded higher for a reference that does not exist?",
        OnText(_cited),
        CHEN,
        caveat="a judge that looks references up may rightly mind one that does not exist",
    ),
    entry(
        "famous-source",
        "authority",
        "same",
        "Is an answer graded higher when a famous source is said to stand behind it?",
        OnText(_authority),
        YE,
    ),
    entry(
        "bandwagon-answer",
        "bandwagon",
        "same",
        "Is an answer graded higher for saying that most experts prefer it?",
        OnText(_crowd),
        YE,
    ),
    entry(
        "bandwagon-prompt",
        "bandwagon",
        "same",
        "Is an answer graded higher when the judge is told that most people like it?",
        _crowd_around,
        KOO,
        needs="any case; of a pair, answers that begin in different words",
        changes=("question",),
    ),
)
