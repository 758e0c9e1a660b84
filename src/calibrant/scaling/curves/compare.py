"""Which shape forecasts best? Each is tried on larger subjects than it was fitted to.

Where there are too few scales for that, on subjects that were left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.scores import Scores

Floats = NDArray[np.float64]
Split = tuple[NDArray[np.bool_], NDArray[np.bool_]]

CUTS = (0.4, 0.55, 0.7, 0.85)
"""Shares of the scales that are known at the cuts of a back-test."""
ENOUGH_SCALES = 8
"""Scales from which a back-test is made; with fewer, subjects are left out one by one."""
FOLDS = 10
"""Most folds of subjects left out."""


@dataclass(frozen=True)
class Tried:
    """How a model did where it had not seen the scores.

    Attributes:
        name, says: of the model.
        baseline: whether it is one that others must beat.
        log_score: mean log density per score; higher is better, None where it was never fitted.
        behind: how much better the best model is, per score; 0 for the best.
        behind_error: standard error of that, over families; None where there are too few.
        covered: share of scores within the 90 % interval.
        scores: how many were forecast.
        refused: why it was not fitted at last, or "".
    """

    name: str
    says: str
    baseline: bool
    log_score: float | None
    behind: float | None
    behind_error: float | None
    covered: float | None
    scores: int
    refused: str


def splits(known: Scores) -> tuple[str, list[Split]]:
    """How the past is cut: the name of the rule, and masks of what is known and what is asked."""
    scales = np.unique(known.scale)
    if scales.size >= ENOUGH_SCALES:
        places = sorted({int(np.ceil(s * scales.size)) for s in CUTS})
        limits = [scales[p - 1] for p in places if p < scales.size]
        return "back-test on larger scales", [
            (known.scale <= limit, known.scale > limit) for limit in limits
        ]
    fold = np.arange(len(known)) % min(FOLDS, len(known))
    return "leaving subjects out", [(fold != k, fold == k) for k in range(int(fold.max()) + 1)]


def tried(
    known: Scores, models: Iterable[Forecaster], rng: np.random.Generator
) -> tuple[str, tuple[Tried, ...]]:
    """Try models where they had not seen the scores, the best first.

    Args:
        known: rows of one measure with scores and scales.
        models: those to try.
        rng: one child is spawned for each model and cut.

    Raises:
        InputError: if there is more than one measure.
    """
    if len(known.measures) != 1:
        raise InputError(f"curves: wanted one measure, got {len(known.measures)}")
    how, cut = splits(known)
    every = list(models)
    found = [_one(known, model, cut, child) for model, child in zip(
        every, rng.spawn(len(every)), strict=True)]  # fmt: skip
    asked = np.concatenate([np.flatnonzero(at) for _, at in cut])
    whole = [log for log, _, _ in found if np.isfinite(log).all()]
    best = max(whole, key=np.mean) if whole else None
    rows = [
        _row(model, *each, best, known.family[asked])
        for model, each in zip(every, found, strict=True)
    ]
    worst = -np.inf
    return how, tuple(
        sorted(rows, key=lambda r: worst if r.log_score is None else r.log_score, reverse=True)
    )


def _one(
    known: Scores, model: Forecaster, cut: list[Split], rng: np.random.Generator
) -> tuple[Floats, Floats, str]:
    """Log densities, whether covered, for each score asked (nan where refused), and why refused."""
    log, held, why = [], [], ""
    for (old, new), child in zip(cut, rng.spawn(len(cut)), strict=True):
        at = known.take(new)
        try:
            p = model.predict(known.take(old), at, child)
        except UnfitError as error:
            why = one_line(str(error), 300)
            log.append(np.full(len(at), np.nan))
            held.append(np.full(len(at), np.nan))
            continue
        low, high = p.interval(0.9)
        # A density that underflows would make every mean of it minus infinity.
        log.append(np.maximum(p.log_density(at.score), -745.0))
        held.append(((low <= at.score) & (at.score <= high)).astype(float))
    return np.concatenate(log), np.concatenate(held), why


def _row(
    model: Forecaster,
    log: Floats,
    held: Floats,
    why: str,
    best: Floats | None,
    family: NDArray[np.str_],
) -> Tried:
    if not np.isfinite(log).all():
        some = int(np.isfinite(log).sum())
        return Tried(
            model.name, model.says, model.baseline, None, None, None, None, some,
            why or "a density of 0",
        )  # fmt: skip
    behind, error = None, None
    if best is not None:
        gap = best - log
        behind = float(gap.mean())
        _, group = np.unique(family, return_inverse=True)
        if group.max() >= 2:
            sums = np.bincount(group, gap - behind)
            k = sums.size
            error = float(np.sqrt(np.sum(sums**2) * k / (k - 1)) / gap.size)
    return Tried(
        model.name, model.says, model.baseline, float(log.mean()), behind, error,
        float(held.mean()), log.size, why,
    )  # fmt: skip
