"""Does one respondent's row look like no honest one: the same answer again and again, or none?

Three statistics of a row, each compared with random tables that have the same counts (see
`chain`): the longest run of one answer, the spread of the answers, and how far they go along
with what others said of the same cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.integrity.answers import Answers, Floats

Block = NDArray[np.int8]
Statistic = Callable[[Block], Floats]

LEAST = 6
"""Answers to one question that a respondent must have given: fewer say nothing of a pattern."""

_BLOCK = 100


@dataclass(frozen=True, eq=False)
class Tested:
    """A statistic of every respondent, with one-sided Monte Carlo p-values.

    Attributes:
        value, usual: shape (respondents,): the statistic, and its mean under the null; NaN where
            the respondent was not tested.
        p: on its own. `adjusted`: for being one of many (family-wise error, step-down).
    """

    value: Floats
    usual: Floats
    p: Floats
    adjusted: Floats


def longest_runs(answers: Answers) -> Statistic:
    """The longest run of one answer to one question, in the order of the areas."""
    rows, width = len(answers.respondents), len(answers.areas)
    lines = answers.there.reshape(rows, len(answers.questions), width)
    longest = int(lines.sum(axis=2).max())
    # Cells that were answered stand first, in their order.
    first = np.argsort(~lines, axis=2, kind="stable")[:, :, :longest]

    def of(block: Block) -> Floats:
        shaped = block.reshape(len(block), *lines.shape)
        seen = np.take_along_axis(shaped, first[None], axis=3)
        run = np.zeros(seen.shape[:3], np.int16)
        best = run.copy()
        for at in range(longest):
            now = seen[..., at]
            same = now == seen[..., at - 1] if at else np.zeros(now.shape, bool)
            run = np.where(now >= 0, np.where(same, run + 1, 1), 0).astype(np.int16)
            np.maximum(best, run, out=best)
        runs: Floats = best.max(axis=2).astype(float)
        return runs

    return of


def evenness(answers: Answers) -> Statistic:
    """Minus the variance of a respondent's answers around the own mean of each question."""
    by_question = np.eye(len(answers.questions))[answers.question]
    count = np.maximum(answers.there @ by_question, 1)

    def of(block: Block) -> Floats:
        x = np.where(block >= 0, block, 0).astype(float)
        squares, sums = (x * x) @ by_question, x @ by_question
        even: Floats = -(squares - sums**2 / count).sum(axis=2) / count.sum(axis=1)
        return even

    return of


def against(answers: Answers, question: int) -> Statistic:
    """Minus the covariance of a respondent's answers to a question with the others' means."""
    n = answers.there.sum(axis=0)
    others = np.where((n > 1) & (answers.question == question), 1 / np.maximum(n - 1, 1), 0.0)

    def of(block: Block) -> Floats:
        x = np.where(block >= 0, block, 0).astype(float)
        rest = np.where(answers.there, x.sum(axis=1, keepdims=True) - x, 0.0) * others
        odd: Floats = -(x * rest).sum(axis=2)
        return odd

    return of


def most(reached: Floats, draws: Floats) -> Floats:
    """P-values for many statistics at once: that any of those left is as striking as each.

    Step-down by the maximum (Westfall and Young, Resampling-Based Multiple Testing, 1993): the most
    striking is compared with the maximum of all, the next with that of all others, and so on.

    Args:
        reached: shape (n,), on a common footing.
        draws: shape (draws, n), the same under the null.
    """
    order = np.argsort(-reached, kind="stable")
    others = np.maximum.accumulate(draws[:, order[::-1]], axis=1)[:, ::-1]
    p = (1 + (others >= reached[order] - 1e-9).sum(axis=0)) / (1 + len(draws))
    adjusted = np.empty(reached.size)
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


CHECKS: tuple[str, ...] = ("run", "spread", "odd")
"""A run of one answer, little spread given the mean, answers that go against the others'."""


def test_persons(answers: Answers, kept: Block, even: Block) -> dict[str, Tested]:
    """Test every respondent with at least `LEAST` answers to a question, check by check.

    Args:
        kept: random tables that keep everyone's answers, shape (draws, respondents, cells).
        even: random tables that keep everyone's means.
    """
    questions = range(len(answers.questions))
    return {
        "run": _test(answers, [longest_runs(answers)], kept),
        "spread": test_spread(answers, even),
        # Question by question: what one thinks of an area shows in both, so that the two deviate
        # together even among honest respondents.
        "odd": _test(answers, [against(answers, q) for q in questions], kept),
    }


def test_spread(answers: Answers, even: Block) -> Tested:
    """Test every respondent for too little spread; see `test_persons`."""
    return _test(answers, [evenness(answers)], even)


def _test(answers: Answers, statistics: list[Statistic], drawn: Block) -> Tested:
    shape = len(answers.respondents), len(answers.questions), len(answers.areas)
    enough = answers.there.reshape(shape).sum(axis=2).max(axis=1) >= LEAST
    own = np.stack([of(answers.codes[None])[0] for of in statistics])
    null = np.stack([
        np.concatenate([of(drawn[i : i + _BLOCK]) for i in range(0, len(drawn), _BLOCK)])
        for of in statistics
    ])  # fmt: skip
    # Tables at hand and drawn are treated alike, so that the p-values stay exact.
    every = np.concatenate([own[:, None], null], axis=1)
    spread = every.std(axis=1, keepdims=True)
    standard = (every - every.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-9)
    standard = np.where(spread > 1e-9, standard, 0.0).max(axis=0)[:, enough]
    value, usual, p, adjusted = (np.full(enough.size, np.nan) for _ in range(4))
    value[enough], usual[enough] = own.sum(axis=0)[enough], null.sum(axis=0).mean(axis=0)[enough]
    p[enough] = (standard >= standard[0] - 1e-9).mean(axis=0)
    adjusted[enough] = most(standard[0], standard[1:]) if enough.any() else []
    return Tested(value, usual, p, adjusted)
