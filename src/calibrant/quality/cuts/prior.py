"""How do true rates vary among subjects? The beta-binomial model, with what is unsure about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit

from calibrant.errors import InputError

Floats = NDArray[np.float64]

_POINTS = 11
"""Over five standard deviations each way, the sums of a smooth density are exact to 7 digits."""
_COARSE = 32


@dataclass(frozen=True, eq=False)
class Priors:
    """Beta distributions of true rates, each with a weight.

    Attributes:
        a, b: shape (distributions,), parameters of each.
        weights: shape (distributions,), sum 1; one distribution of weight 1 if it was declared.
        subjects: how many they were learnt from; 0 if declared.
    """

    a: Floats
    b: Floats
    weights: Floats
    subjects: int

    @property
    def mean(self) -> float:
        """Of true rates."""
        return float(self.weights @ (self.a / (self.a + self.b)))

    @property
    def sd(self) -> float:
        """Of true rates."""
        total = self.a + self.b
        means = self.a / total
        within = means * (1 - means) / (total + 1)
        return float(np.sqrt(self.weights @ (within + (means - self.mean) ** 2)))

    @property
    def icc(self) -> float:
        """Share of the variance of one answer that lies between subjects."""
        return float(self.weights @ (1 / (self.a + self.b + 1)))


def declared(a: float, b: float) -> Priors:
    """One distribution, Beta(a, b), for certain.

    Raises:
        InputError: if a or b is not above 0.
    """
    if not (0 < a < 1e6 and 0 < b < 1e6):
        raise InputError(f"prior: wanted two numbers from 0 to a million, got {a!r} and {b!r}")
    return Priors(np.array([float(a)]), np.array([float(b)]), np.ones(1), 0)


def posterior(right: Floats, items: Floats) -> Priors:
    """Distributions on a grid, weighed by how likely they make the counts.

    A priori the mean and the intraclass correlation 1 / (a + b + 1) are uniform on 0–1.

    Args:
        right, items: shape (subjects,), right answers of items asked; fractions are allowed, as
            of graded scores.

    Raises:
        InputError: for fewer than 5 subjects, or counts that cannot be.
    """
    if right.size < 5:
        raise InputError(f"subjects: wanted at least 5, to see how they vary, got {right.size}")
    if not ((right >= 0) & (right <= items) & (items > 0)).all():
        raise InputError("scores: wanted right answers from 0 to the number of items")
    pairs, count = np.unique(np.stack([right, items]), axis=1, return_counts=True)
    low, high = np.array([-7.0, -9.0]), np.array([7.0, 6.0])
    for points in (_COARSE, _COARSE, _POINTS):
        axes = [np.linspace(lo, hi, points) for lo, hi in zip(low, high, strict=True)]
        m, r = np.meshgrid(*axes, indexing="ij")
        log = _log_weight(m, r, pairs, count)
        mass = np.exp(log - log.max())
        for i, other in enumerate((1, 0)):
            seen = np.nonzero(mass.sum(axis=other) > 1e-6 * mass.sum())[0]
            step = axes[i][1] - axes[i][0]
            low[i], high[i] = axes[i][seen[0]] - step, axes[i][seen[-1]] + step
    a, b = _shape(m, r)
    weights = (mass / mass.sum()).ravel()
    keep = weights > 1e-9
    return Priors(a.ravel()[keep], b.ravel()[keep], weights[keep] / weights[keep].sum(),
                  int(right.size))  # fmt: skip


def _shape(m: Floats, r: Floats) -> tuple[Floats, Floats]:
    """a and b of the logits of mean and intraclass correlation."""
    total = np.exp(-r)  # 1 / ρ − 1
    return expit(m) * total, expit(-m) * total


def _log_weight(m: Floats, r: Floats, pairs: Floats, count: NDArray[np.int64]) -> Floats:
    """Log posterior, up to a constant, on the grid of logits."""
    a, b = (v[..., None] for v in _shape(m, r))
    k, n = pairs
    found = (count * (betaln(a + k, b + n - k) - betaln(a, b))).sum(axis=-1)
    # Uniform on the mean and the correlation: the density of a logit is p (1 − p).
    for x in (m, r):
        found = found + np.log(expit(x)) + np.log(expit(-x))
    return np.asarray(found)
