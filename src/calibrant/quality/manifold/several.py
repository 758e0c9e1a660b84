"""How likely are right and wrong answers where ability has several dimensions?

The compensatory multidimensional two-parameter model: logit P = a_j · θ_i + d_j, θ ~ N(0, Φ) with
variances of 1. Integrals are by adaptive Gauss–Hermite quadrature (Naylor and Smith, Appl. Statist.
31 (1982) 214; Schilling and Bock, Psychometrika 70 (2005) 533): nodes lie where each posterior is.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.quality.manifold.climb import Hidden, Missing, Pass
from calibrant.quality.manifold.counts import Counts

Floats = NDArray[np.float64]
NODES = {1: 21, 2: 13, 3: 9, 4: 5}
"""Per dimension."""
CELLS = 400_000
"""Numbers at a time, so that they stay near the processor."""


class Several:
    """The marginal likelihood of counts.

    Parameters have shape (items + rows, dimensions + 1): slopes and intercept of each item, then
    the factors' correlations, where they are free, in as many rows as they fill.
    """

    def __init__(
        self, counts: Counts, pattern: NDArray[np.bool_], *, correlated: bool,
        prior: float | None, nodes: int,
    ) -> None:  # fmt: skip
        """Take counts and which slopes are free, shape (items, dimensions)."""
        self.counts, self.free, self.correlated = counts, pattern, correlated
        self.items, self.dimensions = pattern.shape
        self.penalty = 0.0 if prior is None else 1.0 / prior**2
        k = self.dimensions
        self.below = [(i, j) for i in range(k) for j in range(i)] if correlated else []
        self.extra = -(-len(self.below) // (k + 1))
        x, w = np.polynomial.hermite_e.hermegauss(nodes)
        self.per = nodes
        self.grid = np.array(list(product(x, repeat=k)))
        log = np.log(w) + x**2 / 2
        self.log_grid = np.array([sum(p) for p in product(log, repeat=k)])
        self.theta: Floats | None = None
        self.log_weight = np.zeros((0, 0))
        self.mode = np.zeros((counts.often.size, k))

    def start(self) -> Floats:
        """From the leading directions of the centred scores."""
        share = self.counts.share
        mean = np.nanmean(share, axis=0)
        weight = self.counts.often / self.counts.often.sum()
        sd = np.sqrt(np.maximum(mean * (1 - mean), 0.01))
        z = np.nan_to_num((share - mean) / sd, nan=0.0)
        _, s, v = np.linalg.svd(z * np.sqrt(weight)[:, None], full_matrices=False)
        k = self.dimensions
        found = np.zeros((self.items + self.extra, k + 1))
        loading = np.clip(v[:k].T * s[:k] * 0.8, -0.8, 0.8)
        slope = 1.7 * loading / np.sqrt(np.maximum(1 - (loading**2).sum(axis=1), 0.2))[:, None]
        if not self.free.all():
            slope = np.where(self.free, np.abs(slope[:, :1]), 0.0)
        found[: self.items, :k] = slope
        middle = np.clip(mean, 0.02, 0.98)
        found[: self.items, k] = np.log(middle / (1 - middle))
        return found

    def correlations(self, x: Floats) -> tuple[Floats, list[Floats]]:
        """Φ, and its derivative by each free correlation parameter."""
        k = self.dimensions
        if not self.below:
            return np.eye(k), []
        flat = x[self.items :].ravel()
        lower = np.eye(k)
        for (i, j), value in zip(self.below, flat, strict=False):
            lower[i, j] = value
        norm = np.linalg.norm(lower, axis=1, keepdims=True)
        root = lower / norm
        slopes = []
        for i, j in self.below:
            change = np.zeros((k, k))
            change[i] = (np.eye(k)[j] - root[i] * root[i, j]) / norm[i]
            slopes.append(change @ root.T + root @ change.T)
        return root @ root.T, slopes

    def place(self, x: Floats) -> None:
        """Put the nodes where the posteriors are: Newton's method for all modes at once."""
        a, d = x[: self.items, :-1], x[: self.items, -1]
        inverse = np.linalg.inv(self.correlations(x)[0])
        right, total, mode = self.counts.right, self.counts.total, self.mode.copy()
        pairs = np.einsum("jk,jl->jkl", a, a).reshape(self.items, -1)
        k = self.dimensions

        def bend_at(mode: Floats) -> tuple[Floats, Floats]:
            p = expit(mode @ a.T + d)
            slope = (right - total * p) @ a - mode @ inverse
            return slope, (total * p * (1 - p)) @ pairs

        for _ in range(60):
            slope, bend = bend_at(mode)
            move = np.linalg.solve(bend.reshape(-1, k, k) + inverse, slope[..., None])[..., 0]
            length = np.linalg.norm(move, axis=1, keepdims=True)
            mode += move * np.minimum(1.0, 1.0 / np.maximum(length, 1e-300))
            if float(length.max()) < 1e-3:
                break
        _, bend = bend_at(mode)
        root = np.linalg.cholesky(bend.reshape(-1, k, k) + inverse)
        out = np.linalg.inv(root).swapaxes(1, 2)
        self.mode = mode
        self.theta = mode[:, None, :] + np.einsum("ikl,ql->iqk", out, self.grid)
        half = -np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        self.log_weight = self.log_grid + half[:, None]

    def chunks(self) -> list[slice]:
        """Patterns that are worked on together."""
        size = max(1, CELLS // (self.grid.shape[0] * self.items))
        count = self.counts.often.size
        return [slice(i, min(i + size, count)) for i in range(0, count, size)]

    def posterior(self, x: Floats, at: slice) -> tuple[Floats, Floats, Floats, Floats]:
        """Nodes, weights, log-likelihoods and P(right), of some patterns."""
        if self.theta is None:
            self.place(x)
        assert self.theta is not None
        a, d = x[: self.items, :-1], x[: self.items, -1]
        theta = self.theta[at]
        eta = theta @ a.T + d
        small = np.exp(-np.abs(eta))
        p = np.where(eta >= 0, 1.0, small) / (1.0 + small)
        soft = np.maximum(eta, 0.0) + np.log1p(small)
        right, total = self.counts.right[at], self.counts.total[at]
        log = np.einsum("gj,gqj->gq", right, eta, optimize=True)
        log -= np.einsum("gj,gqj->gq", total, soft, optimize=True)
        phi = self.correlations(x)[0]
        log -= 0.5 * np.einsum("gqk,kl,gql->gq", theta, np.linalg.inv(phi), theta, optimize=True)
        log += self.log_weight[at] - 0.5 * float(np.linalg.slogdet(phi)[1])
        log -= 0.5 * self.dimensions * np.log(2 * np.pi)
        top = log.max(axis=1, keepdims=True)
        w = np.exp(log - top)
        sums = w.sum(axis=1, keepdims=True)
        return theta, w / sums, top[:, 0] + np.log(sums[:, 0]), p

    def evaluate(self, x: Floats) -> Pass:
        """Value, gradient and complete-data information."""
        j, k = self.items, self.dimensions
        gradient, info = np.zeros_like(x), np.zeros((*x.shape, x.shape[1]))
        value, second = 0.0, np.zeros((k, k))
        for at in self.chunks():
            theta, w, log, p = self.posterior(x, at)
            often, right = self.counts.often[at], self.counts.right[at]
            value += float(often @ log)
            w = w * often[:, None]
            z = np.concatenate([theta, np.ones((*theta.shape[:2], 1))], axis=2)
            mean = np.einsum("gq,gqk->gk", w, z)
            second += np.einsum("gq,gqk,gql->kl", w, theta, theta, optimize=True)
            part = p * w[:, :, None] * self.counts.total[at][:, None, :]
            flat = z.reshape(-1, k + 1)
            gradient[:j] += right.T @ mean - part.reshape(-1, j).T @ flat
            part *= 1 - p
            both = (flat[:, :, None] * flat[:, None, :]).reshape(flat.shape[0], -1)
            info[:j] += (part.reshape(-1, j).T @ both).reshape(j, k + 1, k + 1)
        slope = x[:j, :k]
        value -= self.penalty / 2 * float((slope**2).sum())
        gradient[:j, :k] -= self.penalty * slope
        info[:j, np.arange(k), np.arange(k)] += self.penalty
        self._correlation_part(x, second, gradient, info)
        return Pass(value, *self._masked(gradient, info))

    def _correlation_part(self, x: Floats, second: Floats, gradient: Floats, info: Floats) -> None:
        phi, slopes = self.correlations(x)
        inverse, count = np.linalg.inv(phi), float(self.counts.often.sum())
        width = self.dimensions + 1
        for row in range(self.extra):
            info[self.items + row] = np.eye(width)
        for m, change in enumerate(slopes):
            turned = inverse @ change @ inverse
            row, column = self.items + m // width, m % width
            gradient[row, column] = (np.sum(turned * second) - count * np.sum(inverse * change)) / 2
            for n, other in enumerate(slopes):
                if n // width == m // width:
                    info[row, column, n % width] = count / 2 * np.sum(turned * other)

    def _masked(self, gradient: Floats, info: Floats) -> tuple[Floats, Floats]:
        """Slopes that are fixed at 0 do not move."""
        rows, columns = np.nonzero(~self.free)
        gradient[rows, columns] = 0.0
        info[rows, columns, :] = 0.0
        info[rows, :, columns] = 0.0
        info[rows, columns, columns] = 1.0
        return gradient, info

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Posterior means, shape (patterns, k), and covariances, (patterns, k, k)."""
        means, covariances = [], []
        for at in self.chunks():
            theta, w, _, _ = self.posterior(x, at)
            mean = np.einsum("gq,gqk->gk", w, theta)
            far = theta - mean[:, None]
            means.append(mean)
            covariances.append(np.einsum("gq,gqk,gql->gkl", w, far, far, optimize=True))
        return np.concatenate(means), np.concatenate(covariances)

    def expand(self, x: Floats) -> Floats:
        """The fitted distribution of abilities, taken up by the items (PX-EM)."""
        mean, covariance = self.moments(x)
        weight = self.counts.often / self.counts.often.sum()
        centre = weight @ mean
        far = mean - centre
        whole = np.einsum("g,gkl->kl", weight, covariance) + (weight * far.T) @ far
        wider, j = x.copy(), self.items
        wider[:j, -1] += x[:j, :-1] @ centre
        if self.free.all() and not self.below:
            wider[:j, :-1] = x[:j, :-1] @ np.linalg.cholesky(whole)
            return wider
        sd = np.sqrt(np.diag(whole))
        wider[:j, :-1] *= sd if self.below or self.dimensions == 1 else np.ones_like(sd)
        if self.below:
            root = np.linalg.cholesky(whole / np.outer(sd, sd))
            flat = wider[j:].ravel()
            flat[: len(self.below)] = [root[i, m] / root[i, i] for i, m in self.below]
            wider[j:] = flat.reshape(wider[j:].shape)
        return wider

    def observed(self, x: Floats, information: Floats) -> tuple[Missing, Floats]:
        """The observed information, and d ability / d parameters, (patterns × k, parameters)."""
        hidden, moves = Hidden(x.size), []
        phi, slopes = self.correlations(x)
        inverse = np.linalg.inv(phi)
        turned = [(inverse @ c @ inverse, float(np.sum(inverse * c))) for c in slopes]
        for at in self.chunks():
            theta, w, _, p = self.posterior(x, at)
            for g in range(theta.shape[0]):
                i, t = at.start + g, theta[g]
                residual = self.counts.right[i] - self.counts.total[i] * p[g]
                s = np.zeros((t.shape[0], *x.shape))
                s[:, : self.items, :-1] = residual[:, :, None] * t[:, None, :] * self.free
                s[:, : self.items, -1] = residual
                for m, (turn, constant) in enumerate(turned):
                    row, column = self.items + m // x.shape[1], m % x.shape[1]
                    s[:, row, column] = (np.einsum("qk,kl,ql->q", t, turn, t) - constant) / 2
                flat = s.reshape(t.shape[0], -1)
                flat = flat - w[g] @ flat
                moves.append((w[g][:, None] * (t - w[g] @ t)).T @ flat)
                half = np.sqrt(w[g] * self.counts.often[i])[:, None] * flat
                hidden.add(half)
        return hidden.missing(information), np.concatenate(moves)
