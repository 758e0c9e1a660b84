"""What is believed of the areas of a file: its posterior, and what areas are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.rank import Labels
from calibrant.priorities.ranks.source import Settings, labels_of, read_source
from calibrant.priorities.tables.posterior import posterior_of_table
from calibrant.priorities.tables.read import read_published
from calibrant.records.ratings import Ratings


@dataclass(frozen=True, eq=False)
class Believed:
    """A posterior, with what it is made of.

    Attributes:
        ratings: None for a table of means.
        labels: names and categories of areas.
    """

    posterior: AreaPosterior
    ratings: Ratings | None
    labels: Labels


def believed(
    source: Any, *, taxonomy: str | Path | None = None, own: Any = None, seed: int = 0
) -> Believed:
    """The posterior of a ratings table, or of a published table of means.

    Args:
        source: a path or a table; see `read_source`.
        taxonomy: of the areas, by name or file.
        own: pairs of a respondent and an area they work in.

    Raises:
        InputError: if the source is neither.
    """
    if isinstance(source, AreaPosterior):
        labels, _ = labels_of(taxonomy, set(source.areas))
        return Believed(source, None, labels)
    table, ratings = read_source(source)
    if ratings is not None:
        labels, _ = labels_of(taxonomy, set(ratings.frame["area"].to_list()))
        settings = Settings(seed=seed, own=own, categories=labels.categories or None)
        return Believed(settings.fit(ratings), ratings, labels)
    published = read_published(source if isinstance(source, str | Path) else table)
    posterior = posterior_of_table(published, seed=seed)
    labels, _ = labels_of(taxonomy, set(posterior.areas))
    if not labels.names and published.identified:
        names = dict(zip(published.areas, published.names, strict=True))
        labels = replace(labels, names=names)
    return Believed(posterior, None, labels)
