"""How capable is each subject, and how do other scores follow it? Rank correlations, vectorised.

The capability score is that of Ren et al., Safetywashing (2024): the first principal component of
Spearman's correlations between capability measures, applied to their standardised scores.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.relations.correlations import pearson, ranks, standard

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 2_000_000
"""Numbers that shuffles hold at once."""


def ability(values: Floats, order: Ints | None = None) -> tuple[Floats, float]:
    """The capability score of each subject, and the share that the first component holds.

    Args:
        values: shape (n, measures), no gaps; measures that are the same for all count nothing.
        order: of the same shape, whole numbers in the same order, where these are at hand.

    Returns:
        Shape (n,), the weight that is largest in size being positive; and a number in 0–1. NaN if
        nothing varies.
    """
    vary = np.ptp(values, axis=0) > 0
    if not vary.any():
        return np.full(len(values), np.nan), float("nan")
    some = values[:, vary]
    found, vectors = np.linalg.eigh(pearson(ranks(some if order is None else order[:, vary])))
    weights = vectors[:, -1]
    if abs(weights.min()) > weights.max():
        weights = -weights
    return standard(some) @ weights, float(found[-1] / found.sum())


def rank_correlations(one: Floats, others: Floats | Ints) -> Floats:
    """Spearman's correlation of one column with each of others, shape (columns,); NaN if flat."""
    a, b = standard(ranks(one[:, None])), standard(ranks(others))
    flat = ~b.any(axis=0) | (not a.any())
    return np.where(flat, np.nan, np.clip((a * b).mean(axis=0), -1.0, 1.0))


def partial(xy: Floats, xz: Floats | float, yz: Floats) -> Floats:
    """The correlation of x and y that z leaves; NaN where z is x or y."""
    under = np.sqrt(np.maximum((1 - np.square(xz)) * (1 - np.square(yz)), 0.0))
    good = under > 1e-9
    return np.where(good, np.clip((xy - xz * yz) / np.where(good, under, 1.0), -1, 1), np.nan)


def without_families(values: Floats, family: Ints) -> Floats:
    """Ranks of each column, less their mean in each family; shape of `values`."""
    r = ranks(values)
    code = np.unique(family, return_inverse=True)[1].ravel()
    size = np.bincount(code)
    means = np.stack([np.bincount(code, column) / size for column in r.T], axis=1)
    return np.asarray(r - means[code])


def within(one: Floats, others: Floats, family: Ints) -> Floats:
    """The correlation of ranks less family means, shape (columns,); NaN where nothing is left."""
    both = without_families(np.column_stack([one, others]), family)
    size = np.sqrt((both**2).sum(axis=0))
    under = size[0] * size[1:]
    good = under > 1e-9
    return np.where(good, (both[:, 0] @ both[:, 1:]) / np.where(good, under, 1.0), np.nan)


def within_p(
    one: Floats, others: Floats, family: Ints, *, draws: int, rng: np.random.Generator
) -> Floats:
    """Two-sided p-values of no association inside families, shape (columns,).

    Scores are shuffled inside each family: exact if, in a family, which subject has which score
    has nothing to do with capability. With the draw that was seen counted among `draws` others
    (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39), no p is too small. 1 where
    no family has two subjects.
    """
    both = without_families(np.column_stack([one, others]), family)
    a, b = both[:, 0], both[:, 1:]
    order = np.argsort(family, kind="stable")
    seen, above = np.abs(a @ b), np.zeros(b.shape[1], np.int64)
    close = 1e-9 * max(float(np.abs(a).sum()) * float(np.abs(b).max(initial=0.0)), 1.0)
    for some in _portions(draws, a.size):
        shuffled = np.empty((some, a.size), dtype=np.int64)
        # Sorted by family first and at random second: places of a family get its members in any
        # order.
        shuffled[:, order] = np.argsort(rng.random((some, a.size)) + family[None, :], axis=1)
        above += (np.abs(a[shuffled] @ b) >= seen - close).sum(axis=0)
    return np.asarray((1 + above) / (1 + draws))


def _portions(draws: int, size: int) -> Iterator[int]:
    """Draws in portions that fit a few tens of megabytes, however many subjects there are."""
    most = max(_CELLS // max(size, 1), 1)
    for start in range(0, draws, most):
        yield min(most, draws - start)


def between(one: Floats, others: Floats, family: Ints) -> Floats:
    """Spearman's correlation of family means of ranks, shape (columns,)."""
    r = ranks(np.column_stack([one, others]))
    code = np.unique(family, return_inverse=True)[1].ravel()
    size = np.bincount(code)
    means = np.stack([np.bincount(code, column) / size for column in r.T], axis=1)
    return rank_correlations(means[:, 0], means[:, 1:])


def between_p(
    one: Floats, others: Floats, family: Ints, *, draws: int, rng: np.random.Generator
) -> Floats:
    """Two-sided p-values of no association of family means, families shuffled; shape (columns,).

    Exact where families are of one size; nearly so where not (see its certificate).
    """
    r = ranks(np.column_stack([one, others]))
    code = np.unique(family, return_inverse=True)[1].ravel()
    size = np.bincount(code)
    means = np.stack([np.bincount(code, column) / size for column in r.T], axis=1)
    z = standard(ranks(means))
    seen, above = np.abs(z[:, 0] @ z[:, 1:]), np.zeros(z.shape[1] - 1, np.int64)
    for some in _portions(draws, size.size):
        shuffled = np.argsort(rng.random((some, size.size)), axis=1)
        above += (np.abs(z[:, 0][shuffled] @ z[:, 1:]) >= seen - 1e-9 * size.size).sum(axis=0)
    return np.asarray((1 + above) / (1 + draws))
