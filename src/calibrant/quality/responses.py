"""Who answered what, and how well? One matrix of subjects by items, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Responses:
    """Scores of subjects on items.

    Attributes:
        subjects, items: names, each once.
        scores: shape (subjects, items), the mean of a subject's scored trials on an item; NaN where
            there is none.
        trials: shape (subjects, items), how many scored trials each mean is of.
        failed: shape (subjects, items), how many trials failed, and so have no score.
        low, high: the range that a score may have, such as 0 and 1.
        item_facts: one row an item in the order of `items`: column item, and what is known about
            it, such as cluster, category, key, date.
        subject_facts: one row a subject in the order of `subjects`: column subject, and what is
            known about it, such as family, date.
        long: the scored and failed trials with subject, item, variant, epoch, grader, score
            and answer, where the source had one row a trial; None for a matrix.
        notes: what a reader should know, one sentence each.
    """

    subjects: tuple[str, ...]
    items: tuple[str, ...]
    scores: Floats
    trials: Ints
    failed: Ints
    low: float
    high: float
    item_facts: pl.DataFrame
    subject_facts: pl.DataFrame
    long: pl.DataFrame | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Shape (subjects, items): whether there is a score."""
        return ~np.isnan(self.scores)

    @property
    def complete(self) -> bool:
        """Whether every subject has a score on every item."""
        return bool(self.observed.all())

    @property
    def binary(self) -> bool:
        """Whether every score is `low` or `high`."""
        seen = self.scores[self.observed]
        return bool(((seen == self.low) | (seen == self.high)).all())

    @property
    def unit(self) -> Floats:
        """Shape (subjects, items): scores with `low` as 0 and `high` as 1."""
        return (self.scores - self.low) / (self.high - self.low)

    def item_column(self, name: str) -> list[str | None] | None:
        """A fact about the items as texts, in their order; None if it is not known."""
        return _column(self.item_facts, name)

    def subject_column(self, name: str) -> list[str | None] | None:
        """A fact about the subjects as texts, in their order; None if it is not known."""
        return _column(self.subject_facts, name)

    def select(
        self,
        *,
        subjects: Sequence[int] | Ints | None = None,
        items: Sequence[int] | Ints | None = None,
    ) -> Responses:
        """Only these subjects and items, by number, in the order given."""
        rows = np.arange(len(self.subjects)) if subjects is None else np.asarray(subjects, np.int64)
        columns = np.arange(len(self.items)) if items is None else np.asarray(items, np.int64)
        grid = np.ix_(rows, columns)
        kept_subjects = tuple(self.subjects[i] for i in rows)
        kept_items = tuple(self.items[j] for j in columns)
        long = self.long
        if long is not None:
            long = long.filter(
                pl.col("subject").is_in(list(kept_subjects))
                & pl.col("item").is_in(list(kept_items))
            )
        return replace(
            self, subjects=kept_subjects, items=kept_items, scores=self.scores[grid],
            trials=self.trials[grid], failed=self.failed[grid],
            item_facts=self.item_facts[columns.tolist()],
            subject_facts=self.subject_facts[rows.tolist()], long=long,
        )  # fmt: skip


def of_matrix(
    scores: Floats,
    *,
    subjects: Sequence[str] | None = None,
    items: Sequence[str] | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> Responses:
    """Responses of a plain matrix, one trial a score.

    Args:
        scores: shape (subjects, items), NaN where there is none.
        low, high: the range that a score may have.

    Raises:
        InputError: if it is no matrix, names do not fit, or a score is infinite or out of range.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or 0 in scores.shape:
        raise InputError(f"responses: wanted a matrix of subjects by items, got {scores.shape}")
    who = tuple(subjects) if subjects is not None else _numbered("subject", scores.shape[0])
    what = tuple(items) if items is not None else _numbered("item", scores.shape[1])
    for name, names, size in (("subjects", who, scores.shape[0]), ("items", what, scores.shape[1])):
        if len(names) != size or len(set(names)) != size:
            raise InputError(f"{name}: wanted {size} different names, got {len(set(names))}")
    seen = scores[~np.isnan(scores)]
    if seen.size and not ((seen >= low) & (seen <= high)).all():
        wrong = float(seen[~((seen >= low) & (seen <= high))][0])
        raise InputError(f"responses: wanted scores from {low:g} to {high:g}, got {wrong:g}")
    return Responses(
        who, what, scores, (~np.isnan(scores)).astype(np.int64), np.zeros(scores.shape, np.int64),
        float(low), float(high), pl.DataFrame({"item": list(what)}),
        pl.DataFrame({"subject": list(who)}),
    )  # fmt: skip


def _column(facts: pl.DataFrame, name: str) -> list[str | None] | None:
    if name not in facts.columns:
        return None
    texts: list[str | None] = facts[name].cast(pl.String).to_list()
    return texts


def _numbered(what: str, size: int) -> tuple[str, ...]:
    return tuple(f"{what} {i + 1}" for i in range(size))
