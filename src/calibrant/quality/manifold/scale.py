"""On which scale do bounded scores add up? From the unit interval onto a line, with its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

EDGES = (0.5, 0.2, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
"""Edges that are tried: from the score itself to nearly its logit."""


@dataclass(frozen=True)
class Scale:
    """h(y) = logit(e + (1 − 2e) y) / logit(1 − e), from −1 at score 0 to 1 at score 1.

    With the edge e at 0.5 it is the score itself, 2y − 1; as e falls it becomes the logit, on
    which Samejima's continuous response model (Psychometrika 38 (1973) 203) is linear.
    """

    edge: float

    @property
    def _top(self) -> float:
        return float(np.log((1 - self.edge) / self.edge))

    def of(self, score: Floats) -> Floats:
        """h(y), for scores in 0–1."""
        y = np.asarray(score, np.float64)
        if self.edge == 0.5:
            return 2 * y - 1
        p = self.edge + (1 - 2 * self.edge) * y
        # 1 − p by its own sum: near 1 the difference would lose its digits.
        q = self.edge + (1 - 2 * self.edge) * (1 - y)
        found: Floats = (np.log(p) - np.log(q)) / self._top
        return found

    def log_slope(self, score: Floats) -> Floats:
        """log h′(y)."""
        y = np.asarray(score, np.float64)
        if self.edge == 0.5:
            return np.full(y.shape, np.log(2.0))
        p = self.edge + (1 - 2 * self.edge) * y
        q = self.edge + (1 - 2 * self.edge) * (1 - y)
        found: Floats = np.log(1 - 2 * self.edge) - np.log(p) - np.log(q) - np.log(self._top)
        return found

    def back(self, h: Floats) -> Floats:
        """The score in 0–1 whose h it is; beyond the limits 0 or 1."""
        h = np.asarray(h, np.float64)
        if self.edge == 0.5:
            middle = (h + 1) / 2
        else:
            middle = (expit(self._top * h) - self.edge) / (1 - 2 * self.edge)
        # Exactly the limits beyond them: they are atoms, and rounding must not move scores off.
        found: Floats = np.where(h >= 1, 1.0, np.where(h <= -1, 0.0, np.clip(middle, 0.0, 1.0)))
        return found
