"""How much does the top of the ranking hang on one respondent?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from calibrant.records.ratings import Ratings

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


def top_by_promise(ratings: Ratings, k: int, least: int = 3) -> tuple[str, ...]:
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
    top = top_of(latest, k)
    names = latest.frame.filter(pl.col("state") == "answered")["respondent"].unique().sort()
    found = [without(latest, (r,), k, top_of, top) for r in names.to_list()]
    changed = [f for f in found if f.enters or f.leaves]
    order = np.argsort([-len(f.enters) - len(f.leaves) for f in changed], kind="stable")
    return tuple(changed[i] for i in order)
