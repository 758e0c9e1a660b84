"""How likely are bounded scores? Latent responses between two limits, given ability.

On the scale h of `scale.Scale`, −1 at the lowest score and 1 at the highest, subject i's latent
response to item j is y* = (a_j θ_i + d_j + ε) / τ_j with ε ~ N(0, 1). The score is what h makes of
y* between the limits, and the limit beyond them (a two-limit Tobit model; Tobin, Econometrica 26
(1958) 24). In a, d and τ the log-likelihood is concave (Olsen, Econometrica 46 (1978) 1211). An
item whose scores are all at the limits has τ = 0, and is a two-parameter normal ogive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from calibrant.quality.manifold.climb import Hidden, Missing, Pass
from calibrant.quality.manifold.nodes import SPACING, Nodes, place_nodes
from calibrant.quality.manifold.scale import Scale

Floats = NDArray[np.float64]
LOG_2PI = float(np.log(2 * np.pi))
FIXED = -40.0
"""log τ of an item without scores between the limits."""


class Limited:
    """The marginal likelihood of bounded scores; abilities are N(0, 1).

    Parameters have shape (items, 3): a, d, log τ.
    """

    def __init__(
        self, unit: Floats, scale: Scale, *, prior: float | None = 5.0, spacing: float = SPACING
    ) -> None:
        """Take scores in 0–1 of shape (subjects, items), NaN where there is none.

        Args:
            prior: standard deviation of a normal prior of slopes; None for none.
            spacing: of nodes, in posterior standard deviations.
        """
        self.subjects, self.items = unit.shape
        self.penalty = 0.0 if prior is None else 1.0 / prior**2
        self.spacing, self.scale = spacing, scale
        end = (unit == 0) | (unit == 1)
        self.row, self.item = np.nonzero(end)
        self.sign = np.where(unit[self.row, self.item] == 1, 1.0, -1.0)[:, None]
        self.atoms = np.bincount(self.row, minlength=self.subjects)
        self.between = ~np.isnan(unit) & ~end
        filled = np.where(self.between, unit, 0.5)
        self.h = np.where(self.between, scale.of(filled), 0.0)
        self.counts = self.between.sum(axis=0)
        self.free = self.counts > 0
        self.constant = float(
            np.where(self.between, scale.log_slope(filled) - LOG_2PI / 2, 0.0).sum()
        )
        self.own_constant = np.where(
            self.between, scale.log_slope(filled) - LOG_2PI / 2, 0.0
        ).sum(axis=1)  # fmt: skip
        self.nodes: Nodes | None = None

    def start(self) -> Floats:
        """Parameters from the scores' means, and abilities from the subjects' means."""
        total = self.mean_scores()
        theta = (total - total.mean()) / max(float(total.std()), 1e-9)
        seen = self.between.copy()
        seen[self.row, self.item] = True
        value = self.h.copy()
        value[self.row, self.item] = self.sign[:, 0]
        count = np.maximum(seen.sum(axis=0), 1)
        mean = value.sum(axis=0) / count
        centred = np.where(seen, value - mean, 0.0)
        spread = np.sqrt(np.maximum((centred**2).sum(axis=0) / count, 1e-4))
        slope = (theta @ centred) / np.maximum((theta**2) @ seen, 1e-9) / spread
        slope = np.clip(slope, -0.9, 0.9)
        noise = spread * np.sqrt(1 - slope**2)
        x = np.stack([slope * spread / noise, mean / noise, -np.log(noise)], axis=1)
        x[~self.free, 2] = FIXED
        return x

    def mean_scores(self) -> Floats:
        """Shape (subjects,): of each subject's scores on the scale."""
        value = self.h.sum(axis=1) + np.bincount(self.row, self.sign[:, 0], minlength=self.subjects)
        found: Floats = value / np.maximum(self.between.sum(axis=1) + self.atoms, 1)
        return found

    def _sum(self, cells: Floats) -> Floats:
        """Add cells of shape (atoms, q) up by subject."""
        found = np.zeros((self.subjects, cells.shape[1]))
        has = self.atoms > 0
        if has.any():
            starts = np.r_[0, np.cumsum(self.atoms[has])[:-1]]
            found[has] = np.add.reduceat(cells, starts, axis=0)
        return found

    def _quadratic(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Per subject, of the scores between the limits: A, B, C of −(A − 2Bθ + Cθ²) / 2."""
        tau = np.exp(x[:, 2])
        centred = np.where(self.between, tau * self.h - x[:, 1], 0.0)
        a = (centred**2).sum(axis=1) - 2 * (self.between @ np.where(self.free, x[:, 2], 0.0))
        return a, centred @ x[:, 0], self.between @ x[:, 0] ** 2

    def _arguments(self, theta: Floats, x: Floats) -> Floats:
        """Of the normal distribution function at the limits, shape (atoms, q)."""
        slope, shift = x[self.item, 0][:, None], x[self.item, 1][:, None]
        tau = np.exp(x[self.item, 2])[:, None]
        found: Floats = self.sign * (slope * theta[self.row] + shift) - tau
        return found

    def log_likelihood(self, theta: Floats, x: Floats) -> Floats:
        """Shape (subjects, q): of each subject's scores at its abilities, less a constant."""
        a, b, c = (v[:, None] for v in self._quadratic(x))
        quadratic = -(a - 2 * b * theta + c * theta**2) / 2
        found: Floats = quadratic + self._sum(log_ndtr(self._arguments(theta, x)))
        return found

    def curve(self, theta: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Log posterior, slope and bend, as `nodes.Curve`."""
        a, b, c = (v[:, None] for v in self._quadratic(x))
        u = self._arguments(theta, x)
        log = log_ndtr(u)
        ratio = np.exp(-(u**2) / 2 - log - LOG_2PI / 2)
        slope = x[self.item, 0][:, None]
        value = self._sum(log) - (a - 2 * b * theta + c * theta**2) / 2 - theta**2 / 2
        return (
            value, self._sum(self.sign * slope * ratio) + b - c * theta - theta,
            self._sum(slope**2 * ratio * (ratio + u)) + c + 1.0,
        )  # fmt: skip

    def place(self, x: Floats) -> None:
        """Put the nodes where the posteriors are."""
        start = np.zeros(self.subjects) if self.nodes is None else self.nodes.mode
        self.nodes = place_nodes(
            lambda t: self.curve(t, x), start, spacing=self.spacing, last=self.nodes
        )

    def posterior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Nodes, their weights, both of shape (subjects, q), and each subject's log-likelihood."""
        if self.nodes is None:
            self.place(x)
        assert self.nodes is not None
        theta = self.nodes.theta
        log = self.log_likelihood(theta, x) - theta**2 / 2 - LOG_2PI / 2 + self.nodes.log_step
        top = log.max(axis=1, keepdims=True)
        w = np.exp(log - top)
        total = w.sum(axis=1, keepdims=True)
        return theta, w / total, top[:, 0] + np.log(total[:, 0]) + self.own_constant

    def evaluate(self, x: Floats) -> Pass:
        """Value, gradient and complete-data information, with the nodes as they are."""
        theta, w, log = self.posterior(x)
        slope, tau = x[:, 0], np.exp(x[:, 2])
        gradient, info = self._between_part(theta, w, x)
        u = self._arguments(theta, x)
        ratio = np.exp(-(u**2) / 2 - log_ndtr(u) - LOG_2PI / 2)
        weight, t = w[self.row], theta[self.row]
        r0, r1 = (weight * ratio).sum(axis=1), (weight * ratio * t).sum(axis=1)
        k = weight * ratio * (ratio + u)
        k0, k1, k2 = k.sum(axis=1), (k * t).sum(axis=1), (k * t**2).sum(axis=1)
        sign, own = self.sign[:, 0], tau[self.item]
        parts = (sign * r1, sign * r0, -own * r0)
        for i, part in enumerate(parts):
            gradient[:, i] += np.bincount(self.item, part, minlength=self.items)
        rows = ((0, 0, k2), (0, 1, k1), (1, 1, k0), (0, 2, -sign * own * k1),
                (1, 2, -sign * own * k0), (2, 2, own**2 * k0))  # fmt: skip
        for i, j, part in rows:
            summed = np.bincount(self.item, part, minlength=self.items)
            info[:, i, j] += summed
            info[:, j, i] += summed if i != j else 0.0
        gradient[:, 0] -= self.penalty * slope
        info[:, 0, 0] += self.penalty
        gradient[~self.free, 2] = 0.0
        info[~self.free, :, 2] = 0.0
        info[~self.free, 2, :] = 0.0
        info[~self.free, 2, 2] = 1.0
        value = float(log.sum()) - self.penalty / 2 * float(slope @ slope)
        return Pass(value, gradient, info)

    def _between_part(self, theta: Floats, w: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Of the scores between the limits: they need two moments of each posterior."""
        m1, m2 = (w * theta).sum(axis=1), (w * theta**2).sum(axis=1)
        slope, shift, tau = x[:, 0], x[:, 1], np.exp(x[:, 2])
        h, on = self.h, self.between.astype(float)
        n0, n1, n2 = on.sum(axis=0), m1 @ on, m2 @ on
        h0, h1, hh = h.sum(axis=0), m1 @ h, (h**2).sum(axis=0)
        gradient = np.stack([
            tau * h1 - slope * n2 - shift * n1,
            tau * h0 - slope * n1 - shift * n0,
            n0 - tau * (tau * hh - slope * h1 - shift * h0),
        ], axis=1)  # fmt: skip
        info = np.empty((self.items, 3, 3))
        info[:, 0, 0], info[:, 0, 1], info[:, 1, 1] = n2, n1, n0
        info[:, 0, 2], info[:, 1, 2] = -tau * h1, -tau * h0
        info[:, 2, 2] = n0 + tau**2 * hh
        for i, j in ((1, 0), (2, 0), (2, 1)):
            info[:, i, j] = info[:, j, i]
        return gradient, info

    def expand(self, x: Floats) -> Floats:
        """The fitted mean and spread of abilities, taken up by the items (PX-EM)."""
        theta, w, _ = self.posterior(x)
        mean = float((w * theta).sum() / self.subjects)
        sd = float(np.sqrt((w * theta**2).sum() / self.subjects - mean**2))
        wider = x.copy()
        wider[:, 1] += x[:, 0] * mean
        wider[:, 0] *= sd
        return wider

    def scores(self, i: int, theta: Floats, x: Floats) -> Floats:
        """Shape (q, items, 3): derivatives of one subject's log-likelihood at abilities."""
        found = np.zeros((theta.size, self.items, 3))
        tau = np.exp(x[:, 2])
        on = self.between[i]
        e = np.where(on, tau * self.h[i] - x[:, 1] - theta[:, None] * x[:, 0], 0.0)
        found[:, :, 0], found[:, :, 1] = e * theta[:, None], e
        found[:, :, 2] = np.where(on, 1.0 - tau * self.h[i] * e, 0.0)
        mine = self.row == i
        j, sign = self.item[mine], self.sign[mine, 0]
        u = sign * (theta[:, None] * x[j, 0] + x[j, 1]) - tau[j]
        ratio = np.exp(-(u**2) / 2 - log_ndtr(u) - LOG_2PI / 2)
        found[:, j, 0], found[:, j, 1] = sign * ratio * theta[:, None], sign * ratio
        found[:, j, 2] = -tau[j] * ratio
        found[:, ~self.free, 2] = 0.0
        return found

    def observed(self, x: Floats, information: Floats) -> tuple[Missing, Floats]:
        """The observed information, and d ability / d parameters, shape (subjects, items × 3)."""
        theta, w, _ = self.posterior(x)
        hidden, moves = Hidden(self.items * 3), np.empty((self.subjects, self.items * 3))
        for i in range(self.subjects):
            s = self.scores(i, theta[i], x).reshape(theta.shape[1], -1)
            s = s - w[i] @ s
            half = np.sqrt(w[i])[:, None] * s
            moves[i] = (w[i] * (theta[i] - w[i] @ theta[i])) @ s
            hidden.add(half)
        return hidden.missing(information), moves
