"""How unlikely was each token beside the others that could have stood there? Min-K %++.

It takes the mean and standard deviation of log p under the subject's own distribution, so the
whole vocabulary. From the k most likely tokens both are known only within bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.contamination.signals.likelihood import share_of
from calibrant.contamination.signals.ragged import Missing, lowest_means, usable
from calibrant.contamination.tokens import TokenScores
from calibrant.errors import InputError

Floats = NDArray[np.float64]

_PEAK = np.exp(-2.0)
"""Where x log² x is largest on 0–1; it rises before, and is concave there."""


def min_k_plus_plus(
    scores: TokenScores, *, k: float = 0.2, skip: int = 0, missing: Missing = "refuse"
) -> Floats:
    """Min-K %++: mean of the lowest `k` of a text's standardised log-probabilities.

    Zhang et al., ICLR 2025 (arXiv 2404.02936): (log p - μ) / σ at each place, with μ and σ of
    log p under the subject's distribution there. Of a distribution without spread (σ = 0) it is
    0: the one possible token came. Of n tokens the lowest ⌊kn⌋, one at least.

    Raises:
        InputError: if μ and σ are not known, as where only the top-k tokens are given, whatever
            was made of these: see `min_k_plus_plus_bounds`; otherwise as `loss`.
    """
    if scores.mean is None or scores.sd is None or scores.top_k is not None:
        given = "" if scores.top_k is None else f"; only the top-{scores.top_k} tokens were given"
        raise InputError(
            f"{scores.subject}: Min-K %++ needs the mean and sd of log p over the whole "
            f"vocabulary{given} (min_k_plus_plus_bounds bounds it from top-k log-probabilities)"
        )
    if np.any(scores.sd < 0):
        raise InputError(f"{scores.subject}: sd: wanted at least 0, got {np.nanmin(scores.sd):g}")
    z = np.where(scores.sd == 0, 0.0, np.nan)
    np.divide(scores.logprob - scores.mean, scores.sd, out=z, where=scores.sd > 0)
    text, values, number, _ = usable(scores, z, skip, missing)
    return lowest_means(text, values, number, share_of(k))


def min_k_plus_plus_bounds(
    scores: TokenScores,
    top: ArrayLike,
    vocabulary: int,
    *,
    k: float = 0.2,
    skip: int = 0,
    missing: Missing = "refuse",
) -> tuple[Floats, Floats]:
    """Between which values Min-K %++ lies, where only the top-k log-probabilities are known.

    What the other tokens of the vocabulary share is known, and that none of them is likelier than
    the last of the top; μ and σ are bounded from that, and the mean of the lowest values rises
    with each.

    Args:
        top: shape (tokens, k), log-probabilities of the most likely tokens at each place.
        vocabulary: how many tokens there are, at least k.

    Returns:
        low and high, each of shape (texts,); infinite where the spread may be 0.

    Raises:
        InputError: for arrays of other shapes, shares that add up to more than 1, a vocabulary
            smaller than k; otherwise as `loss`.
    """
    low, high = standardised_bounds(scores.logprob, top, vocabulary)
    found = []
    for z in (low, high):
        text, values, number, _ = usable(scores, z, skip, missing)
        found.append(lowest_means(text, values, number, share_of(k)))
    return found[0], found[1]


def standardised_bounds(
    logprob: ArrayLike, top: ArrayLike, vocabulary: int
) -> tuple[Floats, Floats]:
    """Bounds of (log p - μ) / σ of each token from the top-k tokens at its place.

    With r the probability of the rest, n tokens of at most p_k each: Σ p log p over the rest is
    least if they share r equally and greatest if as few as possible do. Given it, the variance is
    least if the rest are all alike; Σ p log² p is at most that of equal shares, as x log² x rises
    and is concave to e^-2 and never higher.

    Args:
        logprob: shape (tokens,), of the token that stood there, in the top or not.
        top, vocabulary: as in `min_k_plus_plus_bounds`.
    """
    x, known = np.asarray(logprob, float), np.sort(np.asarray(top, float), axis=-1)[..., ::-1]
    if known.ndim != 2 or known.shape[0] != x.size or known.shape[1] < 1:
        raise InputError(f"top: wanted shape ({x.size}, k), got {known.shape}")
    size = known.shape[1]
    if vocabulary < size:
        raise InputError(f"vocabulary: wanted at least k = {size} tokens, got {vocabulary!r}")
    with np.errstate(invalid="ignore"):
        p = np.exp(known)
    mass = p.sum(axis=1)
    if np.any(known > 1e-6) or np.any(mass > 1 + 1e-4):
        raise InputError(f"top: wanted probabilities that add up to 1 at most, got {mass.max():g}")
    finite = np.where(np.isneginf(known), 0.0, known)
    first, second = (p * finite).sum(axis=1), (p * finite**2).sum(axis=1)
    rest, others = np.clip(1 - mass, 0.0, None), vocabulary - size
    cap = p[:, -1]
    # Too little left to be told from rounding, or nobody left to have it.
    none = (rest < 1e-12) | (others == 0) | (cap <= 0)
    rest = np.where(none, 0.0, np.minimum(rest, cap * others))
    h_low = _times_log(rest, rest / max(others, 1))
    full = np.floor(np.divide(rest, cap, out=np.zeros_like(rest), where=cap > 0) * (1 + 1e-12))
    left = np.clip(rest - full * cap, 0.0, None)
    h_high = np.maximum(_times_log(full * cap, cap) + _times_log(left, left), h_low)
    mean_low, mean_high = first + h_low, first + h_high
    share = np.minimum(rest / max(others, 1), _PEAK)
    q_high = others * _times_log(share, share) * np.log(np.where(share > 0, share, 1.0))
    nearest = np.where((mean_low < 0) & (mean_high > 0), 0.0, np.minimum(-mean_high, -mean_low))
    sd_high = np.sqrt(np.maximum(second + q_high - nearest**2, 0.0))
    sd_low = np.minimum(np.sqrt(_least_variance(first, second, rest, h_low, h_high)), sd_high)
    return _ratio(x - mean_high, sd_low, sd_high, low=True), _ratio(
        x - mean_low, sd_low, sd_high, low=False
    )


def _least_variance(
    first: Floats, second: Floats, rest: Floats, h_low: Floats, h_high: Floats
) -> Floats:
    """The least of Σ p log² p - μ² with the rest all alike, over the sums h that they may have."""
    spare = 1 - rest
    best = np.divide(first * rest, spare, out=np.array(h_low), where=spare > 1e-12)
    h = np.clip(best, h_low, h_high)
    inner = np.divide(h**2, rest, out=np.zeros_like(h), where=rest > 0)
    return np.asarray(np.maximum(second + inner - (first + h) ** 2, 0.0))


def _times_log(weight: Floats, p: Floats) -> Floats:
    return np.asarray(weight * np.log(np.where(p > 0, p, 1.0)))


def _ratio(top: Floats, sd_low: Floats, sd_high: Floats, *, low: bool) -> Floats:
    """The least or greatest top / sd, for sd anywhere between its bounds."""
    sd = np.where((top >= 0) == low, sd_high, sd_low)
    out = np.where(np.abs(top) <= 1e-12, 0.0, np.copysign(np.inf, top))
    np.divide(top, sd, out=out, where=sd > 0)
    return np.asarray(np.where(np.isnan(top), np.nan, out))
