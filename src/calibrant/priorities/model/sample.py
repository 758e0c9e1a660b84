"""Draws of the model's posterior from weighted Laplace approximations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from calibrant.priorities.model.field import Field
from calibrant.priorities.model.hyper import Hyper
from calibrant.priorities.model.priors import Spreads, spreads
from calibrant.priorities.model.shift import shift

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws of everything the results speak of, draws first."""

    scores: tuple[Floats, ...]
    thresholds: tuple[Floats, ...]
    own: tuple[Floats, ...]
    spreads: tuple[Floats, ...]
    severity: Floats


def draw(every: Field, hyper: Hyper, draws: int, rng: np.random.Generator) -> Sample:
    """Draws from the mixture of Gaussians over the points, each about its posterior mean."""
    weights = np.array([p.weight for p in hyper.points])
    counts = np.floor(weights.cumsum() / weights.sum() * draws + rng.random()).astype(int)
    counts = np.diff(np.minimum(counts, draws), prepend=0)
    counts[-1] += draws - counts.sum()
    parts, made = [], []
    shifts: dict[int, tuple[Floats, Floats]] = {}
    severity = np.zeros((every.raters, every.questions))
    for point, count in zip(hyper.points, counts, strict=True):
        if not count:
            continue
        # Points that share an expansion share its correction.
        if id(point.expansion) not in shifts:
            shifts[id(point.expansion)] = shift(every, point.expansion, point.step)
        f, b = shifts[id(point.expansion)]
        noise = solve_triangular(
            point.step.root, rng.standard_normal((every.size, count)), trans=1, lower=True
        )
        parts.append((point.step.f + f)[:, None] + noise)
        made.extend([_spreads(every, point.x)] * count)
        severity += count / draws * (point.step.b + b)
    order = rng.permutation(draws)
    field_draws = np.concatenate(parts, axis=1).T[order]
    questions = range(every.questions)
    pooled = made[0].category is not None
    chosen = [made[i] for i in order]
    matrices = [np.stack([s.rater for s in chosen]), np.stack([s.area for s in chosen])]
    if pooled:
        matrices.append(np.stack([s.category for s in chosen if s.category is not None]))
    return Sample(
        tuple(field_draws[:, every.scores(q)] for q in questions),
        # Where a label was hardly used, the Gaussian may turn two thresholds round.
        tuple(np.sort(field_draws[:, every.thresholds(q)], axis=1) for q in questions),
        tuple(field_draws[:, every.thresholds(q).stop] for q in questions) if every.own else (),
        tuple(matrices),
        severity,
    )


def _spreads(every: Field, x: Floats) -> Spreads:
    return spreads(x, every.questions, pooled=bool(every.layout.categories))
