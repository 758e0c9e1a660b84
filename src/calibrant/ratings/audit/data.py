"""What was compared, row by row, with who asked, who judged and what was asked, as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts, count

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPINGS = ("item", "voter", "judge", "category")


@dataclass(frozen=True)
class Votes:
    """Comparisons as codes; every array is of shape (n,).

    Attributes:
        names: subjects.
        left, right: indices into `names`.
        outcome: 0 left won, 1 right won, 2 tie.
        item, voter, judge, category: whole numbers from 0 where known, -1 where missing, or None.
        labels: what the codes of a grouping mean, such as {"judge": ("crowd", "gpt-4")}; a
            grouping without labels is shown by its codes.
        covariates: such as {"length": ...}: finite numbers, the left answer's value minus the
            right one's.

    Raises:
        InputError: for columns of different lengths, an index out of range, a subject against
            itself, an unknown outcome, or a covariate that is not finite.
    """

    names: tuple[str, ...]
    left: Ints
    right: Ints
    outcome: Ints
    item: Ints | None = None
    voter: Ints | None = None
    judge: Ints | None = None
    category: Ints | None = None
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    covariates: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("left", "right", "outcome"):
            column = np.asarray(getattr(self, name))
            if column.ndim != 1 or (column.size and column.dtype.kind not in "iu"):
                raise InputError(f"{name}: wanted a column of whole numbers, got {column.dtype}")
            object.__setattr__(self, name, column.astype(np.int64, copy=False))
        for name in GROUPINGS:
            if getattr(self, name) is not None:
                self._grouping(name)
        for name, values in self.covariates.items():
            column = np.asarray(values, dtype=np.float64)
            if column.shape != self.left.shape:
                raise InputError(f"{name}: wanted {self.left.size} values, got {column.shape}")
            if not np.isfinite(column).all():
                at = int(np.flatnonzero(~np.isfinite(column))[0])
                raise InputError(f"{name}: row {at}: wanted a finite number, got {column[at]}")
        self.counts()

    def _grouping(self, name: str) -> None:
        codes = np.asarray(getattr(self, name))
        if codes.shape != self.left.shape or (codes.size and codes.dtype.kind not in "iu"):
            raise InputError(f"{name}: wanted {self.left.size} codes, got {codes.shape}")
        known = self.labels.get(name)
        top = int(codes.max()) if codes.size else -1
        if codes.size and int(codes.min()) < -1:
            raise InputError(f"{name}: wanted codes from 0, or -1 for missing, got {codes.min()}")
        if known is not None and top >= len(known):
            raise InputError(f"{name}: wanted codes below {len(known)}, got {top}")
        object.__setattr__(self, name, codes.astype(np.int64, copy=False))

    @property
    def size(self) -> int:
        """Votes."""
        return int(self.left.size)

    def counts(self, weights: Floats | None = None) -> Counts:
        """The count table, of all rows, each with its weight (above 0) if given."""
        return count(self.left, self.right, self.outcome, names=self.names, weights=weights)

    def codes(self, name: str) -> Ints | None:
        """The codes of a grouping."""
        found: Ints | None = getattr(self, name)
        return found

    def label(self, name: str, code: int) -> str:
        """What a code means."""
        known = self.labels.get(name)
        return str(code) if known is None else str(known[code])

    def groups(self, name: str) -> list[int]:
        """The codes that occur, without the missing."""
        codes = self.codes(name)
        return [] if codes is None else [int(c) for c in np.unique(codes) if c >= 0]

    def rows(self, chosen: NDArray[np.bool_] | Ints) -> Votes:
        """Some of the rows, with the same subjects and codes."""
        parts = {g: None if (codes := self.codes(g)) is None else codes[chosen] for g in GROUPINGS}
        return Votes(
            self.names, self.left[chosen], self.right[chosen], self.outcome[chosen],
            labels=self.labels,
            covariates={k: np.asarray(v)[chosen] for k, v in self.covariates.items()}, **parts,
        )  # fmt: skip

    def among(self, subjects: Sequence[int]) -> Votes:
        """The comparisons between these subjects only, which are numbered anew in this order."""
        place = np.full(len(self.names), -1)
        place[list(subjects)] = np.arange(len(subjects))
        rows = self.rows((place[self.left] >= 0) & (place[self.right] >= 0))
        names = tuple(self.names[i] for i in subjects)
        return Votes(
            names, place[rows.left], place[rows.right], rows.outcome, rows.item, rows.voter,
            rows.judge, rows.category, self.labels, rows.covariates,
        )  # fmt: skip


def from_counts(counts: Counts) -> Votes:
    """Rows without items or voters, one for each comparison of a table of whole counts."""
    whole = counts.outcomes.round().astype(np.int64)
    if not np.array_equal(whole, counts.outcomes):
        raise InputError("comparisons: wanted whole counts, got weights")
    each = whole.ravel()
    outcome = np.tile(np.array([LEFT, RIGHT, TIE]), counts.left.size)
    return Votes(
        counts.names,
        np.repeat(np.repeat(counts.left, 3), each),
        np.repeat(np.repeat(counts.right, 3), each),
        np.repeat(outcome, each),
    )


def clusters(codes: Ints | None, size: int) -> tuple[Ints, int]:
    """Codes from 0 without gaps, and how many; each missing code is a cluster of its own."""
    if codes is None:
        return np.arange(size), size
    whole = np.where(codes < 0, codes.max(initial=-1) + 1 + np.arange(size), codes)
    unique, at = np.unique(whole, return_inverse=True)
    return at.astype(np.int64), int(unique.size)
