"""Rank the areas of a survey: from its ratings, or from a published table of means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.errors import InputError
from calibrant.priorities.ranks.believed import believed
from calibrant.priorities.ranks.rank import rank_areas
from calibrant.priorities.ranks.result import Change, Ranked
from calibrant.priorities.ranks.sensitivity import Frame, dont_knows, each_respondent, quick
from calibrant.priorities.ranks.source import ENGINES, Engine
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.taxonomy import Taxonomy


def rank(
    source: Any,
    *,
    survey: Survey | str | Path | None = None,
    taxonomy: Taxonomy | str | Path | None = None,
    scale: str | int | None = None,
    own: Any = None,
    by: str = "promise",
    top: int = 10,
    min_ratings: int = 3,
    level: float = 0.9,
    engine: Engine = "laplace",
    draws: int | None = None,
    sensitivity: bool = True,
    influence: bool = False,
    seed: int = 0,
) -> Ranked:
    """Areas with the uncertainty of their ranks, and what funding the best k risks.

    Args:
        source: a ratings table (see `as_ratings`), a published table of means (see
            `read_published`), or an `AreaPosterior`.
        survey: its file, for its taxonomy and the labels of its scales.
        taxonomy: of the areas, by file or name; by default the survey's, or the shipped one where
            it has all areas.
        scale: such as "1-7", or 7; by default the survey's, or 1 to 5.
        own: pairs of a respondent and an area they work in, or a mapping.
        by: "promise", "sum", "minimum", "gap", or a question.
        top: areas to be funded.
        min_ratings: areas rated by fewer are not ranked.
        level: of all intervals.
        engine: of the model of ratings.
        draws: of the posterior.
        sensitivity: also try other exclusion rules, definitions and readings of don't-knows, and
            leave out the most influential respondents.
        influence: leave out every respondent, with a refit each.
        seed: of all simulation.

    Raises:
        InputError: for wrong input; see `rank_areas`.
    """
    if engine not in ENGINES:
        raise InputError(f"engine: wanted one of {', '.join(ENGINES)}, got {engine!r}")
    known = believed(
        source, survey=survey, taxonomy=taxonomy, scale=scale, own=own, engine=engine, draws=draws,
        seed=seed,
    )  # fmt: skip
    found = rank_areas(
        known.posterior, by=by, top=top, min_ratings=min_ratings, level=level, labels=known.labels,
        sensitivity=sensitivity, seed=seed,
    )  # fmt: skip
    ratings, settings, notes = known.ratings, known.settings, list(known.notes)
    more: list[Change] = []
    if ratings is not None and (sensitivity or influence):
        again = quick(settings)
        held = Frame(again.fit(ratings), by, top, min_ratings)
        more = dont_knows(ratings, held, again) if sensitivity else []
        tried, said = each_respondent(ratings, held, again, everyone=influence)
        more, notes = more + tried, notes + said
    return replace(found, sensitivity=(*found.sensitivity, *more), notes=(*found.notes, *notes))
