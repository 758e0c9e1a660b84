"""What if a rater's two answers about an area go together? A correction of the model's draws.

The model takes a rater's answers to two questions about one area for independent once severity is
known. They are not: who is taken with an area rates both up, and what looks like two witnesses is
less than two. A linear model is fitted with and without that correlation; how far its belief moves
and stretches from the one to the other is done to the model's draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.priorities.linear import Heard
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.crowd import believe_areas
from calibrant.records.ratings import Ratings

Floats = NDArray[np.float64]

LEAST_PAIRS = 30
"""Pairs of answers below which no correlation is estimated."""

TOLD = 0.05
"""Correlations of at least this are said in a note."""


@dataclass(frozen=True, eq=False)
class Halo:
    """How a rater's answers to two questions about an area go together.

    Attributes:
        correlation: of the noise, severity and area taken out; 0 where there are too few pairs.
        pairs: cells with both answers.
    """

    correlation: float
    pairs: int


def heard_of(
    ratings: Ratings,
    areas: tuple[str, ...],
    questions: tuple[str, str],
    own: Any = None,
    categories: Mapping[str, str] | None = None,
) -> tuple[tuple[str, ...], Heard, NDArray[np.int64]]:
    """Respondents who answered, their answers as arrays, and each area's category."""
    frame = ratings.frame.filter(
        (pl.col("state") == "answered") & pl.col("question").is_in(questions)
        & pl.col("area").is_in(areas)
    )  # fmt: skip
    names = tuple(sorted(frame["respondent"].unique().to_list()))
    grid = np.full((len(names), len(areas), 2), np.nan)
    grid[
        coded(frame["respondent"], names),
        coded(frame["area"], areas),
        coded(frame["question"], questions),
    ] = frame["value"].to_numpy()
    some = np.argwhere(~np.isnan(grid).all(axis=2))
    pairs = own.items() if isinstance(own, Mapping) else own or ()
    theirs = {(w, x) for w, of in pairs for x in ([of] if isinstance(of, str) else of)}
    mine = np.array([(names[i], areas[j]) in theirs for i, j in some], dtype=bool)
    of = [(categories or {}).get(x, "") for x in areas]
    groups = sorted(set(of))
    category = np.array([groups.index(c) for c in of], dtype=np.int64)
    return names, Heard(some[:, 0], some[:, 1], grid[some[:, 0], some[:, 1]], mine), category


def coded(column: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    """Where each of a column's texts stands among `names`."""
    at = {name: i for i, name in enumerate(names)}
    return np.array([at[name] for name in column.to_list()], dtype=np.int64)


def corrected(
    posterior: AreaPosterior,
    ratings: Ratings,
    *,
    own: Any = None,
    categories: Mapping[str, str] | None = None,
    scale: tuple[float, float] = (1.0, 5.0),
    questions: tuple[str, str] = ("importance", "tractability"),
) -> tuple[AreaPosterior, Halo]:
    """The posterior with the correlation of a rater's two answers taken into account.

    Draws x become m + d + T (x − m): d and T take the linear model's belief without the
    correlation to the one with it, T being the linear map between the two normal distributions that
    moves least (Olkin and Pukelsheim, Linear Algebra and its Applications 48 (1982) 257).

    Args:
        own, categories: as the model had them.
        scale: least and most of an answer.
        questions: the two; a posterior that lacks one is returned as it is.
    """
    if not set(questions) <= set(posterior.draws):
        return posterior, Halo(0.0, 0)
    names, heard, category = heard_of(ratings, posterior.areas, questions, own, categories)
    pairs = int((~np.isnan(heard.value)).all(axis=1).sum())
    if pairs < LEAST_PAIRS:
        return posterior, Halo(0.0, pairs)
    tied = believe_areas(heard, category, len(names), scale=scale)
    free = believe_areas(heard, category, len(names), scale=scale, halo=False)
    shift = tied.mean - free.mean
    stretch = between(free.covariance, tied.covariance)
    draws = np.concatenate([posterior.draws[q] for q in questions], axis=1)
    mean = draws.mean(axis=0)
    moved = np.clip(mean + shift + (draws - mean) @ stretch.T, *scale)
    size = len(posterior.areas)
    halves = dict(zip(questions, (moved[:, :size], moved[:, size:]), strict=True))
    found = Halo(tied.correlation, pairs)
    return replace(posterior, draws={**posterior.draws, **halves}), found


def between(first: Floats, second: Floats) -> Floats:
    """The symmetric matrix T with T · first · T = second."""
    root, inverse = _roots(first)
    middle, _ = _roots(root @ second @ root)
    return inverse @ middle @ inverse


def _roots(matrix: Floats) -> tuple[Floats, Floats]:
    """Symmetric square root and its inverse."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    values = np.sqrt(np.maximum(values, 1e-10 * values[-1]))
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T
