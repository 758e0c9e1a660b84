"""How many things does a benchmark measure? By parallel analysis that knows of families."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.measures import Measures
from calibrant.stats.relations.correlations import pearson
from calibrant.stats.relations.factors import LEAST_UNIQUE, minres, parallel_analysis, velicer

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Factors:
    """How many factors measures have.

    Attributes:
        names: of the measures.
        factors: how many, by parallel analysis with families.
        eigenvalues: of the correlations, falling.
        limits: for each eigenvalue that was tested, the quantile of that eigenvalue in data with
            one factor less.
        likeness: for each of these, the intraclass correlation within families that was drawn.
        horn: how many Horn's analysis finds, without families and one reference for all.
        kaiser: eigenvalues above 1: what packages report and nobody should use.
        map: Velicer's minimum average partial.
        loadings: shape (measures, factors), minres, not rotated.
        unique: shape (measures,).
        share: of the variance, of the first principal component.
        subjects, families: how many.
        quantile, draws, seed: of the references.
        notes: what to keep in mind.
    """

    names: tuple[str, ...]
    factors: int
    eigenvalues: tuple[float, ...]
    limits: tuple[float, ...]
    likeness: tuple[float, ...]
    horn: int
    kaiser: int
    map: int
    loadings: Floats
    unique: Floats
    share: float
    subjects: int
    families: int
    quantile: float
    draws: int
    seed: int
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"{self.factors} factor{'' if self.factors == 1 else 's'} in {len(self.names)} measures"
            f" of {self.subjects} subjects in {self.families} families; the first component holds "
            f"{self.share:.0%} (Horn {self.horn}, MAP {self.map}, Kaiser {self.kaiser})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"loadings": self.loadings.tolist(), "unique": self.unique.tolist()}

    def plot(self) -> Figure:
        """The scree with the limits of the parallel analysis."""
        from calibrant.quality.validity.figures import scree

        return scree(self)


def factors(
    measures: Measures, *, quantile: float = 0.95, draws: int = 200, seed: int = 0
) -> Factors:
    """How many factors the measures have, by parallel analysis that draws families.

    Args:
        measures: at least three; fewer than subjects (make categories of items with `by`).
        quantile: of the references' eigenvalues, which an eigenvalue must exceed.
        draws: data sets per reference.
        seed: of the draws.

    Raises:
        InputError: for fewer than three measures, or not fewer than subjects.
    """
    x = measures.values
    n, k = x.shape
    if not 3 <= k < n:
        raise InputError(
            f"factors: wanted at least 3 measures and fewer than the {n} subjects, got {k}; "
            "group items into measures by a fact about them (by)"
        )
    if not 0.5 <= quantile < 1 or draws < 20:
        raise InputError(
            f"factors: wanted a quantile from 0.5 to 1 and 20 draws, got {quantile:g} and {draws}"
        )
    r = pearson(x)
    family = np.unique(measures.family, return_inverse=True)[1].ravel()
    tested = parallel_analysis(x, family, quantile=quantile, draws=draws, seed=seed)
    found = tested.factors
    notes: list[str] = []
    solution = minres(r, found)
    if solution.heywood and found:
        alone = [measures.names[i] for i in np.flatnonzero(solution.unique <= LEAST_UNIQUE * 1.01)]
        notes.append(
            f"{one_line(', '.join(alone[:4]), 120)}: no variance of its own is left (Heywood "
            "case); a factor may stand for one measure"
        )
    if found == k - 1:
        notes.append("every factor that was tested was found; is a measure a sum of others?")
    return Factors(
        measures.names, found, tested.eigenvalues, tested.limits, tested.likeness, tested.horn,
        int(np.sum(np.array(tested.eigenvalues) > 1)), velicer(r), solution.loadings,
        solution.unique, float(tested.eigenvalues[0] / k), n, int(family.max()) + 1, quantile,
        draws, seed, tuple(notes),
    )  # fmt: skip
