"""How much does the top of the ranking hang on one respondent?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.records.ratings import Ratings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 3
"""Answers to each question that an area needs to be ranked: the paper's exclusion rule."""

TopOf = Callable[[Ratings, int], Sequence[str]]
"""The k first areas of a ranking."""


@dataclass(frozen=True)
class Influence:
    """What the top k is without one respondent, or without several.

    Attributes:
        respondents: who is left out.
        enters, leaves: areas that enter the top k, and that leave it.
    """

    respondents: tuple[str, ...]
    enters: tuple[str, ...]
    leaves: tuple[str, ...]

    def __repr__(self) -> str:
        who = ", ".join(self.respondents)
        if not self.enters and not self.leaves:
            return f"without {who} the top stays"
        return f"without {who}: in {', '.join(self.enters)}, out {', '.join(self.leaves)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def top_by_promise(ratings: Ratings, k: int, least: int = LEAST) -> tuple[str, ...]:
    """The paper's ranking: products of mean importance and mean tractability, best first.

    Args:
        least: answers that an area needs to each question.
    """
    answered = ratings.latest.frame.filter(pl.col("state") == "answered")
    means = answered.group_by("area", "question").agg(pl.col("value").mean(), n=pl.len())
    questions = means["question"].n_unique()
    promise = (
        means.filter(pl.col("n") >= least)
        .group_by("area")
        .agg(pl.col("value").product(), questions=pl.len())
        .filter(pl.col("questions") == questions)
        # Products of means differ in the last bit by the order of the rows.
        .with_columns(pl.col("value").round(9))
        .sort(["value", "area"], descending=[True, False])
    )
    return tuple(promise["area"].head(k).to_list())


def without(
    ratings: Ratings, respondents: Sequence[str], k: int, top_of: TopOf, top: Sequence[str]
) -> Influence:
    """How the top k changes when respondents are left out."""
    rest = Ratings(ratings.frame.filter(~pl.col("respondent").is_in(list(respondents))))
    new = top_of(rest, k) if rest.frame.height else ()
    enters = tuple(a for a in new if a not in top)
    return Influence(tuple(respondents), enters, tuple(a for a in top if a not in new))


def each_alone(ratings: Ratings, k: int, top_of: TopOf) -> tuple[Influence, ...]:
    """Every respondent whose leaving changes the top k, who changes most first."""
    latest = ratings.latest
    answered = latest.frame.filter(pl.col("state") == "answered")
    names = answered["respondent"].unique().sort().to_list()
    if top_of is top_by_promise:
        found = _each_by_promise(latest, k)
    else:
        top = top_of(latest, k)
        found = [without(latest, (r,), k, top_of, top) for r in names]
    changed = [f for f in found if f.enters or f.leaves]
    order = np.argsort([-len(f.enters) - len(f.leaves) for f in changed], kind="stable")
    return tuple(changed[i] for i in order)


def _each_by_promise(ratings: Ratings, k: int) -> list[Influence]:
    """The same as `without` for everyone with `top_by_promise`, from sums and counts."""
    coded = ratings.coded()
    shape = len(coded.areas), len(coded.questions)
    cell = coded.area * shape[1] + coded.question
    sums = np.asarray(np.bincount(cell, coded.value, shape[0] * shape[1]), float).reshape(shape)
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)

    def first(total: Floats, n: Ints) -> tuple[str, ...]:
        asked = n.any(axis=0)
        kept = np.flatnonzero((n[:, asked] >= LEAST).all(axis=1))
        means = total[kept][:, asked] / n[kept][:, asked]
        promise = means.prod(axis=1).round(9)
        # Areas are sorted by name, so that a stable order settles ties as `top_by_promise` does.
        return tuple(coded.areas[kept[i]] for i in np.argsort(-promise, kind="stable")[:k])

    top = first(sums, counts)
    found = []
    order = np.argsort(coded.respondent, kind="stable")
    ends = np.searchsorted(coded.respondent[order], np.arange(len(coded.respondents) + 1))
    for at, name in enumerate(coded.respondents):
        rows = order[ends[at] : ends[at + 1]]
        if not rows.size:
            continue
        less, fewer = sums.copy(), counts.copy()
        np.subtract.at(less, (coded.area[rows], coded.question[rows]), coded.value[rows])
        np.subtract.at(fewer, (coded.area[rows], coded.question[rows]), 1)
        new = first(less, fewer)
        enters = tuple(a for a in new if a not in top)
        found.append(Influence((name,), enters, tuple(a for a in top if a not in new)))
    return found
