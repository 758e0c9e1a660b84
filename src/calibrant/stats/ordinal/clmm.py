"""The same for answers in groups, such as raters: one random intercept.

Group g adds u_g ~ N(0, σ²) to the latent score, integrated out by Laplace's method or by adaptive
Gauss–Hermite quadrature (Pinheiro and Bates, J. Computational and Graphical Statistics 4 (1995)
12). As R's `ordinal::clmm` with one random term: same model, same approximation, same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from calibrant.errors import CalibrantError, InputError
from calibrant.stats.ordinal.clm import (
    OrderedAnswers,
    OrdinalFit,
    SeparationError,
    check,
    clm,
    jacobians,
    limits,
    parameter_names,
)
from calibrant.stats.ordinal.likelihood import Link, log_chance, slopes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLAT = -6.0
"""The least log σ; groups that differ less do not differ."""


@dataclass(frozen=True, repr=False, eq=False)
class MixedOrdinalFit(OrdinalFit):
    """The highest marginal likelihood with one random intercept.

    Attributes:
        spread: σ, standard deviation of the groups' intercepts; 0 if none was found.
        spread_error: standard error of log σ; NaN if σ is 0.
        groups: names, sorted.
        intercepts: shape (groups,): conditional modes.
        intercept_errors: shape (groups,): conditional standard deviations.
        nodes: of the quadrature; 1 for Laplace's method.
    """

    spread: float
    spread_error: float
    groups: tuple[Any, ...]
    intercepts: Floats
    intercept_errors: Floats
    nodes: int

    def __repr__(self) -> str:
        return f"{super().__repr__()}; between groups {self.spread:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        error = self.spread_error
        return super().to_dict() | {
            "spread": self.spread,
            "spread_error": error if math.isfinite(error) else None,
            "nodes": self.nodes,
            "groups": [
                {"name": str(g), "intercept": float(u), "sd": float(s)}
                for g, u, s in zip(self.groups, self.intercepts, self.intercept_errors, strict=True)
            ],
        }


def clmm(
    answers: ArrayLike,
    design: ArrayLike | None,
    groups: ArrayLike,
    *,
    link: Link = "logit",
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    nodes: int = 1,
) -> MixedOrdinalFit:
    """Fit a cumulative link model with one random intercept.

    Args:
        groups: shape (n,), which group each answer belongs to, such as its rater; two or more.
        nodes: 1 for Laplace's method; 3 to 101 for adaptive Gauss–Hermite quadrature.
        answers, design, link, weights, names: as for `clm`.

    Raises:
        InputError, SeparationError: as `clm`; or for one group, or groups of one answer each.
        CalibrantError: if the highest likelihood is not found.
    """
    table = check(answers, design, link=link, weights=weights, names=names)
    called, group = np.unique(np.asarray(groups), return_inverse=True)
    if group.shape != table.value.shape:
        raise InputError(f"clmm: wanted {table.value.size} groups, got shape {group.shape}")
    if not 2 <= called.size < group.size:
        raise InputError(
            f"clmm: wanted two groups or more, and more answers than groups; got {called.size} "
            f"groups of {group.size} answers"
        )
    if isinstance(nodes, bool) or not 1 <= nodes <= 101 or nodes == 2:
        raise InputError(f"clmm: nodes: wanted 1, or 3 to 101, got {nodes}")
    fixed = clm(table.value, table.design if table.design.size else None, link=link,
                weights=table.weights, names=table.names)  # fmt: skip
    marginal = _Marginal(table, group, called.size, link, nodes)
    x = marginal.best(np.concatenate([fixed.thresholds, fixed.coefficients, [math.log(0.5)]]))
    flat = x[-1] <= FLAT + 1e-6 or fixed.log_likelihood >= marginal.value(x) - 1e-9
    k = table.levels - 1
    if flat:
        zero = np.zeros(called.size)
        return MixedOrdinalFit(
            fixed.thresholds, fixed.coefficients, fixed.covariance, fixed.log_likelihood,
            parameter_names(table), link, fixed.n, 0.0, math.nan, tuple(called.tolist()), zero,
            zero.copy(), nodes,
        )  # fmt: skip
    covariance = marginal.covariance(x)
    u, curvature = marginal.modes(x)
    sigma = math.exp(x[-1])
    return MixedOrdinalFit(
        x[:k], x[k:-1], covariance[:-1, :-1], marginal.value(x), parameter_names(table), link,
        float(table.weights.sum()), sigma, math.sqrt(covariance[-1, -1]), tuple(called.tolist()),
        sigma * u, sigma / np.sqrt(curvature), nodes,
    )  # fmt: skip


class _Marginal:
    """The marginal log likelihood of thresholds, coefficients and log σ."""

    def __init__(
        self, table: OrderedAnswers, group: Ints, groups: int, link: Link, nodes: int
    ) -> None:
        self.table, self.group, self.groups, self.link = table, group, groups, link
        self.node, weight = np.polynomial.hermite_e.hermegauss(nodes)
        self.log_weight = np.log(weight) + 0.5 * self.node**2
        self.last = np.zeros(groups)
        self.up, self.low = jacobians(table)

    def inner(self, x: Floats, u: Floats) -> Floats:
        """Log density of answers and standardised intercepts, by group."""
        s = log_chance(*limits(self.table, x[:-1], math.exp(x[-1]) * u[self.group]), self.link)
        return np.bincount(self.group, self.table.weights * s, self.groups) - 0.5 * u**2

    def modes(self, x: Floats) -> tuple[Floats, Floats]:
        """Each group's most likely standardised intercept, and the curvature there."""
        sigma, w = math.exp(x[-1]), self.table.weights
        u = self.last
        for _ in range(100):
            s = slopes(*limits(self.table, x[:-1], sigma * u[self.group]), self.link)
            slope = -sigma * np.bincount(self.group, w * (s.u + s.l), self.groups) - u
            curve = sigma**2 * np.bincount(self.group, w * (s.uu + 2 * s.ul + s.ll), self.groups)
            curve = curve + 1
            move = slope / curve
            if np.abs(move).max() < 1e-10:
                self.last = u
                return u, np.asarray(curve, float)
            here = self.inner(x, u)
            share = np.ones_like(u)
            while (worse := self.inner(x, u + share * move) < here - 1e-10).any():
                share = np.where(worse, share / 2, share)
                if share.min() < 1e-8:
                    break
            u = u + share * move
        raise CalibrantError("clmm: a group's intercept was not found")

    def value(self, x: Floats) -> float:
        """-inf where thresholds are out of order."""
        if (np.diff(x[: self.table.levels - 1]) <= 0).any():
            return -math.inf
        u, curve = self.modes(x)
        scale = 1 / np.sqrt(curve)
        logs = [
            self.inner(x, u + scale * z) + w
            for z, w in zip(self.node, self.log_weight, strict=True)
        ]
        total = logsumexp(np.array(logs), axis=0) + np.log(scale) - 0.5 * math.log(2 * math.pi)
        return float(total.sum())

    def slope(self, x: Floats, *, fine: bool = True) -> Floats:
        """Gradient by central differences, of the fourth order or the second."""
        found = np.empty_like(x)
        for i in range(x.size):
            h = 1e-3 * max(1.0, abs(float(x[i])))
            d = np.zeros_like(x)
            d[i] = h
            near = self.value(x + d) - self.value(x - d)
            if fine:
                near = (8 * near - self.value(x + 2 * d) + self.value(x - 2 * d)) / 6
            found[i] = near / (2 * h)
        return found

    def best(self, x: Floats) -> Floats:
        """The highest point: a quasi-Newton search, then Newton steps."""
        k = self.table.levels - 1

        def free(z: Floats) -> Floats:
            steps = z[0] + np.concatenate([[0.0], np.cumsum(np.exp(z[1:k]))])
            return np.concatenate([steps, z[k:-1], [max(float(z[-1]), FLAT)]])

        z = np.concatenate([x[:1], np.log(np.diff(x[:k])), x[k:]])
        bounds = [(None, None)] * (z.size - 1) + [(FLAT, 4.0)]
        found = minimize(
            lambda v: -self.value(free(v)), z, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 500, "ftol": 1e-9, "gtol": 1e-4},
        )  # fmt: skip
        x = free(found.x)
        if x[-1] > 3.9:
            raise SeparationError("clmm: the groups separate the answers")
        if x[-1] <= FLAT + 0.5:
            return x
        inverse = np.linalg.pinv(self.hessian(x, fine=False))
        for _ in range(20):
            move = inverse @ self.slope(x)
            if np.abs(move).max() > 0.5:
                break
            x = x + move
            if np.abs(move).max() < 1e-7:
                break
        return x

    def hessian(self, x: Floats, *, fine: bool = True) -> Floats:
        """Minus the second derivatives, by differences of the gradient."""
        rows = []
        for i in range(x.size):
            h = 1e-3 * max(1.0, abs(float(x[i])))
            d = np.zeros_like(x)
            d[i] = h
            rows.append((self.slope(x - d, fine=fine) - self.slope(x + d, fine=fine)) / (2 * h))
        matrix = np.array(rows)
        return np.asarray((matrix + matrix.T) / 2)

    def covariance(self, x: Floats) -> Floats:
        """Inverse of minus the second derivatives."""
        try:
            np.linalg.cholesky(h := self.hessian(x))
        except np.linalg.LinAlgError as e:
            raise CalibrantError("clmm: the answers do not determine the parameters") from e
        return np.asarray(np.linalg.inv(h))
