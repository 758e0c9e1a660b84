"""Which ranks are sure, and who is statistically tied? Statements that hold all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SIMULATED = 300
"""Most subjects whose critical value is simulated; above, Holm's, which errs to the wide side."""

FEW = 30.0
"""Degrees of freedom from which one t distribution serves for all pairs."""

_CHUNK = 1 << 21


@dataclass(frozen=True, repr=False)
class Ranks:
    """Ranks that hold for all subjects at once, with the confidence `level`.

    Attributes:
        low, high: shape (subjects,), the best and worst rank each may have; 1 is best.
        tiers: shape (subjects,); 1 is best. A subject's tier is one more than the lowest tier
            among those significantly better, so no two of a tier differ significantly.
        better: shape (subjects, subjects), whether the row is significantly better.
        best: shape (subjects,), share of draws from the joint distribution in which it is first.
        level: confidence.
        critical: last critical value of |difference| over its standard error; with Holm, the
            least that was significant.
        method: in words.
    """

    low: Ints
    high: Ints
    tiers: Ints
    better: Bools
    best: Floats
    level: float
    critical: float
    method: str

    def __repr__(self) -> str:
        first = int((self.tiers == 1).sum())
        return f"{int(self.tiers.max())} tiers, {first} subjects in the first ({self.method})"


def ranks(
    strengths: Floats,
    covariance: Floats,
    *,
    level: float = 0.95,
    df: float | Floats = np.inf,
    draws: int = 10_000,
    seed: int = 0,
    noise: Floats | None = None,
) -> Ranks:
    """Simultaneous rank intervals and tiers from all pairwise differences.

    Differences are declared by a step-down test of all pairs whose critical value is the quantile
    of the largest |difference| over its standard error under the joint normal (or t) (Romano and
    Wolf, JASA 100 (2005) 94; ranks from such differences: Mogstad, Romano, Shaikh and Wilhelm,
    Review of Economic Studies 91 (2024) 476). A subject's rank is then at least one more than
    the number significantly better, and so on from below.

    Args:
        strengths: shape (subjects,).
        covariance: shape (subjects, subjects).
        level: confidence that all statements hold.
        df: degrees of freedom of the t distribution, one or shape (subjects,). Where the least
            is below `FEW`, each pair is tested with the fewer of its two, by Holm.
        draws, seed: of the simulation.
        noise: shape (draws, subjects), draws of what is estimated less `strengths`, such as from
            a posterior; by default simulated from the normal or t with this covariance.

    Raises:
        InputError: for a level outside 0.5–1, or fewer than two subjects.
    """
    size = strengths.size
    if not 0.5 <= level < 1:
        raise InputError(f"level: wanted 0.5 to below 1, got {level}")
    if size < 2:
        raise InputError(f"subjects: wanted at least 2, got {size}")
    i, j = np.triu_indices(size, 1)
    error = _errors(covariance, i, j)
    t = np.abs(strengths[i] - strengths[j]) / error
    each = np.broadcast_to(np.asarray(df, dtype=np.float64), (size,))
    least = float(each.min())
    if noise is None:
        noise = _noise(covariance, least, draws, seed)
    draws = noise.shape[0]
    if size <= SIMULATED and least >= FEW:
        rejected, critical = _step_down(t, noise, i, j, error, level)
        method = f"step-down max-t over {i.size:,} pairs, {draws:,} draws"
    else:
        rejected, critical = _holm(t, np.minimum(each[i], each[j]), level)
        method = f"Holm over {i.size:,} pairs"
    better = np.zeros((size, size), dtype=bool)
    ahead = strengths[i] > strengths[j]
    better[i, j] = rejected & ahead
    better[j, i] = rejected & ~ahead
    first = np.argmax(strengths + noise, axis=1)
    return Ranks(
        1 + better.sum(axis=0),
        size - better.sum(axis=1),
        tiers(strengths, better),
        better,
        np.bincount(first, minlength=size) / draws,
        level,
        critical,
        method,
    )


def _errors(covariance: Floats, i: Ints, j: Ints) -> Floats:
    """Standard errors of the differences of i and j."""
    variance = np.diag(covariance)
    return np.sqrt(np.maximum(variance[i] + variance[j] - 2 * covariance[i, j], 1e-300))


def tiers(strengths: Floats, better: Bools) -> Ints:
    """Tier of each subject: 1 if nobody is significantly better, else one more than the lowest
    tier of those who are."""
    out = np.ones(strengths.size, dtype=np.int64)
    # Who is better has the higher strength, so each subject's betters come before it.
    for k in np.argsort(-strengths, kind="stable"):
        above = better[:, k]
        if above.any():
            out[k] = 1 + int(out[above].max())
    return out


def _noise(covariance: Floats, df: float, draws: int, seed: int) -> Floats:
    """Shape (draws, subjects), from the normal or t with this covariance."""
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    z = rng.standard_normal((draws, covariance.shape[0])) @ root.T
    if np.isfinite(df):
        z *= np.sqrt(df / rng.chisquare(df, draws))[:, None]
    return np.asarray(z)


def _step_down(
    t: Floats, noise: Floats, i: Ints, j: Ints, error: Floats, level: float
) -> tuple[Bools, float]:
    rejected = np.zeros(t.size, dtype=bool)
    critical = np.inf
    while not rejected.all():
        rest = ~rejected
        critical = float(np.quantile(_largest(noise, i[rest], j[rest], error[rest]), level))
        new = rest & (t > critical)
        if not new.any():
            break
        rejected |= new
    return rejected, critical


def _largest(noise: Floats, i: Ints, j: Ints, error: Floats) -> Floats:
    out = np.empty(noise.shape[0])
    step = max(1, _CHUNK // i.size)
    scale = 1 / error
    across = np.ascontiguousarray(noise.T)
    for start in range(0, noise.shape[0], step):
        part = across[:, start : start + step]
        difference = part[i] - part[j]
        np.abs(difference, out=difference)
        difference *= scale[:, None]
        out[start : start + step] = difference.max(axis=0)
    return out


def _holm(t: Floats, df: Floats, level: float) -> tuple[Bools, float]:
    """Holm's step-down over p-values, with each pair's degrees of freedom."""
    finite = np.isfinite(df)
    p = 2 * np.where(finite, stdtr(np.where(finite, df, 1.0), -t), ndtr(-t))
    order = np.argsort(p, kind="stable")
    passed = p[order] <= (1 - level) / (t.size - np.arange(t.size))
    many = t.size if passed.all() else int(np.argmin(passed))
    rejected = np.zeros(t.size, dtype=bool)
    rejected[order[:many]] = True
    return rejected, float(t[rejected].min()) if many else float("inf")
