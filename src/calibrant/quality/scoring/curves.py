"""How likely is each score of an item at each ability, with the error of its parameters in it?

A subject's ability does not depend on the error with which items were calibrated. So the chance
of an answer, given ability, is its average over that error; with errors independent between items,
as a `Bank` tells them, the average of a product over items is the product of the averages. Every
method here works on these averaged curves, and so carries the uncertainty of the items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from calibrant.quality.bank import Bank, Floats

_FLOOR = 1e-300
_HERMITE = {1: 7, 2: 5}
_PAIRS = 32


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves of items on a grid of abilities.

    Attributes:
        theta: shape (points,), even steps upward.
        p, rise, bend: shape (points, items, categories), chances of each category and their first
            and second derivatives; 0 beyond an item's categories.
    """

    theta: Floats
    p: Floats
    rise: Floats
    bend: Floats

    @property
    def log_p(self) -> Floats:
        """Shape (points, items, categories): log chances; very low where there is no category."""
        found: Floats = np.log(np.maximum(self.p, _FLOOR))
        return found

    @property
    def slope(self) -> Floats:
        """Shape (points, items, categories): derivatives of the log chances."""
        found: Floats = np.divide(self.rise, self.p, out=np.zeros_like(self.p), where=self.p > 0)
        return found

    @property
    def information(self) -> Floats:
        """Shape (points, items): Fisher information about ability."""
        found: Floats = np.einsum("qjc,qjc->qj", self.rise, self.slope)
        return found

    @property
    def warm(self) -> Floats:
        """Shape (points, items): Warm's J, Σ P′ P″ / P over categories."""
        found: Floats = np.einsum("qjc,qjc->qj", self.bend, self.slope)
        return found


def curves(bank: Bank, theta: Floats, *, uncertainty: bool = True) -> Curves:
    """Curves at these abilities, averaged over the error of the parameters where it is known.

    Args:
        theta: shape (points,).
        uncertainty: False to take the parameters for the truth.
    """
    theta = np.asarray(theta, np.float64)
    if bank.covariance is None or not uncertainty:
        return Curves(theta, *_exact(bank, theta))
    shape = (theta.size, len(bank.items), bank.values.shape[1])
    sums = [np.zeros(shape) for _ in range(3)]
    for weight, drawn in disturbed(bank):
        for total, part in zip(sums, _exact(drawn, theta), strict=True):
            total += weight * part
    return Curves(theta, *sums)


def disturbed(bank: Bank) -> list[tuple[float, Bank]]:
    """Banks whose weighted average is that over the error of the parameters.

    Gauss–Hermite nodes for one or two parameters an item; for more, a Kronecker sequence with its
    mirror image. No chance is involved.
    """
    assert bank.covariance is not None
    p = bank.covariance.shape[1]
    nodes, weights = _nodes(p)
    roots = _roots(bank.covariance)
    found = []
    for z, weight in zip(nodes, weights, strict=True):
        step = roots @ z
        d = bank.intercepts + step[:, 1 : 1 + bank.intercepts.shape[1]]
        if bank.model == "grm":
            d = -np.sort(-d, axis=1)  # NaN stay last
        g = bank.guessing
        if bank.model == "3pl" and p > 2:
            inside = np.clip(g, 1e-12, 1 - 1e-12)
            g = np.where(g > 0, expit(logit(inside) + step[:, -1]), 0.0)
        drawn = replace(
            bank, discrimination=bank.discrimination + step[:, 0], intercepts=d, guessing=g
        )
        found.append((float(weight), drawn))
    return found


def _nodes(p: int) -> tuple[Floats, Floats]:
    if p in _HERMITE:
        x, w = np.polynomial.hermite_e.hermegauss(_HERMITE[p])
        w = w / w.sum()
        if p == 1:
            return x[:, None], w
        grid = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
        return grid, np.outer(w, w).ravel()
    # Roberts' sequence: multiples of powers of the root of x^(p+1) = x + 1, modulo 1.
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (p + 1))
    steps = root ** -np.arange(1.0, p + 1)
    z = ndtri((0.5 + np.arange(1, _PAIRS + 1)[:, None] * steps) % 1.0)
    z /= np.sqrt((z**2).mean(axis=0))
    both = np.concatenate([z, -z])
    return both, np.full(2 * _PAIRS, 0.5 / _PAIRS)


def _roots(covariance: Floats) -> Floats:
    """Symmetric roots of the covariance of each item; 0 for what is fixed."""
    known = np.where(np.isnan(covariance), 0.0, covariance)
    values, vectors = np.linalg.eigh((known + known.transpose(0, 2, 1)) / 2)
    found: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ vectors.transpose(
        0, 2, 1
    )
    return found


def _exact(bank: Bank, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Chances and two derivatives, exact far out too, where 1 − P would lose its digits."""
    a = bank.discrimination[None, :, None]
    missing = np.isnan(bank.intercepts)
    d = np.where(missing, 0.0, bank.intercepts)[None]
    if bank.model in ("pcm", "gpcm"):
        return _partial_credit(a, d, missing, theta[:, None, None])
    x = a * theta[:, None, None] + d
    up, down = expit(x), expit(-x)
    g = bank.guessing[None, :, None]
    full = ~missing[None]
    steep = np.where(full, (1 - g) * a * up * down, 0.0)
    curl = np.where(full, a * steep * (down - up), 0.0)
    points, size, steps = x.shape
    edge = np.zeros((points, size, 1))
    rise = -np.diff(np.concatenate([edge, steep, edge], axis=2), axis=2)
    bend = -np.diff(np.concatenate([edge, curl, edge], axis=2), axis=2)
    p = np.zeros((points, size, steps + 1))
    last = bank.categories - 1
    p[:, :, 0] = (1 - bank.guessing) * down[:, :, 0]
    for k in range(1, steps):
        # expit(x) − expit(y) without cancellation.
        between = up[:, :, k - 1] * down[:, :, k] * -np.expm1(x[:, :, k] - x[:, :, k - 1])
        p[:, :, k] = np.where(full[:, :, k], np.maximum(between, 0.0), 0.0)
    rows = np.arange(size)
    p[:, rows, last] = bank.guessing + (1 - bank.guessing) * up[:, rows, last - 1]
    return p, rise, bend


def _partial_credit(
    a: Floats, d: Floats, missing: NDArray[np.bool_], theta: Floats
) -> tuple[Floats, Floats, Floats]:
    k = np.arange(d.shape[2] + 1.0)
    logits = np.where(missing[None], -np.inf, k[1:] * a * theta + d)
    logits = np.concatenate([np.zeros((*logits.shape[:2], 1)), logits], axis=2)
    logits -= logits.max(axis=2, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(axis=2, keepdims=True)
    off = k - (p @ k)[:, :, None]
    spread = np.sum(p * off**2, axis=2, keepdims=True)
    return p, p * a * off, p * a**2 * (off**2 - spread)
