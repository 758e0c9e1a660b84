"""Which directions do scores vary in? Principal components, gaps filled; and the model with noise.

Pearson, Phil. Mag. 2 (1901) 559; probabilistic components: Tipping and Bishop, J. R. Stat. Soc. B
61 (1999) 611, fitted here to the scores that are there, whatever the gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnfitError

Floats = NDArray[np.float64]

MOST_ROUNDS = 20_000


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of scores without gaps.

    Attributes:
        mean, size: shape (k,); what was taken off each measure, and what it was divided by.
        loadings: shape (k, k); column j is the direction of axis j, of length 1, its sum positive.
        variance: shape (k,); of each axis, falling (divided by n - 1).
        scores: shape (n, k); of subjects on axes.
    """

    mean: Floats
    size: Floats
    loadings: Floats
    variance: Floats
    scores: Floats

    @property
    def share(self) -> Floats:
        """The share of all variance that each axis holds, shape (k,)."""
        return np.asarray(self.variance / self.variance.sum())


def components(values: Floats, *, standardise: bool = False) -> Components:
    """Principal components of centred scores.

    Args:
        values: shape (n, k), no gaps; n ≥ 2.
        standardise: whether measures are divided by their standard deviation (n), so that each
            counts the same; a measure that is the same for all then counts nothing.

    Raises:
        UnfitError: if nothing varies.
    """
    mean = values.mean(axis=0)
    size = _sizes(values) if standardise else np.ones(values.shape[1])
    z = (values - mean) / size
    variance, vectors = np.linalg.eigh(z.T @ z / (len(z) - 1))
    variance, vectors = np.maximum(variance[::-1], 0.0), vectors[:, ::-1]
    if variance[0] <= 1e-20 * max(float((values**2).max()), 1e-280):
        raise UnfitError("axes: all subjects have the same scores, so that nothing varies")
    vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    return Components(mean, size, vectors, variance, z @ vectors)


def iterated(
    values: Floats, *, rank: int = 1, tolerance: float = 1e-10, rounds: int | None = None
) -> Floats:
    """Gaps filled from the first principal components of standardised scores, until they agree.

    Each measure is standardised by the scores that are there; gaps begin at its mean and are
    replaced by what `rank` components fitted to the filled table say, until nothing moves.

    Args:
        values: shape (n, k); NaN where there is none. Every column has two different numbers.
        tolerance: in standard deviations.
        rounds: after which it ends, settled or not; by default it must settle.

    Raises:
        UnfitError: if it must settle and does not.
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values.copy()
    mean, size = np.nanmean(values, axis=0), _sizes(values)
    z = np.where(gaps, 0.0, (values - mean) / size)
    for _ in range(MOST_ROUNDS if rounds is None else rounds):
        centre = z.mean(axis=0)
        apart = z - centre
        top = np.linalg.eigh(apart.T @ apart)[1][:, -rank:]
        said = (centre + apart @ top @ top.T)[gaps]
        moved = float(np.abs(z[gaps] - said).max())
        z[gaps] = said
        if moved < tolerance:
            break
    else:
        if rounds is None:
            raise UnfitError(
                f"axes: gaps did not settle in {MOST_ROUNDS} rounds: measures share too little to "
                "fill them; leave out measures with many, or drop subjects with gaps"
            )
    return np.asarray(np.where(gaps, z * size + mean, values))


@dataclass(frozen=True, eq=False)
class Noisy:
    """Probabilistic components: x = mean + weights z + noise, z standard normal.

    Attributes:
        mean: shape (k,).
        weights: shape (k, axes); orthogonal columns, by falling length.
        noise: the standard deviation of what is left, the same on every measure.
        fill: shape (n, k); the scores, and where there is none what the others let expect.
        spread: shape (n, k, k); the covariance of each subject's scores given those that are
            there: 0 but for gaps.
        log_likelihood: of the scores that are there.
        rounds: of EM.
    """

    mean: Floats
    weights: Floats
    noise: float
    fill: Floats
    spread: Floats
    log_likelihood: float
    rounds: int


def probabilistic(
    values: Floats, *, axes: int = 1, tolerance: float = 1e-9, rounds: int = MOST_ROUNDS
) -> Noisy:
    """Fit probabilistic components by EM to the scores that are there, gaps missing at random.

    Args:
        values: shape (n, k); NaN where there is none, at least one number a row.
        axes: from 1 to k - 1.
        tolerance: of the log-likelihood, relative, by which EM has settled.

    Raises:
        UnfitError: if EM does not settle, or no noise is left.
    """
    gaps = np.isnan(values)
    k = values.shape[1]
    start = (
        iterated(values, rank=min(axes, k - 1), tolerance=1e-4, rounds=200)
        if gaps.any()
        else values
    )
    mean, weights, noise = closed_form(start, axes)
    patterns, which = np.unique(gaps, axis=0, return_inverse=True)
    groups = [(~p, np.flatnonzero(which.ravel() == i)) for i, p in enumerate(patterns)]
    floor = 1e-10 * float(np.nanvar(values, axis=0).mean())
    before = -np.inf
    for step in range(1, rounds + 1):
        if noise <= floor:
            raise UnfitError("axes: no noise is left: is a measure a sum of others? fewer axes")
        log, z, zz = _expect(values, groups, mean, weights, noise)
        if abs(log - before) <= tolerance * abs(log):
            return _noisy(values, groups, mean, weights, noise, log, step)
        before = log
        mean, weights, noise = _maximise(values, ~gaps, z, zz)
    raise UnfitError(
        f"axes: EM did not settle in {rounds} rounds; leave out measures with many gaps"
    )


def closed_form(values: Floats, axes: int) -> tuple[Floats, Floats, float]:
    """Mean, weights and noise variance of greatest likelihood where nothing is missing.

    Tipping and Bishop (1999), equations 7 and 8.
    """
    mean = values.mean(axis=0)
    apart = values - mean
    variance, vectors = np.linalg.eigh(apart.T @ apart / len(values))
    noise = float(np.maximum(variance[:-axes], 0.0).mean())
    size = np.sqrt(np.maximum(variance[::-1][:axes] - noise, 0.0))
    return mean, vectors[:, ::-1][:, :axes] * size, noise


def log_likelihood(values: Floats, mean: Floats, weights: Floats, noise: float) -> float:
    """Of the scores that are there, each subject's as one normal: the plain twin of EM's.

    Args:
        noise: a variance.
    """
    whole = weights @ weights.T + noise * np.eye(len(mean))
    total = 0.0
    for row in values:
        there = ~np.isnan(row)
        some = whole[np.ix_(there, there)]
        apart = row[there] - mean[there]
        total -= 0.5 * float(
            apart @ np.linalg.solve(some, apart)
            + np.linalg.slogdet(some)[1]
            + there.sum() * np.log(2 * np.pi)
        )
    return total


def _expect(
    values: Floats, groups: list[tuple[NDArray[np.bool_], NDArray[np.int64]]],
    mean: Floats, weights: Floats, noise: float,
) -> tuple[float, Floats, Floats]:  # fmt: skip
    """The log-likelihood, and of (1, z) each subject's expectation and that of its square."""
    n, q = len(values), weights.shape[1]
    z, zz = np.ones((n, q + 1)), np.empty((n, q + 1, q + 1))
    log = 0.0
    for there, rows in groups:
        w = weights[there]
        m = w.T @ w + noise * np.eye(q)
        inverse = np.linalg.inv(m)
        apart = values[rows][:, there] - mean[there]
        z[rows, 1:] = apart @ w @ inverse
        zz[rows] = z[rows, :, None] * z[rows, None, :]
        zz[rows, 1:, 1:] += noise * inverse
        d = int(there.sum())
        # By Sylvester's and Woodbury's identities, in q dimensions instead of d.
        volume = (d - q) * np.log(noise) + np.linalg.slogdet(m)[1]
        square = (apart**2).sum() - ((apart @ w @ inverse) * (apart @ w)).sum()
        log -= 0.5 * float(rows.size * (d * np.log(2 * np.pi) + volume) + square / noise)
    return log, z, zz


def _maximise(
    values: Floats, there: NDArray[np.bool_], z: Floats, zz: Floats
) -> tuple[Floats, Floats, float]:
    k = values.shape[1]
    fitted, left = np.empty((k, z.shape[1])), 0.0
    for j in range(k):
        rows = there[:, j]
        x = values[rows, j]
        cross, square = x @ z[rows], zz[rows].sum(axis=0)
        fitted[j] = np.linalg.solve(square, cross)
        left += float(x @ x - 2 * fitted[j] @ cross + fitted[j] @ square @ fitted[j])
    return fitted[:, 0], fitted[:, 1:], left / int(there.sum())


def _noisy(
    values: Floats, groups: list[tuple[NDArray[np.bool_], NDArray[np.int64]]],
    mean: Floats, weights: Floats, noise: float, log: float, rounds: int,
) -> Noisy:  # fmt: skip
    u, size, _ = np.linalg.svd(weights, full_matrices=False)
    whole = weights @ weights.T + noise * np.eye(len(mean))
    n, k = values.shape
    fill, spread = values.copy(), np.zeros((n, k, k))
    for there, rows in groups:
        lost = np.flatnonzero(~there)
        if lost.size == 0:
            continue
        on = np.linalg.solve(whole[np.ix_(there, there)], whole[np.ix_(there, lost)])
        fill[np.ix_(rows, lost)] = mean[lost] + (values[rows][:, there] - mean[there]) @ on
        left = whole[np.ix_(lost, lost)] - whole[np.ix_(lost, there)] @ on
        for row in rows:
            spread[row][np.ix_(lost, lost)] = left
    return Noisy(mean, u * size, float(np.sqrt(noise)), fill, spread, log, rounds)


def _sizes(values: Floats) -> Floats:
    """The standard deviation (n) of each measure; 1 where it is the same for all."""
    size = np.nanstd(values, axis=0)
    tiny = 1e-12 * np.maximum(np.nanmax(np.abs(values), axis=0), 1e-300)
    return np.asarray(np.where(size > tiny, size, 1.0))
