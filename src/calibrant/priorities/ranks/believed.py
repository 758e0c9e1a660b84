"""What is believed of the areas of a file: its posterior, and what areas are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.rank import Labels
from calibrant.priorities.ranks.source import Engine, Settings, labels_of, read_source
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.survey.read import read_survey, taxonomy_of
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.records.ratings import Ratings

_LEAST, _MOST = 2, 11
"""Shortest and longest scale."""


@dataclass(frozen=True, eq=False)
class Believed:
    """A posterior, with what it is made of.

    Attributes:
        ratings: None for a table of means.
        labels: names and categories of areas.
        settings: how ratings are modelled, categories with them.
        notes: where names are from.
    """

    posterior: AreaPosterior
    ratings: Ratings | None
    labels: Labels
    settings: Settings
    notes: tuple[str, ...] = ()


def believed(
    source: Any,
    *,
    survey: Survey | str | Path | None = None,
    taxonomy: Taxonomy | str | Path | None = None,
    scale: str | int | None = None,
    own: Any = None,
    engine: Engine = "laplace",
    draws: int | None = None,
    seed: int = 0,
) -> Believed:
    """The posterior of a ratings table, or of a published table of means.

    Args:
        source: a path or a table; see `read_source`.
        survey: its file, for its taxonomy and the labels of its scales.
        taxonomy: of the areas, by name or file; by default the survey's, or the shipped one where
            it has all areas.
        scale: such as "1-7", or 7; by default the survey's, or 1 to 5.
        own: pairs of a respondent and an area they work in, or a mapping.
        engine, draws, seed: of the posterior.

    Raises:
        InputError: if the source is neither, or not on the scale.
    """
    asked, taxonomy = surveyed(survey, taxonomy)
    levels = asked or 5 if scale is None else levels_of(scale)
    settings = Settings(engine, draws, seed, levels, own)
    if isinstance(source, AreaPosterior):
        labels, note = labels_of(taxonomy, set(source.areas))
        return Believed(source, None, labels, settings, (note,) if note else ())
    table, ratings = read_source(source)
    if ratings is not None:
        labels, note = labels_of(taxonomy, set(ratings.frame["area"].to_list()))
        settings = replace(settings, categories=labels.categories or None)
        posterior = settings.fit(ratings)
        return Believed(posterior, ratings, labels, settings, (note,) if note else ())
    if own is not None:
        raise InputError("own areas: a table of means says nothing of single respondents")
    posterior, labels, note = _of_table(source, table, taxonomy, settings)
    return Believed(posterior, None, labels, settings, (note,) if note else ())


def _of_table(
    source: Any, table: Any, taxonomy: Taxonomy | str | Path | None, settings: Settings
) -> tuple[AreaPosterior, Labels, str | None]:
    from calibrant.priorities.tables.posterior import posterior_of_table
    from calibrant.priorities.tables.read import read_published

    scale = (1, settings.most)
    published = read_published(source if isinstance(source, str | Path) else table, scale=scale)
    options = {} if settings.draws is None else {"draws": settings.draws}
    posterior = posterior_of_table(published, seed=settings.seed, **options)
    labels, note = labels_of(taxonomy, set(posterior.areas))
    if not labels.names and published.identified:
        names = dict(zip(published.areas, published.names, strict=True))
        labels = replace(labels, names=names)
    return posterior, labels, note


def surveyed(
    survey: Survey | str | Path | None, taxonomy: Taxonomy | str | Path | None
) -> tuple[dict[str, int], Taxonomy | str | Path | None]:
    """How many labels each question of a survey has, and its taxonomy unless one is given."""
    if survey is None:
        return {}, taxonomy
    asked = read_survey(survey)
    beside = survey if isinstance(survey, str | Path) else None
    labels = {q.id: len(q.labels) for q in asked.questions}
    return labels, taxonomy_of(asked, beside) if taxonomy is None else taxonomy


def levels_of(scale: str | int) -> int:
    """How many ratings there are to choose from on a scale that begins with 1.

    >>> levels_of("1-7"), levels_of(5)
    (7, 5)

    Raises:
        InputError: for another lowest rating, or fewer than 2 or more than 11.
    """
    found = re.fullmatch(r"\s*(?:1\s*[-–:]\s*)?(\d{1,4})\s*", str(scale))
    most = int(found[1]) if found else 0
    if not _LEAST <= most <= _MOST:
        raise InputError(
            f"scale: wanted 1-{_LEAST} to 1-{_MOST}, such as 1-7, got {one_line(str(scale), 40)!r}"
        )
    return most
