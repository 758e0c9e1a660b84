"""Does adapting pay on this bank? Tests on subjects that the bank has not seen, or has made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from calibrant.quality.checks.working import NODES, WEIGHTS, curves, posterior_of, work
from calibrant.stats.estimates.intervals import Interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHORTEST = 5
"""Items of the shortest test that is tried; a bank of less than twice as many leaves no choice."""

RANDOM_DRAWS = 8
"""Random tests a subject, averaged."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Adaptive beside random tests of the same length, on the same subjects.

    Attributes:
        length: items a test.
        adaptive, random: shape (subjects,), squared errors of the predicted score on all items.
        groups: shape (subjects,), who resembles whom.
        source: where the subjects come from: "held out" or "simulated".
    """

    length: int
    adaptive: Floats
    random: Floats
    groups: Ints
    source: str

    @property
    def ratio(self) -> float:
        """Mean squared error of adaptive tests over that of random ones."""
        return float(self.adaptive.mean() / max(self.random.mean(), 1e-300))

    @property
    def saved(self) -> Interval:
        """Random less adaptive squared error, relative to random: 95 % interval over groups."""
        mean, error, free = self._difference()
        half = float(stdtrit(free, 0.975)) * error
        scale = max(float(self.random.mean()), 1e-300)
        return Interval((mean - half) / scale, (mean + half) / scale, 0.95, "t over groups")

    @property
    def p(self) -> float:
        """One-sided, of adaptive tests being no better than random ones."""
        mean, error, free = self._difference()
        if error == 0:
            return 1.0
        return float(stdtr(free, -mean / error))

    def _difference(self) -> tuple[float, float, float]:
        d = self.random - self.adaptive
        size = int(self.groups.max()) + 1
        mean = float(d.mean())
        sums = np.bincount(self.groups, weights=d - mean, minlength=size)
        error = float(np.sqrt((sums**2).sum() * size / max(size - 1, 1))) / d.size
        return mean, error, max(size - 1.0, 1.0)


def length_of(items: int) -> int:
    """A fifth of the items, at least 5 and at most 25."""
    return int(np.clip(items // 5, min(SHORTEST, items), 25))


def held_out(
    unit: Floats, groups: Ints, rng: np.random.Generator, *, folds: int = 5, most: int = 400
) -> Trial:
    """Calibrate on some subjects, test the others adaptively and at random; every one once.

    Args:
        unit: shape (subjects, items), in 0–1, NaN where there is none.
        groups: shape (subjects,), numbered from 0; a group is held out whole.
        folds: parts that subjects are split into.
        most: subjects used, chosen at random if there are more.
    """
    if unit.shape[0] > most:
        chosen = np.sort(rng.permutation(unit.shape[0])[:most])
        unit, groups = unit[chosen], np.unique(groups[chosen], return_inverse=True)[1]
    size = int(groups.max()) + 1
    fold_of = (rng.permutation(size) % min(folds, size))[groups]
    length = length_of(unit.shape[1])
    adaptive, random = np.zeros(unit.shape[0]), np.zeros(unit.shape[0])
    for fold in range(min(folds, size)):
        out = fold_of == fold
        fit = work(unit[~out], rounds=25)
        adaptive[out], random[out] = both(unit[out], fit.slope, fit.intercept, length, rng)
    return Trial(length, adaptive, random, groups, "held out")


def simulated(
    slope: Floats, intercept: Floats, covariance: Floats, rng: np.random.Generator,
    *, mean: float = 0.0, sd: float = 1.0, subjects: int = 400, truths: int = 20,
) -> Trial:  # fmt: skip
    """Draw what the parameters may truly be, and subjects that answer by it; test as calibrated.

    Args:
        slope, intercept: shape (items,), as calibrated.
        covariance: shape (items, 2, 2), of slope and intercept.
        mean, sd: of ability.
        subjects: in all, spread over the truths.
        truths: sets of parameters drawn.
    """
    # Abilities standard normal, as the grid has them.
    a, d = slope * sd, intercept + slope * mean
    change = np.array([[sd, 0.0], [mean, 1.0]])
    values, vectors = np.linalg.eigh(change @ covariance @ change.T)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    length = length_of(slope.size)
    each = -(-subjects // truths)
    parts = []
    for _ in range(truths):
        noise = np.einsum("jab,jb->ja", root, rng.normal(size=(slope.size, 2)))
        theta = rng.choice(NODES, each, p=WEIGHTS)
        logit = theta[:, None] * (a + noise[:, 0]) + d + noise[:, 1]
        unit = (rng.random(logit.shape) < 1.0 / (1.0 + np.exp(-logit))).astype(np.float64)
        parts.append(both(unit, a, d, length, rng))
    adaptive, random = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Trial(length, adaptive, random, np.repeat(np.arange(truths), each), "simulated")


def both(
    unit: Floats, slope: Floats, intercept: Floats, length: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Squared errors of adaptive tests and, averaged over draws, of random ones: (subjects,)."""
    seen = ~np.isnan(unit)
    adaptive = _errors(unit, _adapted(unit, slope, intercept, length), slope, intercept)
    random = np.zeros(unit.shape[0])
    for _ in range(RANDOM_DRAWS):
        order = np.argsort(np.where(seen, rng.random(unit.shape), 2.0), axis=1)[:, :length]
        taken = np.zeros(unit.shape, np.bool_)
        np.put_along_axis(taken, order, True, axis=1)
        random += _errors(unit, taken & seen, slope, intercept) / RANDOM_DRAWS
    return adaptive, random


def _adapted(unit: Floats, slope: Floats, intercept: Floats, length: int) -> NDArray[np.bool_]:
    """Which items each subject gets when each next one has most information at its ability."""
    seen = ~np.isnan(unit)
    p = curves(slope, intercept)
    information = slope**2 * p * (1.0 - p)
    upper, lower = np.log(np.maximum(p, 1e-300)), np.log(np.maximum(1.0 - p, 1e-300))
    taken = np.zeros(unit.shape, np.bool_)
    rows = np.arange(unit.shape[0])
    joint = np.tile(np.log(WEIGHTS), (unit.shape[0], 1))
    for _ in range(length):
        weight = np.exp(joint - joint.max(axis=1, keepdims=True))
        ability = (weight @ NODES) / weight.sum(axis=1)
        nearest = np.rint((ability - NODES[0]) / (NODES[1] - NODES[0])).astype(np.int64)
        worth = np.where(seen & ~taken, information[nearest], -1.0)
        chosen = worth.argmax(axis=1)
        more = worth[rows, chosen] >= 0
        taken[rows[more], chosen[more]] = True
        score = np.where(more, np.nan_to_num(unit[rows, chosen]), 0.0)[:, None]
        against = np.where(more, 1.0, 0.0)[:, None] - score
        joint = joint + score * upper.T[chosen] + against * lower.T[chosen]
    return taken


def _errors(unit: Floats, taken: NDArray[np.bool_], slope: Floats, intercept: Floats) -> Floats:
    """Squared errors of subjects' scores on all items they have, from those taken."""
    seen = ~np.isnan(unit)
    right = np.where(taken, unit, 0.0)
    wrong = np.where(taken, 1.0 - right, 0.0)
    expected = posterior_of(right, wrong, slope, intercept) @ curves(slope, intercept)
    guess = np.where(taken, right, np.where(seen, expected, 0.0)).sum(axis=1)
    truth = np.where(seen, np.nan_to_num(unit), 0.0).sum(axis=1)
    found: Floats = ((guess - truth) / np.maximum(seen.sum(axis=1), 1)) ** 2
    return found
