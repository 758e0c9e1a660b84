"""How far do raters, areas and categories differ? The posterior of the spreads.

The marginal likelihood of the spreads is Laplace's (Tierney and Kadane, JASA 81 (1986) 82). Its
mode is sought with the likelihood's quadratic expansion held still, where value and gradient are
those of a Gaussian model (the gradient by Fisher's identity, as in EM), and the expansion renewed
at the new mode until nothing moves. About the mode stand points drawn from a t distribution, each
weighted by the Laplace marginal posterior found there anew over the density it was drawn with
(compare Rue, Martino and Chopin, J. R. Statist. Soc. B 71 (2009) 319), the largest weights smoothed
(Vehtari, Simpson, Gelman, Yao and Gabry, JMLR 25 (2024) 72).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from scipy.optimize import minimize
from scipy.special import gammaincinv, ndtri, softmax

from calibrant.priorities.model.field import Expansion, Field, Step, expand, settle, step
from calibrant.priorities.model.priors import Spreads, size, spreads

Floats = NDArray[np.float64]

ROUNDS = 12
FREEDOM = 8.0
"""Degrees of freedom of the t distribution that points are drawn from."""

WIDER = 1.1
"""How much wider it is than the Gaussian approximation."""

MANY = 100_000
"""Ratings beyond which the expansion about the mode serves every point: with so many, the mode
hardly moves between points."""


@dataclass(frozen=True, eq=False)
class Point:
    """One set of spreads with the Laplace approximation there."""

    x: Floats
    expansion: Expansion
    step: Step
    weight: float


@dataclass(frozen=True, eq=False)
class Hyper:
    """Weighted points of the posterior of the spreads.

    Attributes:
        mode: standard normal numbers, as of `priors.spreads`.
        points: weights sum to 1.
        centre: the mode, as a point of weight 1.
        k_hat: shape of the tail of the raw weights; above 0.7 they must not be trusted.
        effective: 1 / sum of squared weights.
    """

    mode: Floats
    points: tuple[Point, ...]
    centre: Point
    k_hat: float
    effective: float


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments about 0 of severities and of scores within and between categories."""

    rater: Floats
    within: Floats
    between: Floats  # per category: n × its mean's second moment


def moments(field: Field, e: Expansion, found: Step) -> Moments:
    """Expected products of severities and of scores under the Gaussian about a step's end."""
    q = field.questions
    sigma = cho_solve((found.root, True), np.eye(field.size))
    rater = found.b.T @ found.b
    inner = np.empty((field.raters, q, q))
    for i in range(q):
        left = e.cross[i] @ sigma[field.blocks[i]]
        for j in range(i + 1):
            inner[:, i, j] = (left[:, field.blocks[j]] * e.cross[j]).sum(axis=1)
            inner[:, j, i] = inner[:, i, j]
    more = found.inverse + found.inverse @ inner @ found.inverse
    rater = rater + more.sum(axis=0)
    groups = field.sizes.size
    within = np.empty((q, q))
    between = np.empty((groups, q, q))
    member = (field.layout.category[:, None] == np.arange(groups)).astype(float)
    for i in range(q):
        for j in range(q):
            both = np.outer(found.f[field.scores(i)], found.f[field.scores(j)])
            both += sigma[field.scores(i), field.scores(j)]
            between[:, i, j] = ((member.T @ both) * member.T).sum(axis=1) / field.sizes
            within[i, j] = np.trace(both) - between[:, i, j].sum()
    return Moments(rater, within, between)


def expected(field: Field, m: Moments, s: Spreads) -> float:
    """Expected log density of severities and scores, by their moments."""
    groups = field.sizes[:, None, None] * (0.0 if s.category is None else s.category) + s.area
    precision = np.linalg.inv(groups)
    within, rater = np.linalg.inv(s.area), np.linalg.inv(s.rater)
    left = field.areas - field.sizes.size
    value = left * np.linalg.slogdet(within)[1] - (within * m.within).sum()
    value += np.linalg.slogdet(precision)[1].sum() - (precision * m.between).sum()
    value += field.raters * np.linalg.slogdet(rater)[1] - (rater * m.rater).sum()
    return 0.5 * float(value)


class Frozen:
    """The posterior of the spreads with the likelihood's expansion held still."""

    def __init__(self, field: Field, e: Expansion, *, pooled: bool) -> None:
        self.field, self.e, self.pooled = field, e, pooled

    def spreads(self, x: Floats) -> Spreads:
        """Covariances at a point."""
        return spreads(x, self.field.questions, pooled=self.pooled)

    def value(self, x: Floats) -> tuple[float, Floats]:
        """Log posterior density up to a constant, and its gradient."""
        found = step(self.field, self.e, self.spreads(x))
        m = moments(self.field, self.e, found)
        slope = np.empty_like(x)
        h = 1e-5
        for i in range(x.size):
            d = np.zeros_like(x)
            d[i] = h
            high, low = (expected(self.field, m, self.spreads(x + s * d)) for s in (1, -1))
            slope[i] = (high - low) / (2 * h)
        return found.evidence - 0.5 * float(x @ x), slope - x

    def mode(self, x: Floats) -> Floats:
        """The highest point, from a start."""
        found = minimize(
            lambda v: tuple(-a for a in self.value(v)),
            x, jac=True, method="L-BFGS-B", bounds=[(-8.0, 5.0)] * x.size,
            options={"maxiter": 60, "ftol": 1e-9, "gtol": 1e-3},
        )  # fmt: skip
        return np.asarray(found.x)

    def curvature(self, x: Floats) -> Floats:
        """Minus the second derivatives, by differences of the gradient, made positive."""
        h = 0.05
        rows = []
        for i in range(x.size):
            d = np.zeros_like(x)
            d[i] = h
            rows.append((self.value(x - d)[1] - self.value(x + d)[1]) / (2 * h))
        matrix = np.array(rows)
        value, vector = np.linalg.eigh((matrix + matrix.T) / 2)
        # The prior alone has curvature 1; flatter directions are kept to a quarter of it.
        return np.asarray((vector * np.maximum(value, 0.25)) @ vector.T)


def explore(field: Field, *, pooled: bool, points: int, seed: int) -> Hyper:
    """Weighted points of the posterior of the spreads.

    Args:
        pooled: whether areas are pooled in categories.
        points: how many are drawn, 1 for the mode alone.
        seed: of the points.
    """
    x = np.zeros(size(field.questions, pooled=pooled))
    e = expand(field, field.start(), np.zeros((field.raters, field.questions)))
    for _ in range(ROUNDS):
        e, found = settle(field, e, spreads(x, field.questions, pooled=pooled))
        frozen = Frozen(field, e, pooled=pooled)
        last, x = x, frozen.mode(x)
        if np.abs(x - last).max() < 0.02:
            break
    e, found = settle(field, e, spreads(x, field.questions, pooled=pooled))
    centre = Point(x, e, found, 1.0)
    if points <= 1:
        return Hyper(x, (centre,), centre, -math.inf, 1.0)
    frozen = Frozen(field, e, pooled=pooled)
    z, log_density = _cloud(x.size, points, seed)
    root = np.linalg.cholesky(np.linalg.inv(frozen.curvature(x))) * WIDER
    kept: list[tuple[Floats, Expansion, Step]] = []
    logs = np.empty(points)
    for i, at in enumerate(x + z @ root.T):
        s = frozen.spreads(at)
        mine = (e, step(field, e, s)) if field.layout.ratings > MANY else settle(field, e, s)
        kept.append((at, *mine))
        logs[i] = mine[1].evidence - 0.5 * float(at @ at) - log_density[i]
    weights, k_hat = smooth(logs)
    made = tuple(Point(*k, weight=float(w)) for k, w in zip(kept, weights, strict=True))
    return Hyper(x, made, centre, k_hat, float(1 / (weights**2).sum()))


def _cloud(dimensions: int, points: int, seed: int) -> tuple[Floats, Floats]:
    """Points of a standard t distribution with even cover, and their log densities.

    A randomly shifted additive recurrence on the generalised golden ratio (Roberts, "The
    unreasonable effectiveness of quasirandom sequences", 2018).
    """
    total = dimensions + 1
    phi = 2.0
    for _ in range(60):
        phi = (1 + phi) ** (1 / (total + 1))
    step_by = phi ** -np.arange(1.0, total + 1)
    start = np.random.default_rng(seed).random(total)
    u = (start + np.arange(1, points + 1)[:, None] * step_by) % 1.0
    u = np.clip(u, 1e-9, 1 - 1e-9)
    scale = np.sqrt(FREEDOM / (2 * gammaincinv(FREEDOM / 2, u[:, -1])))
    z = ndtri(u[:, :-1]) * scale[:, None]
    log = -(FREEDOM + dimensions) / 2 * np.log1p((z**2).sum(axis=1) / FREEDOM)
    return z, log


def smooth(logs: Floats) -> tuple[Floats, float]:
    """Weights from their logs, the largest replaced by quantiles of a fitted Pareto tail.

    Returns:
        Weights that add up to 1, and the tail's shape k.
    """
    w = np.exp(logs - logs.max())
    tail = min(int(0.2 * w.size), int(3 * math.sqrt(w.size)))
    if tail < 5:
        return w / w.sum(), -math.inf
    order = np.argsort(w)
    cut = w[order[-tail - 1]]
    above = w[order[-tail:]] - cut
    if above[-1] <= 0 or above[0] <= 0:
        return w / w.sum(), -math.inf
    k, sigma = pareto(above)
    ranks = (np.arange(1, tail + 1) - 0.5) / tail
    fitted = (
        sigma * np.expm1(-k * np.log1p(-ranks)) / k if abs(k) > 1e-9 else -sigma * np.log1p(-ranks)
    )
    w[order[-tail:]] = np.minimum(cut + fitted, 1.0)
    return w / w.sum(), k


def pareto(x: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution (Zhang and Stephens, 2009).

    Args:
        x: shape (n,), sorted, above 0.
    """
    n = x.size
    m = 30 + int(math.sqrt(n))
    b = 1 / x[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * x[max(n // 4 - 1, 0)])
    k = -np.log1p(-b[:, None] * x).mean(axis=1)
    fit = n * (np.log(b / k) + k - 1)
    best = float(b @ softmax(fit))
    shape = float(np.log1p(-best * x).mean())
    sigma = -shape / best
    # Towards 0.5, as a prior worth ten observations would.
    return shape * n / (n + 10) + 0.5 * 10 / (n + 10), sigma
