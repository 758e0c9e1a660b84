"""How fast does the decision get better, by what is asked? A survey run in batches, truth known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.asking.choose import Rules, choose
from calibrant.priorities.asking.worth import outlook, promise
from calibrant.priorities.linear import Belief, Heard, believe
from calibrant.priorities.ranks.places import regrets
from calibrant.priorities.ranks.simulate import QUESTIONS, Panel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


ROUNDS = 6
"""Rounds of EM; a survey is looked at many times."""


@dataclass(frozen=True, eq=False)
class Run:
    """One survey that was asked in batches.

    Attributes:
        answers: shape (batches,), areas asked about so far, over all respondents.
        regret: shape (batches,), what the best k by the belief lose in truth, per funded area.
        asked: shape (raters, areas), at the end.
    """

    answers: NDArray[np.int64]
    regret: Floats
    asked: Bools


def belief_of(panel: Panel, asked: Bools) -> Belief:
    """The belief once everything asked is answered."""
    r, a = np.nonzero(asked)
    value = np.stack(
        [np.where(panel.unknown[q][r, a], np.nan, panel.values[q][r, a]) for q in QUESTIONS], axis=1
    )
    known = ~np.isnan(value).all(axis=1)
    heard = Heard(r[known], a[known], value[known], panel.own[r, a][known])
    return believe(heard, panel.category, len(panel.own), rounds=ROUNDS)


def run(panel: Panel, rules: Rules, *, batch: int = 9, seed: int = 0) -> Run:
    """Ask a panel's raters one batch after the other, each by what the others answered.

    Args:
        batch: raters who are asked at once.
        seed: of choices between equals, and of the raters' order.
    """
    raters, areas = panel.own.shape
    asked = np.zeros((raters, areas), dtype=bool)
    order = np.random.default_rng(seed).permutation(raters)
    look = outlook(belief_of(panel, asked))
    truth = panel.promise[None]
    answers, lost = [], []
    for at in range(0, raters, batch):
        chosen = choose(
            look, asked, panel.may, panel.own, rules, raters=order[at : at + batch],
            seed=seed + at,
        )  # fmt: skip
        for c in chosen:
            asked[c.rater, c.area] = True
        look = outlook(belief_of(panel, asked))
        best = np.argsort(-promise(look), kind="stable")[: rules.top]
        answers.append(int(asked.sum()))
        lost.append(float(regrets(truth, best)[0]))
    return Run(np.array(answers), np.array(lost), asked)
