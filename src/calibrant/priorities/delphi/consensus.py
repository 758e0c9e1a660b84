"""Where do the experts agree, where are there two camps, and did a round change it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.delphi.concordance import Concordance, concordance
from calibrant.priorities.delphi.movement import Movement, movement
from calibrant.priorities.delphi.spread import Spread, spread
from calibrant.priorities.survey.model import Survey
from calibrant.records.ratings import Ratings, as_ratings
from calibrant.stats.agreement.estimate import Coefficient, estimate
from calibrant.stats.agreement.ratios import alpha
from calibrant.stats.comparisons.multiplicity import adjust

LEAST = 3
"""Answers below which no spread is reported."""


@dataclass(frozen=True)
class Cell:
    """One area, question and round.

    Attributes:
        dont_know: respondents who said so.
        spread: None for fewer than 3 answers.
        two_camps: the p-value of one peak, adjusted for all cells of its question and round
            (Benjamini and Hochberg); None without a spread.
    """

    area: str
    question: str
    round: int
    n: int
    dont_know: int
    spread: Spread | None
    two_camps: float | None


@dataclass(frozen=True)
class Whole:
    """One question in one round, over all areas.

    Attributes:
        order: Kendall's W; None where it does not exist, and `why` says so.
        alpha: Krippendorff's alpha (ordinal), with areas taken for a sample.
        consensus, no_consensus, undetermined: areas of each kind.
    """

    question: str
    round: int
    order: Concordance | None
    why: str
    alpha: Coefficient
    consensus: int
    no_consensus: int
    undetermined: int


@dataclass(frozen=True)
class Moved:
    """One question from one round to the next."""

    question: str
    movement: Movement


@dataclass(frozen=True, repr=False)
class Consensus:
    """Agreement by area, question and round, and what changed between rounds.

    Attributes:
        levels: values of the longest scale, from 1.
        level: of all intervals.
        rule: the widest interquartile range that is consensus; None: a quarter of the scale.
        notes: what a reader must know, one sentence each.
    """

    levels: int
    level: float
    rule: float | None
    cells: tuple[Cell, ...]
    questions: tuple[Whole, ...]
    movements: tuple[Moved, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        kinds = [c.spread.consensus for c in self.cells if c.spread is not None]
        camps = sum(c.two_camps is not None and c.two_camps <= 1 - self.level for c in self.cells)
        return (
            f"Consensus: {kinds.count('yes')} of {len(kinds)} area-questions surely within the "
            f"rule, {kinds.count('no')} surely outside, {kinds.count('undetermined')} "
            f"undetermined; two camps in {camps}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def consensus(
    ratings: Any, *, survey: Survey | None = None, levels: int | Mapping[str, int] | None = None,
    level: float = 0.95, rule: float | None = None, draws: int = 999, seed: int = 0,
) -> Consensus:  # fmt: skip
    """Consensus and polarisation by area and round, concordance, and movement between rounds.

    Args:
        ratings: a ratings table, or what `as_ratings` takes.
        survey: gives the scale's length and the order of questions.
        levels: values of the scale, from 1, or of each question's; 5 where neither this nor a
            survey is given.
        level: of every interval, and one minus the error of the tests in the summary.
        rule: the widest interquartile range that is consensus; a quarter of the scale by default.
        draws, seed: of random arrangements.

    Raises:
        InputError: if there is no answer, or one is off the scale.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"level: wanted 0.5 up to, not with, 1, got {level:g}")
    table = as_ratings(ratings)
    frame = table.frame.filter(pl.col("state").is_in(["answered", "don't know"]))
    if frame["value"].is_null().all():
        raise InputError("ratings: nobody answered anything")
    rounds = sorted(frame["round"].unique().to_list())
    asked = _questions(frame, survey)
    scale = {q.id: len(q.labels) for q in survey.questions} if survey is not None else {}
    if isinstance(levels, int):
        scale = dict.fromkeys(asked, levels)
    elif levels is not None:
        scale = dict(levels)
    size = {q: scale.get(q, 5) for q in asked}
    for question in asked:
        _check(frame, question, size[question])
    cells: list[Cell] = []
    questions: list[Whole] = []
    for question in asked:
        for number in rounds:
            part = frame.filter((pl.col("question") == question) & (pl.col("round") == number))
            if (part["state"] == "answered").any():
                cells += _cells(part, question, number, size[question], level, rule)
                kinds = [c.spread.consensus for c in cells
                         if c.spread and (c.question, c.round) == (question, number)]  # fmt: skip
                questions.append(
                    _whole(part, question, number, size[question], level, draws, seed, kinds)
                )
    moves = tuple(
        Moved(question, found)
        for question in asked
        for pair in pairwise(rounds)
        if (found := _moved(frame, question, pair, size[question], level, draws, seed)) is not None
    )
    return Consensus(max(size.values()), level, rule, tuple(cells), tuple(questions), moves,
                     _notes(cells, moves, table))  # fmt: skip


def _check(frame: pl.DataFrame, question: str, levels: int) -> None:
    value = frame.filter(pl.col("question") == question)["value"].drop_nulls()
    off = value.filter((value < 1) | (value > levels) | (value != value.round(0)))
    if len(off):
        raise InputError(
            f"ratings: {one_line(question, 40)}: value {off[0]:g}; wanted whole numbers of "
            f"1 to {levels} (--scale, --survey)"
        )


def _questions(frame: pl.DataFrame, survey: Survey | None) -> list[str]:
    found = sorted(frame["question"].unique().to_list())
    order = [q.id for q in survey.questions] if survey is not None else []
    return [q for q in order if q in found] + [q for q in found if q not in order]


def _cells(
    part: pl.DataFrame,
    question: str,
    number: int,
    levels: int,
    level: float,
    rule: float | None,
) -> list[Cell]:
    found = []
    for (area,), rows in sorted(part.group_by(["area"]), key=lambda g: _natural(str(g[0][0]))):
        values = rows["value"].drop_nulls().cast(pl.Int64).to_numpy()
        counts = np.bincount(values - 1, minlength=levels)
        known = spread(counts, level=level, rule=rule) if values.size >= LEAST else None
        found.append((str(area), values.size, rows.height - values.size, known))
    p = [s.bimodal for *_, s in found if s is not None]
    adjusted = iter(adjust(p, "benjamini-hochberg").tolist() if p else [])
    return [
        Cell(area, question, number, n, dont_know, s, None if s is None else next(adjusted))
        for area, n, dont_know, s in found
    ]


def _whole(
    part: pl.DataFrame, question: str, number: int, levels: int, level: float, draws: int,
    seed: int, kinds: list[str],
) -> Whole:  # fmt: skip
    rows = part.filter(pl.col("state") == "answered")
    who, area, value = _places(rows)
    order, why = None, ""
    try:
        order = concordance(who, area, value.astype(np.float64), level=level, draws=draws,
                            seed=seed)  # fmt: skip
    except InputError as e:
        why = str(e)
    counts = np.zeros((int(area.max()) + 1, levels), np.int64)
    np.add.at(counts, (area, value - 1), 1)
    return Whole(
        question, number, order, why, estimate(alpha(counts, "ordinal"), level=level),
        kinds.count("yes"), kinds.count("no"), kinds.count("undetermined"),
    )  # fmt: skip


def _places(rows: pl.DataFrame) -> tuple[Any, Any, Any]:
    who = np.unique(rows["respondent"].to_numpy(), return_inverse=True)[1]
    area = np.unique(rows["area"].to_numpy(), return_inverse=True)[1]
    return who, area, rows["value"].cast(pl.Int64).to_numpy()


def _moved(
    frame: pl.DataFrame, question: str, pair: tuple[int, int], levels: int, level: float,
    draws: int, seed: int,
) -> Movement | None:  # fmt: skip
    rows = frame.filter((pl.col("question") == question) & (pl.col("state") == "answered"))
    one, two = (rows.filter(pl.col("round") == r) for r in pair)
    both = one.join(two, on=["respondent", "area"], suffix="_after").sort("respondent", "area")
    if not both.height:
        return None
    who, area, before = _places(both)
    after = both["value_after"].cast(pl.Int64).to_numpy()
    return movement(who, area, before, after, levels=levels, rounds=pair, level=level,
                    draws=2 * draws + 1, seed=seed)  # fmt: skip


def _natural(area: str) -> tuple[int, str]:
    """4d before 10a."""
    digits = area[: len(area) - len(area.lstrip("0123456789"))]
    return (int(digits) if digits else 10**9, area)


def _notes(cells: list[Cell], moves: tuple[Moved, ...], table: Ratings) -> tuple[str, ...]:
    notes = []
    few = sum(c.spread is None for c in cells)
    if few:
        notes.append(f"{few} area-questions have fewer than {LEAST} answers: no spread.")
    unsure = sum(c.spread is not None and c.spread.by_rule and c.spread.consensus != "yes"
                 for c in cells)  # fmt: skip
    if unsure:
        notes.append(
            f"{unsure} area-questions fulfil the rule in the sample alone: with so few answers the "
            "experts at large may not."
        )
    if not moves and table.frame["round"].n_unique() > 1:
        notes.append("Nobody answered the same area in two rounds that follow each other.")
    if any(m.movement.p > 0.05 and m.movement.towards > m.movement.away for m in moves):
        notes.append(
            "More answers moved towards the median than away, as they do by chance alone; only "
            "the test of narrowing tells whether the group came closer."
        )
    return tuple(notes)
