"""Who answered what, as arrays: the latest ratings laid out for the model, checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.taxonomy.taxonomy import Taxonomy
from calibrant.records.ratings import Ratings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """The ratings to one question, one entry each, sorted by respondent.

    Attributes:
        respondent, area: places in the layout's lists.
        value: 0 for the scale's lowest label.
        own: whether the area is the respondent's own.
        levels: labels on the scale, 2 or more.
    """

    respondent: Ints
    area: Ints
    value: Ints
    own: Floats
    levels: int


@dataclass(frozen=True, eq=False)
class Layout:
    """Everything the model's likelihood needs.

    Attributes:
        respondents, areas, questions: names.
        category: shape (areas,), category of each area; all 0 where areas are not pooled.
        categories: names; empty where areas have none to be pooled in.
        answers: one per question.
        unknown: per question, shape (areas,): how many said that they did not know.
        owns: whether any rating is of an own area.
    """

    respondents: tuple[str, ...]
    areas: tuple[str, ...]
    questions: tuple[str, ...]
    category: Ints
    categories: tuple[str, ...]
    answers: tuple[Answers, ...]
    unknown: tuple[Ints, ...]
    owns: bool

    @property
    def ratings(self) -> int:
        """How many ratings there are."""
        return sum(a.value.size for a in self.answers)

    def counts(self) -> tuple[Ints, ...]:
        """Per question, how many ratings each area has."""
        return tuple(np.bincount(a.area, minlength=len(self.areas)) for a in self.answers)


def category_of(area: str) -> str | None:
    """The category that an id such as `4d` names, or None."""
    found = re.fullmatch(r"(\d+)[a-z]+", area)
    return found[1] if found else None


def lay_out(
    ratings: Ratings,
    *,
    taxonomy: Mapping[str, str] | Taxonomy | None = None,
    own: Any = None,
    levels: int | Mapping[str, int] = 5,
    questions: Sequence[str] | None = None,
) -> Layout:
    """The latest answers as arrays.

    Args:
        taxonomy: a taxonomy, or the category of each area's id; by default read off ids such as
            `4d`, and no pooling where an area has another form.
        own: own areas: pairs (respondent, area), or a mapping of respondents to areas.
        levels: labels on the scale, for all questions or by question; answers are 1 to it.
        questions: which, in which order; by default all, sorted.

    Raises:
        InputError: for no answers, answers that are no whole number of the scale, a question
            without answers, or an area without category.
    """
    frame = ratings.latest.frame
    wanted = _questions(frame, questions)
    frame = frame.filter(pl.col("question").is_in(wanted))
    answered = frame.filter(pl.col("state") == "answered")
    areas = tuple(sorted(answered["area"].unique().to_list(), key=_natural))
    respondents = tuple(sorted(answered["respondent"].unique().to_list()))
    if isinstance(taxonomy, Taxonomy):
        taxonomy = {a.id: a.category for a in taxonomy.areas}
    category, categories = _categories(areas, taxonomy)
    owned = own_pairs(own)
    answers = []
    unknown = []
    for question in wanted:
        rows = answered.filter(pl.col("question") == question)
        answers.append(
            _answers(rows, question, _levels(levels, question), areas, respondents, owned)
        )
        dont = frame.filter((pl.col("question") == question) & (pl.col("state") == "don't know"))
        unknown.append(_count(dont["area"], areas))
    owns = any(a.own.any() for a in answers)
    return Layout(
        respondents,
        areas,
        tuple(wanted),
        category,
        categories,
        tuple(answers),
        tuple(unknown),
        owns,
    )


def own_pairs(own: Any) -> frozenset[tuple[str, str]]:
    """Pairs of respondent and own area, from pairs or from a mapping."""
    if own is None:
        return frozenset()
    if isinstance(own, Mapping):
        return frozenset((str(r), str(a)) for r, every in own.items() for a in _listed(every))
    return frozenset((str(r), str(a)) for r, a in own)


def _listed(every: Any) -> Collection[Any]:
    return (every,) if isinstance(every, str) else every


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A sorting key by which 4d comes before 10a."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]


def _questions(frame: pl.DataFrame, questions: Sequence[str] | None) -> list[str]:
    answered = frame.filter(pl.col("state") == "answered")
    if answered.is_empty():
        raise InputError("ratings: no answered rating, wanted at least one")
    found = sorted(answered["question"].unique().to_list())
    if questions is None:
        return found
    missing = [q for q in questions if q not in found]
    if missing or not questions:
        name = one_line(missing[0], 40) if missing else ""
        raise InputError(
            f"questions: no answered rating for {name!r}; there are {one_line(', '.join(found))}"
        )
    return list(questions)


def _levels(levels: int | Mapping[str, int], question: str) -> int:
    found = levels if isinstance(levels, int) else levels.get(question)
    if found is None or isinstance(found, bool) or not 2 <= found <= 11:
        raise InputError(
            f"levels: wanted 2 to 11 labels for question {one_line(question, 40)!r}, got {found}"
        )
    return found


def _answers(
    rows: pl.DataFrame, question: str, levels: int, areas: tuple[str, ...],
    respondents: tuple[str, ...], owned: frozenset[tuple[str, str]],
) -> Answers:  # fmt: skip
    value = rows["value"].to_numpy()
    wrong = np.flatnonzero((value != np.floor(value)) | (value < 1) | (value > levels))
    if wrong.size:
        row = rows.row(int(wrong[0]), named=True)
        raise InputError(
            f"ratings: {one_line(row['respondent'], 40)} on {one_line(row['area'], 40)}, "
            f"{one_line(question, 40)}: wanted a whole number from 1 to {levels}, "
            f"got {row['value']:g} (another scale: --scale, --survey)"
        )
    respondent = _places(rows["respondent"], respondents)
    area = _places(rows["area"], areas)
    own = np.zeros(value.size)
    if owned:
        place = {name: i for i, name in enumerate(respondents)}
        spot = {name: i for i, name in enumerate(areas)}
        pairs = [place[r] * len(areas) + spot[a] for r, a in owned if r in place and a in spot]
        own = np.isin(respondent * len(areas) + area, pairs).astype(float)
    order = np.lexsort((area, respondent))
    return Answers(
        respondent[order], area[order], (value[order] - 1).astype(np.int64), own[order], levels
    )


def _places(column: pl.Series, names: tuple[str, ...]) -> Ints:
    found = column.replace_strict(list(names), list(range(len(names))), return_dtype=pl.Int64)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _count(column: pl.Series, areas: tuple[str, ...]) -> Ints:
    table = dict(column.value_counts().iter_rows())
    return np.array([table.get(a, 0) for a in areas], dtype=np.int64)


def _categories(
    areas: tuple[str, ...], taxonomy: Mapping[str, str] | None
) -> tuple[Ints, tuple[str, ...]]:
    """Codes and names of categories; no names where there is nothing to pool."""
    if taxonomy is None:
        of: dict[str, str | None] = {a: category_of(a) for a in areas}
    else:
        of = {a: taxonomy.get(a) for a in areas}
        lost = [a for a in areas if of[a] is None]
        if lost:
            raise InputError(
                f"taxonomy: no category for area {one_line(lost[0], 40)!r}"
                + (f" and {len(lost) - 1} more" if len(lost) > 1 else "")
            )
    named = [str(c) for c in of.values() if c is not None]
    names = tuple(sorted(set(named), key=_natural))
    if len(named) < len(areas) or len(names) < 2 or len(names) == len(areas):
        return np.zeros(len(areas), np.int64), ()
    return np.array([names.index(c) for c in named], dtype=np.int64), names
