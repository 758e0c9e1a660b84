"""What is ranked: a ratings table, or a published table of means? Either as a posterior."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.model.fit import fit_ratings
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.halo import TOLD, corrected
from calibrant.priorities.ranks.rank import Labels
from calibrant.priorities.taxonomy import Taxonomy, load_taxonomy
from calibrant.records.frames import table_of
from calibrant.records.ratings import Ratings, as_ratings

Engine = Literal["laplace", "nuts"]
ENGINES: tuple[str, ...] = get_args(Engine)

SHIPPED = "ai-safety-2025"
"""The taxonomy that is taken without being named, where it has every area."""


@dataclass(frozen=True)
class Settings:
    """How a ratings table is modelled.

    Attributes:
        engine: "laplace", or "nuts" with the extra `bayes`.
        draws: of the posterior; None: as many as the model gives by itself.
        seed: of the model's draws.
        levels: labels on the scale, for all questions or by question.
        own: pairs of a respondent and an area they work in, or a mapping.
        categories: area id → category, to pool areas in.
        dont_know: how much higher those who said that they do not know would score an area, in
            residual standard deviations of one rating.
        points: of the spreads that are integrated over; None: as the model does by itself, 1 for
            a quick fit.
    """

    engine: Engine = "laplace"
    draws: int | None = None
    seed: int = 0
    levels: int | Mapping[str, int] = 5
    own: Any = None
    categories: Mapping[str, str] | None = None
    dont_know: float = 0.0
    points: int | None = None

    @property
    def most(self) -> int:
        """The highest rating of any question."""
        return self.levels if isinstance(self.levels, int) else max(self.levels.values())

    def fit(self, ratings: Ratings) -> AreaPosterior:
        """The posterior of a ratings table, a rater's answers to two questions taken as tied."""
        options: dict[str, Any] = {
            "taxonomy": self.categories, "own": self.own, "levels": self.levels,
            "dont_know": self.dont_know, "seed": self.seed,
        }  # fmt: skip
        if self.draws is not None:
            options["draws"] = self.draws
        if self.points is not None:
            options["points"] = self.points
        if self.engine != "laplace":
            options["method"] = self.engine
        found: AreaPosterior = fit_ratings(ratings, **options).posterior
        better, halo = corrected(
            found, ratings, own=self.own, categories=self.categories, scale=(1.0, float(self.most))
        )
        better = replace(better, most=self.most)
        if abs(halo.correlation) < TOLD:
            return better
        note = (
            "a rater's answers to the two questions about an area go together (correlation "
            f"{halo.correlation:.2f} over {halo.pairs} pairs), which is taken into account"
        )
        return replace(better, notes=(*better.notes, note))


def read_source(source: Any) -> tuple[Any, Ratings | None]:
    """The table in a source, and the ratings if it is such a table.

    Raises:
        InputError: if it is neither a ratings table nor a table of means.
    """
    if isinstance(source, Ratings):
        return source.frame, source.latest
    frame = table_of(source, "ratings or a table of means")
    columns = {c.strip().casefold() for c in frame.columns}
    if {"respondent", "area"} <= columns:
        return frame, as_ratings(frame).latest
    means = {"importance", "tractability", "i", "t"} & columns
    if not means:
        where = f"{one_line(str(source), 200)}: " if isinstance(source, str | Path) else ""
        raise InputError(
            f"{where}wanted a ratings table (columns respondent, area, question, "
            "value) or a table of means (columns area, importance, tractability, n), got columns "
            f"{one_line(', '.join(frame.columns), 200)}"
        )
    return frame, None


def labels_of(taxonomy: Taxonomy | str | Path | None, areas: set[str]) -> tuple[Labels, str | None]:
    """Names and categories of areas, and what must be said of where they are from.

    Args:
        taxonomy: one, its file or its name; None: the shipped one if it has every area, else
            categories are the digits that all ids begin with, if they do.
        areas: ids that the data have.

    Raises:
        InputError: naming areas that a given taxonomy lacks.
    """
    note = None
    if taxonomy is None:
        shipped = load_taxonomy(SHIPPED)
        if not areas or not all(a in shipped for a in areas):
            return Labels(categories=_digits(areas)), None
        taxonomy, note = shipped, f"areas and categories are those of the taxonomy {SHIPPED}"
    found = load_taxonomy(taxonomy)
    unknown = sorted(a for a in areas if a not in found)
    if unknown:
        raise InputError(
            f"taxonomy {one_line(found.id, 40)} lacks {len(unknown)} of {len(areas)} areas, such "
            f"as {one_line(unknown[0], 40)!r}"
        )
    return Labels(
        {a.id: a.name for a in found.areas},
        {a.id: a.category for a in found.areas},
        {c.id: c.name for c in found.categories},
    ), note


def _digits(areas: set[str]) -> dict[str, str]:
    found = {a: m[0] for a in areas if (m := re.match(r"\d+(?=[A-Za-z])", a))}
    return found if len(found) == len(areas) else {}


def read_own(source: Any) -> list[tuple[str, str]]:
    """Pairs of a respondent and an area they work in, from a table with these columns.

    An area column may hold several ids, separated by commas, semicolons or spaces.

    Raises:
        InputError: for missing columns or empty cells.
    """
    frame = table_of(source, "own areas")
    column = next((c for c in ("area", "areas", "own") if c in frame.columns), None)
    if "respondent" not in frame.columns or column is None:
        raise InputError(
            "own areas: wanted columns respondent and area, got "
            f"{one_line(', '.join(frame.columns), 200)}"
        )
    out = []
    for at, row in enumerate(frame.iter_rows(named=True)):
        who = str(row["respondent"] or "").strip()
        if not who:
            raise InputError(f"own areas: row {at + 1}: respondent is empty")
        out += [(who, a) for a in re.split(r"[,;\s]+", str(row[column] or "")) if a]
    return out
