"""Which areas should each respondent be asked about? One choice after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.asking.design import links, pieces
from calibrant.priorities.asking.worth import STRATEGIES, Outlook, Strategy, updated, worths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Kind = Literal["joins", "links", "explores", "decides"]


@dataclass(frozen=True)
class Rules:
    """What every assignment keeps to.

    Attributes:
        per: questions a respondent is asked at most: each is one area with both its questions.
        top: areas to be funded.
        strategy: see `worth.worths`; "fewest" takes the areas with the fewest answers, "random"
            any.
        link: areas that each respondent must share with others, so that severity can be told.
        explore: of each respondent's areas, so many go to those with the fewest answers, lest the
            belief decide alone what it never learns about.
    """

    per: int = 6
    top: int = 10
    strategy: Strategy = "regret"
    link: int = 2
    explore: int = 1

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(
                f"strategy: wanted one of {', '.join(STRATEGIES)}, got {self.strategy!r}"
            )
        for name, least in (("per", 1), ("top", 1), ("link", 0), ("explore", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: wanted at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True)
class Choice:
    """One area for one respondent.

    Attributes:
        rater, area: whole numbers from 0.
        kind: why it was chosen: it "joins" two groups of respondents, "links" the respondent to
            others, "explores" the least known, or "decides".
        worth: by the strategy; None where it has none.
        answers: answers the area had, those assigned before in this batch included.
    """

    rater: int
    area: int
    kind: Kind
    worth: float | None
    answers: int


def choose(
    look: Outlook | None,
    asked: Bools,
    allowed: Bools,
    own: Bools,
    rules: Rules,
    *,
    raters: Ints,
    answering: Floats | None = None,
    seed: int = 0,
) -> list[Choice]:
    """Areas for several respondents at once, each choice knowing those before it.

    Respondents take turns, those with the fewest possible areas first. After each choice the
    belief is as sure as it will be when the answer is in, so that nobody is asked what another
    is about to answer.

    Args:
        look: what is believed; needed by all strategies but "fewest" and "random".
        asked: shape (raters, areas), what is answered or waits for an answer.
        allowed: shape (raters, areas), what each may be asked; what was asked is never asked again.
        own: shape (raters, areas), where each works.
        raters: shape (respondents,), who is to be asked now.
        answering: shape (areas,), chance that a respondent knows an answer.
        seed: of equals; the same arguments give the same choices.
    """
    if look is None and rules.strategy not in ("fewest", "random"):
        raise InputError(f"strategy {rules.strategy}: wanted a belief, got none")
    rng = np.random.default_rng(seed)
    asked, free = asked.copy(), allowed & ~asked
    turns = raters[np.lexsort((rng.random(raters.size), free[raters].sum(axis=1)))]
    chance = np.ones(asked.shape[1]) if answering is None else answering
    coin = rng.random(asked.shape)
    out: list[Choice] = []
    for turn in range(rules.per):
        for r in turns.tolist():
            candidates = np.flatnonzero(free[r])
            if not candidates.size:
                continue
            kind, candidates = _narrowed(asked, r, candidates, rules, turn)
            worth = None
            if rules.strategy in ("fewest", "random"):
                key = -asked.sum(axis=0)[candidates] * (rules.strategy == "fewest") + 0.0
            else:
                assert look is not None
                key = worths(look, rules.strategy, rules.top, r, candidates, own[r])
                key = key * chance[candidates]
            # Equals stay equal whatever the order of summation, and the coin decides.
            rough = np.round(key / max(float(np.abs(key).max()), 1e-300), 9)
            at = int(np.lexsort((coin[r, candidates], -rough))[0])
            a = int(candidates[at])
            if look is not None and rules.strategy not in ("fewest", "random"):
                worth = float(key[at])
                look = updated(look, r, a, own[r])
            others = int(asked[:, a].sum())
            out.append(Choice(r, a, kind, worth, others))
            asked[r, a], free[r, a] = True, False
    return out


def _narrowed(
    asked: Bools, rater: int, candidates: Ints, rules: Rules, turn: int
) -> tuple[Kind, Ints]:
    """The candidates that the rules leave, and which rule it was."""
    left = rules.per - turn
    shared = asked.sum(axis=0)[candidates] > 0
    if turn < 2 and rules.link:
        joining = candidates[_joins(asked, rater, candidates)]
        if joining.size:
            return "joins", joining
    missing = rules.link - links(asked, rater)
    if missing > 0 and left <= missing and shared.any():
        return "links", candidates[shared]
    # Exploring comes right after joining, while the most areas are still free.
    if turn < rules.explore and rules.strategy not in ("fewest", "random"):
        count = asked.sum(axis=0)[candidates]
        return "explores", candidates[count == count.min()]
    return "decides", candidates


def _joins(asked: Bools, rater: int, candidates: Ints) -> Bools:
    """Whether an answer about each candidate would join the largest piece with another."""
    of_raters, of_areas = pieces(asked)
    if of_raters.max() < 1:
        return np.zeros(candidates.size, dtype=bool)
    if of_raters[rater] < 0:
        # Someone new joins two pieces only with an answer in each: first the largest, and that is
        # worth it only if there is another among the candidates.
        there = of_areas[candidates]
        if not ((there == 0).any() and (there > 0).any()):
            return np.zeros(candidates.size, dtype=bool)
        return np.asarray(there == 0)
    here = of_raters[rater]
    there = of_areas[candidates]
    return np.asarray((there >= 0) & (there != here) & ((there == 0) | (here == 0)))
