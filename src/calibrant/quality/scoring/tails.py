"""How surprising is a sum of independent scores of few values? Tails by saddlepoint."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from calibrant.quality.bank import Floats

_STEPS = 60


def upper_tail(p: Floats, w: Floats, observed: Floats) -> tuple[Floats, Floats]:
    """The chance that Σ_j w_jX_j is as large as observed, and the density there.

    Lugannani and Rice's approximation in Barndorff-Nielsen's form (Biometrika 73 (1986) 307): half
    of an atom at the value observed is counted, more or less. Daniels, Int. Stat. Rev. 55 (1987)
    37, reviews it; its relative error is small in the tails too, for few terms as well.

    Args:
        p, w: shape (rows, items, categories), chances and scores; chances of 0 where there are
            none. Items with no answer have scores of 0.
        observed: shape (rows,), inside the range of the sum; at its ends the tail is the atom's.
    """
    w = np.where(p > 0, w, 0.0)
    middle = np.einsum("rjc,rjc->rj", p, w)
    w = w - middle[:, :, None]
    target = observed - middle.sum(axis=1)
    variance = np.maximum(np.einsum("rjc,rjc->r", p, w**2), 1e-150)
    widest = np.maximum(np.abs(w).max(axis=(1, 2)), 1e-150)
    skew = np.einsum("rjc,rjc->r", p, w**3) / variance**1.5
    s = np.zeros(len(p))
    k, second = s.copy(), variance.copy()
    reach = 2.0 / widest
    active = np.arange(len(p))
    for _ in range(_STEPS):
        part, k[active], first, second[active] = s[active], *_cumulants(p, w, s[active])
        move = (target[active] - first) / np.maximum(second[active], 1e-300)
        move = np.clip(move, -reach[active], reach[active])
        # What is left of the last step is of no account: it is squared by the next.
        going = np.abs(move) * np.sqrt(variance[active]) > 1e-6
        active, p, w = active[going], p[going], w[going]
        if not active.size:
            break
        s[active] = np.clip(part[going] + move[going], -60 * reach[active], 60 * reach[active])
    second = np.maximum(second, 1e-300)
    r = np.sign(s) * np.sqrt(np.maximum(2 * (s * target - k), 0.0))
    u = s * np.sqrt(second)
    near = np.abs(r) < 1e-4
    ratio = np.divide(u, r, out=np.ones_like(r), where=~near)
    bent = np.divide(np.log(np.maximum(ratio, 1e-300)), r, out=skew / 6, where=~near)
    density = np.exp(np.minimum(k - s * target, 0.0)) / np.sqrt(2 * np.pi * second)
    return ndtr(-(r + bent)), density


def _cumulants(p: Floats, w: Floats, s: Floats) -> tuple[Floats, Floats, Floats]:
    """The cumulant generating function at s and its first two derivatives."""
    if p.shape[2] == 2:
        # Right or wrong, the usual case: one exponential an item.
        apart = w[:, :, 1] - w[:, :, 0]
        odds = p[:, :, 1] * np.exp(np.clip(s[:, None] * apart, -600.0, 600.0))
        total = p[:, :, 0] + odds
        share = odds / total
        mean = apart * share
        base = w[:, :, 0].sum(axis=1)
        k = np.log(total).sum(axis=1) + s * base
        return k, mean.sum(axis=1) + base, (mean * (apart - mean)).sum(axis=1)
    power = s[:, None, None] * w
    top = np.where(p > 0, power, -np.inf).max(axis=2, keepdims=True)
    tilted = p * np.exp(np.minimum(power - top, 0.0))
    total = tilted.sum(axis=2, keepdims=True)
    tilted /= total
    mean = np.einsum("rjc,rjc->rj", tilted, w)
    square = np.einsum("rjc,rjc->rj", tilted, w**2)
    k = (np.log(total) + top)[:, :, 0].sum(axis=1)
    return k, mean.sum(axis=1), (square - mean**2).sum(axis=1)
