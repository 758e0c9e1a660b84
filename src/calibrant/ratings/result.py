"""What is said of each subject, and what must be said with it? The result of `rate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calibrant._figure import Figure
from calibrant.ratings.existence import Existence
from calibrant.ratings.fit import Fit
from calibrant.ratings.uncertainty.covariance import Covariance
from calibrant.records.comparisons import Comparisons
from calibrant.stats.comparisons.ranks import Ranks

ELO = 400 / np.log(10)
"""Elo points in one unit of log-strength: 400 points are odds of 10 to 1."""

ELO_MEAN = 1500.0
"""Elo of the mean of all rated subjects, or of the baseline if one was named."""

RELATIVE = (
    "ratings are relative: they order subjects, and cannot show that any of them is good or safe; "
    "all may be unsafe"
)


@dataclass(frozen=True)
class Rating:
    """One subject.

    Attributes:
        log_strength: difference from the mean of its pool, or from the baseline; None where no
            rating exists, for the `reason`.
        elo: the same in Elo points, 1500 for the mean or the baseline.
        standard_error: of log_strength; elo_standard_error: of elo.
        interval, elo_interval: at the level of the result, each subject for itself.
        rank: by log_strength in its pool; rank_interval: holds for all subjects at once.
        tier: 1 is best; no two subjects of a tier differ significantly.
        best: probability of being first under the joint normal of the estimates.
        comparisons, wins, losses, ties: of this subject; counts or weights.
        pool: number of the pool it was rated in, from 0.
        score: for models that are no log-strengths (win rate, Elo in sequence, online).
        anchored: score on the absolute scale of the anchors, with `anchored_interval`.
    """

    subject: str
    log_strength: float | None
    elo: float | None
    standard_error: float | None
    elo_standard_error: float | None
    interval: tuple[float, float] | None
    elo_interval: tuple[float, float] | None
    rank: int | None
    rank_interval: tuple[int, int] | None
    tier: int | None
    best: float | None
    comparisons: float
    wins: float
    losses: float
    ties: float
    pool: int = 0
    score: float | None = None
    score_interval: tuple[float, float] | None = None
    anchored: float | None = None
    anchored_interval: tuple[float, float] | None = None
    reason: str | None = None

    def __repr__(self) -> str:
        if self.reason is not None:
            return f"{self.subject}: not rated: {self.reason}"
        value = self.elo if self.elo is not None else self.score
        return f"{self.subject}: {value:.4g}, rank {self.rank}, tier {self.tier}"


@dataclass(frozen=True)
class Pool:
    """Subjects rated together: the fit, its covariance and ranks (for those who go on from it)."""

    fit: Fit
    covariance: Covariance
    ranks: Ranks | None


@dataclass(frozen=True, repr=False)
class Ratings:
    """Ratings of subjects from comparisons.

    Attributes:
        model: what was fitted.
        ratings: best first, pool by pool; those without a rating last.
        comparisons, subjects: how many.
        level: confidence of the intervals.
        uncertainty: how standard errors were made, in words.
        ties: count, share, and the model's tie parameter with its interval.
        order_effect: advantage of the left subject, if asked.
        existence: whether ratings exist, who is in the way, and how it was handled.
        convergence: proof that the maximum was found; None where nothing is maximised.
        covariates: coefficients, if any.
        anchors: calibration to an absolute scale, if any.
        details: what only this model has.
        audit: the robustness audit, if asked.
        notes: what a reader must know, one sentence each.
        pools: fits and covariances; not part of the JSON.
        rows: the comparisons; not part of the JSON.
    """

    model: str
    ratings: tuple[Rating, ...]
    comparisons: float
    subjects: int
    level: float
    uncertainty: str
    ties: dict[str, Any]
    order_effect: dict[str, Any] | None
    existence: Existence | None
    handled: str
    convergence: dict[str, Any] | None
    covariates: list[dict[str, Any]] | None = None
    anchors: dict[str, Any] | None = None
    details: dict[str, Any] | None = None
    audit: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    pools: tuple[Pool, ...] = field(default=(), repr=False)
    rows: Comparisons | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        rated = [r for r in self.ratings if r.reason is None]
        first = [r.subject for r in rated if r.tier == 1]
        who = f"{rated[0].subject!r} first" if rated else "nobody rated"
        tied = f", {len(first)} in the first tier" if first else ""
        return (
            f"{self.model} ratings of {self.subjects} subjects from {self.comparisons:,.0f} "
            f"comparisons: {who}{tied}; relative, not absolute"
        )

    def __getitem__(self, subject: str) -> Rating:
        """The rating of a subject.

        Raises:
            KeyError: if it is not among them.
        """
        for r in self.ratings:
            if r.subject == subject:
                return r
        raise KeyError(subject)

    def plot(self) -> Figure:
        """The ratings with their intervals and tiers, one line a subject."""
        from calibrant.ratings.figures import forest

        return forest(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()

    def with_audit(self, audit: Mapping[str, Any]) -> Ratings:
        """The same with a robustness audit."""
        return replace(self, audit=audit)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `calibrant rate --json`."""
        existence = None
        if self.existence is not None:
            existence = {**self.existence.to_dict(), "handled": self.handled}
        return {
            "model": self.model,
            "subjects": self.subjects,
            "comparisons": self.comparisons,
            "level": self.level,
            "uncertainty": self.uncertainty,
            "elo_scale": {"points_per_unit": float(ELO), "mean": ELO_MEAN},
            "ratings": [_plain(r) for r in self.ratings],
            "ties": self.ties,
            "order_effect": self.order_effect,
            "covariates": self.covariates,
            "existence": existence,
            "convergence": self.convergence,
            "anchors": self.anchors,
            "details": self.details,
            "audit": None if self.audit is None else dict(self.audit),
            "notes": list(self.notes),
        }


def _plain(rating: Rating) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in rating.__dict__.items()}
