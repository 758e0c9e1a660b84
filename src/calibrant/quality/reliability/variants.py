"""What if the prompt had been worded otherwise? Scores over variants, and ranks over variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints
from calibrant.quality.reliability.prompts import draw_means, fit_prompts

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_CELLS = 20_000_000
"""Variants × items of one subject above which the model is not fitted."""


@dataclass(frozen=True)
class Spread:
    """A number of the distribution of one subject's scores over variants, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SubjectVariants:
    """One subject over all variants.

    Attributes:
        seen: share of its variants × items that were run, 0–1.
        mean: over these variants.
        drawn: the mean with an interval for all variants of this kind, from which these were
            drawn; None for fewer than 3.
        worst, best: over these variants.
        quantiles: share → score that so many of these variants stay below.
        scores: each variant's, cells that were not run filled in by the model.
        ranks: lowest and highest rank over variants, 1 the best.
    """

    subject: str
    seen: float
    mean: Spread
    drawn: Spread | None
    worst: Spread
    best: Spread
    quantiles: tuple[tuple[float, Spread], ...]
    scores: tuple[float, ...]
    ranks: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        data = dict(self.__dict__)
        for name in ("mean", "worst", "best"):
            data[name] = dict(data[name].__dict__)
        data["drawn"] = None if self.drawn is None else dict(self.drawn.__dict__)
        data["quantiles"] = [{"share": q, **s.__dict__} for q, s in self.quantiles]
        return data


@dataclass(frozen=True)
class Variants:
    """Sensitivity to the prompt.

    Attributes:
        variants: names.
        subjects: one each.
        agreement: Kendall's mean τ_b between the rankings of two variants; None for one subject.
        same_first: share of variants in which the subject with the best mean is first.
        share: of the variance of one trial, due to variants and their interactions with subjects;
            None where components could not be had.
        notes: what to keep in mind.
    """

    variants: tuple[str, ...]
    subjects: tuple[SubjectVariants, ...]
    agreement: float | None
    same_first: float
    share: float | None
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        widest = max(self.subjects, key=lambda s: s.best.value - s.worst.value)
        return (
            f"{len(self.variants)} variants: {widest.subject} goes from {widest.worst.value:.3f} "
            f"to {widest.best.value:.3f} by wording alone"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "subjects": [s.to_dict() for s in self.subjects]}


def over_variants(
    table: pl.DataFrame,
    *,
    share: float | None = None,
    level: float = 0.95,
    draws: int = 400,
    seed: int = 0,
) -> Variants:
    """Distribution of each subject's score over the prompt variants of a table.

    Args:
        table: columns subject, item, variant and score in 0–1, one row a trial.
        share: of variance due to variants, for the result.
        draws: of what is not known, where cells are missing.

    Raises:
        InputError: for fewer than 2 variants, or variants that are not shared between items.
    """
    variants = table["variant"].unique(maintain_order=True)
    items = table["item"].unique(maintain_order=True)
    if variants.len() < 2:
        raise InputError("variants: wanted at least 2")
    pairs = table.select("variant", "item").unique().height
    if pairs < 2 * variants.len():
        raise InputError(
            "variants: each is of one item, so there is no prompt that all items share; "
            "its share of the variance is among the components"
        )
    means = table.group_by("subject", "variant", "item", maintain_order=True).agg(
        pl.col("score").mean()
    )
    subjects = means["subject"].unique(maintain_order=True)
    if variants.len() * items.len() > MOST_CELLS:
        raise InputError(f"variants: wanted at most {MOST_CELLS:,} variants × items")
    at = {
        name: means[name].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
        for name, names in (("subject", subjects), ("variant", variants), ("item", items))
    }
    score = means["score"].to_numpy()
    seeds = np.random.SeedSequence(seed).spawn(subjects.len())
    rows, drawn = [], []
    unseen = 0
    for s in range(subjects.len()):
        own = at["subject"] == s
        y = np.full((variants.len(), items.len()), np.nan)
        y[at["variant"][own], at["item"][own]] = score[own]
        unseen += int(np.isnan(y).all(axis=1).any())
        rows.append(float((~np.isnan(y)).mean()))
        drawn.append(_drawn(y, draws, np.random.default_rng(seeds[s])))
    centre = np.array([d.mean(axis=0) for d in drawn])
    rank = 1 + (centre[:, None, :] < centre[None, :, :]).sum(axis=1)
    tau = _agreement(centre)
    first = int(np.argmax(centre.mean(axis=1)))
    notes = ["quantiles are over these variants; those of wordings not tried may lie further out"]
    if unseen:
        notes.append(f"{unseen} subjects have variants without any score, filled in by the model")
    return Variants(
        tuple(variants),
        tuple(
            _of_subject(subjects[s], rows[s], drawn[s], rank[s], level)
            for s in range(subjects.len())
        ),
        tau, float((rank[first] == 1).mean()), share, tuple(notes),
    )  # fmt: skip


def _drawn(y: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Shape (draws, variants); one draw where nothing is missing."""
    if not np.isnan(y).any():
        whole: Floats = y.mean(axis=1)[None]
        return whole
    asked = ~np.isnan(y).all(axis=0)
    tried = ~np.isnan(y).all(axis=1)
    if int(tried.sum()) < 2:
        raise InputError("variants: a subject was given fewer than 2 of them")
    part = y[np.ix_(tried, asked)]
    found = np.empty((draws, y.shape[0]))
    model = fit_prompts(part)
    found[:, tried] = draw_means(part, model, draws, rng)
    if not tried.all():
        # A variant that was not tried is one more draw from the variants there are.
        rest = int((~tried).sum())
        pick = rng.integers(0, int(tried.sum()), (draws, rest))
        found[:, ~tried] = np.take_along_axis(found[:, tried], pick, axis=1)
    return found


def _of_subject(
    subject: str, seen: float, drawn: Floats, rank: Ints, level: float
) -> SubjectVariants:
    tail = (1 - level) / 2

    def spread(of: Floats) -> Spread:
        low, high = np.quantile(of, [tail, 1 - tail])
        return Spread(float(of.mean()), float(low), float(high))

    centre = drawn.mean(axis=0)
    mean = drawn.mean(axis=1)
    size = drawn.shape[1]
    wide: Spread | None = None
    if size >= 3:
        # Within each draw the variants' own spread is whole, so that missing cells count.
        error = float(np.sqrt(drawn.var(axis=1, ddof=1).mean() / size + mean.var()))
        t = float(stdtrit(size - 1, 1 - tail))
        value = float(mean.mean())
        wide = Spread(value, max(value - t * error, 0.0), min(value + t * error, 1.0))
    return SubjectVariants(
        subject, seen, spread(mean), wide, spread(drawn.min(axis=1)), spread(drawn.max(axis=1)),
        tuple((q, spread(np.quantile(drawn, q, axis=1))) for q in QUANTILES),
        tuple(centre.tolist()), (int(rank.min()), int(rank.max())),
    )  # fmt: skip


def _agreement(scores: Floats) -> float | None:
    """Mean over pairs of variants of Kendall's τ_b between subjects' scores, shape (s, v)."""
    if scores.shape[0] < 2:
        return None
    a, b = np.triu_indices(scores.shape[0], 1)
    sign = np.sign(scores[a] - scores[b])
    norm = np.sqrt((sign**2).sum(axis=0))
    if (norm == 0).any():
        return None
    sign = sign / norm
    cross = sign.T @ sign
    v = cross.shape[0]
    return float((cross.sum() - np.trace(cross)) / (v * (v - 1)))
