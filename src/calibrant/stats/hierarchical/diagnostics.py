"""Have the chains found the posterior? Rank-normalised split R-hat, effective sizes, E-BFMI.

Vehtari, Gelman, Simpson, Carpenter and Bürkner, Bayesian Analysis 16 (2021) 667; the energy
statistic is Betancourt's (arXiv:1604.00695). Chains are arrays of chains × draws.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from calibrant.errors import InputError
from calibrant.stats.hierarchical.model import Floats


def rank_rhat(chains: ArrayLike) -> float:
    """The larger of R-hat of rank-normalised and of folded rank-normalised split chains.

    1 or above up to chance; infinite if chains are constant but differ; 1 for a constant.
    """
    x = _split(chains)
    return max(_rhat(_normal_scores(x)), _rhat(_normal_scores(np.abs(x - np.median(x)))))


def ess_bulk(chains: ArrayLike) -> float:
    """Effective number of draws for the middle of the distribution."""
    return _ess(_normal_scores(_split(chains)))


def ess_tail(chains: ArrayLike) -> float:
    """Effective number of draws for the 5 % and 95 % quantiles, the smaller."""
    x = _split(chains)
    return min(_ess((x <= q).astype(float)) for q in np.quantile(x, [0.05, 0.95]))


def split_rhat(chains: ArrayLike) -> Floats:
    """R-hat of split chains, without ranks, of many quantities at once.

    Args:
        chains: chains × draws × quantities.
    """
    x = np.asarray(chains, float)
    half = x.shape[1] // 2
    parts = np.concatenate([x[:, :half], x[:, -half:]])
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = parts.mean(axis=1).var(axis=0, ddof=1)
    still = within <= 0
    ratio = np.sqrt((half - 1) / half + between / np.where(still, 1.0, within))
    return np.asarray(np.where(still, np.where(between > 0, np.inf, 1.0), ratio))


def e_bfmi(energy: ArrayLike) -> Floats:
    """Energy fraction of missing information per chain; below 0.3 tails are explored badly."""
    e = np.asarray(energy, float)
    spread = e.var(axis=1) * e.shape[1]
    moved = (np.diff(e, axis=1) ** 2).sum(axis=1)
    return np.asarray(moved / np.where(spread > 0, spread, np.inf))


def _split(chains: ArrayLike) -> Floats:
    x = np.asarray(chains, float)
    if x.ndim != 2 or x.shape[1] < 4:
        raise InputError(f"chains: wanted chains × 4 or more draws, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise InputError("chains: wanted finite draws")
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, -half:]])


def _normal_scores(x: Floats) -> Floats:
    """Normal scores of the ranks; ties share their mean rank."""
    flat = x.ravel()
    ordered = np.sort(flat)
    left, right = (np.searchsorted(ordered, flat, side) for side in ("left", "right"))
    ranks = (left + right + 1) / 2
    return np.asarray(ndtri((ranks - 0.375) / (flat.size + 0.25))).reshape(x.shape)


def _rhat(x: Floats) -> float:
    """R-hat of chains as they are."""
    n = x.shape[1]
    within, between = x.var(axis=1, ddof=1).mean(), x.mean(axis=1).var(ddof=1)
    if within <= 0:
        return math.inf if between > 0 else 1.0
    return math.sqrt((n - 1) / n + between / within)


def _ess(x: Floats) -> float:
    """Effective sample size by Geyer's initial monotone sequence over all chains."""
    chains, n = x.shape
    if np.ptp(x) == 0:
        return float(x.size)
    centred = x - x.mean(axis=1, keepdims=True)
    padded = np.fft.rfft(centred, 2 * n, axis=1)
    cov = np.fft.irfft(padded * padded.conj(), axis=1)[:, :n].mean(axis=0) / n
    within = cov[0] * n / (n - 1)
    total = cov[0] + (x.mean(axis=1).var(ddof=1) if chains > 1 else 0.0)
    rho = 1 - (within - cov) / total
    rho[0] = 1.0
    kept = [(1.0, float(rho[1]))]
    at, last = 0, 0.0
    while at < n - 5 and sum(kept[-1]) > 0:
        at += 2
        pair = float(rho[at]), float(rho[at + 1])
        if sum(pair) < 0:
            last = max(pair[0], 0.0)
            break
        kept.append(pair)
    else:
        last = max(kept.pop()[0], 0.0)
    sums = np.minimum.accumulate([a + b for a, b in kept])
    tau = max(-1 + 2 * float(sums.sum()) + last, 1 / math.log10(x.size))
    return x.size / tau
