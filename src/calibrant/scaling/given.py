"""Which scores stay known, also of subjects whose target is to be forecast?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError

Floats = NDArray[np.float64]
Names = NDArray[np.str_]


@dataclass(frozen=True, repr=False, eq=False)
class Given:
    """Scores of subjects on the measures that are given.

    Attributes:
        subjects: shape (n,); each once.
        measures: shape (k,).
        values: shape (n, k); NaN where there is none.
    """

    subjects: Names
    measures: tuple[str, ...]
    values: Floats

    def __repr__(self) -> str:
        n, k = self.values.shape
        return f"Given: {n} subjects on {k} measures, {np.isnan(self.values).mean():.0%} missing"

    def of(self, subjects: Sequence[str] | Names) -> Floats:
        """The given scores of some subjects, shape (len, k); NaN for those that have none."""
        place = {str(s): i for i, s in enumerate(self.subjects)}
        rows = np.array([place.get(str(s), -1) for s in subjects], dtype=np.int64)
        found = np.full((rows.size, len(self.measures)), np.nan)
        found[rows >= 0] = self.values[rows[rows >= 0]]
        return found

    def has(self, subjects: Sequence[str] | Names) -> NDArray[np.bool_]:
        """Whether any score is given of each subject, shape (len,)."""
        return np.asarray(np.isfinite(self.of(subjects)).any(axis=1))

    def ability(self, subjects: Sequence[str] | Names) -> Floats:
        """Where subjects stand on the first axis of all that is given; NaN for those that do not.

        In standard deviations of all subjects: a ruler for cuts and distances. No target is in it.
        """
        place = {str(s): float(x) for s, x in zip(self.subjects, self._ruler, strict=True)}
        return np.array([place.get(str(s), np.nan) for s in subjects], dtype=float)

    @cached_property
    def _ruler(self) -> Floats:
        from calibrant.scaling.observed.place import placed

        there = np.isfinite(self.values).any(axis=1)
        found = np.full(len(self.subjects), np.nan)
        try:
            found[there] = placed(self.values[there], self.values[there], axes=1).here.mean[:, 0]
        except UnfitError as error:
            raise InputError(f"--given: {error}") from error
        return np.asarray((found - np.nanmean(found)) / np.nanstd(found))


def given_of(subjects: Names, measures: Sequence[str], values: Floats) -> Given:
    """Given scores of subjects, each once.

    Args:
        subjects: shape (rows,).
        values: shape (rows, k); NaN where there is none.

    Raises:
        InputError: if a measure is named twice, has fewer than two different scores, or a subject
            has two of it.
    """
    for name in measures:
        if list(measures).count(name) > 1:
            raise InputError(f"--given: column {one_line(name, 80)!r} is named twice")
    for j, name in enumerate(measures):
        known = values[np.isfinite(values[:, j]), j]
        if known.size < 2 or np.ptp(known) == 0:
            raise InputError(
                f"--given: {one_line(name, 80)!r} has {known.size} scores and no two that differ"
            )
    names, first, which = np.unique(subjects, return_index=True, return_inverse=True)
    table = values[first].copy()
    for row in np.flatnonzero(first[which] != np.arange(len(subjects))):
        old = table[which[row]]
        apart = np.isfinite(old) & np.isfinite(values[row]) & (old != values[row])
        if apart.any():
            j = int(np.flatnonzero(apart)[0])
            raise InputError(
                f"--given: {one_line(str(subjects[row]), 60)!r} is in two rows, with "
                f"{old[j]:g} and {values[row, j]:g} on {one_line(measures[j], 60)!r}"
            )
        table[which[row]] = np.where(np.isfinite(old), old, values[row])
    return Given(names, tuple(measures), table)
