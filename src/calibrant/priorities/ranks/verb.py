"""Rank the areas of a survey: from its ratings, or from a published table of means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.rank import Labels, rank_areas
from calibrant.priorities.ranks.result import Change, Ranked
from calibrant.priorities.ranks.sensitivity import Frame, dont_knows, each_respondent, quick
from calibrant.priorities.ranks.source import ENGINES, Engine, Settings, labels_of, read_source
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.survey.read import read_survey, taxonomy_of
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.records.ratings import Ratings


def rank(
    source: Any,
    *,
    survey: Survey | str | Path | None = None,
    taxonomy: Taxonomy | str | Path | None = None,
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
    settings = Settings(engine, draws, seed, own=own)
    if survey is not None:
        asked = read_survey(survey)
        beside = survey if isinstance(survey, str | Path) else None
        taxonomy = taxonomy_of(asked, beside) if taxonomy is None else taxonomy
        settings = replace(settings, levels={q.id: len(q.labels) for q in asked.questions})
    posterior, ratings, labels, notes = _believed(source, taxonomy, settings)
    settings = replace(settings, categories=labels.categories or None)
    found = rank_areas(
        posterior, by=by, top=top, min_ratings=min_ratings, level=level, labels=labels,
        sensitivity=sensitivity, seed=seed,
    )  # fmt: skip
    more: list[Change] = []
    if ratings is not None and (sensitivity or influence):
        again = quick(settings)
        held = Frame(again.fit(ratings), by, top, min_ratings)
        more = dont_knows(ratings, held, again) if sensitivity else []
        tried, said = each_respondent(ratings, held, again, everyone=influence)
        more, notes = more + tried, notes + said
    return replace(found, sensitivity=(*found.sensitivity, *more), notes=(*found.notes, *notes))


def _believed(
    source: Any, taxonomy: Taxonomy | str | Path | None, settings: Settings
) -> tuple[AreaPosterior, Ratings | None, Labels, list[str]]:
    """The posterior, the ratings if there are any, names of areas, and notes."""
    if isinstance(source, AreaPosterior):
        labels, note = labels_of(taxonomy, set(source.areas))
        return source, None, labels, [note] if note else []
    table, ratings = read_source(source)
    if ratings is not None:
        labels, note = labels_of(taxonomy, set(ratings.frame["area"].to_list()))
        posterior = replace(settings, categories=labels.categories or None).fit(ratings)
        return posterior, ratings, labels, [note] if note else []
    from calibrant.priorities.tables.posterior import posterior_of_table
    from calibrant.priorities.tables.read import read_published

    published = read_published(source if isinstance(source, str | Path) else table)
    scale = (
        {} if isinstance(settings.levels, int) else {"scale": (1, max(settings.levels.values()))}
    )
    options = {} if settings.draws is None else {"draws": settings.draws}
    posterior = posterior_of_table(published, seed=settings.seed, **scale, **options)
    labels, note = labels_of(taxonomy, set(posterior.areas))
    if not labels.names and published.identified:
        labels = Labels(dict(zip(published.areas, published.names, strict=True)), labels.categories)
    notes = [note] if note else []
    if settings.own is not None:
        raise InputError("own areas: a table of means says nothing of single respondents")
    return posterior, None, labels, notes
