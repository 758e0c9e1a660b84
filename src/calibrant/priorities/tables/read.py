"""Which column of a published table is what? Means, numbers of answers, products, differences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.tables.printed import Column, Integers, column
from calibrant.records.frames import table_of

QUESTIONS = ("importance", "tractability")
_SHORT = {"importance": ("i",), "tractability": ("t",)}
_N = ("n", "respondents", "responses", "answers", "raters", "count", "numberofrespondents")
_PRODUCT = ("promise", "p", "promisescore", "product", "score", "itimest", "it")
_DIFFERENCE = ("gap", "difference", "diff", "iminust")
_ID = ("taxonomyid", "areaid", "id", "code")
_NAME = ("subarea", "area", "name", "direction", "item", "topic")
_RANK = ("rank", "place", "position")
_MOST_N = 100_000
_MOST_ROWS = 200_000


@dataclass(frozen=True, repr=False, eq=False)
class PublishedTable:
    """A printed table of mean ratings; make one with `read_published`.

    Attributes:
        areas: shape (rows,): ids if there are any, else names.
        names: shape (rows,).
        means: for each question its printed means.
        n: shape (rows,): the printed number of respondents; where each question has its own, the
            larger.
        answers: for each question its own printed number of answers, where there is one.
        product, difference: of the first two questions, where printed.
        sds: for each question its printed standard deviations, where there are any.
        rank: printed ranks, where there are any.
        scale: lowest and highest rating.
        blank: rows without any mean ("unrated"), by name; they are in no other attribute.
        identified: whether `areas` are ids.
    """

    areas: tuple[str, ...]
    names: tuple[str, ...]
    means: Mapping[str, Column]
    n: Integers
    answers: Mapping[str, Integers] = field(default_factory=dict)
    product: Column | None = None
    difference: Column | None = None
    sds: Mapping[str, Column] = field(default_factory=dict)
    rank: Column | None = None
    scale: tuple[int, int] = (1, 5)
    blank: tuple[str, ...] = ()
    identified: bool = False

    def __repr__(self) -> str:
        return f"PublishedTable: {len(self.areas)} rows, means of {', '.join(self.means)}"


def read_published(
    source: Any,
    *,
    questions: Iterable[str] | None = None,
    n: str | None = None,
    product: str | None = None,
    difference: str | None = None,
    scale: tuple[int, int] = (1, 5),
    digits: int | None = None,
) -> PublishedTable:
    """The published table in a file or frame, its columns found by their names.

    Args:
        source: a path or a table; text keeps its digits ("5.00"), numbers lose trailing zeros,
            which are filled up to the longest of the column.
        questions: the columns that hold means; by default importance (or I) and tractability (or
            T), whichever are there.
        n, product, difference: the columns that hold these; by default known names, such as n,
            promise (P) and gap. A question's own number of answers is in "n_QUESTION", its
            standard deviation in "sd_QUESTION".
        scale: lowest and highest rating.
        digits: decimals of the means, product and difference; by default the most in each column.

    Raises:
        InputError: naming the column or row that is wrong.
    """
    if isinstance(source, PublishedTable):
        return source
    where = f"{one_line(str(source))}: " if isinstance(source, str | Path) else "table: "
    frame = table_of(source, "table")
    if not frame.height:
        raise InputError(f"{where}no rows")
    if frame.height > _MOST_ROWS:
        raise InputError(f"{where}wanted at most {_MOST_ROWS:,} rows, got {frame.height:,}")
    if not (isinstance(scale[0], int) and isinstance(scale[1], int) and 0 <= scale[0] < scale[1]
            and scale[1] <= 1000):  # fmt: skip
        raise InputError(f"scale: wanted two whole numbers from 0 to 1000, rising, got {scale}")
    asked = _means(frame, questions, where)
    frame, blank = _rated(frame, list(asked.values()), where)
    names = _texts(frame, _find(frame, (*_NAME, *_ID)), where)
    ids = _find(frame, _ID)
    means = {q: column(frame[c].to_list(), f"{where}{c}", digits) for q, c in asked.items()}
    for q, m in means.items():
        _within(m, scale, names, f"{where}{q}")
    answers = _answers(frame, means, where)
    total = _number(frame, n or _find(frame, _N), where)
    if total is None:
        if set(answers) != set(means):
            raise InputError(
                f"{where}no column with the number of respondents; wanted one of "
                f"{', '.join(_N[:4])}, or name it"
            )
        total = np.max(list(answers.values()), axis=0)
    sds = {q: _column(frame, _own(frame, "sd", q), where, None) for q in means}
    return PublishedTable(
        areas=_texts(frame, ids, where) if ids else names,
        names=names,
        means=means,
        n=total,
        answers=answers,
        product=_column(frame, product or _find(frame, _PRODUCT), where, digits),
        difference=_column(frame, difference or _find(frame, _DIFFERENCE), where, digits),
        sds={q: s for q, s in sds.items() if s is not None},
        rank=_column(frame, _find(frame, _RANK), where, None),
        scale=scale,
        blank=blank,
        identified=ids is not None,
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _find(frame: pl.DataFrame, wanted: Iterable[str]) -> str | None:
    """The first column that has one of these names, in the order of the names."""
    known = {_key(c): c for c in reversed(frame.columns)}
    return next((known[w] for w in wanted if w in known), None)


def _own(frame: pl.DataFrame, what: str, question: str) -> str | None:
    forms = [question, *_SHORT.get(question, ())]
    return _find(frame, [_key(f"{a}{b}") for q in forms for a, b in ((what, q), (q, what))])


def _named(frame: pl.DataFrame, name: str, where: str) -> str:
    if name in frame.columns:
        return name
    found = _find(frame, [_key(name)])
    if found is None:
        has = one_line(", ".join(frame.columns), 200)
        raise InputError(f"{where}no column {one_line(name, 60)!r}; it has {has}")
    return found


def _means(frame: pl.DataFrame, questions: Iterable[str] | None, where: str) -> dict[str, str]:
    """Column of each question."""
    if questions is not None:
        asked = tuple(questions)
        if not asked or len(set(asked)) < len(asked):
            raise InputError(f"{where}questions: wanted different columns, got {list(asked)}")
        return {q: _named(frame, q, where) for q in asked}
    found = {}
    for q in QUESTIONS:
        at = _find(frame, (q, f"mean{q}", f"{q}mean", f"avg{q}", *_SHORT[q]))
        if at is not None:
            found[q] = at
    if not found:
        has = one_line(", ".join(frame.columns), 200)
        raise InputError(
            f"{where}no column of means; wanted importance or tractability (I, T), or name the "
            f"questions; it has {has}"
        )
    return found


def _rated(
    frame: pl.DataFrame, means: list[str], where: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Rows with means, and the names of those without any."""
    empty = pl.DataFrame(
        {c: [x is None or not str(x).strip() or x != x for x in frame[c].to_list()] for c in means}
    )
    none = empty.min_horizontal() if len(means) > 1 else empty[means[0]]
    some = empty.max_horizontal() if len(means) > 1 else empty[means[0]]
    partly = (some & ~none).arg_true()
    if len(partly):
        row = int(partly[0])
        lost = next(c for c in means if empty[c][row])
        raise InputError(f"{where}row {row + 1}: {lost} is empty")
    if none.all():
        raise InputError(f"{where}no row has a mean")
    blank = _texts(frame.filter(none), _find(frame, (*_NAME, *_ID)), where) if none.any() else ()
    return frame.filter(~none), blank


def _texts(frame: pl.DataFrame, name: str | None, where: str) -> tuple[str, ...]:
    if name is None:
        return tuple(f"row {i + 1}" for i in range(frame.height))
    cells = frame[name].to_list()
    lost = next((i for i, c in enumerate(cells) if c is None or not str(c).strip()), None)
    if lost is not None:
        raise InputError(f"{where}row {lost + 1}: {name} is empty")
    return tuple(str(c).strip() for c in cells)


def _column(frame: pl.DataFrame, name: str | None, where: str, digits: int | None) -> Column | None:
    if name is None:
        return None
    name = _named(frame, name, where)
    return column(frame[name].to_list(), f"{where}{name}", digits)


def _number(frame: pl.DataFrame, name: str | None, where: str) -> Integers | None:
    found = _column(frame, name, where, None)
    if found is None:
        return None
    if (found.units % 10**found.digits).any():
        row = int(np.flatnonzero(found.units % 10**found.digits)[0])
        raise InputError(f"{where}row {row + 1}: {name}: wanted a whole number")
    n = found.units // 10**found.digits
    wrong = np.flatnonzero((n < 1) | (n > _MOST_N))
    if wrong.size:
        at = int(wrong[0])
        raise InputError(f"{where}row {at + 1}: {name}: wanted 1 to {_MOST_N:,}, got {n[at]}")
    return np.asarray(n, dtype=np.int64)


def _answers(frame: pl.DataFrame, means: Mapping[str, Column], where: str) -> dict[str, Integers]:
    found = {q: _number(frame, _own(frame, "n", q), where) for q in means}
    return {q: n for q, n in found.items() if n is not None}


def _within(mean: Column, scale: tuple[int, int], names: tuple[str, ...], where: str) -> None:
    low, high = (s * 10**mean.digits for s in scale)
    wrong = np.flatnonzero((mean.units < low) | (mean.units > high))
    if wrong.size:
        row = int(wrong[0])
        raise InputError(
            f"{where}: row {row + 1} ({one_line(names[row], 60)}): {mean.text(row)} lies outside "
            f"the scale {scale[0]} to {scale[1]}; another scale is named by --scale (scale=)"
        )
