"""What is believed of each area: draws of what an average rater would say to each question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class AreaPosterior:
    """Draws from the posterior of every area's mean rating, question by question.

    Attributes:
        areas: ids, in the order of the columns.
        draws: for each question, shape (draws, areas): the mean rating that the population of
            raters would give (`priorities.model.measurand` says it exactly), on the scale of the
            survey (such as 1 to 5). Row d of every question is one joint draw.
        n: for each question, shape (areas,): ratings behind it.
        method: what made the draws, such as "laplace" or "nuts".
        notes: what a reader must know, one sentence each.
        most: the highest rating of the scale, whose lowest is 1.
    """

    areas: tuple[str, ...]
    draws: Mapping[str, Floats]
    n: Mapping[str, NDArray[np.int64]]
    method: str
    notes: tuple[str, ...] = field(default=())
    most: int = 5

    def __repr__(self) -> str:
        size = len(next(iter(self.draws.values())))
        return f"AreaPosterior: {len(self.areas)} areas, {size:,} draws ({self.method})"

    def promise(self, first: str = "importance", second: str = "tractability") -> Floats:
        """Draws of the product of two questions, shape (draws, areas)."""
        return self.draws[first] * self.draws[second]
