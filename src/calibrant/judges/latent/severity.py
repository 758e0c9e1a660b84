"""Which graders are severe? Many-facet Rasch models, items integrated out.

Linacre, *Many-Facet Rasch Measurement* (1989); Andrich, Psychometrika 43 (1978) 561 (rating scale);
Masters, Psychometrika 47 (1982) 149 (partial credit). For ordered labels 0 … M:

    log P(x) = x θ_i - Σ_{s ≤ x} (δ_j + τ_s) + constant

with item location θ_i ~ N(μ, σ²), grader severity δ_j (they add up to 0) and thresholds τ_s; in the
partial credit form every grader has thresholds of its own, and δ_j is their mean. Items are
integrated out by adaptive Gauss–Hermite quadrature (marginal maximum likelihood), so that their
number does not bias the severities as it does when they are estimated jointly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from calibrant.errors import InputError
from calibrant.judges.latent.data import Floats, LatentError, Marks, check_connected
from calibrant.judges.latent.glad import hessian

Scale = Literal["rating", "partial"]
NODES = (15, 31, 63)
FLATTEST = -4.0
"""The least log σ; items that differ less do not differ."""
SHIFT = 0.05
"""Standard errors that finer quadrature may move any parameter."""


@dataclass(frozen=True)
class SeverityFit:
    """The highest marginal likelihood.

    Attributes:
        steps: shape (graders, M), δ_j + τ_s, with μ = 0.
        spread: σ.
        to_steps: the matrix from free parameters to `steps`, flattened.
        covariance: of the free parameters (without log σ).
        location, location_sd: shape (items,), posterior mean and standard deviation of θ.
        theta, weight: shape (items, nodes): the posterior of each item.
        log_likelihood, gradient: at the maximum.
        nodes: of the quadrature.
        shift: standard errors that doubling the nodes would move a parameter, at most.
    """

    steps: Floats
    spread: float
    to_steps: Floats
    covariance: Floats
    location: Floats
    location_sd: Floats
    theta: Floats
    weight: Floats
    log_likelihood: float
    gradient: float
    nodes: int
    shift: float


def probabilities(theta: Floats, steps: Floats) -> Floats:
    """P(x) for x = 0 … M, along a new last axis.

    Args:
        theta: shape (…).
        steps: shape (…, M), broadcast against theta.
    """
    m = steps.shape[-1]
    down = np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
    log = theta[..., None] * np.arange(m + 1) - down
    log = log - log.max(axis=-1, keepdims=True)
    p = np.exp(log)
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def design(graders: int, top: int, scale: Scale) -> Floats:
    """From free parameters to the steps of every grader, shape (graders × top, free)."""
    if scale == "partial":
        return np.eye(graders * top)
    found = np.zeros((graders, top, graders - 1 + top))
    for j in range(graders - 1):
        found[j, :, j] = 1
        found[-1, :, j] = -1
    for s in range(top):
        found[:, s, graders - 1 + s] = 1
    return found.reshape(graders * top, -1)


class Marginal:
    """Minus the marginal log-likelihood at given quadrature nodes, and its gradient."""

    def __init__(self, m: Marks, scale: Scale, nodes: int) -> None:
        self.m, self.top = m, m.classes - 1
        self.map = design(m.graders, self.top, scale)
        self.x, w = np.polynomial.hermite.hermgauss(nodes)
        self.log_w = np.log(w) + self.x**2
        self.centre, self.width = np.zeros(m.items), np.ones(m.items)

    def steps(self, free: Floats) -> Floats:
        """Shape (graders, top)."""
        return (self.map @ free[:-1]).reshape(self.m.graders, self.top)

    def place(self, free: Floats) -> None:
        """Put the nodes where each item's posterior is (Newton's method)."""
        m, steps, spread = self.m, self.steps(free)[self.m.grader], float(np.exp(free[-1]))
        x = np.arange(m.classes)
        theta = self.centre.copy()
        for _ in range(50):
            p = probabilities(theta[m.item], steps)
            mean = p @ x
            slope = np.add.reduceat(m.code - mean, m.starts) - theta / spread**2
            bend = np.add.reduceat(p @ x**2 - mean**2, m.starts) + 1 / spread**2
            move = np.clip(slope / bend, -2, 2)
            theta = theta + move
            if np.abs(move).max() < 1e-8:
                break
        self.centre, self.width = theta, 1 / np.sqrt(bend)

    def nodes(self) -> Floats:
        """Shape (items, nodes)."""
        return np.asarray(self.centre[:, None] + np.sqrt(2) * self.width[:, None] * self.x)

    def posterior(self, free: Floats) -> tuple[Floats, Floats, Floats, float]:
        """Nodes, their weights for each item, P(x) per label and node, and the log-likelihood."""
        m, theta, spread = self.m, self.nodes(), float(np.exp(free[-1]))
        p = probabilities(theta[m.item], self.steps(free)[m.grader][:, None, :])
        own = np.take_along_axis(p, m.code[:, None, None], axis=2)[:, :, 0]
        log = np.add.reduceat(np.log(own), m.starts, axis=0)
        log += self.log_w + np.log(self.width)[:, None] - 0.5 * np.log(np.pi)
        log -= theta**2 / (2 * spread**2) + np.log(spread)
        top = log.max(axis=1, keepdims=True)
        w = np.exp(log - top)
        total = w.sum(axis=1, keepdims=True)
        return theta, w / total, p, float((top + np.log(total)).sum())

    def value(self, free: Floats) -> tuple[float, Floats]:
        """Minus the log-likelihood and its gradient."""
        m, spread = self.m, float(np.exp(free[-1]))
        theta, w, p, likelihood = self.posterior(free)
        above = 1 - np.cumsum(p, axis=2)[:, :, :-1]
        expected = np.einsum("lq,lqs->ls", w[m.item], above)
        met = (m.code[:, None] > np.arange(self.top)).astype(float)
        by_step = np.stack(
            [np.bincount(m.grader, x, minlength=m.graders) for x in (expected - met).T], axis=1
        )
        gradient = np.r_[by_step.ravel() @ self.map, ((w * theta**2).sum() / spread**2 - m.items)]
        return -likelihood, -gradient


def check_severity(m: Marks, scale: Scale) -> None:
    """Refuse designs and labels in which some severity or threshold is not finite.

    Raises:
        LatentError: for separate groups, a grader whose labels are all at one end, or a label
            that nobody (or, for "partial", some grader) gives.
    """
    if scale not in ("rating", "partial"):
        raise InputError(f"scale: wanted 'rating' or 'partial', got {scale!r}")
    if m.graders < 2:
        raise LatentError("severity: wanted at least 2 graders, got 1")
    check_connected(m)
    used = np.zeros((m.graders, m.classes), bool)
    used[m.grader, m.code] = True
    if not used.any(axis=0).all():
        at = int(np.flatnonzero(~used.any(axis=0))[0])
        raise LatentError(f"severity: label number {at} is never given: leave it out of the scale")
    if scale == "partial" and not used.all():
        j, c = (int(i[0]) for i in np.nonzero(~used))
        raise LatentError(f"severity: grader number {j} never gives label number {c}: its "
                          "threshold is not finite; use the rating scale")  # fmt: skip
    ends = used.sum(axis=1) == 1
    extreme = np.flatnonzero(ends & (used[:, 0] | used[:, -1]))
    if extreme.size:
        raise LatentError(f"severity: grader number {int(extreme[0])} gives one end of the scale "
                          "only: its severity is not finite; leave it out")  # fmt: skip


def fit_severity(m: Marks, scale: Scale = "rating") -> SeverityFit:
    """Severities, thresholds and the spread of items.

    Codes are taken in order: more means a better item, and a severe grader gives less.

    Raises:
        LatentError: as `check_severity`, or for a maximum that was not found, or quadrature that
            still moves it at 63 nodes.
    """
    check_severity(m, scale)
    free: Floats | None = None
    for nodes in NODES:
        model = Marginal(m, scale, nodes)
        free = _maximise(model, free)
        found = _finish(model, m, scale, free)
        if found.shift <= SHIFT:
            return found
    raise LatentError(f"severity: quadrature with {NODES[-1]} nodes still moves a parameter by "
                      f"{found.shift:.2g} standard errors")  # fmt: skip


def _maximise(model: Marginal, start: Floats | None) -> Floats:
    size = model.map.shape[1]
    free = np.zeros(size + 1) if start is None else start
    bounds = [(None, None)] * size + [(FLATTEST, 4.0)]
    for _ in range(30):
        model.place(free)
        done = minimize(model.value, free, jac=True, method="L-BFGS-B", bounds=bounds,
                        options={"maxiter": 200, "ftol": 1e-12, "gtol": 1e-6})  # fmt: skip
        moved = float(np.abs(done.x - free).max())
        free = np.asarray(done.x)
        if moved < 1e-5:
            break
    model.place(free)
    return free


def _finish(model: Marginal, m: Marks, scale: Scale, free: Floats) -> SeverityFit:
    flat = free[-1] <= FLATTEST + 1e-6
    keep = np.arange(free.size - 1 if flat else free.size)

    def gradient(at: Floats) -> Floats:
        x = free.copy()
        x[keep] = at
        return model.value(x)[1][keep]

    slope = gradient(free[keep])
    if np.abs(slope).max() > 1e-3 * np.sqrt(m.size):
        raise LatentError(f"severity: no maximum found (gradient {np.abs(slope).max():.2g})")
    second = hessian(gradient, free[keep])
    try:
        np.linalg.cholesky(second)
    except np.linalg.LinAlgError as e:
        raise LatentError("severity: the labels do not determine severities and thresholds") from e
    covariance = np.asarray(np.linalg.inv(second))
    finer = Marginal(m, scale, 2 * model.x.size + 1)
    finer.centre, finer.width = model.centre, model.width
    move = covariance @ (finer.value(free)[1][keep] - slope)
    shift = float(np.abs(move / np.sqrt(np.diag(covariance))).max())
    theta, w, _, likelihood = model.posterior(free)
    mean = (w * theta).sum(axis=1)
    sd = np.sqrt(np.maximum((w * theta**2).sum(axis=1) - mean**2, 0.0))
    size = free.size - 1
    return SeverityFit(
        model.steps(free), float(np.exp(free[-1])), model.map, covariance[:size, :size], mean, sd,
        theta, w, likelihood, float(np.abs(slope).max()), model.x.size, shift,
    )  # fmt: skip


@dataclass(frozen=True)
class GraderFit:
    """How well a grader's labels follow from the others' labels.

    Attributes:
        infit, outfit: mean squared residuals over their expectation, weighted by information and
            not; 1 if the model holds, above it if the grader is erratic.
        infit_z: infit - 1 over its standard deviation under the model.
    """

    infit: float
    outfit: float
    infit_z: float


def grader_fit(m: Marks, f: SeverityFit) -> list[GraderFit]:
    """Residuals of every label from its prediction by the other labels of its item.

    Each label's own part is taken out of the item's posterior first, so that a residual has
    expectation 0 and its square the predicted variance, but for the estimation of severities.
    """
    p = probabilities(f.theta[m.item], f.steps[m.grader][:, None, :])
    own = np.take_along_axis(p, m.code[:, None, None], axis=2)[:, :, 0]
    w = f.weight[m.item] / np.maximum(own, 1e-300)
    w /= w.sum(axis=1, keepdims=True)
    predicted = np.einsum("lq,lqx->lx", w, p)
    x = np.arange(m.classes)
    mean = predicted @ x
    far = x - mean[:, None]
    variance = np.maximum((predicted * far**2).sum(axis=1), 1e-12)
    fourth = (predicted * far**4).sum(axis=1)
    square = (m.code - mean) ** 2

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(m.grader, values, minlength=m.graders), float)

    information = total(variance)
    infit, outfit = total(square) / information, total(square / variance) / total(np.ones(m.size))
    sd = np.sqrt(np.maximum(total(fourth - variance**2), 1e-300)) / information
    return [
        GraderFit(float(a), float(b), float((a - 1) / c))
        for a, b, c in zip(infit, outfit, sd, strict=True)
    ]
