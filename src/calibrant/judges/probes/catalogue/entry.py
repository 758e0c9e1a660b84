"""What does the catalogue say of a probe, beyond what is needed to run it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from calibrant.judges.probes.catalogue.target import known_wrong
from calibrant.judges.probes.catalogue.text import has_words
from calibrant.judges.probes.probe import Alter, Case, Expect, Kind, Probe

Keeps = Literal["words", "only words", "spelling", "meaning", "nothing"]
"""What of the answer is the same in the altered one: its words and numbers in their order, with
others between ("words") or none ("only words", case aside); the same with single words respelled
("spelling"); what it says, by the user's word ("meaning"); or nothing that is promised."""

TextChange = Callable[[str, np.random.Generator], str | None]
"""The altered text of an answer, or None where the change does not apply."""

CaseChange = Callable[[str, Case, np.random.Generator], str | None]
"""The same, by what else the case holds."""

BOTH: frozenset[Kind] = frozenset({"pointwise", "pairwise"})
_T = TypeVar("_T")
_DRAWS = 8


@dataclass(frozen=True)
class Entry:
    """A probe and what is promised of its alteration; the reference page is made of these.

    Attributes:
        probe: what the runner uses.
        changes: the fields of Case that the alteration may touch.
        keeps: what of the altered answer stays, see `Keeps`.
        needs: the cases it applies to, in words; on any other it gives None.
        caveat: when the expectation is not beyond doubt.
    """

    probe: Probe
    changes: frozenset[str]
    keeps: Keeps
    needs: str
    caveat: str = ""


@dataclass(frozen=True)
class OnAnswer:
    """An Alter that changes the text of one answer; None where it has no word or stays as it is.

    What is added by chance must not be what was asked for: it is drawn anew then.
    """

    change: CaseChange

    def __call__(self, case: Case, side: int, rng: np.random.Generator) -> Case | None:
        old = case.answers[side]
        if not has_words(old):
            return None
        for _ in range(_DRAWS):
            new = self.change(old, case, rng)
            if new is None or new == old:
                return None
            if known_wrong(new, case) or not known_wrong(old, case):
                return with_answer(case, side, new)
        return None


@dataclass(frozen=True)
class OnText:
    """As OnAnswer, by the text of the answer alone."""

    change: TextChange

    def __call__(self, case: Case, side: int, rng: np.random.Generator) -> Case | None:
        return OnAnswer(self._by_text)(case, side, rng)

    def _by_text(self, text: str, _case: Case, rng: np.random.Generator) -> str | None:
        return self.change(text, rng)


@dataclass(frozen=True)
class Harm:
    """An Alter that makes an answer worse; None where it is known to be wrong already."""

    change: CaseChange

    def __call__(self, case: Case, side: int, rng: np.random.Generator) -> Case | None:
        if known_wrong(case.answers[side], case):
            return None
        return OnAnswer(self.change)(case, side, rng)


def with_answer(case: Case, side: int, answer: str) -> Case:
    """The case with answer number `side` replaced."""
    answers = tuple(answer if i == side else old for i, old in enumerate(case.answers))
    return replace(case, answers=answers)


def with_extra(case: Case, **changes: Any) -> Case:
    """The case with entries of `extra` replaced."""
    extra: Mapping[str, Any] = {**case.extra, **changes}
    return replace(case, extra=extra)


def pick(rng: np.random.Generator, options: Sequence[_T]) -> _T:
    """One of `options`, each as likely."""
    return options[int(rng.integers(len(options)))]


def entry(
    name: str,
    family: str,
    expect: Expect,
    asks: str,
    alter: Alter,
    source: str,
    *,
    needs: str = "an answer with words",
    keeps: Keeps = "words",
    changes: Sequence[str] = ("answers",),
    kinds: frozenset[Kind] = BOTH,
    caveat: str = "",
) -> Entry:
    """An entry of the catalogue with its probe."""
    probe = Probe(name, family, asks, expect, kinds, alter, source)
    return Entry(probe, frozenset(changes), keeps, needs, caveat)
