"""What is the marginal likelihood, and how does it change? Sums over abilities on a grid.

Subjects are sorted by a rough ability, so that a block of them needs only the window of nodes
where its posteriors live. For right-or-wrong items the log likelihood is linear in x: where every
subject answered every item once, a pass needs two products of the matrix with vectors, and the
tables of items by nodes are made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.models.data import Data
from calibrant.quality.models.families import Family
from calibrant.quality.models.grid import Grid

Floats = NDArray[np.float64]

EDGE = 1e-13
"""Posterior weight at the end of a window beyond which the whole grid is used."""

ITEMS = 512
"""Items of a chunk of tables."""


class Evaluated(NamedTuple):
    """The marginal log likelihood at some parameters, and what follows from it.

    Attributes:
        log_likelihood: of the whole patterns of responses.
        gradient: shape (items, p), of the marginal log likelihood, by Fisher's identity.
        information: shape (items, p, p), of complete data: if abilities were known.
        mean, variance: shape (subjects,), of ability given the responses.
        ability_information: shape (nodes,), of one subject with all trials.
    """

    log_likelihood: float
    gradient: Floats
    information: Floats
    mean: Floats
    variance: Floats
    ability_information: Floats


class Block(NamedTuple):
    """Posteriors of some subjects: weights of shape (rows, nodes of the window)."""

    rows: slice
    window: slice
    weights: Floats
    log_likelihood: Floats
    hits: Floats
    trials: Floats | None


class Kernel:
    """Sums over abilities for one set of data and one family of curves."""

    def __init__(self, data: Data, family: Family) -> None:
        self.data, self.family = data, family
        self.linear = family.model in ("rasch", "2pl")
        self.mean: Floats | None = None
        self.sd: Floats | None = None
        self._hits = self._column_sums() if self.linear else np.zeros(0)

    def _column_sums(self) -> Floats:
        out = np.zeros(self.data.items)
        for rows in self.data.blocks():
            out += self.data.hits[rows].sum(axis=0, dtype=np.float64)
        return out

    def evaluate(self, xi: Floats, grid: Grid) -> Evaluated:
        """Likelihood, gradient and information at parameters of shape (items, p)."""
        return self._linear(xi, grid) if self.linear else self._general(xi, grid)

    def posteriors(self, xi: Floats, grid: Grid) -> Iterator[Block]:
        """Posteriors of all subjects, in blocks."""
        if self.linear:
            _, soft, total = self._logistic(xi, grid.nodes)
            yield from self._linear_blocks(xi, grid, soft, total)
        else:
            yield from self._general_blocks(self._logs(xi, grid.nodes), grid)

    # Right-or-wrong items without guessing.

    def _logistic(self, xi: Floats, theta: Floats) -> tuple[Floats, Floats | None, Floats]:
        """Probabilities, −log(1 − P) of each item (None if only their sum matters), and the sum."""
        items, nodes = xi.shape[0], theta.size
        p = np.empty((items, nodes))
        soft = None if self.data.trials is None else np.empty((items, nodes))
        total = np.zeros(nodes)
        for start in range(0, items, ITEMS):
            own = slice(start, start + ITEMS)
            z = xi[own, 0, None] * theta + xi[own, 1, None]
            e = np.exp(-np.abs(z))
            plus = np.log1p(e)
            plus += np.maximum(z, 0.0)
            np.divide(np.where(z >= 0, 1.0, e), 1.0 + e, out=p[own])
            total += plus.sum(axis=0)
            if soft is not None:
                soft[own] = plus
        return p, soft, total

    def _linear_blocks(
        self, xi: Floats, grid: Grid, soft: Floats | None, total: Floats
    ) -> Iterator[Block]:
        theta = grid.nodes
        whole = slice(0, theta.size)
        for rows in self.data.blocks():
            y, m = self.data.block(rows)
            line = y @ xi
            for window in (self._window(rows, theta), whole):
                logs = line[:, :1] * theta[window] + line[:, 1:] + grid.log_weights[window]
                logs -= total[window] if soft is None or m is None else m @ soft[:, window]
                found = _posterior(logs, window, theta.size)
                if found is not None:
                    yield Block(rows, window, *found, y, m)
                    break

    def _linear(self, xi: Floats, grid: Grid) -> Evaluated:
        theta = grid.nodes
        p, soft, total = self._logistic(xi, theta)
        mean, variance = np.zeros(self.data.subjects), np.zeros(self.data.subjects)
        hit = np.zeros(self.data.items)
        value = 0.0
        shared = soft is None
        mass = np.zeros(theta.size) if shared else np.zeros((self.data.items, theta.size))
        for block in self._linear_blocks(xi, grid, soft, total):
            at = theta[block.window]
            m1 = block.weights @ at
            mean[block.rows] = m1
            variance[block.rows] = np.maximum(block.weights @ at**2 - m1**2, 1e-12)
            value += float(block.log_likelihood.sum())
            hit += m1 @ block.hits
            if block.trials is None:
                mass[block.window] += block.weights.sum(axis=0)
            else:
                mass[:, block.window] += block.trials.T @ block.weights
        self.mean, self.sd = mean, np.sqrt(variance)
        powers = np.stack([np.ones(theta.size), theta, theta**2], axis=1)
        expected, spread = np.empty((xi.shape[0], 2)), np.empty((xi.shape[0], 3))
        ability = np.zeros(theta.size)
        for start in range(0, xi.shape[0], ITEMS):
            own = slice(start, start + ITEMS)
            curve = p[own]
            weighted = mass * curve if shared else mass[own] * curve
            expected[own] = weighted @ powers[:, :2]
            bell = curve - curve**2
            ability += (xi[own, 0] ** 2 * self._largest()[own]) @ bell
            spread[own] = (mass * bell if shared else mass[own] * bell) @ powers
        gradient = np.stack([hit - expected[:, 1], self._hits - expected[:, 0]], axis=1)
        info = np.empty((xi.shape[0], 2, 2))
        info[:, 0, 0], info[:, 1, 1] = spread[:, 2], spread[:, 0]
        info[:, 0, 1] = info[:, 1, 0] = spread[:, 1]
        return Evaluated(value, gradient, info, mean, variance, ability * self.data.fullest())

    def _largest(self) -> Floats:
        if self.data.trials is None:
            return np.ones(self.data.items)
        return np.asarray(self.data.trials.max(axis=0), np.float64)

    # Any model, by tables of its categories.

    def _logs(self, xi: Floats, theta: Floats) -> Floats:
        logs = np.empty((xi.shape[0], self.data.most, theta.size))
        for own, family in self.chunks():
            logs[own] = family.curves(xi[own], theta)[0]
        return logs

    def chunks(self) -> Iterator[tuple[slice, Family]]:
        """Runs of items, so that tables stay small."""
        for start in range(0, self.data.items, 64):
            own = slice(start, min(start + 64, self.data.items))
            yield own, self.family.select(own)

    def counts(self, block: Block) -> list[Floats]:
        """Per category from 1 how many trials of each cell were in it."""
        if self.data.most == 2:
            return [block.hits]
        return [(block.hits == k).astype(np.float64) for k in range(1, self.data.most)]

    def _general_blocks(self, logs: Floats, grid: Grid) -> Iterator[Block]:
        theta = grid.nodes
        base = logs[:, 0]
        total = base.sum(axis=0)
        more = logs[:, 1:] - base[:, None]
        whole = slice(0, theta.size)
        for rows in self.data.blocks():
            y, m = self.data.block(rows)
            block = Block(rows, whole, y, y, y, m)
            counts = self.counts(block)
            for window in (self._window(rows, theta), whole):
                found = grid.log_weights[window] + (
                    total[window] if m is None else m @ base[:, window]
                )
                for k, count in enumerate(counts):
                    found = found + count @ more[:, k, window]
                done = _posterior(found, window, theta.size)
                if done is not None:
                    yield Block(rows, window, *done, y, m)
                    break

    def expected(self, xi: Floats, grid: Grid) -> tuple[Floats, float, Floats, Floats]:
        """Expected trials (items, categories, nodes), log likelihood, abilities' moments."""
        theta = grid.nodes
        logs = self._logs(xi, theta)
        mean, variance = np.zeros(self.data.subjects), np.zeros(self.data.subjects)
        expected = np.zeros(logs.shape)
        value = 0.0
        for block in self._general_blocks(logs, grid):
            at = theta[block.window]
            m1 = block.weights @ at
            mean[block.rows] = m1
            variance[block.rows] = np.maximum(block.weights @ at**2 - m1**2, 1e-12)
            value += float(block.log_likelihood.sum())
            if block.trials is None:
                expected[:, 0, block.window] += block.weights.sum(axis=0)
            else:
                expected[:, 0, block.window] += block.trials.T @ block.weights
            for k, count in enumerate(self.counts(block)):
                part = count.T @ block.weights
                expected[:, k + 1, block.window] += part
                expected[:, 0, block.window] -= part
        return expected, value, mean, variance

    def _general(self, xi: Floats, grid: Grid) -> Evaluated:
        theta = grid.nodes
        expected, value, mean, variance = self.expected(xi, grid)
        self.mean, self.sd = mean, np.sqrt(variance)
        width = self.family.width
        gradient, info = np.empty((xi.shape[0], width)), np.empty((xi.shape[0], width, width))
        ability = np.zeros(theta.size)
        for own, family in self.chunks():
            log, slopes = family.curves(xi[own], theta)
            seen = expected[own]
            gradient[own] = np.einsum("jcq,jcqp->jp", seen, slopes, optimize=True)
            fitted = np.exp(log) * seen.sum(axis=1)[:, None]
            info[own] = np.einsum("jcq,jcqp,jcqr->jpr", fitted, slopes, slopes, optimize=True)
            # dθ moves what the intercepts move, times the slope.
            along = slopes @ (family.shift * 1.0)
            ability += np.einsum(
                "j,jcq,jcq->q", (xi[own, 0] ** 2) * self._largest()[own], np.exp(log), along**2,
                optimize=True,
            )  # fmt: skip
        return Evaluated(value, gradient, info, mean, variance, ability * self.data.fullest())

    # Windows.

    def _window(self, rows: slice, theta: Floats) -> slice:
        """The nodes that some subjects need, by where their posteriors were last."""
        if self.mean is None or self.sd is None:
            return slice(0, theta.size)
        far = 9.0 * self.sd[rows] + 2 * (theta[1] - theta[0])
        low, high = np.min(self.mean[rows] - far), np.max(self.mean[rows] + far)
        first, last = np.searchsorted(theta, [low, high])
        return slice(max(int(first) - 1, 0), min(int(last) + 1, theta.size))


def _posterior(logs: Floats, window: slice, nodes: int) -> tuple[Floats, Floats] | None:
    """Weights and log likelihoods; None if a window cuts a posterior off."""
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1, keepdims=True)
    weights /= total
    if (window.start > 0 and weights[:, 0].max() > EDGE) or (
        window.stop < nodes and weights[:, -1].max() > EDGE
    ):
        return None
    return weights, (top + np.log(total))[:, 0]
