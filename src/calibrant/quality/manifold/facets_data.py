"""Which scores are there of whom, on what, by whom? Rows with levels, and whether they link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.manifold.sift import FEWEST
from calibrant.quality.responses import Ints, Responses

Floats = NDArray[np.float64]
FACETS = ("item", "grader", "variant")
MOST_CATEGORIES = 10


@dataclass(frozen=True)
class Ratings:
    """Scores in rows, sorted by subject.

    Attributes:
        subjects: names.
        facets: names of the facets.
        levels: names of each facet's levels.
        subject: shape (rows,).
        level: shape (facets, rows), into all levels one facet after another.
        code: shape (rows,), category, from 0.
        values: the score of each category.
        aside: what was set aside, with why.
        concerns: one sentence each.
    """

    subjects: tuple[str, ...]
    facets: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    subject: Ints
    level: Ints
    code: Ints
    values: Floats
    aside: tuple[str, ...]
    concerns: tuple[str, ...]

    @property
    def starts(self) -> Ints:
        """Shape (facets + 1,): where each facet's levels begin."""
        found: Ints = np.r_[0, np.cumsum([len(n) for n in self.levels])].astype(np.int64)
        return found


def ratings_of(responses: Responses, facets: tuple[str, ...] | None) -> Ratings:
    """Rows of the responses, without items on which all scores are the lowest or the highest.

    Raises:
        InputError: for facets that are not there, scores that are no categories, a grader or
            variant with one end of the scale only, or a design that does not link its levels.
    """
    table = _table(responses)
    chosen = _chosen(table, facets)
    table = table.filter(pl.col("score").is_not_nan() & pl.col("score").is_not_null())
    values = np.unique(table["score"].to_numpy())
    if values.size > MOST_CATEGORIES:
        raise InputError(
            f"facets: wanted scores of at most {MOST_CATEGORIES} kinds, got {values.size}; "
            "the model continuous takes them as they are"
        )
    if values.size < 2:
        raise InputError("facets: wanted scores that differ, got one value only")
    table, aside = _without_extreme(table, chosen, float(values[0]), float(values[-1]))
    values = np.unique(table["score"].to_numpy())
    chosen = tuple(f for f in chosen if table[f].n_unique() > 1)
    if not chosen:
        raise InputError("facets: wanted at least 2 items, graders or variants, got 1 of each")
    subjects = tuple(table["subject"].unique(maintain_order=True).to_list())
    if len(subjects) < FEWEST:
        raise InputError(f"facets: wanted at least {FEWEST} subjects, got {len(subjects)}")
    levels = tuple(tuple(table[f].unique(maintain_order=True).to_list()) for f in chosen)
    who = _codes(table["subject"], subjects)
    order = np.argsort(who, kind="stable")
    start = np.r_[0, np.cumsum([len(n) for n in levels])]
    level = np.stack([
        start[k] + _codes(table[f], levels[k]) for k, f in enumerate(chosen)
    ])[:, order]  # fmt: skip
    code = np.searchsorted(values, table["score"].to_numpy())[order]
    found = Ratings(
        subjects, chosen, levels, who[order], level.astype(np.int64), code.astype(np.int64),
        values, aside, _concerns(table, chosen, aside),
    )  # fmt: skip
    check_linked(found)
    return found


def _table(responses: Responses) -> pl.DataFrame:
    if responses.long is not None:
        there = [f for f in FACETS if f in responses.long.columns]
        return responses.long.select(
            pl.col("subject").cast(pl.String), *(pl.col(f).cast(pl.String) for f in there),
            pl.col("score").cast(pl.Float64).fill_null(float("nan")),
        )  # fmt: skip
    row, column = np.nonzero(responses.observed)
    return pl.DataFrame({
        "subject": [responses.subjects[i] for i in row],
        "item": [responses.items[j] for j in column],
        "score": responses.scores[row, column],
    })  # fmt: skip


def _chosen(table: pl.DataFrame, facets: tuple[str, ...] | None) -> tuple[str, ...]:
    there = [f for f in FACETS if f in table.columns]
    if facets is not None:
        for f in facets:
            if f not in there:
                raise InputError(f"facets: wanted some of {', '.join(there)}, got {f!r}")
        there = [f for f in there if f in facets]
    for f in there:
        empty = table[f].null_count()
        if empty and empty < table.height:
            raise InputError(f"facets: {empty} of {table.height} scores have no {f}")
    return tuple(f for f in there if table[f].null_count() == 0 and table[f].n_unique() > 1)


def _without_extreme(
    table: pl.DataFrame, facets: tuple[str, ...], low: float, high: float
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    aside: list[str] = []
    while True:
        before = table.height
        for f in facets:
            ends = table.group_by(f, maintain_order=True).agg(
                pl.col("score").min().alias("least"), pl.col("score").max().alias("most")
            )
            bad = ends.filter((pl.col("most") == low) | (pl.col("least") == high))
            if bad.is_empty():
                continue
            if f != "item":
                raise InputError(
                    f"facets: {f} {one_line(str(bad[f][0]), 60)} gives one end of the scale only: "
                    "its effect is not finite; leave it out"
                )
            aside += [str(name) for name in bad[f].to_list()]
            table = table.filter(~pl.col(f).is_in(bad[f].to_list()))
        if table.height == before or table.is_empty():
            break
    if table.is_empty():
        raise InputError("facets: wanted items that differ, got none")
    return table, tuple(aside)


def _codes(column: pl.Series, names: tuple[str, ...]) -> Ints:
    found: Ints = column.cast(pl.Enum(list(names))).to_physical().to_numpy().astype(np.int64)
    return found


def _concerns(
    table: pl.DataFrame, facets: tuple[str, ...], aside: tuple[str, ...]
) -> tuple[str, ...]:
    said = []
    if aside:
        said.append(f"{len(aside)} items with one end of the scale only are set aside, "
                    f"such as {shorten(aside[0], 60)}")  # fmt: skip
    if "grader" in facets and "item" in table.columns:
        keys = ["subject", "item"] + (["variant"] if "variant" in facets else [])
        again = table.group_by(keys).agg(pl.col("grader").n_unique())["grader"].mean()
        if isinstance(again, float) and again > 1.05:
            said.append(
                f"an answer has {again:.1f} graders on average, whose scores are taken as "
                "independent: errors of abilities and items are too small if answers differ in "
                "ways that ability and item do not say"
            )
    return tuple(said)


def check_linked(m: Ratings) -> None:
    """Refuse designs in which levels can be compared only by assuming that subjects are alike.

    With subjects' abilities free, the effects that scores determine are those that the design
    matrix spans; a null vector beyond each facet's constant sets groups of levels apart.

    Raises:
        InputError: naming a level of either group.
    """
    size, count = int(m.starts[-1]), len(m.subjects)
    rows = np.bincount(m.subject, minlength=count)
    of_subject = np.zeros((count, size))
    gram = np.zeros((size, size))
    for a in m.level:
        np.add.at(of_subject, (m.subject, a), 1.0)
        for b in m.level:
            gram += np.bincount(a * size + b, minlength=size * size).reshape(size, size)
    gram -= of_subject.T @ (of_subject / rows[:, None])
    values, vectors = np.linalg.eigh(gram)
    null = vectors[:, values < 1e-9 * max(float(values[-1]), 1.0)]
    if null.shape[1] <= len(m.facets):
        return
    for f, names in zip(m.facets, m.levels, strict=True):
        start = m.starts[m.facets.index(f)]
        part = null[start : start + len(names)]
        far = np.abs(part - part[0]).max(axis=1) > 1e-6
        if far.any():
            other = int(np.argmax(far))
            raise InputError(
                f"facets: the design falls into parts: {f} {one_line(names[0], 60)} and {f} "
                f"{one_line(names[other], 60)} are not linked by subjects that both have; "
                "their effects cannot be compared"
            )
