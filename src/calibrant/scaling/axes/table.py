"""What was measured, as a matrix of subjects by measures, and which columns were meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.families import families_of_names
from calibrant.records.frames import table_of
from calibrant.scaling.read import read_scores
from calibrant.scaling.reading.columns import subjects_of, there
from calibrant.scaling.scores import Floats, Scores

Ints = NDArray[np.int64]

SIZES = re.compile(
    r"(?<![a-z])(size|params?|parameters|flops?|compute|tokens?|train(ing)?|pretrain(ing)?|data|"
    r"date|year|released?|cost|price|context|layers|hidden|rank|id|index|n)(?![a-z])",
    re.IGNORECASE,
)
"""Words in the names of columns that describe a subject rather than score it."""


WRITTEN = r"^[-+]?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s*%?$"
"""A number, also one that only people read as such: 53.2 %, 0,53 or 1 234."""


@dataclass(frozen=True, repr=False, eq=False)
class Matrix:
    """Scores of n subjects on k measures.

    Attributes:
        subjects, families: shape (n,), names. Without families every subject is its own.
        measures: shape (k,), names.
        values: shape (n, k); NaN where there is none.
        scale: shape (n,); base-10 logarithm of compute, NaN where it is not known.
        related: whether families were told apart.
        notes: what a reader must know of how it was read.
    """

    subjects: tuple[str, ...]
    families: tuple[str, ...]
    measures: tuple[str, ...]
    values: Floats
    scale: Floats
    related: bool
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        n, k = self.values.shape
        return f"{n} subjects in {len(set(self.families))} families on {k} measures"

    @property
    def family(self) -> Ints:
        """The number of each subject's family, shape (n,), from 0 without gaps."""
        return np.asarray(np.unique(self.families, return_inverse=True)[1].ravel(), np.int64)

    def only(self, rows: NDArray[np.bool_], *, note: str = "") -> Matrix:
        """Only some of the subjects, with a note on why."""
        at = np.flatnonzero(rows)
        return replace(
            self,
            subjects=tuple(self.subjects[i] for i in at),
            families=tuple(self.families[i] for i in at),
            values=self.values[at],
            scale=self.scale[at],
            notes=self.notes + ((note,) if note else ()),
        )


def read_matrix(
    source: Any,
    *,
    columns: Sequence[str] | None = None,
    besides: Sequence[str] = (),
    scale: str | None = None,
    family: str | None = None,
    family_pattern: str | None = None,
    subject: str | None = None,
    log: bool = True,
) -> Matrix:
    """Read a table with one row a subject and one column a measure.

    Args:
        source: a path (CSV, TSV, Parquet) or any table narwhals understands.
        columns: the measures; by default every column of numbers that does not describe the
            subject (`SIZES`) and is not named here otherwise: a note says which were left out.
        besides: measures that are read before these and not found by the default.
        scale: the column of compute, logarithms of which are taken unless `log` is False.
        family: the column of families.
        family_pattern: instead, a regular expression whose first group, found in a subject's
            name, is its family.
        subject: the column of names, else found by its own name.

    Raises:
        InputError: naming the column or row that is wrong.
    """
    table = table_of(source, "scores")
    if family is not None and family_pattern is not None:
        raise InputError("families: wanted a column or a pattern, got both")
    there(table, (*besides, *(columns or ()), scale, family, subject))
    who = subjects_of(table, subject)
    notes: list[str] = []
    taken = {c for c in (scale, family, who, *besides) if c is not None}
    chosen = list(columns) if columns is not None else _measures(table, taken, notes)
    named = [*besides, *chosen]
    if len(set(named)) < len(named):
        twice = next(c for c in named if named.count(c) > 1)
        raise InputError(f"scores: column {one_line(twice)!r} is named twice")
    if not named:
        raise InputError("scores: no columns of numbers that could be measures; name them")
    found = read_scores(
        table, target=named, scale=scale, family=family, subject=who,
        limits=(-np.inf, np.inf), log=log,
    )  # fmt: skip
    made = _matrix(found, named, family is not None, tuple(notes))
    if family_pattern is None:
        return made
    return replace(made, families=families_of_names(made.subjects, family_pattern), related=True)


def _matrix(found: Scores, measures: list[str], related: bool, notes: tuple[str, ...]) -> Matrix:
    subjects, first, row = np.unique(found.subject, return_index=True, return_inverse=True)
    # In the order of the table, not of the alphabet.
    order = np.argsort(first, kind="stable")
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    column = {m: j for j, m in enumerate(measures)}
    at = np.array([column[m] for m in found.measure])
    rows = place[row.ravel()]
    if np.unique(rows * len(measures) + at).size < len(found):
        count = np.bincount(rows * len(measures) + at)
        who = subjects[order][int(np.argmax(count)) // len(measures)]
        raise InputError(
            f"scores: subject {one_line(str(who), 80)!r} has more than one row; wanted one each"
        )
    values = np.full((subjects.size, len(measures)), np.nan)
    values[rows, at] = found.score
    if np.isinf(values).any():
        i, j = (int(v[0]) for v in np.nonzero(np.isinf(values)))
        raise InputError(
            f"scores: subject {one_line(str(subjects[order][i]), 60)!r}, "
            f"{one_line(measures[j], 60)!r}: wanted a finite score, got {values[i, j]}"
        )
    return Matrix(
        tuple(map(str, subjects[order])),
        tuple(map(str, found.family[first][order])),
        tuple(measures),
        values,
        found.scale[first][order],
        related,
        tuple(f"warning: {w}" for w in found.warnings if not _elsewhere(w))
        + tuple(n for n in found.notes if not _elsewhere(n))
        + notes,
    )


def _elsewhere(said: str) -> bool:
    """Whether a sentence of the reader concerns forecasts, and says nothing of a matrix."""
    return said.endswith(("can be tried on the past", "nothing is said of growth with compute"))


def _measures(table: pl.DataFrame, taken: set[str], notes: list[str]) -> list[str]:
    """Columns of numbers that score subjects; the others of numbers are told in a note."""
    found, left, mixed = [], [], []
    for name in table.columns:
        if name in taken:
            continue
        share = _numbers(table[name])
        if share < 1:
            mixed += [name] if share >= 0.5 or share < 0 else []
            continue
        values = table[name].cast(pl.Float64, strict=False).drop_nulls()
        if SIZES.search(name) or values.n_unique() < 2:
            left.append(name)
        else:
            found.append(name)
    if left:
        notes.append(
            f"not taken for measures: {one_line(', '.join(left), 200)} (name the columns to "
            "choose otherwise)"
        )
    if mixed:
        notes.append(
            f"not taken for measures, as some cells are no numbers or none has any: "
            f"{one_line(', '.join(mixed), 200)}"
        )
    return found


def _numbers(values: pl.Series) -> float:
    """The share of cells that are numbers, of those that hold something; -1 where none does."""
    if values.dtype.is_numeric():
        return 1.0 if values.drop_nulls().len() else -1.0
    if values.dtype == pl.Null:
        return -1.0
    if values.dtype != pl.String:
        return 0.0
    text = values.str.strip_chars()
    some = text.filter(text.is_not_null() & (text != ""))
    if not some.len():
        return -1.0
    found = 1 - some.cast(pl.Float64, strict=False).null_count() / some.len()
    # Numbers as people write them, such as 53.2 %, are missed aloud and not in silence.
    written = int(some.str.contains(WRITTEN).sum()) / some.len()
    return found if found == 1 or found >= written else min(written, 0.99)
