"""How many factors do columns have? Parallel analysis that knows of families, and MAP.

Horn, Psychometrika 30 (1965) 179, compares eigenvalues with those of data without factors. Two
things break that for AI models. Versions of one model are relatives, so that noise alone has
larger eigenvalues than that of as many independent subjects. And one strong general factor leaves
so little variance that a second factor hides under eigenvalues of pure noise. Here each eigenvalue
is compared with those of data that have the factors found so far, and no more (Green, Levy,
Thompson, Lu and Lo, Educational and Psychological Measurement 72 (2012) 357), drawn with as much
likeness within families as the data have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from calibrant.errors import InputError
from calibrant.stats.relations.correlations import pearson, standard

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_UNIQUE = 0.005
"""The least share of a column's variance that is its own."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A factor analysis by least squares of residual correlations, factors not rotated.

    Attributes:
        loadings: shape (measures, factors), by falling variance; each column's sum is positive.
        unique: shape (measures,), variance that is a measure's own.
        residual: the root mean square of residual correlations off the diagonal.
        heywood: whether some unique variance is at its lower limit, 0.005.
    """

    loadings: Floats
    unique: Floats
    residual: float
    heywood: bool


def minres(correlations: Floats, factors: int) -> Solution:
    """Minimum residuals (Harman and Jones, Psychometrika 31 (1966) 351).

    Args:
        correlations: shape (measures, measures).
        factors: from 0 to measures less one.

    Raises:
        InputError: for another number, or correlations that are not finite.
    """
    r = np.asarray(correlations, np.float64)
    k = len(r)
    if not 0 <= factors < k:
        raise InputError(f"factors: wanted 0 to {k - 1}, got {factors}")
    if not np.isfinite(r).all():
        raise InputError("correlations: wanted finite numbers; is a measure the same for all?")
    if factors == 0:
        off = r[~np.eye(k, dtype=bool)]
        return Solution(np.zeros((k, 0)), np.ones(k), float(np.sqrt((off**2).mean())), False)

    def loss(unique: Floats) -> tuple[float, Floats]:
        values, vectors = np.linalg.eigh(r - np.diag(unique))
        rest, kept = values[:-factors], vectors[:, :-factors]
        # What is left are the small eigenvalues; negative ones of the kept would be left as well.
        low = np.minimum(values[-factors:], 0.0)
        every = np.concatenate([rest, low])
        v = np.concatenate([kept, vectors[:, -factors:]], axis=1)
        return 0.5 * float(every @ every), np.asarray(-(v**2) @ every)

    start = 1 / np.clip(np.diag(np.linalg.pinv(r, hermitian=True)), 1 / 0.9, 1 / 0.05)
    found = minimize(loss, start, jac=True, method="L-BFGS-B",
                     bounds=[(LEAST_UNIQUE, 1.0)] * k, options={"maxiter": 500})  # fmt: skip
    unique = np.asarray(found.x)
    values, vectors = np.linalg.eigh(r - np.diag(unique))
    top = slice(None, -factors - 1, -1)
    loadings = vectors[:, top] * np.sqrt(np.maximum(values[top], 0.0))
    loadings = loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    left = (r - loadings @ loadings.T)[~np.eye(k, dtype=bool)]
    return Solution(loadings, unique, float(np.sqrt((left**2).mean())) if left.size else 0.0,
                    bool((unique <= LEAST_UNIQUE * 1.001).any()))  # fmt: skip


@dataclass(frozen=True)
class Parallel:
    """How many factors a parallel analysis finds.

    Attributes:
        factors: how many.
        eigenvalues: of the correlations, falling.
        limits: for each eigenvalue that was tested, the quantile of that eigenvalue in data with
            one factor less.
        likeness: for each of these, the intraclass correlation within families that was drawn.
        horn: how many Horn's analysis finds, without families and one reference for all.
    """

    factors: int
    eigenvalues: tuple[float, ...]
    limits: tuple[float, ...]
    likeness: tuple[float, ...]
    horn: int


def parallel_analysis(
    x: Floats,
    family: Ints,
    *,
    quantile: float = 0.95,
    draws: int = 200,
    seed: int = 0,
    treated: Callable[[Floats], Floats] | None = None,
) -> Parallel:
    """How many factors columns have, by references that draw families.

    Args:
        x: shape (subjects, columns); 3 columns or more, no gaps.
        family: shape (subjects,), numbers from 0 without gaps.
        quantile: of the references' eigenvalues, which an eigenvalue must exceed.
        draws: data sets per reference.
        seed: of the draws.
        treated: what was done to the data and must be done to each reference too, such as gaps
            cut and filled; by default nothing.
    """
    n, k = x.shape
    r = pearson(x)
    eigenvalues = np.linalg.eigvalsh(r)[::-1]
    streams = np.random.SeedSequence(seed).spawn(k)
    limits, likeness, found = [], [], 0
    for j in range(k - 1):
        icc = residual_likeness(x, family, j)
        fitted = minres(r, j)
        loads = np.column_stack([fitted.loadings, np.diag(np.sqrt(fitted.unique))])
        rng = np.random.default_rng(streams[j])
        drawn = _reference(loads, family, icc, draws, rng, j, treated)
        limits.append(float(np.quantile(drawn, quantile)))
        likeness.append(icc)
        if eigenvalues[j] <= limits[-1]:
            break
        found = j + 1
    own = np.random.default_rng(streams[-1])
    return Parallel(
        found, tuple(map(float, eigenvalues)), tuple(limits), tuple(likeness),
        _horn(eigenvalues, n, quantile, draws, own, treated),
    )  # fmt: skip


def residual_likeness(x: Floats, family: Ints, factors: int) -> float:
    """The intraclass correlation within families of what components leave, pooled over measures.

    By analysis of variance with unequal sizes; 0 where it is negative or nobody has relatives.
    """
    sizes = np.bincount(family)
    n, groups = family.size, sizes.size
    if groups == n or groups < 2:
        return 0.0
    z = standard(x)
    if factors:
        top = np.linalg.eigh(z.T @ z)[1][:, -factors:]
        z = standard(z - z @ top @ top.T)
    means = np.zeros((groups, z.shape[1]))
    np.add.at(means, family, z)
    means /= sizes[:, None]
    between = (sizes[:, None] * means**2).sum() / (groups - 1)
    within = ((z - means[family]) ** 2).sum() / (n - groups)
    size = (n - (sizes**2).sum() / n) / (groups - 1)
    icc = float((between - within) / (between + (size - 1) * within))
    return min(max(icc, 0.0), 0.99)


def _reference(
    loads: Floats, family: Ints, icc: float, draws: int, rng: np.random.Generator, which: int,
    treated: Callable[[Floats], Floats] | None,
) -> Floats:  # fmt: skip
    """The eigenvalue of number `which` in data of a factor model, relatives alike, (draws,)."""
    n, groups = family.size, int(family.max()) + 1
    out = np.empty(draws)
    for d in range(draws):
        scores = np.sqrt(1 - icc) * rng.standard_normal((n, loads.shape[1]))
        if icc > 0:
            scores += np.sqrt(icc) * rng.standard_normal((groups, loads.shape[1]))[family]
        made = scores @ loads.T
        made = made if treated is None else treated(made)
        out[d] = np.linalg.eigvalsh(pearson(made))[-1 - which]
    return out


def _horn(
    eigenvalues: NDArray[Any], n: int, quantile: float, draws: int, rng: np.random.Generator,
    treated: Callable[[Floats], Floats] | None,
) -> int:  # fmt: skip
    k = eigenvalues.size
    drawn = np.empty((draws, k))
    for d in range(draws):
        made = rng.standard_normal((n, k))
        made = made if treated is None else treated(made)
        drawn[d] = np.linalg.eigvalsh(pearson(made))[::-1]
    below = eigenvalues <= np.quantile(drawn, quantile, axis=0)
    return int(np.argmax(below)) if below.any() else k


def velicer(correlations: Floats) -> int:
    """The number of components with the least average squared partial correlation (MAP).

    Velicer, Psychometrika 41 (1976) 321.
    """
    values, vectors = np.linalg.eigh(correlations)
    k = len(values)
    off = ~np.eye(k, dtype=bool)
    averages = [float((correlations[off] ** 2).mean())]
    for m in range(1, k - 1):
        loadings = vectors[:, -m:] * np.sqrt(np.maximum(values[-m:], 0.0))
        left = correlations - loadings @ loadings.T
        size = np.diag(left)
        if (size < 1e-10).any():
            break
        averages.append(float(((left / np.sqrt(np.outer(size, size)))[off] ** 2).mean()))
    return int(np.argmin(averages))
