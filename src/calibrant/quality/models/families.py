"""Curves of items: log probabilities of categories on a grid, and their slopes in parameters.

Parameters of an item are a, d_1, d_2, …, and for a 3pl the logit of g: shape (items, p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = -745.0
"""Log probability of a category that an item lacks."""


@dataclass(frozen=True, eq=False)
class Family:
    """A model's curves for items with these numbers of categories.

    Attributes:
        model: one of `calibrant.quality.bank.MODELS`.
        categories: shape (items,).
        most: the largest number of categories of an item of the whole test.
    """

    model: str
    categories: Ints
    most: int

    @property
    def common(self) -> bool:
        """Whether all slopes are one number."""
        return self.model in ("rasch", "pcm")

    @property
    def steps(self) -> int:
        """Intercepts per item, at most."""
        return self.most - 1

    @property
    def width(self) -> int:
        """Parameters per item, at most."""
        return 1 + self.steps + (self.model == "3pl")

    @property
    def free(self) -> Flags:
        """Shape (items, p): which parameters there are; a common slope counts at every item."""
        out = np.ones((self.categories.size, self.width), bool)
        k = np.arange(1, self.steps + 1)
        out[:, 1 : 1 + self.steps] = k < self.categories[:, None]
        return out

    @property
    def count(self) -> int:
        """How many parameters are estimated."""
        whole = int(self.free.sum())
        return whole - self.categories.size + 1 if self.common else whole

    @property
    def shift(self) -> Floats:
        """Shape (p,): how much of the slope each intercept gains when abilities move by one."""
        k = np.arange(1.0, self.steps + 1)
        steps = k if self.model in ("gpcm", "pcm") else np.ones(self.steps)
        return np.concatenate([[0.0], steps, np.zeros(self.width - 1 - self.steps)])

    def select(self, items: slice | Ints) -> Family:
        """Of some items, with as many parameters as the whole."""
        return Family(self.model, self.categories[items], self.most)

    def curves(self, xi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Log probabilities (items, categories, nodes) and slopes (items, categories, nodes, p)."""
        a, d = xi[:, 0], xi[:, 1 : 1 + self.steps]
        if self.model in ("gpcm", "pcm"):
            return self._partial(a, d, theta)
        if self.model == "grm":
            return self._graded(a, d, theta)
        return self._binary(a, d, xi, theta)

    def _binary(self, a: Floats, d: Floats, xi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        z = a[:, None] * theta + d
        s, rest = expit(z), expit(-z)
        slopes = np.zeros((a.size, 2, theta.size, self.width))
        if self.model != "3pl":
            logs = np.stack([np.minimum(-z, 0) - np.log1p(np.exp(-abs(z))),
                             np.minimum(z, 0) - np.log1p(np.exp(-abs(z)))], axis=1)  # fmt: skip
            dz = np.stack([-s, rest], axis=1)
        else:
            g = expit(xi[:, -1])[:, None]
            p = g + (1 - g) * s
            miss = np.log(np.maximum((1 - g) * rest, 1e-300))
            logs = np.stack([miss, np.log(np.maximum(p, 1e-300))], axis=1)
            share = (1 - g) * s / np.maximum(p, 1e-300)
            dz = np.stack([-s, share * rest], axis=1)
            slopes[:, 0, :, -1] = -g
            slopes[:, 1, :, -1] = g * (1 - g) * rest / np.maximum(p, 1e-300)
        slopes[..., 0] = dz * theta
        slopes[..., 1] = dz
        return logs, slopes

    def _partial(self, a: Floats, d: Floats, theta: Floats) -> tuple[Floats, Floats]:
        top, k = self.most, np.arange(self.most)
        there = k < self.categories[:, None]
        z = k[:, None] * (a[:, None, None] * theta)
        z[:, 1:] += d[:, :, None]
        z = np.where(there[:, :, None], z, NEVER)
        z -= z.max(axis=1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        p = np.where(there[:, :, None], np.exp(logs), 0.0)
        slopes = np.zeros((a.size, top, theta.size, self.width))
        mean = np.einsum("jcq,c->jq", p, k.astype(float))
        slopes[..., 0] = theta * (k[None, :, None] - mean[:, None])
        for step in range(1, top):
            slopes[..., step] = -p[:, None, step]
            slopes[:, step, :, step] += 1.0
        return logs, slopes * there[:, :, None, None] * self.free[:, None, None, :]

    def _graded(self, a: Floats, d: Floats, theta: Floats) -> tuple[Floats, Floats]:
        top = self.most
        logs = np.full((a.size, top, theta.size), NEVER)
        slopes = np.zeros((a.size, top, theta.size, self.width))
        for c in range(top):
            has: Flags = np.greater(self.categories, c)
            last: Flags = np.equal(self.categories, c + 1)
            lower = (a[:, None] * theta + d[:, [c - 1]]) if c else None
            upper = (a[:, None] * theta + d[:, [c]]) if c < top - 1 else None
            value = np.zeros((a.size, theta.size))
            if lower is not None:  # P(X ≥ c)
                value += np.minimum(lower, 0) - np.log1p(np.exp(-abs(lower)))
                slopes[:, c, :, c] += expit(-lower)
            if upper is not None:  # P(X < c + 1)
                open_above = ~last[:, None]
                value += np.where(
                    open_above, np.minimum(-upper, 0) - np.log1p(np.exp(-abs(upper))), 0.0
                )
                slopes[:, c, :, c + 1] -= np.where(open_above, expit(upper), 0.0)
            if lower is not None and upper is not None:
                # Stable where both curves are near 1: σ(u) − σ(v) = σ(u) σ(−v) (1 − exp(v − u)).
                gap = np.where(last, -np.inf, np.minimum(d[:, c] - d[:, c - 1], -1e-12))
                value += np.log(-np.expm1(gap))[:, None]
                extra = (np.exp(gap) / -np.expm1(gap))[:, None]
                slopes[:, c, :, c] += extra
                slopes[:, c, :, c + 1] -= extra
            slopes[:, c, :, 0] = theta * slopes[:, c, :, 1 : 1 + self.steps].sum(axis=2)
            logs[:, c] = np.where(has[:, None], value, NEVER)
            slopes[~has, c] = 0.0
        return logs, slopes
