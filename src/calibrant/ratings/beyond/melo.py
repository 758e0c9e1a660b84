"""How many dimensions has skill? mElo with the number chosen on held-out items; 0 is allowed.

P(i beats j) = σ(r_i - r_j + c_iᵀ Ω c_j), with Ω antisymmetric and c of 2k numbers (Balduzzi et
al., Re-evaluating evaluation, NeurIPS 2018). Likelihood with normal priors, on the count table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from calibrant.errors import InputError
from calibrant.ratings.audit.data import Votes, clusters
from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts
from calibrant.ratings.fit import RatingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_SD = 3.0
"""Of strengths."""

CIRCLE_SD = 1.0
"""Of the coordinates that make cycles."""


@dataclass(frozen=True)
class Melo:
    """Strengths with cyclic dimensions.

    Attributes:
        names: subjects. strengths: shape (subjects,), log scale, adding up to 0.
        circles: shape (subjects, 2k), the coordinates c.
        dimensions: k, chosen on held-out items; 0 says that one number is enough.
        gains: for each k tried until one did not help, (k, held-out log-likelihood per
            comparison above that of k = 0, its standard error over folds).
    """

    names: tuple[str, ...]
    strengths: Floats
    circles: Floats
    dimensions: int
    gains: tuple[tuple[int, float, float], ...]

    def win_probability(self) -> Floats:
        """Shape (subjects, subjects): that row beats column, ties shared."""
        s = self.strengths
        return np.asarray(expit(s[:, None] - s + turns(self.circles)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        keys = ("dimensions", "gain", "standard_error")
        return {
            "dimensions": self.dimensions,
            "strengths": dict(zip(self.names, self.strengths.tolist(), strict=True)),
            "circles": self.circles.tolist(),
            "gains": [dict(zip(keys, g, strict=True)) for g in self.gains],
        }

    def __repr__(self) -> str:
        if not self.dimensions:
            return "One number predicts held-out items as well: no cyclic dimension is kept"
        gain, error = next(g[1:] for g in self.gains if g[0] == self.dimensions)
        return (
            f"{self.dimensions} cyclic dimension{'' if self.dimensions == 1 else 's'} kept: "
            f"held-out log-likelihood rises by {gain:.4f} ± {error:.4f} per comparison"
        )


def turns(circles: Floats) -> Floats:
    """Shape (subjects, subjects): c_iᵀ Ω c_j, antisymmetric."""
    a, b = circles[:, 0::2], circles[:, 1::2]
    return np.asarray(a @ b.T - b @ a.T)


def melo(data: Votes, *, most: int = 2, folds: int = 5, starts: int = 2, seed: int = 0) -> Melo:
    """Fit mElo, with the number of cyclic dimensions chosen on items not fitted to.

    A dimension is kept only if it predicts held-out items better by more than two standard errors
    over the dimension before.

    Args:
        data: comparisons; votes on one item stay in one fold. Ties are half wins.
        most: dimensions tried. folds: parts of the items. starts: of each non-convex fit.
        seed: of folds and starts.

    Raises:
        InputError: for fewer than three subjects, or fewer items than folds.
        RatingError: if a fit does not converge.
    """
    if len(data.names) < 3:
        raise InputError(f"melo: wanted at least 3 subjects, got {len(data.names)}")
    item, size = clusters(data.item, data.size)
    if folds < 3 or size < folds:
        raise InputError(f"melo: wanted at least 3 folds and {folds} items, got {size} items")
    rng = np.random.default_rng(seed)
    fold = rng.permutation(np.arange(size) % folds)[item]
    parts = [data.rows(fold == f).counts() for f in range(folds)]
    whole = data.counts()
    held = np.zeros((most + 1, folds))
    chosen, gains = 0, []
    for k in range(most + 1):
        for f, part in enumerate(parts):
            s, c = _fit(whole - part, k, starts, np.random.default_rng([seed, f, k]))
            held[k, f] = _log_likelihood(part, s, c) / part.total
        if k == 0:
            continue
        over = held[k] - held[0]
        gains.append((k, float(over.mean()), float(over.std(ddof=1) / np.sqrt(folds))))
        step = held[k] - held[k - 1]
        if step.mean() <= 2 * step.std(ddof=1) / np.sqrt(folds):
            break
        chosen = k
    s, c = _fit(whole, chosen, starts, np.random.default_rng([seed, folds, chosen]))
    return Melo(data.names, s - s.mean(), c, chosen, tuple(gains))


def _wins(counts: Counts) -> tuple[Floats, Floats]:
    halves = counts.outcomes[:, TIE] / 2
    return counts.outcomes[:, LEFT] + halves, counts.outcomes[:, RIGHT] + halves


def _log_likelihood(counts: Counts, s: Floats, c: Floats) -> float:
    d = (s[:, None] - s + turns(c))[counts.left, counts.right]
    won, lost = _wins(counts)
    return float(won @ log_expit(d) + lost @ log_expit(-d))


def _fit(
    counts: Counts, k: int, starts: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:  # fmt: skip
    """Strengths and coordinates of the best of several starts."""
    from scipy.optimize import minimize

    size = len(counts.names)
    won, lost = _wins(counts)
    a, b = counts.left, counts.right

    def loss(x: Floats) -> tuple[float, Floats]:
        s, c = x[:size], x[size:].reshape(size, 2 * k)
        d = s[a] - s[b]
        if k:
            d = d + (c[a, 0::2] * c[b, 1::2] - c[a, 1::2] * c[b, 0::2]).sum(axis=1)
        value = -(won @ log_expit(d) + lost @ log_expit(-d))
        value += (s @ s) / (2 * PRIOR_SD**2) + (x[size:] @ x[size:]) / (2 * CIRCLE_SD**2)
        by_d = lost * expit(d) - won * expit(-d)
        g = np.empty_like(x)
        g[:size] = np.bincount(a, by_d, size) - np.bincount(b, by_d, size) + s / PRIOR_SD**2
        turn = c / CIRCLE_SD**2
        for j in range(k):
            p, q = 2 * j, 2 * j + 1
            turn[:, p] += np.bincount(a, by_d * c[b, q], size) - np.bincount(
                b, by_d * c[a, q], size
            )
            turn[:, q] += np.bincount(b, by_d * c[a, p], size) - np.bincount(
                a, by_d * c[b, p], size
            )
        g[size:] = turn.ravel()
        return float(value), g

    best = None
    for _ in range(starts if k else 1):
        start = np.concatenate([np.zeros(size), rng.normal(0, 0.3, 2 * k * size)])
        found = minimize(
            loss, start, jac=True, method="L-BFGS-B",
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-9, "gtol": 1e-4},
        )  # fmt: skip
        if found.status == 0 and (best is None or found.fun < best.fun):
            best = found
    if best is None:
        raise RatingError(f"melo: no start converged with {k} dimensions")
    return best.x[:size], best.x[size:].reshape(size, 2 * k)
