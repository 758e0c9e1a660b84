"""How far does best-of-n move from the base policy? Kullback–Leibler divergences, in nats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import lambertw, xlogy

Floats = NDArray[np.float64]


def kl_bound(n: ArrayLike) -> Floats:
    """log n - (n - 1)/n: at least the divergence of best-of-n from its base policy.

    It is reached where no two answers get the same score, so that no answer is ever drawn twice,
    and is an upper bound otherwise (Beirami et al., ICML 2025, theorem 3.1): a base policy with
    few distinct answers cannot be left that far.
    """
    size = np.asarray(n, dtype=float)
    return np.asarray(np.maximum(np.log(size) - (size - 1) / size, 0.0))


def n_at(distance: float) -> float:
    """The n, not whole, at which sqrt(`kl_bound`) is `distance`; infinite where beyond 1e300."""
    if distance <= 0:
        return 1.0
    target = distance**2 + 1  # log n + 1/n
    if target > 690:
        return float("inf")
    # With x = 1/n: x exp(-x) = exp(-target), so x is minus the upper branch of Lambert's W.
    return float(-1 / lambertw(-np.exp(-target), 0).real)


def kl_levels(shares: Sequence[ArrayLike], n: ArrayLike) -> Floats:
    """The divergence that the judge's own levels leave, the mean over prompts.

    Answers on one level are picked at random among themselves, so the selected answer differs
    from a base answer only in its level: the divergence is Σ P_n log(P_n / P_1) over levels, and
    never beyond -log of the top level's share. Shares are taken as they are in the sample, which
    understates it where nearly every answer has a level of its own (n near N).

    Args:
        shares: for each prompt the share of its answers on each level, the lowest first.
        n: shape (k,).
    """
    size = np.asarray(n, dtype=float)[:, None]
    total = np.zeros(size.size)
    for share in shares:
        p = np.asarray(share, dtype=float)
        upto = np.minimum(np.cumsum(p), 1.0)
        upto[-1] = 1.0
        with np.errstate(divide="ignore"):
            log = np.log(upto)
            before = np.concatenate([[-np.inf], log[:-1]])
            top = np.exp(size * log) - np.exp(size * before)
        total += (xlogy(top, top) - xlogy(top, p)).sum(axis=1)
    return np.maximum(total / len(shares), 0.0)
