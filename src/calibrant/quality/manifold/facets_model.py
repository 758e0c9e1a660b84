"""How likely are ratings? Ability less difficulty, severity and effect of the variant.

Linacre, *Many-Facet Rasch Measurement* (1989), with the rating scale of Andrich, Psychometrika 43
(1978) 561: log P(x) = x (θ_i − Σ_f β_f) − Σ_{s ≤ x} c_s + constant. Subjects' abilities are
N(0, σ²) and integrated out, so that their number does not bias the effects as it does when they
are estimated jointly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.manifold.climb import Hidden, Missing, Pass
from calibrant.quality.manifold.facets_data import Ratings
from calibrant.quality.manifold.nodes import SPACING, Nodes, place_nodes

Floats = NDArray[np.float64]
LOG_2PI = float(np.log(2 * np.pi))


class Facets:
    """The marginal likelihood of ratings.

    Parameters have shape (1, p): all but the last level of each facet (its effects add up to 0),
    the steps c, and log σ.
    """

    def __init__(self, m: Ratings, *, spacing: float = SPACING) -> None:
        self.m, self.spacing = m, spacing
        self.steps = m.values.size - 1
        self.levels = int(m.starts[-1])
        self.map = contrasts(m, self.steps)
        self.nodes: Nodes | None = None
        self.begin = np.searchsorted(m.subject, np.arange(len(m.subjects)))
        self.met = (m.code[:, None] >= np.arange(1, self.steps + 1)).astype(float)

    def start(self) -> Floats:
        """Effects of 0, and steps from how often each category occurs."""
        share = np.bincount(self.m.code, minlength=self.steps + 1) + 0.5
        x = np.zeros((1, self.map.shape[1] + 1))
        x[0, -1 - self.steps : -1] = np.log(share[:-1]) - np.log(share[1:])
        return x

    def unpack(self, x: Floats) -> tuple[Floats, Floats, float]:
        """Effects of all levels, steps, and σ."""
        full = self.map @ x[0, :-1]
        return full[: self.levels], full[self.levels :], float(np.exp(x[0, -1]))

    def moments(self, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
        """Per row and node: log P(own category), and P(at least s), shape (rows, q, steps)."""
        effects, steps, _ = self.unpack(x)
        shift = theta[self.m.subject] - effects[self.m.level].sum(axis=0)[:, None]
        down = np.cumsum(steps)
        logits = shift[:, :, None] * np.arange(1, self.steps + 1) - down
        top = np.maximum(logits.max(axis=2), 0.0)
        weights = np.exp(logits - top[:, :, None])
        total = np.exp(-top) + weights.sum(axis=2)
        code = self.m.code[:, None]
        own = code * shift - np.r_[0.0, down][code]
        above = np.cumsum((weights / total[:, :, None])[:, :, ::-1], axis=2)[:, :, ::-1]
        return own - top - np.log(total), above

    def curve(self, theta: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
        """As `nodes.Curve`."""
        _, _, spread = self.unpack(x)
        log, above = self.moments(theta, x)
        mean = above.sum(axis=2)
        variance = above @ (2 * np.arange(1, self.steps + 1) - 1.0) - mean**2
        residual = self.m.code[:, None] - mean
        return (
            np.add.reduceat(log, self.begin, axis=0) - theta**2 / (2 * spread**2),
            np.add.reduceat(residual, self.begin, axis=0) - theta / spread**2,
            np.add.reduceat(variance, self.begin, axis=0) + 1 / spread**2,
        )

    def place(self, x: Floats) -> None:
        """Put the nodes where the posteriors are."""
        start = np.zeros(len(self.m.subjects)) if self.nodes is None else self.nodes.mode
        self.nodes = place_nodes(
            lambda t: self.curve(t, x), start, spacing=self.spacing, last=self.nodes
        )

    def posterior(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Nodes, their weights, each subject's log-likelihood, and P(at least s)."""
        if self.nodes is None:
            self.place(x)
        assert self.nodes is not None
        theta, (_, _, spread) = self.nodes.theta, self.unpack(x)
        own, above = self.moments(theta, x)
        log = np.add.reduceat(own, self.begin, axis=0) + self.nodes.log_step
        log -= theta**2 / (2 * spread**2) + np.log(spread) + LOG_2PI / 2
        top = log.max(axis=1, keepdims=True)
        w = np.exp(log - top)
        total = w.sum(axis=1, keepdims=True)
        return theta, w / total, top[:, 0] + np.log(total[:, 0]), above

    def evaluate(self, x: Floats) -> Pass:
        """Value, gradient and complete-data information."""
        theta, w, log, above = self.posterior(x)
        m, size = self.m, self.levels
        weight = w[m.subject][:, :, None]
        mean = above.sum(axis=2)
        odd = 2 * np.arange(1, self.steps + 1) - 1.0
        expected = (weight * above).sum(axis=1)
        residual = self.met - expected
        variance = (weight[:, :, 0] * (above @ odd - mean**2)).sum(axis=1)
        # Cov(x, [x ≥ s]) = Σ_{k ≥ s} P(x ≥ k) + (s − 1 − E x) P(x ≥ s).
        later = np.cumsum(above[:, :, ::-1], axis=2)[:, :, ::-1]
        lag = later + (np.arange(self.steps) - mean[:, :, None]) * above
        with_steps = (weight * lag).sum(axis=1)
        gradient = np.zeros(size + self.steps)
        info = np.zeros((size + self.steps, size + self.steps))
        total = residual.sum(axis=1)
        for a in m.level:
            gradient[:size] -= np.bincount(a, total, minlength=size)
            for b in m.level:
                info[:size, :size] += np.bincount(
                    a * size + b, variance, minlength=size * size
                ).reshape(size, size)
            for s in range(self.steps):
                info[:size, size + s] += np.bincount(a, with_steps[:, s], minlength=size)
        info[size:, :size] = info[:size, size:].T
        gradient[size:] = -residual.sum(axis=0)
        for s in range(self.steps):
            for t in range(s, self.steps):
                both = (weight[:, :, 0] * above[:, :, t] * (1 - above[:, :, s])).sum()
                info[size + s, size + t] = info[size + t, size + s] = both
        square = float((w * theta**2).sum()) / self.unpack(x)[2] ** 2
        slope = np.r_[self.map.T @ gradient, square - len(m.subjects)]
        whole = np.zeros((slope.size, slope.size))
        whole[:-1, :-1] = self.map.T @ info @ self.map
        whole[-1, -1] = 2 * square
        return Pass(float(log.sum()), slope[None], whole[None])

    def expand(self, x: Floats) -> Floats:
        """The fitted mean of abilities, taken up by the steps (PX-EM)."""
        theta, w, _, _ = self.posterior(x)
        wider = x.copy()
        wider[0, -1 - self.steps : -1] -= float((w * theta).sum() / theta.shape[0])
        return wider

    def observed(self, x: Floats, information: Floats) -> tuple[Missing, Floats]:
        """The observed information, and d ability / d parameters, shape (subjects, p)."""
        theta, w, _, above = self.posterior(x)
        m, count, q = self.m, len(self.m.subjects), theta.shape[1]
        residual = self.met[:, None, :] - above
        total = residual.sum(axis=2)
        spread = self.unpack(x)[2]
        ends = np.r_[self.begin[1:], m.subject.size]
        moves, hidden = np.empty((count, x.size)), Hidden(x.size)
        for i in range(count):
            rows = slice(self.begin[i], ends[i])
            full = np.zeros((self.levels + self.steps, q))
            for a in m.level:
                np.add.at(full, a[rows], -total[rows])
            full[self.levels :] = -residual[rows].sum(axis=0).T
            s = np.concatenate([full.T @ self.map, (theta[i] ** 2 / spread**2 - 1)[:, None]], 1)
            s = s - w[i] @ s
            moves[i] = (w[i] * (theta[i] - w[i] @ theta[i])) @ s
            hidden.add(np.sqrt(w[i])[:, None] * s)
        return hidden.missing(information), moves


def contrasts(m: Ratings, steps: int) -> Floats:
    """From free parameters to the effects of all levels and the steps."""
    sizes = [len(n) for n in m.levels]
    found = np.zeros((sum(sizes) + steps, sum(sizes) - len(sizes) + steps))
    row = column = 0
    for size in sizes:
        found[row : row + size - 1, column : column + size - 1] = np.eye(size - 1)
        found[row + size - 1, column : column + size - 1] = -1.0
        row, column = row + size, column + size - 1
    found[row:, column:] = np.eye(steps)
    return found


def fit_statistics(
    target: Facets, x: Floats, of: NDArray[np.int64], size: int
) -> tuple[Floats, Floats, Floats]:
    """Infit, outfit and infit's deviation of groups of rows, by each row's prediction by others.

    A row's own part is taken out of its subject's posterior first, so that its residual has
    expectation 0 and its square the predicted variance, but for the estimation of effects.
    """
    theta, w, _, above = target.posterior(x)
    own, _ = target.moments(theta, x)
    weight = w[target.m.subject] * np.exp(-(own - own.min(axis=1, keepdims=True)))
    weight /= weight.sum(axis=1, keepdims=True)
    up = np.concatenate([np.ones((*above.shape[:2], 1)), above], axis=2)
    p = up - np.concatenate([above, np.zeros((*above.shape[:2], 1))], axis=2)
    predicted = np.einsum("rq,rqx->rx", weight, p)
    far = np.arange(target.steps + 1) - (predicted @ np.arange(target.steps + 1))[:, None]
    variance = np.maximum((predicted * far**2).sum(axis=1), 1e-12)
    fourth = (predicted * far**4).sum(axis=1)
    square = far[np.arange(far.shape[0]), target.m.code] ** 2

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(of, values, minlength=size), float)

    information = total(variance)
    infit = total(square) / information
    outfit = total(square / variance) / total(np.ones(of.size))
    sd = np.sqrt(np.maximum(total(fourth - variance**2), 1e-300)) / information
    return infit, outfit, (infit - 1) / sd
