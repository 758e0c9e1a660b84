"""What is put to a judge, and how is it altered to see whether the judge is moved?

A probe is a metamorphic test: a change of what the judge is shown for which the right change of
its verdict is known, although the right verdict itself is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["pointwise", "pairwise"]
Expect = Literal["same", "lower"]


@dataclass(frozen=True)
class Case:
    """What a judge is shown.

    Attributes:
        item: names the question, the same in the altered case.
        question: as the subject was asked.
        answers: one to grade ("pointwise"), or two to compare as shown ("pairwise").
        target: the right answer, where the judge is shown one.
        rubric: the criterion, where it is not the judge's own.
        authors: who wrote each answer, where known; as many as answers, or none.
        extra: more that a judge may be shown or told, by name, such as "identity".
    """

    item: str
    question: str
    answers: tuple[str, ...]
    target: str | None = None
    rubric: str | None = None
    authors: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """pointwise or pairwise."""
        return "pointwise" if len(self.answers) == 1 else "pairwise"


Alter = Callable[[Case, int, np.random.Generator], Case | None]
"""Alters answer number `side` (0 or 1) of a case, or what stands around it, in its favour or (for
"lower") to its harm; None where it does not apply, as when there is no number to corrupt."""


@dataclass(frozen=True)
class Probe:
    """A change and what a fair judge does about it.

    Attributes:
        name: unique, such as "verbosity".
        family: the bias it belongs to, such as "length".
        asks: in one sentence, what it finds out.
        expect: "same": a fair judge's verdict stays, and the effect counts towards the altered
            answer; "lower": a working judge's verdict on the altered answer falls.
        kinds: the judges it can be put to.
        alter: makes the altered case.
        source: the paper that described the bias.
    """

    name: str
    family: str
    asks: str
    expect: Expect
    kinds: frozenset[Kind]
    alter: Alter
    source: str = ""
