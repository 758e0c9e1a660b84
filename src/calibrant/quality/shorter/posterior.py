"""What do some answers say about the rest? Weighted points in place of a subject's abilities.

A subject is a place z in K dimensions. The distribution of z after some answers is carried by
points of a low-discrepancy sequence with weights; where answers leave few points with weight, the
points are drawn together around what the answers say. All is a function of the set of answers, in
whatever order they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.quality.shorter.factors import Factors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POINTS, DRAWN = 512, 192
"""Points before any answer, and after they are drawn together."""
WIDTH = 1.2
"""Standard deviation of places before any answer: wider than among the calibration subjects, as
new families lie outside them."""
_FEW = 40.0
"""Effective points below which they are drawn together."""
_REACH = 1.5


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points with weights, and each item's expected score at each point.

    Attributes:
        places: shape (points, K).
        expected: shape (points, items).
        start: shape (points,), log weights before any answer.
    """

    places: Floats
    expected: Floats
    start: Floats

    @cached_property
    def squares(self) -> Floats:
        """Shape (points, items): squares of `expected`."""
        return np.square(self.expected)

    def weights(self, answered: Ints, scores: Floats, dispersion: Floats) -> Floats:
        """Shape (points,): weights after answers, which sum to 1."""
        log = self.start.copy()
        if answered.size:
            p = self.expected[:, answered]
            precision = 1.0 / dispersion[answered]
            log += np.log(p) @ (scores * precision) + np.log1p(-p) @ ((1.0 - scores) * precision)
        weight: Floats = np.exp(log - log.max())
        weight /= weight.sum()
        return weight


def cloud_of(factors: Factors) -> Cloud:
    """The points before any answer."""
    places = WIDTH * _normal(POINTS, factors.dimensions)
    return Cloud(places, factors.expected(places), np.zeros(len(places)))


def _normal(points: int, dimensions: int) -> Floats:
    """Shape (points, dimensions): evenly spread standard normal points (Roberts' sequence)."""
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    steps = (1.0 / root) ** np.arange(1, dimensions + 1)
    uniform = (0.5 + np.arange(1, points + 1)[:, None] * steps) % 1.0
    normal: Floats = ndtri(np.clip(uniform, 0.5 / points, 1.0 - 0.5 / points))
    return normal


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of a subject after some answers.

    Attributes:
        cloud, weight: points, and their weights.
        dispersion: shape (items,).
        answered: shape (items,), whether an item has a score.
        worth: shape (items,), each item's part in the full score; they sum to 1.
        got: what the answers add to the full score.
    """

    cloud: Cloud
    weight: Floats
    dispersion: Floats
    answered: NDArray[np.bool_]
    worth: Floats
    got: float

    @cached_property
    def expected(self) -> Floats:
        """Shape (items,): expected scores."""
        mean: Floats = self.weight @ self.cloud.expected
        return mean

    @cached_property
    def _square(self) -> Floats:
        mean: Floats = self.weight @ self.cloud.squares
        return mean

    @cached_property
    def noise(self) -> Floats:
        """Shape (items,): variance of a score around what the subject's place makes expected."""
        own: Floats = self.dispersion * np.maximum(self.expected - self._square, 1e-12)
        return own

    @cached_property
    def rest(self) -> Floats:
        """Shape (points,): what items without a score add to the full score, about its mean."""
        left: Floats = self.cloud.expected @ np.where(self.answered, 0.0, self.worth)
        left -= self.weight @ left
        return left

    @property
    def value(self) -> float:
        """The expected full score: the answers as they are, and the rest as expected."""
        return self.got + float(np.where(self.answered, 0.0, self.worth) @ self.expected)

    @property
    def variance(self) -> float:
        """Of the full score, by the model."""
        own = np.where(self.answered, 0.0, np.square(self.worth)) @ self.noise
        return float(self.weight @ np.square(self.rest) + own)

    def together(self, item: int) -> Floats:
        """Shape (items,): covariances of an item's score with the others' expected ones."""
        column = self.cloud.expected[:, item] - self.expected[item]
        shared: Floats = (self.weight * column) @ self.cloud.expected
        return shared

    def gains(self, pending: Ints) -> Floats:
        """Shape (items,): by how much one more score lowers the variance of the full score.

        Args:
            pending: items asked and not answered yet; they count as if their answers were known,
                whatever they will be: to second order only how variances fall matters.
        """
        shared = (self.weight * self.rest) @ self.cloud.expected
        own = np.maximum(self._square - np.square(self.expected), 0.0)
        known: list[tuple[Floats, float]] = []
        for item in pending:
            row = self.together(int(item))
            for earlier, total in known:
                row = row - earlier * (earlier[item] / total)
            total = float(max(row[item], 0.0) + self.noise[item])
            part = float(shared[item] + self.worth[item] * self.noise[item])
            shared = shared - row * (part / total)
            own = np.maximum(own - np.square(row) / total, 0.0)
            known.append((row, total))
        gain: Floats = np.square(shared + self.worth * self.noise) / (own + self.noise)
        gain[self.answered] = -1.0
        gain[pending] = -1.0
        return gain


def posterior_of(
    factors: Factors, cloud: Cloud, worth: Floats, answered: Ints, scores: Floats
) -> Posterior:
    """What some answers say.

    Args:
        cloud: the points before any answer.
        worth: shape (items,), sums to 1.
        answered: numbers of items, each once, ascending.
        scores: their scores, 0–1.
    """
    weight = cloud.weights(answered, scores, factors.dispersion)
    for _ in range(2):
        if 1.0 / float(weight @ weight) >= _FEW:
            break
        cloud = _drawn_together(factors, cloud, weight)
        weight = cloud.weights(answered, scores, factors.dispersion)
    done = np.zeros(len(worth), np.bool_)
    done[answered] = True
    return Posterior(
        cloud, weight, factors.dispersion, done, worth, float(worth[answered] @ scores)
    )


def _drawn_together(factors: Factors, cloud: Cloud, weight: Floats) -> Cloud:
    """Points spread as the weights say, and wider; started with what makes the prior the same."""
    middle = weight @ cloud.places
    off = cloud.places - middle
    spread = (weight[:, None] * off).T @ off + 1e-3 * np.eye(len(middle))
    root = _REACH * np.linalg.cholesky(spread)
    normal = _normal(DRAWN, len(middle))
    places = middle + normal @ root.T
    start = 0.5 * (np.square(normal).sum(axis=1) - np.square(places / WIDTH).sum(axis=1))
    return Cloud(places, factors.expected(places), start)
