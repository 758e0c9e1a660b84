"""What do answers say about ability? Log-likelihoods on a grid, for many subjects at once.

The grid is fine enough for the sharpest likelihood that the bank can give, so that sums over it
are integrals to many digits. A new answer adds one row to a subject's: adaptive tests need no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats, Ints
from calibrant.quality.scoring.curves import Curves, curves

_MOST_POINTS = 2001
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Kernel:
    """A bank's curves on a grid of abilities, ready for answers.

    Attributes:
        theta: shape (points,), even steps upward.
        log_curves: shape (items, categories, points), log chances of each category.
        log_prior: shape (points,), a normal ability with the bank's mean and sd, up to a constant.
        curves: what they were made of.
    """

    theta: Floats
    log_curves: Floats
    log_prior: Floats
    curves: Curves

    @property
    def step(self) -> float:
        """Between abilities of the grid."""
        return float(self.theta[1] - self.theta[0])

    def start(self, subjects: int = 1) -> Floats:
        """Shape (subjects, points): log posteriors before any answer."""
        return np.tile(self.log_prior, (subjects, 1))

    def update(self, log_posterior: Floats, item: int | Ints, category: int | Ints) -> Floats:
        """Log posteriors after one more answer of each subject.

        Args:
            log_posterior: shape (subjects, points).
            item, category: numbers, one for all or shape (subjects,).
        """
        found: Floats = log_posterior + self.log_curves[item, category]
        return found

    def summary(self, log_posterior: Floats) -> tuple[Floats, Floats]:
        """Mean and sd of each log posterior, shape (subjects,) each."""
        w = np.exp(log_posterior - log_posterior.max(axis=-1, keepdims=True))
        w /= w.sum(axis=-1, keepdims=True)
        mean = w @ self.theta
        return mean, np.sqrt(np.maximum(w @ self.theta**2 - mean**2, 0.0))

    def log_likelihood(self, weights: Floats) -> Floats:
        """Shape (subjects, points): of all answers together.

        Args:
            weights: shape (subjects, items, categories), 1 for the answer given, 0 elsewhere.
        """
        table = self.log_curves.reshape(-1, self.theta.size)
        rows = weights.reshape(weights.shape[0], -1)
        found: Floats = rows @ table
        return found


def kernel(bank: Bank, *, uncertainty: bool = True) -> Kernel:
    """The grid of a bank.

    Args:
        uncertainty: False to ignore the error of the items' parameters.
    """
    low, high = ability_range(bank)
    rough = np.linspace(low, high, 121)
    most = float(bank.information(rough).sum(axis=1).max())
    steepest = float(np.abs(bank.discrimination).max(initial=0.0))
    step = min(0.1, 0.6 / max(most, 1e-9) ** 0.5, 0.3 / max(steepest, 1e-9))
    points = min(int(np.ceil((high - low) / step)) + 1, _MOST_POINTS)
    theta = np.linspace(low, high, points)
    made = curves(bank, theta, uncertainty=uncertainty)
    prior = -0.5 * ((theta - bank.mean) / bank.sd) ** 2
    table = np.ascontiguousarray(made.log_p.transpose(1, 2, 0))
    return Kernel(theta, table, prior, made)


def ability_range(bank: Bank) -> tuple[float, float]:
    """Nine sd about the mean, and three beyond where most items lie, at most twelve sd off.

    Raises:
        InputError: if the bank's mean or sd is not usable, or it has no items.
    """
    if not (np.isfinite(bank.mean) and np.isfinite(bank.sd) and bank.sd > 0 and bank.items):
        raise InputError(
            f"bank: wanted items and a finite mean and sd of ability, got {len(bank.items)} items, "
            f"mean {bank.mean:g}, sd {bank.sd:g}"
        )
    steps = bank.difficulty[np.abs(bank.discrimination) > 0.2 / bank.sd]
    steps = steps[np.isfinite(steps)]
    low, high = bank.mean - 9 * bank.sd, bank.mean + 9 * bank.sd
    if steps.size:
        ends = np.quantile(steps, [0.05, 0.95])
        low = max(min(low, ends[0] - 3 * bank.sd), bank.mean - 12 * bank.sd)
        high = min(max(high, ends[1] + 3 * bank.sd), bank.mean + 12 * bank.sd)
    return float(low), float(high)


def answer_weights(bank: Bank, scores: Floats, *, fractional: str = "refuse") -> Floats:
    """Shape (subjects, items, categories): 1 for the category of each answer, else 0.

    Args:
        scores: shape (subjects, items), NaN where there is none.
        fractional: what to do with a score between two categories, such as the mean of several
            trials: "refuse" it, "share" it between both (a quasi-likelihood with the information
            of one answer), or "round" it to the nearest.

    Raises:
        InputError: for a score that an item cannot have, or a shape that is not the bank's.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(bank.items):
        raise InputError(
            f"scores: wanted a matrix with {len(bank.items)} items, got shape {scores.shape}"
        )
    if fractional not in ("refuse", "share", "round"):
        raise InputError(f"fractional: wanted refuse, share or round, got {fractional!r}")
    size = bank.values.shape[1]
    if fractional == "refuse":
        chosen = bank.category_of(scores)
        found: Floats = (chosen[:, :, None] == np.arange(size)).astype(np.float64)
        return found
    low, high = np.nanmin(bank.values, axis=1), np.nanmax(bank.values, axis=1)
    outside = (scores < low - 1e-9) | (scores > high + 1e-9)
    if outside.any():
        i, j = np.argwhere(outside)[0]
        raise InputError(
            f"item {bank.items[j]}: wanted a score from {low[j]:g} to {high[j]:g}, "
            f"got {scores[i, j]:g}"
        )
    position = (scores - low) / (high - low) * (bank.categories - 1)
    if fractional == "round":
        position = np.round(position)
    found = np.maximum(1.0 - np.abs(position[:, :, None] - np.arange(size)), 0.0)
    found[np.isnan(found)] = 0.0
    return found


def answered_of(weights: Floats) -> Floats:
    """Shape (subjects, items): 1 where there is an answer, else 0; of `answer_weights`."""
    found: Floats = (weights.sum(axis=2) > 0).astype(np.float64)
    return found
