"""What does a generalizability study say? Components, coefficients, and how many items it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.quality.reliability.coefficients import Floats
from calibrant.stats.variance.layout import Facet


@dataclass(frozen=True)
class Component:
    """One source of variation of a single trial's score.

    Attributes:
        term: facets joined by ":", such as "subject:item"; the residual's are all of them.
        variance: at least 0, in squared units of scores brought to 0–1.
        low, high: under normality, at the result's level; `high` may be infinite.
        share: of the variance of one trial, 0–1.
        levels: that the table has.
        role: "universe" (what is measured), "relative" (error of order) or "absolute" (shifts all
            subjects alike).
    """

    term: str
    variance: float
    low: float
    high: float
    share: float
    levels: int
    role: str


@dataclass(frozen=True)
class Needed:
    """How long a benchmark must be for a target.

    Attributes:
        coefficient: "Eρ²" or "Φ".
        target: wanted, 0–1.
        items: the fewest; None if no number is enough.
        low, high: the same at the ends of the coefficient's interval; None likewise.
    """

    coefficient: str
    target: float
    items: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True)
class Generalizability:
    """A generalizability study of subjects' means.

    Attributes:
        facets: of the table, with their nesting.
        components: the residual last.
        items: that a subject has, on average.
        universe: variance of subjects' universe scores.
        relative, absolute: error variances of a subject's mean, averaged over subjects.
        relative_kept, absolute_kept: the parts of them that more items do not lower.
        coefficient, dependability: Eρ² and Φ with intervals; the ends None where none can be had.
        cut: a score λ, on 0–1; None if not given.
        cut_dependability: Φ(λ), for decisions at λ (Brennan and Kane 1977).
        needed: numbers of items for targets.
        note: on the intervals.
    """

    facets: tuple[Facet, ...]
    components: tuple[Component, ...]
    items: float
    universe: float
    relative: float
    absolute: float
    relative_kept: float
    absolute_kept: float
    coefficient: tuple[float, float | None, float | None]
    dependability: tuple[float, float | None, float | None]
    cut: float | None
    cut_dependability: tuple[float, float | None, float | None] | None
    needed: tuple[Needed, ...]
    note: str

    def at(self, items: Floats) -> tuple[Floats, Floats, Floats]:
        """Eρ², Φ and the absolute standard error with so many items, all else as it is."""
        ratio = self.items / np.asarray(items, np.float64)
        relative = self.relative_kept + (self.relative - self.relative_kept) * ratio
        absolute = self.absolute_kept + (self.absolute - self.absolute_kept) * ratio
        whole = self.universe
        return whole / (whole + relative), whole / (whole + absolute), np.sqrt(absolute)

    def __repr__(self) -> str:
        return (
            f"Eρ² {self.coefficient[0]:.4f}, Φ {self.dependability[0]:.4f} of means over "
            f"{self.items:,.6g} items"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite end is None."""
        data = dict(self.__dict__)
        data["facets"] = [f.to_dict() for f in self.facets]
        data["components"] = [
            {**c.__dict__, "high": c.high if math.isfinite(c.high) else None}
            for c in self.components
        ]
        data["needed"] = [dict(n.__dict__) for n in self.needed]
        return data
