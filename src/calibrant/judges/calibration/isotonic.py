"""Which probability of the gold label belongs to a judge's score, if higher never means less?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Isotonic:
    """An isotonic fit: values at the distinct scores, in between on straight lines.

    Attributes:
        scores: distinct scores, ascending.
        values: fitted, ascending, in the units of the labels.
    """

    scores: Floats
    values: Floats

    def __repr__(self) -> str:
        steps = int(np.unique(self.values).size)
        return (
            f"isotonic map of {self.scores.size:,} distinct scores in {steps:,} steps, "
            f"{self.values[0]:.4g} to {self.values[-1]:.4g}"
        )

    def __call__(self, scores: Floats) -> Floats:
        """Values at `scores`; beyond the ends those of the ends."""
        return np.asarray(np.interp(scores, self.scores, self.values))


def tied(scores: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Distinct scores, ascending, with the number of labels at each and their mean."""
    distinct, which = np.unique(scores, return_inverse=True)
    weight = np.bincount(which).astype(np.float64)
    return distinct, weight, np.bincount(which, weights=y) / weight


def isotonic(scores: Floats, y: Floats) -> Isotonic:
    """Least squares under "a higher score never means less": pool adjacent violators, O(n log n).

    Equal scores are one point with their mean, so that the order of ties cannot matter.

    Args:
        scores, y: shape (n,), n at least 1, finite.
    """
    distinct, weight, mean = tied(scores, y)
    fitted = isotonic_regression(mean, weights=weight).x
    # Rounding must not leave the range of the labels, nor the order.
    fitted = np.maximum.accumulate(np.clip(fitted, y.min(), y.max()))
    return Isotonic(distinct, np.asarray(fitted))
