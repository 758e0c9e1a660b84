"""How often would chance alone give as much? Exact null distributions, or random draws.

Every p-value here counts what was observed among the outcomes of chance, so that P(p ≤ α) ≤ α at
any number of items or draws (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

WORK = 1.5e8
"""Additions up to which a distribution is worked out exactly; half a second."""
ENUMERATED = 20_000
"""Arrangements up to which all are gone through."""
_CELLS = 2_000_000
"""Random numbers held at once."""


@dataclass(frozen=True, eq=False)
class Null:
    """A statistic beside its distribution under chance.

    Attributes:
        observed: the statistic, larger for more exposed.
        p: how often chance gives as much or more; the observed outcome counted.
        below: how often it gives as little or less.
        smallest: the least p that these items and draws can give.
        exact: whether every outcome was counted, rather than some drawn at random.
        at, share: shape (outcomes,), values of the statistic and how often chance gives them.
    """

    observed: float
    p: float
    below: float
    smallest: float
    exact: bool
    at: Floats
    share: Floats

    @property
    def two_sided(self) -> float:
        """Twice the smaller side, at most 1."""
        return min(1.0, 2 * min(self.p, self.below))

    def told(
        self, most: int = 60, scale: Callable[[float], float] = float
    ) -> dict[str, list[float]]:
        """At most `most` bins of the distribution: `at` their middles, and `share` in each.

        Args:
            scale: how the statistic is told.
        """
        likely = self.share > 1e-7
        at, share = self.at[likely], self.share[likely]
        low, high = float(at.min()), float(at.max())
        places, of = np.unique(at, return_inverse=True)
        steps = np.diff(places)
        if places.size <= most:
            share = np.asarray(np.bincount(of, share), dtype=float)
        elif np.ptp(steps) <= 1e-9 * (high - low):  # a lattice: as many of its places in each bin
            wide = -(-places.size // most)
            share = np.asarray(np.bincount(of // wide, share), dtype=float)
            places = np.array([p.mean() for p in np.split(places, range(wide, places.size, wide))])
        else:
            bins, edges = np.histogram(at, most, (low, high), weights=share)
            share = np.asarray(bins, dtype=float)
            places = (edges[1:] + edges[:-1]) / 2
        return {"at": [round(scale(float(x)), 9) for x in places],
                "share": share.round(9).tolist()}  # fmt: skip


def midranks(values: Floats) -> Ints:
    """Twice the rank of each value, 2 for the least; tied values share the mean of their ranks."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(times)
    return np.asarray((2 * last - times + 1)[place], dtype=np.int64)


def counted(
    observed: float, at: NDArray[Any], share: Floats, *, exact: bool, smallest: float
) -> Null:
    """A null distribution from its outcomes; equal but for rounding counts as equal."""
    slack = 1e-10 * max(float(np.abs(at).max(initial=0.0)), abs(observed), 1e-300)
    p = float(share[at >= observed - slack].sum())
    below = float(share[at <= observed + slack].sum())
    return Null(observed, min(p, 1.0), min(below, 1.0), smallest, exact, at, share)


def drawn(observed: float, draws: Floats, *, smallest: float = 0.0) -> Null:
    """A null distribution from random draws, to which what was observed is added.

    Args:
        smallest: the chance of the largest statistic there is, where it is known.
    """
    at = np.append(draws, observed)
    share = np.full(at.size, 1 / at.size)
    return counted(observed, at, share, exact=False, smallest=max(1 / at.size, smallest))


def subset_sums(values: Ints, size: int) -> Floats:
    """How many subsets of `size` have each sum, shape (largest sum + 1,); values are above 0."""
    return _subset_sums(np.sort(values).astype(np.int64).tobytes(), size)


# Without ties the ranks are always the same: several signals, one distribution.
@lru_cache(maxsize=16)
def _subset_sums(data: bytes, size: int) -> Floats:
    values = np.frombuffer(data, np.int64)
    top = int(values[values.size - size :].sum()) if size else 0
    table = np.zeros((size + 1, top + 1))
    table[0, 0] = 1.0
    for value in values.tolist():
        # A copy of the table before, so that no value enters a subset twice.
        table[1:, value:] += table[:-1, : top + 1 - value].copy()
    found: Floats = table[size].copy()
    found.flags.writeable = False
    return found


def flip_sums(values: Ints) -> Floats:
    """How many of all subsets have each sum, as a share of them; values are above 0."""
    return _flip_sums(np.sort(values).astype(np.int64).tobytes())


@lru_cache(maxsize=16)
def _flip_sums(data: bytes) -> Floats:
    values = np.frombuffer(data, np.int64)
    top = int(values.sum())
    table = np.zeros(top + 1)
    table[0] = 1.0
    reach = 0
    for value in values.tolist():
        reach += value
        # Halved at each step, so that nothing overflows.
        table[value : reach + 1] += table[: reach + 1 - value].copy()
        table[: reach + 1] /= 2
    table.flags.writeable = False
    return table


def relabelled(
    scores: Floats, published: Mask, strata: Ints, *, draws: int, rng: np.random.Generator
) -> Null:
    """The sum of the scores of published units, when chance says which of a stratum are published.

    Exact by the distribution of sums for whole-number scores in one stratum, or by going through
    all arrangements where they are few; else by random draws.

    Args:
        scores: shape (units,); whole numbers above 0 (ranks) can be summed exactly.
        published: shape (units,).
        strata: shape (units,), from 0.
        draws: random arrangements where the exact distribution is too long.
    """
    observed = float(scores[published].sum())
    groups = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    sizes = [int(published[g].sum()) for g in groups]
    ways = prod(comb(g.size, m) for g, m in zip(groups, sizes, strict=True))
    if len(groups) == 1 and _whole(scores):
        found = _exact_sums(scores.astype(np.int64), sizes[0], observed)
        if found is not None:
            return found
    if ways <= ENUMERATED:
        sums = np.zeros(1)
        for group, size in zip(groups, sizes, strict=True):
            parts = [float(scores[list(c)].sum()) for c in combinations(group.tolist(), size)]
            sums = np.add.outer(sums, np.array(parts)).ravel()
        top = float(np.mean(sums >= sums.max() - 1e-10 * abs(float(sums.max()))))
        return counted(observed, sums, np.full(ways, 1 / ways), exact=True, smallest=top)
    total = np.zeros(draws)
    for group, size in zip(groups, sizes, strict=True):
        total += _random_sums(scores[group], size, draws, rng)
    return drawn(observed, total, smallest=1 / ways)


def _whole(scores: Floats) -> bool:
    return bool(np.all(scores > 0) and np.all(scores == np.floor(scores)))


def _exact_sums(ranks: Ints, size: int, observed: float) -> Null | None:
    """The exact distribution of a rank sum, of the smaller group; None if that takes too long."""
    flip = 2 * size > ranks.size
    few = ranks.size - size if flip else size
    # Doubled ranks without ties are even: half the work.
    half = 2 if bool(np.all(ranks % 2 == 0)) else 1
    values = ranks // half
    top = int(np.sort(values)[values.size - few :].sum()) if few else 0
    if float(values.size) * (few + 1) * (top + 1) > WORK:
        return None
    counts = subset_sums(values, few)
    at = np.flatnonzero(counts)
    share = counts[at] / counts.sum()
    sums = at * float(half)
    if flip:
        sums = float(ranks.sum()) - sums
    return counted(observed, sums, share, exact=True, smallest=float(share[np.argmax(sums)]))


def _random_sums(scores: Floats, size: int, draws: int, rng: np.random.Generator) -> Floats:
    """Sums of random subsets of `size`: of the smaller group, drawn, and the rest by difference."""
    few = min(size, scores.size - size)
    if few == 0:
        return np.full(draws, float(scores.sum()) if size else 0.0)
    out = np.empty(draws)
    block = max(1, _CELLS // scores.size)
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        keys = rng.random((rows, scores.size))
        chosen = np.argpartition(keys, few - 1, axis=1)[:, :few]
        out[start : start + rows] = scores[chosen].sum(axis=1)
    return out if few == size else float(scores.sum()) - out


def flipped(scores: Floats, *, draws: int, rng: np.random.Generator) -> Null:
    """The sum of signed scores, when chance gives each its sign.

    Exact by the distribution of sums where sizes are whole numbers (ranks), or by going through
    all signs of up to 14 units; else by random signs.

    Args:
        scores: shape (units,), with sign; zeros count for nothing.
    """
    live = scores[scores != 0]
    observed, size = float(live.sum()), np.abs(live)
    if live.size == 0:
        return counted(0.0, np.zeros(1), np.ones(1), exact=True, smallest=1.0)
    top = 0.5**live.size
    total = float(size.sum())
    if _whole(size) and live.size * (total + 1) <= WORK:
        half = 2 if bool(np.all(size % 2 == 0)) else 1
        share = flip_sums((size / half).astype(np.int64))
        at = np.flatnonzero(share)
        sums = 2.0 * half * at - total
        return counted(observed, sums, share[at], exact=True, smallest=top)
    if 2**live.size <= ENUMERATED:
        sums = np.zeros(1)
        for s in size:
            sums = np.concatenate([sums - s, sums + s])
        return counted(observed, sums, np.full(sums.size, top), exact=True, smallest=top)
    out = np.empty(draws)
    block = max(1, _CELLS // live.size)
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        signs = rng.integers(0, 2, (rows, live.size), dtype=np.int8) * 2 - 1
        out[start : start + rows] = signs @ size
    return drawn(observed, out, smallest=top)


def uniform_ranks(outcomes: int, units: int) -> Floats:
    """The distribution of a sum of `units` ranks, each uniform on 1…`outcomes`: shares of each sum.

    Returns:
        shape (units · (outcomes - 1) + 1,), for the sums from `units` on.
    """
    one = np.full(outcomes, 1 / outcomes)
    whole, power, left = np.ones(1), one, units
    while left:
        if left & 1:
            whole = np.convolve(whole, power)
        left >>= 1
        if left:
            power = np.convolve(power, power)
    return whole
