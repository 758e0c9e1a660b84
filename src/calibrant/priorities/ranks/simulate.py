"""What would an expert survey say if the truth were known? Simulated experts and areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from calibrant.priorities.ranks.rank import Labels
from calibrant.records.ratings import Ratings, as_ratings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

QUESTIONS = ("importance", "tractability")

SHARES = {
    "importance": (0.03, 0.09, 0.22, 0.38, 0.28),
    "tractability": (0.04, 0.13, 0.29, 0.37, 0.17),
}
"""How often an average rater gives 1 to 5: means of about 3.8 and 3.5, as in the paper."""


@dataclass(frozen=True)
class Experts:
    """A population of experts and areas to draw surveys from.

    All standard deviations are on the latent scale, on which a rater's own noise has 1.

    Attributes:
        raters, categories, areas: how many; areas are spread over categories evenly.
        sizes: areas of each category, instead of spreading them; `categories` and `areas` follow.
        area_sd, category_sd: spread of areas within categories, and of categories.
        alike: correlation of importance and tractability of areas and of categories.
        severity_sd: spread of raters, who are strict with both questions (correlation 1/2).
        halo: correlation of one rater's noise on the two questions of an area.
        chosen: categories a rater chooses, on average; popular ones more often.
        own: what a rater adds to areas that are their own work.
        own_share: share of the areas of a rater's first category that are their own.
        dont_know: share of cells answered "don't know".
        selective: how much oftener don't-knows replace low ratings: latent units.
    """

    raters: int = 53
    categories: int = 20
    areas: int = 105
    area_sd: float = 0.35
    category_sd: float = 0.35
    alike: float = 0.5
    severity_sd: float = 0.5
    halo: float = 0.3
    chosen: float = 2.2
    own: float = 0.4
    own_share: float = 0.4
    dont_know: float = 0.08
    selective: float = 0.0
    sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.sizes:
            object.__setattr__(self, "categories", len(self.sizes))
            object.__setattr__(self, "areas", sum(self.sizes))

    def draw(self, seed: int | np.random.Generator = 0) -> Panel:
        """One population of raters and areas, with every answer anyone would give.

        All of a panel's answers are drawn at once, so that two ways to ask it differ in what they
        ask and in nothing else.
        """
        rng = np.random.default_rng(seed)
        even = np.arange(self.areas) * self.categories // self.areas
        category = np.repeat(np.arange(self.categories), self.sizes) if self.sizes else even
        pair = np.array([[1.0, self.alike], [self.alike, 1.0]])
        by_category = _pairs(rng, self.categories, pair) * self.category_sd
        latent = by_category[category] + _pairs(rng, self.areas, pair) * self.area_sd
        severity = _pairs(rng, self.raters, np.array([[1.0, 0.5], [0.5, 1.0]])) * self.severity_sd
        popular = np.exp(rng.normal(0, 0.8, self.categories))
        fields = np.zeros((self.raters, self.categories), dtype=bool)
        own = np.zeros((self.raters, self.areas), dtype=bool)
        for r in range(self.raters):
            many = min(1 + int(rng.poisson(max(self.chosen - 1, 0.0))), self.categories)
            chosen = rng.choice(self.categories, many, replace=False, p=popular / popular.sum())
            fields[r, chosen] = True
            own[r] = (category == chosen[0]) & (rng.random(self.areas) < self.own_share)
        cells = (self.raters, self.areas)
        noise = _pairs(
            rng, self.raters * self.areas, np.array([[1.0, self.halo], [self.halo, 1.0]])
        )
        heard = latent[None] + severity[:, None] + noise.reshape(*cells, 2)
        heard = heard + self.own * own[:, :, None]
        # A don't-know that is likelier where the answer would be low leaves out those answers.
        unsure = rng.standard_normal((*cells, 2)) - self.selective * heard
        cut = ndtri(self.dont_know) * np.hypot(1.0, self.selective * _spread(self))
        values, truth = {}, {}
        for q, name in enumerate(QUESTIONS):
            cuts = ndtri(np.cumsum(SHARES[name])[:-1]) * _spread(self)
            values[name] = 1 + np.searchsorted(cuts, heard[:, :, q])
            wide = float(np.hypot(1.0, self.severity_sd))
            truth[name] = 1 + ndtr((latent[:, q][:, None] - cuts) / wide).sum(axis=1)
        unknown = {name: unsure[:, :, q] < cut for q, name in enumerate(QUESTIONS)}
        return Panel(category, truth, values, unknown, fields, own)


def _spread(experts: Experts) -> float:
    """Standard deviation of what is heard, on the latent scale."""
    e = experts
    return float((1 + e.area_sd**2 + e.category_sd**2 + e.severity_sd**2) ** 0.5)


def _pairs(rng: np.random.Generator, size: int, correlation: Floats) -> Floats:
    return rng.standard_normal((size, 2)) @ np.linalg.cholesky(correlation).T


@dataclass(frozen=True, repr=False, eq=False)
class Panel:
    """Raters and areas whose truth is known.

    Attributes:
        category: shape (areas,), each area's category, counted from 0.
        truth: question → shape (areas,): mean rating over the population of raters, if each
            rated every area and none worked in it.
        values: question → shape (raters, areas), what each would answer, 1 to 5.
        unknown: question → shape (raters, areas), whether they would say "don't know".
        fields: shape (raters, categories), the categories each chooses.
        own: shape (raters, areas), whether they work in it.
    """

    category: Ints
    truth: Mapping[str, Floats]
    values: Mapping[str, Ints]
    unknown: Mapping[str, Bools]
    fields: Bools
    own: Bools

    def __repr__(self) -> str:
        raters, areas = self.own.shape
        return f"{raters} simulated raters, {areas} areas"

    @property
    def ids(self) -> tuple[str, ...]:
        """Area ids such as 4d; they sort as the columns stand."""
        seen: dict[int, int] = {}
        out = []
        for c in self.category.tolist():
            seen[c] = seen.get(c, -1) + 1
            out.append(f"{c + 1}{_letters(seen[c])}")
        return tuple(out)

    @property
    def respondents(self) -> tuple[str, ...]:
        return tuple(f"r{r + 1:03d}" for r in range(len(self.own)))

    @property
    def labels(self) -> Labels:
        """Categories of the areas."""
        of = {a: str(c + 1) for a, c in zip(self.ids, self.category.tolist(), strict=True)}
        return Labels({a: a for a in of}, of, {c: c for c in of.values()})

    @property
    def promise(self) -> Floats:
        """True promise, shape (areas,)."""
        return np.asarray(self.truth["importance"] * self.truth["tractability"])

    @property
    def may(self) -> Bools:
        """Which areas each rater would rate: those of their categories; (raters, areas)."""
        return np.asarray(self.fields[:, self.category])

    def ratings(self, asked: Bools | None = None) -> Ratings:
        """The ratings table of a survey.

        Args:
            asked: shape (raters, areas), who is asked about what; by default everyone about all
                areas of their categories.
        """
        r, a = np.nonzero(self.may if asked is None else asked)
        ids, names = np.array(self.ids), np.array(self.respondents)
        parts = []
        for q in self.values:
            silent = self.unknown[q][r, a]
            value = pl.Series(self.values[q][r, a].astype(np.float64))
            parts.append(
                pl.DataFrame(
                    {
                        "respondent": names[r],
                        "area": ids[a],
                        "question": [q] * len(r),
                        "value": value.set(pl.Series(silent), None),
                        "state": np.where(silent, "don't know", "answered"),
                    }
                )
            )
        return as_ratings(pl.concat(parts))

    def own_areas(self) -> list[tuple[str, str]]:
        """Pairs of a respondent and an area they work in."""
        r, a = np.nonzero(self.own)
        return [(self.respondents[i], self.ids[j]) for i, j in zip(r, a, strict=True)]


def _letters(at: int) -> str:
    """a to z, then aa, ab …: as spreadsheets count."""
    out = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        out = chr(97 + rest) + out
    return out
