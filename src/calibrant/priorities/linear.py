"""What is believed between two questions? A linear mixed model, quick enough to look ahead with.

Ratings are taken as numbers: mean + category + area + severity of the rater + own-area effect +
noise, each normal, importance and tractability of areas, categories and raters correlated.
Variances are estimated by EM with weak priors. It chooses what to ask and forecasts; the ranks that
are reported come from the ordinal model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ROUNDS = 12
"""Rounds of EM; variances need not be exact to choose by."""

WEAK = 4.0
"""Prior observations behind each variance's first guess."""

FLAT = 1e-2
"""Prior precision of means and own-area effects around the scale's middle and 0."""


@dataclass(frozen=True, eq=False)
class Heard:
    """Answers as arrays, one row a rater and area.

    Attributes:
        rater, area: shape (n,), whole numbers from 0.
        value: shape (n, 2), the answers to the two questions; NaN where there is none.
        own: shape (n,), whether the rater works in the area.
    """

    rater: Ints
    area: Ints
    value: Floats
    own: Bools


@dataclass(frozen=True, repr=False, eq=False)
class Belief:
    """A joint normal belief about areas and raters.

    Coefficients of a question stand as: mean, own-area effect, categories, areas, raters.

    Attributes:
        mean: shape (2 × coefficients,), first question first.
        covariance: of the same.
        noise: shape (2, 2), covariance of one rater's two answers about an area.
        category: shape (areas,).
        categories, raters: how many.
        spread: covariances of a category's, an area's and a rater's two effects, (2, 2) each.
    """

    mean: Floats
    covariance: Floats
    noise: Floats
    category: Ints
    categories: int
    raters: int
    spread: tuple[Floats, Floats, Floats]

    def __repr__(self) -> str:
        return f"belief about {self.category.size} areas and {self.raters} raters"

    @property
    def coefficients(self) -> int:
        return 2 + self.categories + self.category.size + self.raters

    def areas(self, question: int) -> Floats:
        """Rows that pick each area's mean rating, shape (areas, 2 × coefficients)."""
        size, g = self.category.size, self.coefficients
        x = np.zeros((size, 2 * g))
        start = question * g
        at = np.arange(size)
        x[:, start] = 1
        x[at, start + 2 + self.category] = 1
        x[at, start + 2 + self.categories + at] = 1
        return x

    def answers(self, rater: int, question: int, own: Bools) -> Floats:
        """Rows that pick the rater's expected answers about each area."""
        x = self.areas(question)
        start = question * self.coefficients
        x[:, start + 1] = own
        x[:, start + 2 + self.categories + self.category.size + rater] = 1
        return x

    def posterior(self, ids: Sequence[str], n: Mapping[str, Ints], draws: int, seed: int,
                  scale: tuple[float, float] = (1.0, 5.0)) -> AreaPosterior:  # fmt: skip
        """Draws of areas' mean ratings, kept on the scale."""
        x = np.vstack([self.areas(0), self.areas(1)])
        m, v = x @ self.mean, x @ self.covariance @ x.T
        values, vectors = np.linalg.eigh(v)
        z = np.random.default_rng(seed).standard_normal((draws, m.size))
        out = np.clip(m + (z * np.sqrt(np.maximum(values, 0))) @ vectors.T, *scale)
        size = self.category.size
        parts = (out[:, :size], out[:, size:])
        return AreaPosterior(tuple(ids), dict(zip(n, parts, strict=True)), n, "linear")


def believe(
    heard: Heard, category: Ints, raters: int, *, scale: tuple[float, float] = (1.0, 5.0),
    rounds: int = ROUNDS, halo: bool = True,
) -> Belief:  # fmt: skip
    """The belief after some answers; with none it is the prior.

    Args:
        category: shape (areas,), each area's category.
        raters: how many, those without an answer too.
        scale: least and most of what can be answered.
        rounds: of EM.
        halo: whether a rater's two answers about an area may go together.
    """
    if np.isinf(heard.value).any():
        raise InputError("belief: wanted finite answers")
    categories = int(category.max()) + 1
    sizes = (categories, category.size, raters)
    g = 2 + sum(sizes)
    middle = sum(scale) / 2
    z = _design(heard, category, sizes)
    answered = ~np.isnan(heard.value)
    y = np.where(answered, heard.value - middle, 0.0)
    spread, noise = first_guess(scale, halo=halo)
    first, usual = [s.copy() for s in spread], noise.copy()
    edges = np.cumsum([2, *sizes])
    mean, covariance = _solve(z, y, answered, noise, spread, edges)
    for _ in range(rounds):
        noise = _residual(z, y, answered, mean, covariance, usual)
        if not halo:
            noise = np.diag(np.diag(noise))
        for level in range(3):
            at = np.arange(edges[level], edges[level + 1])
            spread[level] = moments(mean, covariance, at, g, first[level])
        mean, covariance = _solve(z, y, answered, noise, spread, edges)
    mean = mean.copy()
    mean[[0, g]] += middle
    return Belief(
        mean,
        covariance,
        noise,
        category,
        categories,
        raters,
        (spread[0], spread[1], spread[2]),
    )


def first_guess(scale: tuple[float, float], *, halo: bool) -> tuple[list[Floats], Floats]:
    """Where EM begins, and what its priors hold to: spreads of categories, areas and raters, and
    the noise, each (2, 2)."""
    unit = ((scale[1] - scale[0]) / 4) ** 2
    spread = [unit * s * np.array([[1, 0.4], [0.4, 1]]) for s in (0.15, 0.15, 0.25)]
    tie = 0.2 if halo else 0.0
    return spread, 0.8 * unit * np.array([[1, tie], [tie, 1]])


def _design(heard: Heard, category: Ints, sizes: tuple[int, int, int]) -> Floats:
    """Incidence of one question's coefficients, shape (n, coefficients)."""
    r, a = heard.rater, heard.area
    x = np.zeros((r.size, 2 + sum(sizes)))
    at = np.arange(r.size)
    x[:, 0], x[:, 1] = 1, heard.own
    x[at, 2 + category[a]] = 1
    x[at, 2 + sizes[0] + a] = 1
    x[at, 2 + sizes[0] + sizes[1] + r] = 1
    return x


def _weights(answered: Bools, noise: Floats) -> Floats:
    """Precision of each row's answers, shape (n, 2, 2); 0 for what was not answered."""
    both = answered.all(axis=1)
    out = np.zeros((len(answered), 2, 2))
    out[both] = np.linalg.inv(noise)
    for q in range(2):
        out[answered[:, q] & ~both, q, q] = 1 / noise[q, q]
    return out


def _solve(
    z: Floats, y: Floats, answered: Bools, noise: Floats, spread: list[Floats], edges: Ints
) -> tuple[Floats, Floats]:
    """Posterior mean and covariance of all coefficients."""
    g = z.shape[1]
    precision = np.zeros((2 * g, 2 * g))
    right = np.zeros(2 * g)
    w = _weights(answered, noise)
    for i in range(2):
        for j in range(2):
            part = slice(i * g, (i + 1) * g), slice(j * g, (j + 1) * g)
            precision[part] = z.T @ (z * w[:, i, j][:, None])
            right[i * g : (i + 1) * g] += z.T @ (w[:, i, j] * y[:, j])
        precision[[i * g, i * g + 1], [i * g, i * g + 1]] += FLAT
    for level, s in enumerate(spread):
        at = np.arange(edges[level], edges[level + 1])
        inverse = np.linalg.inv(s)
        for i in range(2):
            for j in range(2):
                precision[i * g + at, j * g + at] += inverse[i, j]
    root, _ = dpotrf(precision, lower=1)
    half, _ = dpotri(root, lower=1)
    covariance = np.tril(half) + np.tril(half, -1).T
    return covariance @ right, covariance


def _residual(
    z: Floats, y: Floats, answered: Bools, mean: Floats, covariance: Floats, usual: Floats
) -> Floats:
    """M step of the noise: variances from all answers, the correlation from pairs of them."""
    g = z.shape[1]
    left = np.stack([y[:, q] - z @ mean[q * g : (q + 1) * g] for q in range(2)])
    total, many = np.zeros((2, 2)), np.zeros((2, 2))
    both = answered.all(axis=1)
    for i in range(2):
        for j in range(2):
            rows = answered[:, i] if i == j else both
            x = z[rows]
            block = covariance[i * g : (i + 1) * g, j * g : (j + 1) * g]
            total[i, j] = left[i, rows] @ left[j, rows] + ((x @ block) * x).sum()
            many[i, j] = rows.sum()
    return noise_of(total, many, usual)


def noise_of(total: Floats, many: Floats, usual: Floats) -> Floats:
    """The noise from summed products of residuals, their numbers, and a weak prior."""
    out = np.asarray((total + WEAK * usual) / (many + WEAK))
    most = 0.9 * float((out[0, 0] * out[1, 1]) ** 0.5)
    out[0, 1] = out[1, 0] = np.clip(out[0, 1], -most, most)
    return out


def moments(mean: Floats, covariance: Floats, at: Ints, g: int, first: Floats) -> Floats:
    """M step of the covariance of a level's two effects, with a weak inverse-Wishart prior."""
    m = np.stack([mean[at], mean[g + at]])
    total = m @ m.T
    for i in range(2):
        for j in range(2):
            total[i, j] += covariance[i * g + at, j * g + at].sum()
    return np.asarray((total + WEAK * first) / (at.size + WEAK))
