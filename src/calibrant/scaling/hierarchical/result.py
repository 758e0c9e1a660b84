"""What do families share, and how do they differ? The hierarchy fitted, with its gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._text import one_line
from calibrant.scaling.hierarchical.checks import Fit, fits_of, warnings_of
from calibrant.scaling.hierarchical.forecast import Draws, forecast
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Floats, Scores
from calibrant.stats.hierarchical.gates import Gate

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class Effect:
    """One quantity: its median and the ends of its central interval.

    Attributes:
        name: of a family, a measure or a kind of scale.
    """

    name: str
    median: float
    low: float
    high: float

    def __repr__(self) -> str:
        return f"{one_line(self.name)}: {self.median:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "median": self.median, "low": self.low, "high": self.high}


@dataclass(frozen=True, repr=False, eq=False)
class Families:
    """The hierarchy of families and measures, fitted.

    Attributes:
        method: "Laplace" or "NUTS".
        level: of the intervals.
        rows, subjects: how many scores of how many subjects.
        anchor: the scale at which an average family has ability 0.
        unit: units of the scale in one unit of ability.
        head_start: of each family, in units of ability: how much scale it is ahead.
        growth: of each family, ability gained over one unit of ability of the average family.
        slopes: of each measure at the anchor: logits for one unit of ability (of a measure
            without limits: standard deviations of its scores).
        scales: SDs of families' head starts and growth, of subjects, and by measure of families
            on it and of noise.
        gates: what was checked before anything was reported.
        fits: of each measure, whether its known scores look like what the hierarchy would make.
        warnings: what these checks say against it, one sentence each.
    """

    method: str
    level: float
    rows: int
    subjects: int
    anchor: float
    unit: float
    head_start: tuple[Effect, ...]
    growth: tuple[Effect, ...]
    slopes: tuple[Effect, ...]
    scales: tuple[Effect, ...]
    gates: tuple[Gate, ...]
    fits: tuple[Fit, ...]
    warnings: tuple[str, ...]
    draws: Draws

    def __repr__(self) -> str:
        best = max(self.head_start, key=lambda e: e.median, default=None)
        ahead = "" if best is None else f"; furthest ahead for its scale: {best!r}"
        return (
            f"Families by {self.method}: {self.rows} scores of {self.subjects} subjects in "
            f"{len(self.draws.layout.families)} families on {len(self.slopes)} measures, "
            f"{len(self.gates)} gates passed{ahead}"
            + (f"; {len(self.warnings)} of its checks warn" if self.warnings else "")
        )

    def summary(self) -> str:
        """Everything, one quantity a line."""
        parts = (
            ("families' head start", self.head_start), ("families' growth", self.growth),
            ("measures' slope", self.slopes),
            ("scales", self.scales), ("gates", self.gates), ("fit", self.fits),
        )  # fmt: skip
        lines = [repr(self)]
        for title, rows in parts:
            lines += [title, *(f"  {row!r}" for row in rows)] if rows else []
        return "\n".join([*lines, *(f"warning: {w}" for w in self.warnings)])

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the draws are left out."""
        plain = ("method", "level", "rows", "subjects", "anchor", "unit")
        many = ("head_start", "growth", "slopes", "scales", "gates", "fits")
        found: dict[str, Any] = {name: getattr(self, name) for name in plain}
        found |= {name: [x.to_dict() for x in getattr(self, name)] for name in many}
        return found | {"warnings": list(self.warnings)}

    def plot(self) -> Figure:
        """Head start and growth of every family, with intervals.

        Raises:
            UnfitError: if there is one family only.
        """
        from calibrant.scaling.hierarchical.figures import families_figure

        return families_figure(self)

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)

    def predict(self, at: Scores, *, seed: int = 0) -> Predictive:
        """Predictive distributions of the scores of subjects, of families known or new.

        Raises:
            UnfitError: for an unknown measure, a subject without a scale, or a new family where
                too few are known.
        """
        return forecast(self.draws, at, np.random.default_rng(seed))


def families_of(draws: Draws, *, method: str, level: float, gates: Sequence[Gate]) -> Families:
    """The result from draws that have passed their gates."""
    at, starts = draws.layout, draws.layout.starts()
    effects = draws.effects

    def each(names: Sequence[str], values: Floats) -> tuple[Effect, ...]:
        ends = np.quantile(values, [0.5, (1 - level) / 2, (1 + level) / 2], axis=0)
        return tuple(Effect(str(n), *map(float, e)) for n, e in zip(names, ends.T, strict=True))

    families = list(at.families) if at.blocks["family"] else []
    measures, fits = list(at.measures), fits_of(draws)
    scales: list[Effect] = []
    for name, values in draws.scales.items():
        if name == "noise" or at.blocks[name]:
            many = values.shape[1] > 1
            names = [f"{name} on {m}" for m in measures] if many else [name]
            scales += each(names, values)
    return Families(
        method=method, level=level, rows=at.y.size, subjects=at.subjects.size,
        anchor=at.anchor, unit=at.unit,
        head_start=each(families, effects[:, starts["family"]]),
        growth=each(families, 1 + effects[:, starts["growth"]]),
        slopes=each(measures, effects[:, starts["slope"]]),
        scales=tuple(scales), gates=tuple(gates), fits=fits, warnings=warnings_of(fits),
        draws=draws,
    )  # fmt: skip
