"""Where is the likelihood highest? EM-gradient steps first, then quasi-Newton in whitened steps.

Lange, J. R. Statist. Soc. B 57 (1995) 425: one Newton step of the M-step per pass is EM. Far from
the maximum that is stable; near it, quasi-Newton steps in the coordinates that make the expected
complete-data information the identity converge faster. Gradients are exact by Fisher's identity:
that of the marginal likelihood is the posterior mean of that of the complete one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from calibrant.errors import GateError

Floats = NDArray[np.float64]

EM_STEPS = 40
ROUNDS = 12
SMALL_MODEL = 400
"""Parameters up to which matrices of all pairs are made for every subject."""
SMALL = 1e-4
"""A gradient below this, in units of one over a standard error of the complete data."""


@dataclass(frozen=True)
class Pass:
    """One pass over the data.

    Attributes:
        value: the marginal log-likelihood, with its prior if there is one.
        gradient: shape (blocks, p).
        information: shape (blocks, p, p), expected negative second derivatives of the complete
            log-likelihood, positive definite.
    """

    value: float
    gradient: Floats
    information: Floats


class Target(Protocol):
    """A marginal likelihood, whose quadrature nodes stay where they are until they are placed."""

    def place(self, x: Floats) -> None:
        """Put the nodes where the posteriors at x are."""

    def evaluate(self, x: Floats) -> Pass:
        """The likelihood at x, shape (blocks, p), with the nodes as they are."""

    def expand(self, x: Floats) -> Floats:
        """The parameters that move the latent distribution onto the fitted one (PX-EM), or x."""

    def observed(self, x: Floats, information: Floats) -> tuple[Missing, Floats]:
        """The observed information at x, and derivatives of the latent means by parameters."""


@dataclass(frozen=True)
class Peak:
    """Where the climb ended.

    Attributes:
        x: shape (blocks, p).
        gradient: the largest component left, in units of one over a standard error.
        passes: over the data.
    """

    x: Floats
    at: Pass
    gradient: float
    passes: int


def climb(target: Target, x: Floats, *, em_steps: int = EM_STEPS, small: float = SMALL) -> Peak:
    """Find a maximum from x, shape (blocks, p). Whether it is one is for the caller to check.

    Args:
        em_steps: at most.
        small: the gradient at which to stop, in units of one over a standard error; infinite to
            stop after the EM steps.
    """
    target.place(x)
    at = target.evaluate(x)
    passes = 1
    for _ in range(em_steps):
        step = np.linalg.solve(at.information, at.gradient[..., None])[..., 0]
        step *= min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-300))
        before = at.value
        for trial in (target.expand(x + step), x + step, x + 0.3 * step, x + 0.03 * step):
            target.place(trial)
            found = target.evaluate(trial)
            passes += 1
            if found.value > before:
                x, at = trial, found
                break
        if at.value - before < 0.05:
            break
    target.place(x)
    at = target.evaluate(x)
    worst = whitened(at)
    for _ in range(ROUNDS):
        if worst < small:
            break
        x, at, more = _newton(target, x, at)
        passes, worst = passes + more + 1, whitened(at)
        if worst >= small and not more:
            x, more = _round(target, x, at, small)
            target.place(x)
            at = target.evaluate(x)
            passes, worst = passes + more + 1, whitened(at)
    return Peak(x, at, worst, passes)


def _newton(target: Target, x: Floats, at: Pass) -> tuple[Floats, Pass, int]:
    """One step of Newton's method with the observed information; none where it is indefinite."""
    inverse = target.observed(x, at.information)[0].inverse()
    if inverse is None:
        return x, at, 0
    step = inverse.times(at.gradient.ravel()).reshape(x.shape)
    step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
    for count, length in enumerate((1.0, 0.5, 0.1), 1):
        trial = x + length * step
        target.place(trial)
        found = target.evaluate(trial)
        # Near the maximum the value rises by less than its rounding and that of its quadrature.
        near = found.value > at.value - 0.01 and whitened(found) < 0.5 * whitened(at)
        if near or found.value > at.value:
            return trial, found, count
    target.place(x)
    return x, at, 0


def _round(target: Target, x: Floats, at: Pass, small: float) -> tuple[Floats, int]:
    """L-BFGS in the coordinates where the information at x is the identity."""
    root = np.linalg.cholesky(at.information)
    back = np.linalg.inv(root).swapaxes(-1, -2)
    count = 0

    def down(flat: Floats) -> tuple[float, Floats]:
        nonlocal count
        count += 1
        move = np.einsum("jab,jb->ja", back, flat.reshape(x.shape))
        found = target.evaluate(x + move)
        slope = np.einsum("jba,jb->ja", back, found.gradient)
        return at.value - found.value, -slope.ravel()

    done = minimize(
        down, np.zeros(x.size), jac=True, method="L-BFGS-B",
        options={"maxiter": 150, "maxcor": 15, "gtol": small / 3, "ftol": 1e-15},
    )  # fmt: skip
    return x + np.einsum("jab,jb->ja", back, done.x.reshape(x.shape)), count


def whitened(at: Pass) -> float:
    """The largest component of the gradient in units of one over a standard error."""
    try:
        root = np.linalg.cholesky(at.information)
    except np.linalg.LinAlgError as e:
        raise GateError("the scores do not determine the parameters: no maximum", []) from e
    slope = [solve_triangular(r, g, lower=True) for r, g in zip(root, at.gradient, strict=True)]
    return float(np.abs(slope).max())


@dataclass(frozen=True)
class Missing:
    """The observed information, as blocks less what the latent variables hide (Louis 1982).

    It is `blocks` on the diagonal minus Σ_i C_i, C_i = `parts` of i times its transpose.

    Attributes:
        blocks: shape (blocks, p, p).
        parts: shape (blocks × p, columns).
    """

    blocks: Floats
    parts: Floats

    def inverse(self) -> Inverse | None:
        """The covariance of the estimates; None if the information is not positive definite."""
        count, p, _ = self.blocks.shape
        if self.parts.shape[1] < count * p:
            own = np.asarray(np.linalg.inv(self.blocks), np.float64)
            left = np.einsum("jab,jbc->jac", own, self.parts.reshape(count, p, -1))
            left = left.reshape(count * p, -1)
            core = np.eye(self.parts.shape[1]) - self.parts.T @ left
            try:
                root = np.linalg.cholesky((core + core.T) / 2)
            except np.linalg.LinAlgError:
                return None
            turned = solve_triangular(root, left.T, lower=True).T
            return Inverse(own, np.asarray(turned, np.float64))
        full = -self.parts @ self.parts.T
        for j in range(count):
            full[j * p : (j + 1) * p, j * p : (j + 1) * p] += self.blocks[j]
        try:
            root = np.linalg.cholesky(full)
        except np.linalg.LinAlgError:
            return None
        half = solve_triangular(root, np.eye(full.shape[0]), lower=True)
        low: Floats = np.ascontiguousarray(half.T, np.float64)
        return Inverse(np.zeros_like(self.blocks), low)


class Hidden:
    """Adds up what latent variables hide, one subject after another."""

    def __init__(self, size: int) -> None:
        """Take the number of parameters."""
        self.size = size
        self.whole = np.zeros((size, size)) if size <= SMALL_MODEL else None
        self.parts: list[Floats] = []

    def add(self, half: Floats) -> None:
        """Take deviations of scores, times the root of their weights, shape (q, parameters)."""
        if self.whole is not None:
            self.whole += half.T @ half
            return
        values, vectors = np.linalg.eigh(half @ half.T)
        keep = values > 1e-12 * max(float(values[-1]), 1e-300)
        self.parts.append(half.T @ vectors[:, keep])

    def missing(self, blocks: Floats) -> Missing:
        """The observed information."""
        if self.whole is None:
            return Missing(blocks, np.concatenate(self.parts, axis=1))
        values, vectors = np.linalg.eigh(self.whole)
        return Missing(blocks, vectors * np.sqrt(np.maximum(values, 0.0)))


@dataclass(frozen=True)
class Inverse:
    """A covariance matrix: `own` on the block diagonal plus `low` times its transpose.

    Attributes:
        own: shape (blocks, p, p).
        low: shape (blocks × p, columns).
    """

    own: Floats
    low: Floats

    def blocks(self) -> Floats:
        """Shape (blocks, p, p): its block diagonal."""
        count, p, _ = self.own.shape
        low = self.low.reshape(count, p, -1)
        found: Floats = self.own + np.einsum("jac,jbc->jab", low, low)
        return found

    def times(self, vector: Floats) -> Floats:
        """Its product with a vector of shape (blocks × p,)."""
        own = np.einsum("jab,jb->ja", self.own, vector.reshape(self.own.shape[:2])).ravel()
        found: Floats = own + self.low @ (self.low.T @ vector)
        return found

    def variance(self, of: Floats) -> Floats:
        """Shape (rows,): variances of the linear combinations of shape (rows, blocks × p)."""
        count, p, _ = self.own.shape
        parts = of.reshape(-1, count, p)
        own = np.einsum("rja,jab,rjb->r", parts, self.own, parts, optimize=True)
        found: Floats = own + np.sum((of @ self.low) ** 2, axis=1)
        return found
