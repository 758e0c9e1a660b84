"""What was believed before the survey: how far areas, categories and raters may differ.

Every hyperparameter is a transform of a standard normal number, so that Gaussian approximations,
importance draws and the sampler all work on one scale:

- a standard deviation of latent scores, of raters, areas or categories, is 0.5 exp(0.8 x):
  log-normal, with 95 % between 0.1 and 2.4 residual standard deviations of one rating;
- a correlation between two questions is tanh(0.55 x), close to the LKJ(2) prior (Lewandowski,
  Kurowicka and Joe, J. Multivariate Analysis 100 (2009) 1989); for more than two questions these
  are partial correlations along the rows of the Cholesky factor.

The density of a log-normal spread is 0 at 0, so that neither the mode nor the draws collapse to no
spread where little was rated (boundary avoidance: Chung, Rabe-Hesketh, Dorie, Gelman and Liu,
Psychometrika 78 (2013) 685). Thresholds, as chances of the labels for a
latent score N(0, 1.5²), are Dirichlet(2, …, 2): one more rating of each label than a uniform
prior. The effect of an own area is N(0, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 1.5
"""Standard deviation of the latent scores at which the prior of thresholds is uniform."""

EXTRA = 1.0
"""Ratings of each label that the prior of thresholds is worth, beyond a uniform one."""

MEDIAN, FACTOR = 0.5, 0.8
"""Median of a spread, and the standard deviation of its logarithm."""

BEND = 0.55
"""Standard deviation of Fisher's z of a correlation."""

OWN = 1.0
"""Standard deviation of the effect of an own area."""


@dataclass(frozen=True)
class Spreads:
    """Covariances of latent scores between questions, each of shape (questions, questions).

    Attributes:
        rater: of severity. area: of areas within their category. category: of categories; None
            where areas are not pooled.
    """

    rater: Floats
    area: Floats
    category: Floats | None


def size(questions: int, *, pooled: bool) -> int:
    """How many hyperparameters there are."""
    return (2 + pooled) * (questions + questions * (questions - 1) // 2)


def names(questions: tuple[str, ...], *, pooled: bool) -> list[str]:
    """What each hyperparameter is of."""
    pairs = [f"{a} ~ {b}" for i, b in enumerate(questions) for a in questions[:i]]
    parts = ("rater", "area", "category") if pooled else ("rater", "area")
    return [f"{part} {x}" for part in parts for x in (*questions, *pairs)]


def spreads(x: Floats, questions: int, *, pooled: bool) -> Spreads:
    """Covariances at a point of standard normal numbers."""
    parts = np.split(np.asarray(x, float), 2 + pooled)
    made = [_covariance(p, questions) for p in parts]
    return Spreads(made[0], made[1], made[2] if pooled else None)


def _covariance(x: Floats, questions: int) -> Floats:
    scale = MEDIAN * np.exp(FACTOR * x[:questions])
    root = np.zeros((questions, questions))
    root[0, 0] = 1.0
    at = questions
    for i in range(1, questions):
        left = 1.0
        for j in range(i):
            partial = math.tanh(BEND * float(x[at]))
            root[i, j] = partial * math.sqrt(left)
            left *= 1 - partial * partial
            at += 1
        root[i, i] = math.sqrt(left)
    root = scale[:, None] * root
    return np.asarray(root @ root.T)
