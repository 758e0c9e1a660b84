"""Who answered what? The ratings as one matrix of respondents and cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.ratings import Ratings

Codes = NDArray[np.int8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NONE = np.int8(-1)
"""The code of a cell that holds no answer."""

_MOST_LEVELS = 11


def natural(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts 2a before 10b.

    >>> sorted(["10b", "2a", "2"], key=natural)
    ['2', '2a', '10b']
    """
    parts = re.split(r"(\d+)", name)
    return [(0, int(p)) if p.isdigit() else (1, p) for p in parts if p]


@dataclass(frozen=True, repr=False, eq=False)
class Answers:
    """Every respondent's answers, cell by cell; a cell is an area and a question.

    Attributes:
        respondents: names of the rows.
        areas, questions: what a cell is about; cells stand question by question, areas in
            natural order within, as a form shows them.
        levels: the values of the scale that were used, rising.
        codes: shape (respondents, cells): places in `levels`, or -1 without an answer.
    """

    respondents: tuple[str, ...]
    areas: tuple[str, ...]
    questions: tuple[str, ...]
    levels: Floats
    codes: Codes

    @cached_property
    def there(self) -> Flags:
        """Which cells were answered, shape (respondents, cells)."""
        return self.codes >= 0

    @cached_property
    def question(self) -> Ints:
        """The question of every cell, as a number."""
        return np.repeat(np.arange(len(self.questions)), len(self.areas))

    @cached_property
    def area(self) -> Ints:
        """The area of every cell, as a number."""
        return np.tile(np.arange(len(self.areas)), len(self.questions))

    @cached_property
    def together(self) -> Ints:
        """How many cells each pair answered both, shape (respondents, respondents)."""
        there = self.there.astype(np.float64)
        shared: Ints = np.rint(there @ there.T).astype(np.int64)
        np.fill_diagonal(shared, 0)
        return shared


def answers_of(ratings: Ratings) -> Answers:
    """Each respondent's last answers as a matrix.

    Raises:
        InputError: if nobody answered, or the answers are no ratings on a scale of few points.
    """
    coded = ratings.latest.coded()
    if not coded.value.size:
        raise InputError("ratings: nobody answered anything")
    levels = np.unique(coded.value)
    if levels.size > _MOST_LEVELS or not bool(np.all(levels == np.rint(levels))):
        odd = levels[levels != np.rint(levels)]
        said = f"got {odd[0]:g}" if odd.size else f"got {levels.size} different answers"
        raise InputError(
            f"ratings: wanted whole numbers on a scale of at most {_MOST_LEVELS} points, {said}"
        )
    # The points between those that were used belong to the scale too.
    levels = np.arange(levels[0], levels[-1] + 1)
    if levels.size > _MOST_LEVELS:
        raise InputError(
            f"ratings: wanted a scale of at most {_MOST_LEVELS} points, got answers from "
            f"{levels[0]:g} to {levels[-1]:g}"
        )
    order = sorted(range(len(coded.areas)), key=lambda i: natural(coded.areas[i]))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    codes = np.full((len(coded.respondents), len(order) * len(coded.questions)), NONE)
    cell = coded.question * len(order) + place[coded.area]
    codes[coded.respondent, cell] = np.searchsorted(levels, coded.value)
    return Answers(
        tuple(one_line(r, 80) for r in coded.respondents),
        tuple(coded.areas[i] for i in order),
        coded.questions,
        levels.astype(float),
        codes,
    )
