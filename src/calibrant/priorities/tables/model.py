"""How likely is a printed table, given levels of areas? The likelihood of sums, exactly.

An answer is the area's level plus a respondent's deviation, rounded to the scale and cut at its
ends (an ordinal probit with evenly spaced thresholds). A printed mean is a sum of n such answers;
its probability is the n-fold convolution of theirs, which sums over all compositions of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, ndtr

from calibrant.priorities.tables.fits import Fits
from calibrant.priorities.tables.printed import Integers

Floats = NDArray[np.float64]

REACH = 4.0
"""Levels of areas are at most so many of their standard deviations from the mean of all areas."""

PARAMETERS = 8
"""Per question: mean level of areas, log SD of their levels, log SD of respondents about a level;
then the correlation of the levels (see `correlation`) and the logit of the share of don't-knows."""

LEVEL_SD = 0.75
SPREAD, SPREAD_SD = 0.45, 0.6
WITHIN, WITHIN_SD = 1.0, 0.3
CORRELATION_SD, LOST, LOST_SD = 0.8, -2.2, 1.0
"""The prior, for a scale of 1 to 5: mean level normal about 3; SD of levels log-normal about 0.45,
SD within log-normal about 1; Fisher-like correlation normal about 0; don't-knows logit-normal about
10 %."""


def correlation(raw: Floats) -> Floats:
    """A correlation from a number on the real line; at most 0.95, so that the grid resolves it."""
    return np.asarray(0.95 * np.tanh(raw))


def log_prior(points: Floats, unit: float, middle: float) -> Floats:
    """Log density (up to a constant) of points, shape (batch, PARAMETERS)."""
    m, log_t, log_s = points[:, [0, 3]], points[:, [1, 4]], points[:, [2, 5]]
    out = -0.5 * (((m - middle) / (LEVEL_SD * unit)) ** 2).sum(axis=1)
    out -= 0.5 * (((log_t - np.log(SPREAD * unit)) / SPREAD_SD) ** 2).sum(axis=1)
    out -= 0.5 * (((log_s - np.log(WITHIN * unit)) / WITHIN_SD) ** 2).sum(axis=1)
    out -= 0.5 * (points[:, 6] / CORRELATION_SD) ** 2 + 0.5 * ((points[:, 7] - LOST) / LOST_SD) ** 2
    return np.asarray(out)


def draw_prior(rng: np.random.Generator, size: int, unit: float, middle: float) -> Floats:
    """Points drawn from the prior, shape (size, PARAMETERS)."""
    z = rng.standard_normal((size, PARAMETERS))
    out = np.empty_like(z)
    out[:, [0, 3]] = middle + LEVEL_SD * unit * z[:, [0, 3]]
    out[:, [1, 4]] = np.log(SPREAD * unit) + SPREAD_SD * z[:, [1, 4]]
    out[:, [2, 5]] = np.log(WITHIN * unit) + WITHIN_SD * z[:, [2, 5]]
    out[:, 6], out[:, 7] = CORRELATION_SD * z[:, 6], LOST + LOST_SD * z[:, 7]
    return out


def answers(level: Floats, within: Floats, scale: tuple[int, int]) -> Floats:
    """Probability of each rating at these levels; a last axis over the scale is added."""
    cuts = np.arange(scale[0], scale[1]) + 0.5
    z = (cuts - level[..., None]) / within[..., None]
    shape = (*np.shape(z)[:-1], 1)
    # From the side where the tail is small, so that rare answers keep their digits.
    below = np.concatenate([np.zeros(shape), ndtr(z), np.ones(shape)], axis=-1)
    above = np.concatenate([np.ones(shape), ndtr(-z), np.zeros(shape)], axis=-1)
    return np.asarray(np.where(below[..., 1:] < 0.5, np.diff(below), -np.diff(above)))


def mean_rating(level: Floats, within: Floats, scale: tuple[int, int]) -> Floats:
    """Mean answer at these levels."""
    total = np.full(np.broadcast_shapes(np.shape(level), np.shape(within)), float(scale[0]))
    for cut in range(scale[0], scale[1]):
        total += ndtr((level - cut - 0.5) / within)
    return total


@dataclass(frozen=True, eq=False)
class Problem:
    """What a table leaves open, ready for the likelihood.

    Attributes:
        fits: solutions of its rows.
        n: shape (rows,): printed numbers of respondents.
        fewest: shape (rows,): least answers that a row's question may have.
        fixed: whether numbers of answers are printed, so that none is guessed.
        larger: whether n is the larger of the numbers of answers.
        scale: lowest and highest rating.
    """

    fits: Fits
    n: Integers
    fewest: Integers
    fixed: bool
    larger: bool
    scale: tuple[int, int]

    @property
    def unit(self) -> float:
        """The scale's length against 1 to 5."""
        return (self.scale[1] - self.scale[0]) / 4

    @property
    def middle(self) -> float:
        return (self.scale[0] + self.scale[1]) / 2

    @cached_property
    def nodes(self) -> Floats:
        """Levels of areas, in standard deviations from their mean: closer for more respondents.

        Sums over nodes are as good as integrals while their distance is below two standard errors
        of a mean.
        """
        step = min(0.25, 1.2 / float(self.n.max()) ** 0.5)
        return np.linspace(-REACH, REACH, 2 * int(np.ceil(REACH / step)) + 1)

    @cached_property
    def cases(self) -> tuple[tuple[Integers, Integers, Integers], ...]:
        """Per question the different (answers, sum), and which of them each solution is."""
        found = []
        for q in self.fits.sums:
            pairs = np.stack([self.fits.answers[q], self.fits.sums[q]], axis=1)
            kinds, at = np.unique(pairs, axis=0, return_inverse=True)
            found.append((kinds[:, 0], kinds[:, 1], at.reshape(-1)))
        return tuple(found)

    @cached_property
    def starts(self) -> Integers:
        """Where each row's solutions begin."""
        return np.asarray(np.flatnonzero(np.diff(self.fits.row, prepend=-1)), dtype=np.int64)

    def chances(self, points: Floats, question: int) -> Floats:
        """Probability of each case's sum at each node, shape (batch, cases, nodes)."""
        m, t, s = (points[:, 3 * question + k] for k in range(3))
        within = np.exp(s)[:, None]
        p = answers(m[:, None] + np.exp(t)[:, None] * self.nodes, within, self.scale)
        number, total, _ = self.cases[question]
        return sums(p, number, total - number * self.scale[0])

    def weights(self, points: Floats) -> Floats:
        """Probability of each solution's numbers of answers, shape (batch, solutions)."""
        if self.fixed:
            return np.ones((len(points), self.fits.row.size))
        row = self.fits.row
        lost = -np.logaddexp(0.0, -points[:, 7])[:, None]
        kept = -np.logaddexp(0.0, points[:, 7])[:, None]
        out = np.zeros((len(points), row.size))
        for a in self.fits.answers.values():
            out += _binomial(self.n[row], a, kept, lost)
        kinds, at = np.unique(
            np.stack([self.n[row], self.fewest[row]], axis=1), axis=0, return_inverse=True
        )
        norm = np.stack([self._norm(int(n), int(f), kept, lost) for n, f in kinds], axis=1)
        return np.asarray(np.exp(out - norm[:, at.reshape(-1)]))

    def _norm(self, n: int, fewest: int, kept: Floats, lost: Floats) -> Floats:
        """Log probability that numbers of answers are possible at all, shape (batch,)."""
        a = np.arange(min(fewest, n), n + 1)
        log_p = _binomial(np.full(a.size, n), a, kept, lost)
        if not self.larger:
            return np.asarray(2 * logsumexp(log_p, axis=1))
        # Both n, or one n and the other fewer: no difference of near numbers where n is rare.
        full, fewer = log_p[:, -1], log_p[:, :-1]
        if not fewer.shape[1]:
            return np.asarray(2 * full)
        return np.asarray(full + np.logaddexp(full, np.log(2) + logsumexp(fewer, axis=1)))

    def log_likelihood(self, points: Floats) -> Floats:
        """Log probability of the printed table at points, shape (batch,)."""
        first, second = self.chances(points, 0), self.chances(points, 1)
        joint = first @ (grid(points, self.nodes) @ second.transpose(0, 2, 1))
        at = self.cases[0][2], self.cases[1][2]
        each = joint[:, at[0], at[1]] * self.weights(points)
        rows = np.add.reduceat(each, self.starts, axis=1)
        return np.asarray(np.log(np.maximum(rows, 1e-300)).sum(axis=1))

    def log_posterior(self, points: Floats) -> Floats:
        """Log density of points given the table, up to a constant, shape (batch,)."""
        return self.log_likelihood(points) + log_prior(points, self.unit, self.middle)


def sums(p: Floats, number: Integers, total: Integers) -> Floats:
    """Probability that `number` answers, worth 0, 1, … with probabilities `p`, sum to `total`.

    Args:
        p: shape (batch, nodes, ratings).
        number, total: shape (cases,).

    Returns:
        Shape (batch, cases, nodes).
    """
    width = p.shape[2]
    # The long axis last, so that each step runs over contiguous numbers.
    each = np.ascontiguousarray(p.reshape(-1, width).T)
    out = np.empty((number.size, each.shape[1]))
    now = np.ones((1, each.shape[1]))
    for n in range(1, int(number.max()) + 1):
        following = np.zeros((n * (width - 1) + 1, each.shape[1]))
        for k in range(width):
            following[k : k + now.shape[0]] += now * each[k]
        now = following
        here = np.flatnonzero(number == n)
        out[here] = now[total[here]]
    return np.ascontiguousarray(out.reshape(-1, *p.shape[:2]).transpose(1, 0, 2))


def grid(points: Floats, nodes: Floats) -> Floats:
    """Probability of each pair of nodes, shape (batch, nodes, nodes)."""
    r = correlation(points[:, 6])[:, None, None]
    x, y = nodes[:, None], nodes
    w = np.exp(-(x * x - 2 * r * x * y + y * y) / (2 * (1 - r * r)))
    return np.asarray(w / w.sum(axis=(1, 2), keepdims=True))


def _binomial(n: Integers, k: Integers, kept: Floats, lost: Floats) -> Floats:
    ways = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return np.asarray(ways + k * kept + (n - k) * lost)
