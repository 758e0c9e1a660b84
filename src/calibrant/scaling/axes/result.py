"""What is known of the axes, and how it reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant.scaling.axes.growth import Growth
from calibrant.stats.relations.factors import Parallel
from calibrant.stats.relations.spread import Estimate

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Axes:
    """The directions in which subjects' scores vary.

    Attributes:
        subjects, families: shape (n,), names; scale: log10 of compute, NaN where not known.
        measures: shape (k,), names.
        preprocessing: what was done to the scores before, one sentence each.
        filled: how many cells had no score, and were filled.
        share: shape (k,); of all variance, of each axis, with intervals for other families (none
            beyond the axes shown); cumulative: of the first of them together.
        loadings: shape (k, shown); directions of length 1, each with a positive sum.
        loading_errors: shape (k, shown); by families; NaN where the axis is not stable.
        stable: shape (shown,); how near each axis stays when any one family is left out: the
            smallest cosine. Below 0.9 its loadings mean little.
        scores: shape (n, shown); of subjects on axes, 0 at the mean.
        score_errors: shape (n, shown); what gaps leave open (only with `missing="ppca"`).
        parallel: how many axes are more than chance.
        growth: the first axis against compute; None without compute.
        level, seed: of intervals; of the parallel analysis.
        notes: what a reader must know, one sentence each.
    """

    subjects: tuple[str, ...]
    families: tuple[str, ...]
    scale: Floats
    measures: tuple[str, ...]
    preprocessing: tuple[str, ...]
    filled: int
    share: tuple[Estimate, ...]
    cumulative: tuple[Estimate, ...]
    loadings: Floats
    loading_errors: Floats
    stable: Floats
    scores: Floats
    score_errors: Floats | None
    parallel: Parallel | None
    growth: Growth | None
    level: float
    seed: int
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        first = self.share[0]
        text = (
            f"the first axis of {len(self.measures)} measures holds {first.value:.1%} of the "
            f"variance of {len(self.subjects)} subjects in "
            f"{families(len(set(self.families)))}"
        )
        if first.low is not None:
            text += f" ({first.low:.1%} to {first.high:.1%})"
        if self.parallel is not None:
            n = self.parallel.factors
            text += f"; {n} {'axis is' if n == 1 else 'axes are'} more than chance"
        if self.growth is not None and self.growth.median_r2.value is not None:
            text += f"; within families compute explains {self.growth.median_r2.value:.1%} of it"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        shown = self.loadings.shape[1]
        return {
            "variance_explained": [e.value for e in self.share],
            "variance_explained_intervals": [_ends(e) for e in self.share],
            "cumulative": [e.value for e in self.cumulative],
            "cumulative_intervals": [_ends(e) for e in self.cumulative],
            "axes": None if self.parallel is None else self.parallel.factors,
            "parallel_analysis": None if self.parallel is None else asdict(self.parallel),
            "loadings": {
                m: [float(v) for v in row]
                for m, row in zip(self.measures, self.loadings, strict=True)
            },
            "loading_errors": {
                m: [_plain(v) for v in row]
                for m, row in zip(self.measures, self.loading_errors, strict=True)
            },
            "stable": [_plain(v) for v in self.stable],
            "within_family": None if self.growth is None else self.growth.to_dict(),
            "preprocessing": list(self.preprocessing),
            "filled": self.filled,
            "scores": [
                {
                    "subject": self.subjects[i],
                    "family": self.families[i],
                    "scale": _plain(self.scale[i]),
                    "axes": [float(v) for v in self.scores[i]],
                    "errors": None
                    if self.score_errors is None
                    else [float(v) for v in self.score_errors[i]],
                }
                for i in range(len(self.subjects))
            ],
            "shown": shown,
            "level": self.level,
            "seed": self.seed,
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """The scree: each axis's eigenvalue beside the limit that chance sets."""
        from calibrant.scaling.axes.figures import scree

        return scree(self)

    def plot_growth(self) -> Figure:
        """The first axis against compute, a line for each family."""
        from calibrant.scaling.axes.figures import lines

        return lines(self)

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)


def families(many: int) -> str:
    """Their number in words."""
    return "1 family" if many == 1 else f"{many} families"


def _ends(e: Estimate) -> list[float] | None:
    return None if e.low is None or e.high is None else [e.low, e.high]


def _plain(x: np.float64) -> float | None:
    return float(x) if np.isfinite(x) else None
