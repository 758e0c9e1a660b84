"""Do people rate the areas they work in themselves higher than others rate them?

Effect: answers to one question are an area's level plus a respondent's level plus the effect of
its being one's own (least squares). Respondents are the independent units: the interval comes from
leaving out each in turn (jackknife, Student's t), the p-value from permuting who calls an area the
own among those who rated it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.priorities.integrity.answers import Answers, Flags, Floats, Ints

_LETTERS = "abcdefghijklmnopqrstuvwxyz"

LEAST = 5
"""Respondents who rated an own area that someone else rated too."""


@dataclass(frozen=True)
class Conflict:
    """How much more an own area gets in answer to one question.

    Attributes:
        effect: in points of the scale; `low` and `high` at `level`.
        p: two-sided, of no effect.
        own, respondents: ratings of own areas, and of how many respondents.
        reason: why there is no number, else None.
    """

    question: str
    effect: float | None
    low: float | None
    high: float | None
    level: float
    p: float | None
    own: int
    respondents: int
    reason: str | None = None

    def __repr__(self) -> str:
        if self.effect is None:
            return f"{self.question}: own areas not compared: {self.reason}"
        return (
            f"{self.question}: own areas get {self.effect:+.2f} points "
            f"({self.low:+.2f} to {self.high:+.2f}, {self.level:.0%}; p = {self.p:.3g}; "
            f"{self.own} ratings of {self.respondents} respondents)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def own_cells(answers: Answers, own: Iterable[tuple[str, str]]) -> Flags:
    """Which cells are about an own area, shape (respondents, cells).

    Args:
        own: respondents and areas; an area "17" means every area of category 17.

    Raises:
        InputError: for an area that is none of the table's.
    """
    person = {name: i for i, name in enumerate(answers.respondents)}
    mine = np.zeros((len(answers.respondents), len(answers.areas)), bool)
    for respondent, area in own:
        places = [
            i for i, a in enumerate(answers.areas)
            if a == area or (area.isdigit() and a.rstrip(_LETTERS) == area)
        ]  # fmt: skip
        # One may have worked in areas that nobody rated.
        if respondent in person and places:
            mine[person[respondent], places] = True
        elif not respondent:
            raise InputError("own areas: a respondent is empty")
    return np.tile(mine, len(answers.questions))


def conflict(
    answers: Answers, mine: Flags, question: int, *, level: float = 0.95, draws: int = 1999,
    rng: np.random.Generator,
) -> Conflict:  # fmt: skip
    """The effect of owning an area on the answers to one question."""
    name = answers.questions[question]
    there = answers.there & (answers.question == question)
    n, own = there.sum(axis=0), (there & mine).sum(axis=0)
    # An area where all or nobody owns it says nothing.
    mixed = (own > 0) & (own < n)
    people = np.flatnonzero((there & mine & mixed).any(axis=1))
    total = int((there & mine).sum())
    nothing = Conflict(name, None, None, None, level, None, total, int(people.size))
    if people.size < LEAST:
        return _because(
            nothing, f"{people.size} respondents rated an own area beside others, wanted {LEAST}"
        )
    who, cell = np.nonzero(there)
    x = answers.levels[answers.codes[who, cell]]
    z = mine[who, cell].astype(float)
    effect = _effect(x, z, who, cell)
    if effect is None:
        return _because(nothing, "who owns an area cannot be told apart from who is generous")
    every = np.unique(who)
    left_out = [_effect(x[who != r], z[who != r], who[who != r], cell[who != r]) for r in every]
    if any(e is None for e in left_out):
        return _because(nothing, "it hangs on one respondent")
    parts = np.array(left_out, dtype=float)
    count = every.size
    # Only those who own some of what they rated carry information: they are the freedom there is.
    error = float(np.sqrt((count - 1) / count * ((parts - parts.mean()) ** 2).sum()))
    reach = float(stdtrit(people.size - 1, (1 + level) / 2)) * error
    p = _permuted(x, z, who, cell, draws, rng)
    return Conflict(name, effect, effect - reach, effect + reach, level, p, total, int(people.size))


def _because(nothing: Conflict, reason: str) -> Conflict:
    from dataclasses import replace

    return replace(nothing, reason=reason)


def _centred(v: Floats, who: Ints, cell: Ints) -> Floats:
    """`v` without the levels of respondents and cells (least squares, by turns)."""
    rows, columns = np.bincount(who), np.bincount(cell)
    left = v.copy()
    for _ in range(500):
        by_row = np.bincount(who, left) / np.maximum(rows, 1)
        left = left - by_row[who]
        by_column = np.bincount(cell, left) / np.maximum(columns, 1)
        left = left - by_column[cell]
        if max(np.abs(by_row).max(), np.abs(by_column).max()) < 1e-10:
            break
    return left


def _effect(x: Floats, z: Floats, who: Ints, cell: Ints) -> float | None:
    alone = _centred(z, who, cell)
    size = float(alone @ alone)
    return None if size < 1e-6 else float(alone @ x) / size


def _permuted(
    x: Floats, z: Floats, who: Ints, cell: Ints, draws: int, rng: np.random.Generator
) -> float:
    """P that owners, drawn anew among an area's raters, stand out as much."""
    residual = _centred(x, who, cell)
    order = np.argsort(cell, kind="stable")
    at, values, flags = cell[order], residual[order], z[order]
    own = float(flags @ values)
    keys = rng.random((draws, at.size)) + at
    drawn = values[np.argsort(keys, axis=1)] @ flags
    return float((1 + (np.abs(drawn) >= abs(own) - 1e-9).sum()) / (draws + 1))
