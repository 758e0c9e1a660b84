"""What is compared? Scores of subjects on benchmarks, categories, or cells of a design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.families import codes, families, family_notes
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses
from calibrant.records.frames import table_of
from calibrant.stats.relations.correlations import standard

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_SUBJECTS = 10
"""Subjects below which nothing is said about what scores mean."""

LEAST_ALIKE = 20
"""Right-or-wrong items below which two subjects may have the same scores by chance."""

LEAST_SHARE = 0.5
"""The share of a measure's items that a subject must have for a score on it."""


@dataclass(frozen=True, eq=False)
class Measures:
    """Scores of subjects on measures, all there, and what is known of their error.

    Attributes:
        subjects, names: of subjects and of measures, each once.
        values: shape (subjects, measures), mean scores.
        family: shape (subjects,), the number of each subject's family.
        parts: the scores on each measure's items, shape (subjects, items) with NaN where there is
            none; empty for a plain table of scores, whose error is then not known.
        reliability: shape (measures,), the share of the variance of values that other items of
            the same kind would repeat (Hoyt's α); NaN where it is not known.
        traits, methods: of each measure, if it is a cell of a design of both.
        dates: of each subject as texts that sort, empty where not known; or None.
        notes: what a reader should know, one sentence each.
    """

    subjects: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats
    family: Ints
    parts: tuple[Floats, ...]
    reliability: Floats
    traits: tuple[str, ...]
    methods: tuple[str, ...]
    dates: tuple[str, ...] | None
    notes: tuple[str, ...]

    @property
    def families(self) -> int:
        """How many families the subjects are of."""
        return int(np.unique(self.family).size)

    def only(self, rows: Ints) -> Measures:
        """Only these subjects, by number; families keep their numbers."""
        return replace(
            self, subjects=tuple(self.subjects[i] for i in rows), values=self.values[rows],
            family=self.family[rows], parts=tuple(p[rows] for p in self.parts),
            dates=None if self.dates is None else tuple(self.dates[i] for i in rows),
        )  # fmt: skip

    def index(self, name: str) -> int:
        """The number of a measure.

        Raises:
            InputError: if there is none of that name.
        """
        if name not in self.names:
            known = one_line(", ".join(self.names), 160)
            raise InputError(f"measures: no {one_line(name, 60)!r}; there are {known}")
        return self.names.index(name)


def read_scores(
    source: Any,
    *,
    measures: Sequence[str] | None = None,
    subject: str | None = None,
    **options: Any,
) -> Responses:
    """As `read_responses`, of a wide table with columns that are no scores.

    Args:
        measures: the columns that are scores; every other column is a fact about the subjects.
        subject: the column with their names.
        options: as `read_responses`.
    """
    if measures is None:
        return read_responses(source, subject=subject, **options)
    table = table_of(Path(source) if isinstance(source, str) else source, "responses")
    for name in measures:
        if name not in table.columns:
            known = one_line(", ".join(table.columns), 160)
            raise InputError(f"measures: no column {one_line(name, 60)!r}; there are {known}")
    rest = [c for c in table.columns if c not in measures]
    aliases = ("subject", "model", "name")
    who = subject or next((c for c in rest if c.lower() in aliases), rest[0] if rest else None)
    if who is None or who not in rest:
        raise InputError("responses: wanted a column with subjects' names beside the measures")
    about = table.select(
        pl.col(who).alias("subject"), *[c for c in rest if c not in (who, "subject")]
    )
    wide = table.select(pl.col(who).alias("subject"), *measures)
    options = {"layout": "wide", **options}
    if options.get("subjects") is None:
        options["subjects"] = about
    return read_responses(wide, subject="subject", **options)


def measures_of(
    responses: Responses,
    *,
    by: str | None = None,
    method: str | None = None,
    reverse: Sequence[str] = (),
    family: str | None = None,
    family_pattern: str | None = None,
    date: str | None = None,
) -> Measures:
    """Scores on measures: means over the items that share a fact, or every item by itself.

    Where a subject lacks some items of a measure, its score is that of an additive fit of
    subjects and items, so that easy items that it lacks do not count against it; a subject with
    fewer than half of the items of any measure is left out, as a note says.

    Args:
        by: the fact about items by which they make up measures, such as category; by default
            every item (every column of a plain table of benchmarks) is a measure.
        method: a second fact; the measures are then the cells of `by` and it.
        reverse: measures on which less is better; their scores are turned round.
        family, family_pattern: as `calibrant.quality.families.families`.
        date: a fact about the subjects, such as a date of release (texts that sort: 2025-01-31).

    Raises:
        InputError: for fewer than 10 subjects with scores on every measure, fewer than two
            measures, or a fact that is not known.
    """
    grouped = _groups(responses, by, method)
    names, which, traits, methods = grouped
    if len(names) < 2:
        raise InputError(f"measures: wanted at least two, got {len(names)}")
    there = responses.observed
    share = np.column_stack([there[:, w].mean(axis=1) for w in which])
    rows = np.flatnonzero((share >= LEAST_SHARE).all(axis=1))
    notes = list(responses.notes)
    if rows.size < len(responses.subjects):
        left = [responses.subjects[i] for i in np.flatnonzero((share < LEAST_SHARE).any(axis=1))]
        notes.append(
            f"{len(left)} subjects without a score on every measure are left out: "
            f"{one_line(', '.join(left[:4]), 160)}{', …' if len(left) > 4 else ''}"
        )
    if rows.size < LEAST_SUBJECTS:
        raise InputError(
            f"subjects: wanted at least {LEAST_SUBJECTS} with a score on every measure, "
            f"got {rows.size} of {len(responses.subjects)}"
        )
    chosen = responses.select(subjects=rows)
    of = families(chosen, family, family_pattern)
    notes += family_notes(of)
    parts = tuple(chosen.scores[:, w] for w in which) if by is not None else ()
    scores = chosen.scores
    turned = _turned(names, reverse)
    if turned.any():
        parts = tuple(-p if t else p for p, t in zip(parts, turned, strict=False))
        scores = np.where(turned, -scores, scores) if not parts else scores
    values = np.column_stack([mean_scores(p) for p in parts]) if parts else scores
    names, values, parts, traits, methods = _varied(names, values, parts, traits, methods, notes)
    family_codes = _with_copies(chosen, codes(of), notes)
    notes += _against(names, values)
    reliability = np.array([reliability_of(p) for p in parts] or [np.nan] * len(names))
    return Measures(
        chosen.subjects, names, values, family_codes, parts, reliability, traits, methods,
        _dates(chosen, date), tuple(notes),
    )  # fmt: skip


def mean_scores(scores: Floats, steps: int = 50) -> Floats:
    """Mean scores over items; with gaps, those of an additive fit of subjects and items.

    Args:
        scores: shape (subjects, items), NaN where there is none.

    Returns:
        Shape (subjects,); plain means where nothing is missing.
    """
    gaps = np.isnan(scores)
    if not gaps.any():
        return np.asarray(scores.mean(axis=1))
    some = ~gaps.all(axis=0)
    scores, gaps = scores[:, some], gaps[:, some]
    filled = np.where(gaps, 0.0, scores)
    count, per_item = (~gaps).sum(axis=1), (~gaps).sum(axis=0)
    item = filled.sum(axis=0) / per_item
    for _ in range(steps):
        subject = (filled - np.where(gaps, 0.0, item)).sum(axis=1) / count
        moved = (filled - np.where(gaps, 0.0, subject[:, None])).sum(axis=0) / per_item
        done = bool(np.abs(moved - item).max() < 1e-12)
        item = moved
        if done:
            break
    return np.asarray(subject + item.mean())


def reliability_of(scores: Floats) -> float:
    """Hoyt's α, generalised to gaps: one minus the mean error variance over that of the scores."""
    seen = ~np.isnan(scores)
    subjects, items = scores.shape
    if items < 2:
        return float("nan")
    value = mean_scores(scores)
    apart = np.where(seen, scores - value[:, None], 0.0)
    item = apart.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    left = np.where(seen, apart - item, 0.0)
    free = int(seen.sum()) - subjects - items + 1
    spread = float(value.var(ddof=1))
    if free < 1 or spread <= 0:
        return float("nan")
    error = float((left**2).sum()) / free
    return 1.0 - float(np.mean(error / seen.sum(axis=1))) / spread


def _groups(
    responses: Responses, by: str | None, method: str | None
) -> tuple[tuple[str, ...], list[Ints], tuple[str, ...], tuple[str, ...]]:
    """Names of measures, their items, traits and methods."""
    if by is None:
        if method is not None:
            raise InputError("method: wanted a column of items for the traits too (by)")
        return responses.items, [np.array([j]) for j in range(len(responses.items))], (), ()
    facts = []
    for name in (by, method) if method is not None else (by,):
        column = responses.item_column(name)
        if column is None:
            known = one_line(", ".join(responses.item_facts.columns), 120)
            raise InputError(
                f"items: no column {one_line(name, 60)!r} about them; there are {known}"
            )
        if None in column:
            item = responses.items[column.index(None)]
            raise InputError(f"items: {one_line(item, 60)!r} has no {one_line(name, 60)}")
        facts.append([str(c) for c in column])
    cells: dict[tuple[str, ...], list[int]] = {}
    for j, cell in enumerate(zip(*facts, strict=True)):
        cells.setdefault(cell, []).append(j)
    names = tuple("/".join(cell) for cell in cells)
    which = [np.array(v) for v in cells.values()]
    if method is None:
        return names, which, (), ()
    return names, which, tuple(c[0] for c in cells), tuple(c[1] for c in cells)


def _turned(names: tuple[str, ...], reverse: Sequence[str]) -> NDArray[np.bool_]:
    for name in reverse:
        if name not in names:
            known = one_line(", ".join(names), 160)
            raise InputError(f"reverse: no measure {one_line(name, 60)!r}; there are {known}")
    return np.array([n in set(reverse) for n in names])


def _varied(
    names: tuple[str, ...],
    values: Floats,
    parts: tuple[Floats, ...],
    traits: tuple[str, ...],
    methods: tuple[str, ...],
    notes: list[str],
) -> tuple[tuple[str, ...], Floats, tuple[Floats, ...], tuple[str, ...], tuple[str, ...]]:
    """Without measures on which all subjects score alike: nothing correlates with them."""
    flat = np.ptp(values, axis=0) <= 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    if not flat.any():
        return names, values, parts, traits, methods
    same = [n for n, f in zip(names, flat, strict=True) if f]
    notes.append(
        f"{len(same)} measures are the same for all and left out: "
        f"{one_line(', '.join(same[:4]), 160)}{', …' if len(same) > 4 else ''}"
    )
    keep = np.flatnonzero(~flat)
    if keep.size < 2:
        raise InputError(f"measures: wanted at least two that vary, got {keep.size}")

    def kept(xs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(xs[i] for i in keep) if xs else ()

    return kept(names), values[:, keep], kept(parts), kept(traits), kept(methods)


def _against(names: tuple[str, ...], values: Floats) -> list[str]:
    """Measures that fall as the others rise: in means they count against them."""
    z = standard(values)
    rest = z.sum(axis=1, keepdims=True) - z
    falls = [n for n, r in zip(names, (z * standard(rest)).mean(axis=0), strict=True) if r < 0]
    if not falls:
        return []
    return [
        f"{len(falls)} measures fall as the others rise ({one_line(', '.join(falls[:4]), 160)}"
        f"{', …' if len(falls) > 4 else ''}); if less is better there, turn them round (reverse)"
    ]


def _with_copies(responses: Responses, family: Ints, notes: list[str]) -> Ints:
    """Families with subjects whose every score is the same put together: one model, two names."""
    scores = np.where(np.isnan(responses.scores), -1e300, responses.scores)
    if responses.binary and scores.shape[1] < LEAST_ALIKE:
        return family
    _, which = np.unique(scores, axis=0, return_inverse=True)
    which = which.ravel()
    family, said = family.copy(), []
    for row in np.flatnonzero(np.bincount(which) > 1):
        same = np.flatnonzero(which == row)
        if np.ptp(scores[same[0]]) == 0:
            continue  # all right, or all wrong: two models may well be
        said.append(one_line(", ".join(responses.subjects[i] for i in same[:4]), 160))
        family[np.isin(family, family[same])] = family[same[0]]
    if said:
        notes.append(
            f"the same scores throughout, so counted as one family: {'; '.join(said[:4])}"
            f"{'; …' if len(said) > 4 else ''}"
        )
    return np.asarray(np.unique(family, return_inverse=True)[1], np.int64)


def _dates(responses: Responses, date: str | None) -> tuple[str, ...] | None:
    if date is None:
        return None
    known = responses.subject_column(date)
    if known is None:
        facts = one_line(", ".join(responses.subject_facts.columns), 120)
        raise InputError(f"dates: no column {one_line(date, 60)!r} about the subjects; {facts}")
    return tuple(d or "" for d in known)
