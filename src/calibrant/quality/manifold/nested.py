"""How likely are right and wrong answers where items come in clusters?

The testlet model (Bradlow, Wainer and Wang, Psychometrika 64 (1999) 153; Wang and Wilson 2005 in
this form): logit P = a_j (θ_i + s_c u_ic) + d_j with θ, u ~ N(0, 1) and c the cluster of item j.
Given ability, clusters are independent: the integral over as many effects as there are clusters is
one integral over ability of products of integrals over one effect (Gibbons and Hedeker,
Psychometrika 57 (1992) 423). Both are adaptive: trapezoid nodes for ability, Gauss–Hermite nodes
around the mode of each effect at each of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.quality.manifold.climb import Hidden, Missing, Pass
from calibrant.quality.manifold.counts import Counts
from calibrant.quality.manifold.nodes import SPACING, Nodes, place_nodes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
INNER = 7
CELLS = 1_000_000


@dataclass(frozen=True)
class Look:
    """One cluster at some subjects' nodes.

    Attributes:
        items: shape (m,).
        u: shape (g, q, k), its effects.
        share: shape (g, q, k), their weights given ability.
        residual: shape (g, q, k, m), right answers less their expectation.
        spread: shape (g, q, k, m), variance of right answers.
    """

    items: Ints
    u: Floats
    share: Floats
    residual: Floats
    spread: Floats


class Nested:
    """The marginal likelihood of counts in clusters.

    Parameters have shape (1, 2 items + clusters): slopes, intercepts, s.
    """

    def __init__(
        self, counts: Counts, cluster: Ints, *, prior: float | None, fixed: tuple[int, ...] = (),
        spacing: float = SPACING, inner: int = INNER,
    ) -> None:  # fmt: skip
        """Take counts and each item's cluster, −1 for none.

        Args:
            fixed: clusters whose effect is held at 0.
            spacing, inner: of nodes of ability; number of nodes of a cluster's effect.
        """
        self.counts, self.cluster, self.fixed = counts, cluster, fixed
        self.items = cluster.size
        self.clusters = int(cluster.max(initial=-1)) + 1
        self.penalty = 0.0 if prior is None else 1.0 / prior**2
        self.spacing = spacing
        self.inner = inner
        self.t, weight = np.polynomial.hermite_e.hermegauss(inner)
        self.log_t = np.log(weight) + self.t**2 / 2 - np.log(2 * np.pi) / 2
        self.groups = [np.flatnonzero(cluster == c) for c in range(-1, self.clusters)]
        self.nodes: Nodes | None = None
        self.mode = np.zeros(counts.often.size)
        self.kept: dict[tuple[int, int] | None, tuple[Floats, Floats]] = {}

    def start(self) -> Floats:
        """From the correlation of each item with the mean score."""
        share = self.counts.share
        mean = np.nanmean(share, axis=0)
        total = np.nanmean(share - mean, axis=1)
        weight = self.counts.often / self.counts.often.sum()
        total = (total - weight @ total) / max(float(np.sqrt(weight @ total**2)), 1e-9)
        z = np.nan_to_num(share - mean, nan=0.0)
        rho = (weight * total) @ z / np.sqrt(np.maximum(mean * (1 - mean), 0.01))
        rho = np.clip(rho * 0.9, -0.8, 0.8)
        middle = np.clip(mean, 0.02, 0.98)
        x = np.r_[1.7 * rho / np.sqrt(1 - rho**2), np.log(middle / (1 - middle)),
                  np.full(self.clusters, 0.5)]  # fmt: skip
        x[[2 * self.items + c for c in self.fixed]] = 0.0
        found: Floats = x[None]
        return found

    def unpack(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes, intercepts, s."""
        j = self.items
        return x[0, :j], x[0, j : 2 * j], x[0, 2 * j :]

    def looks(
        self, theta: Floats, at: slice, x: Floats, *, keep: bool = False
    ) -> tuple[Floats, list[Look]]:
        """log P(answers of some subjects | ability), shape (g, q), and every cluster.

        With `keep`, the nodes of effects stay where they first were since ability's were placed,
        so that gradients are those of the value that is computed.
        """
        a, d, s = self.unpack(x)
        found, log = [], np.zeros(theta.shape)
        for c, items in enumerate(self.groups, -1):
            if not items.size:
                continue
            right, total = self.counts.right[at][:, items], self.counts.total[at][:, items]
            eta = theta[:, :, None] * a[items] + d[items]
            own = 0.0 if c < 0 else float(s[c])
            slope = own * a[items]
            if own == 0.0:
                u, weight = np.zeros((*theta.shape, 1)), np.zeros((*theta.shape, 1))
            else:
                u, weight = self._effects(eta, slope, right, total, (c, at) if keep else None)
            deep = eta[:, :, None, :] + u[..., None] * slope
            small = np.exp(-np.abs(deep))
            p = np.where(deep >= 0, 1.0, small) / (1.0 + small)
            soft = np.maximum(deep, 0.0) + np.log1p(small)
            r, n = right[:, None, None, :], total[:, None, None, :]
            inner = weight + _dot(deep, right) - _dot(soft, total)
            top = inner.max(axis=2, keepdims=True)
            share = np.exp(inner - top)
            whole = share.sum(axis=2, keepdims=True)
            log += (top + np.log(whole))[:, :, 0]
            found.append(Look(items, u, share / whole, r - n * p, n * p * (1 - p)))
        return log, found

    def _effects(
        self, eta: Floats, slope: Floats, right: Floats, total: Floats,
        key: tuple[int, slice] | None,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Nodes of a cluster's effect at each ability, and the logs of their weights."""
        name = None if key is None else (key[0], key[1].start)
        if name in self.kept:
            return self.kept[name]
        u = np.zeros(eta.shape[:2])
        r, n = right[:, None, :], total[:, None, :]
        for _ in range(30):
            p = expit(eta + u[..., None] * slope)
            bend = (n * p * (1 - p)) @ slope**2 + 1.0
            move = np.clip(((r - n * p) @ slope - u) / bend, -1.5, 1.5)
            u = u + move
            if float(np.abs(move).max()) < 1e-6:
                break
        p = expit(eta + u[..., None] * slope)
        width = 1.0 / np.sqrt((n * p * (1 - p)) @ slope**2 + 1.0)
        nodes = u[..., None] + width[..., None] * self.t
        found = nodes, self.log_t - nodes**2 / 2 + np.log(width)[..., None]
        if name is not None:
            self.kept[name] = found
        return found

    def chunks(self, q: int) -> list[slice]:
        """Patterns that are worked on together."""
        size = max(1, CELLS // (q * self.inner * self.items))
        count = self.counts.often.size
        return [slice(i, min(i + size, count)) for i in range(0, count, size)]

    def curve(self, theta: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
        """As `nodes.Curve`."""
        a, _, _ = self.unpack(x)
        value, slope, bend = -(theta**2) / 2, -theta, np.ones(theta.shape)
        for at in self.chunks(theta.shape[1]):
            log, looks = self.looks(theta[at], at, x)
            value[at] += log
            for look in looks:
                first = look.residual @ a[look.items]
                mean = (look.share * first).sum(axis=2)
                slope[at] += mean
                second = (look.share * (look.spread @ a[look.items] ** 2)).sum(axis=2)
                bend[at] += second - (look.share * (first - mean[..., None]) ** 2).sum(axis=2)
        # The likelihood is log-concave, but for the error of its quadrature.
        return value, slope, np.maximum(bend, 1.0)

    def place(self, x: Floats) -> None:
        """Put the nodes of ability where the posteriors are; those of effects follow."""
        self.nodes = place_nodes(
            lambda t: self.curve(t, x), self.mode, spacing=self.spacing, last=self.nodes
        )
        self.mode, self.kept = self.nodes.mode, {}

    def posterior(self, x: Floats, at: slice) -> tuple[Floats, Floats, Floats, list[Look]]:
        """Nodes of ability, weights, log-likelihoods and clusters, of some patterns."""
        if self.nodes is None:
            self.place(x)
        assert self.nodes is not None
        theta = self.nodes.theta[at]
        log, looks = self.looks(theta, at, x, keep=True)
        log = log - theta**2 / 2 - np.log(2 * np.pi) / 2 + self.nodes.log_step[at]
        top = log.max(axis=1, keepdims=True)
        w = np.exp(log - top)
        total = w.sum(axis=1, keepdims=True)
        return theta, w / total, top[:, 0] + np.log(total[:, 0]), looks

    def _chunks(self, x: Floats) -> list[slice]:
        if self.nodes is None:
            self.place(x)
        assert self.nodes is not None
        return self.chunks(self.nodes.theta.shape[1])

    def evaluate(self, x: Floats) -> Pass:
        """Value, gradient and complete-data information, less what has expectation 0."""
        a, _, s = self.unpack(x)
        j, size = self.items, x.size
        gradient, info, value = np.zeros(size), np.zeros((size, size)), 0.0
        for at in self._chunks(x):
            theta, w, log, looks = self.posterior(x, at)
            value += float(self.counts.often[at] @ log)
            for look in looks:
                c = int(self.cluster[look.items[0]])
                weight = (w * self.counts.often[at][:, None])[..., None] * look.share
                own = float(s[c]) if c >= 0 else 0.0
                z = theta[..., None] + own * look.u
                first = (weight[..., None] * look.residual).reshape(-1, look.items.size)
                second = (weight[..., None] * look.spread).reshape(-1, look.items.size)
                z, u = z.ravel(), look.u.ravel()
                gradient[look.items] += z @ first
                gradient[j + look.items] += first.sum(axis=0)
                info[look.items, look.items] += z**2 @ second
                info[look.items, j + look.items] += z @ second
                info[j + look.items, j + look.items] += second.sum(axis=0)
                if c < 0 or own == 0.0:
                    continue
                k = 2 * j + c
                gradient[k] += u @ first @ a[look.items]
                info[look.items, k] += (z * u) @ second * a[look.items]
                info[j + look.items, k] += u @ second * a[look.items]
                info[k, k] += u**2 @ second @ a[look.items] ** 2
        info = np.triu(info) + np.triu(info, 1).T
        value -= self.penalty / 2 * float(a @ a)
        gradient[:j] -= self.penalty * a
        info[np.arange(j), np.arange(j)] += self.penalty
        still = 2 * j + np.flatnonzero(s == 0)
        info[still, still] = 1.0
        # Two answers hardly say anything of a cluster that has little effect.
        moving = 2 * j + np.flatnonzero(s != 0)
        info[moving, moving] += 1e-6 * float(self.counts.often.sum())
        return Pass(value, gradient[None], info[None])

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Posterior means and variances of ability, each of shape (patterns,)."""
        means, variances = [], []
        for at in self._chunks(x):
            theta, w, _, _ = self.posterior(x, at)
            mean = (w * theta).sum(axis=1)
            means.append(mean)
            variances.append((w * (theta - mean[:, None]) ** 2).sum(axis=1))
        return np.concatenate(means), np.concatenate(variances)

    def log_likelihoods(self, x: Floats) -> Floats:
        """Shape (patterns,)."""
        return np.concatenate([self.posterior(x, at)[2] for at in self._chunks(x)])

    def expand(self, x: Floats) -> Floats:
        """The fitted distributions of ability, taken up by the items (PX-EM)."""
        mean, variance = self.moments(x)
        weight = self.counts.often / self.counts.often.sum()
        centre = float(weight @ mean)
        sd = float(np.sqrt(weight @ (variance + (mean - centre) ** 2)))
        wider, j = x.copy(), self.items
        wider[0, j : 2 * j] += x[0, :j] * centre
        wider[0, :j] *= sd
        wider[0, 2 * j :] /= sd
        return wider

    def observed(self, x: Floats, information: Floats) -> tuple[Missing, Floats]:
        """The observed information, and d ability / d parameters, shape (patterns, p)."""
        a, _, s = self.unpack(x)
        j = self.items
        hidden, moves = Hidden(x.size), np.empty((self.counts.often.size, x.size))
        blocks = information.copy()
        for at in self._chunks(x):
            theta, w, _, looks = self.posterior(x, at)
            for g in range(theta.shape[0]):
                often = float(self.counts.often[at.start + g])
                mean = np.zeros((theta.shape[1], x.size))
                within = np.zeros((x.size, x.size))
                for look in looks:
                    c = int(self.cluster[look.items[0]])
                    own = float(s[c]) if c >= 0 else 0.0
                    z = theta[g][:, None] + own * look.u[g]
                    score = [look.residual[g] * z[..., None], look.residual[g]]
                    where = np.r_[look.items, j + look.items]
                    if own != 0.0:
                        by_s = look.u[g] * (look.residual[g] @ a[look.items])
                        score.append(by_s[..., None])
                        where = np.r_[where, 2 * j + c]
                        lost = often * np.einsum(
                            "q,qk,qkm->m", w[g], look.share[g] * look.u[g], look.residual[g]
                        )
                        blocks[0, look.items, 2 * j + c] -= lost
                        blocks[0, 2 * j + c, look.items] -= lost
                    scores = np.concatenate(score, axis=2)
                    centre = np.einsum("qk,qkp->qp", look.share[g], scores)
                    mean[:, where] = centre
                    if own != 0.0:
                        far = scores - centre[:, None]
                        weight = np.sqrt(w[g][:, None] * look.share[g])[..., None]
                        flat = (weight * far).reshape(-1, where.size)
                        within[np.ix_(where, where)] += flat.T @ flat
                blocks[0] -= often * within
                far = mean - w[g] @ mean
                moves[at.start + g] = (w[g] * (theta[g] - w[g] @ theta[g])) @ far
                hidden.add(np.sqrt(often * w[g])[:, None] * far)
        return hidden.missing(blocks), moves


def _dot(cells: Floats, by: Floats) -> Floats:
    """Sums over the last axis of (g, q, k, m), weighted by subject and item, (g, m)."""
    flat = cells.reshape(cells.shape[0], -1, cells.shape[3])
    found: Floats = (flat @ by[:, :, None]).reshape(cells.shape[:3])
    return found
