"""What is the gold mean if labels came by strata, in clusters, or with unequal chances?

Each is prediction-powered inference with the variance of that design; all use Student's t.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.judges.correction.ppi import (
    Floats,
    PPIMean,
    columns,
    finish,
    moments,
    ppi_mean,
    satterthwaite,
)
from calibrant.stats.estimates.betting import check_level, check_side
from calibrant.stats.estimates.clusters import Clusters, robust
from calibrant.stats.estimates.intervals import Side


def ppi_stratified(
    y: ArrayLike,
    f_labelled: ArrayLike,
    f_unlabelled: ArrayLike,
    strata: ArrayLike,
    strata_unlabelled: ArrayLike,
    *,
    level: float = 0.95,
    side: Side = "two",
) -> PPIMean:
    """Stratified PPI: each stratum its own weight of the judge, cross-fitted.

    Fisch, Maynez, Hofer, Dhingra, Globerson and Cohen, NeurIPS 2024 (arXiv 2406.04291). Strata
    count by their share of all items, whatever the share of them that is labelled; as the shares
    are of a sample, their error is added (Cochran, *Sampling Techniques*, 1977, section 12.2).

    Args:
        strata, strata_unlabelled: the stratum of each labelled and of each other item, text or
            whole numbers; known before labelling, such as the judge's verdict.

    Raises:
        InputError: for a stratum with fewer than 3 labels, or as `ppi_mean`.
    """
    gold, f, rest = columns(y, f_labelled, f_unlabelled)
    one, two = np.asarray(strata), np.asarray(strata_unlabelled)
    if one.shape != gold.shape or two.shape != rest.shape:
        raise InputError(
            f"strata: wanted one for each of {gold.size} labelled and {rest.size} other items, "
            f"got {one.size} and {two.size}"
        )
    names = np.unique(np.concatenate([one, two]) if two.size else one)
    total = gold.size + rest.size
    value = weight = 0.0
    parts: list[tuple[float, float]] = []
    means, shares = [], []
    for name in names:
        here, there = one == name, two == name
        if int(here.sum()) < 3:
            raise InputError(
                f"strata: wanted at least 3 gold labels in each, got {int(here.sum())} in "
                f"{name.item()!r}"
            )
        found = ppi_mean(gold[here], f[here], rest[there], lam="cross-fitted", level=level)
        share = (here.sum() + there.sum()) / total
        value += share * found.value
        weight += share * found.lam
        parts.append((share**2 * found.standard_error**2, found.df or 1.0))
        means.append(found.value)
        shares.append(share)
    spread = float(np.array(shares) @ (np.array(means) - value) ** 2)
    variance, df = satterthwaite([*parts, (spread / max(total - 1, 1), total - 1.0)])
    own = moments(gold).squares / (gold.size - 1) / gold.size
    words = f"PPI++, {names.size} strata" + ("" if names.size > 1 else ", as one")
    check_side(side)
    return finish(
        value, variance, df, weight, own, gold.size, rest.size, level, side, words
    )  # fmt: skip


def ppi_clustered(
    y: ArrayLike,
    f_labelled: ArrayLike,
    f_unlabelled: ArrayLike,
    clusters: ArrayLike,
    clusters_unlabelled: ArrayLike,
    *,
    level: float = 0.95,
    side: Side = "two",
) -> PPIMean:
    """PPI++ where items of one cluster depend; a cluster may hold labelled and other items.

    Each cluster's whole contribution to the estimate is one draw; the weight of the judge is that
    of least clustered variance, each cluster's by the other clusters. Clusters with labels have the
    CR2 variance and degrees of freedom of `stats.estimates.clusters.robust`.

    Args:
        clusters, clusters_unlabelled: the cluster of each labelled and of each other item, text
            or whole numbers.

    Raises:
        InputError: for labels in fewer than 3 clusters, or as `ppi_mean`.
    """
    check_level(level)
    check_side(side)
    gold, f, rest = columns(y, f_labelled, f_unlabelled)
    one, two = np.asarray(clusters), np.asarray(clusters_unlabelled)
    if one.shape != gold.shape or two.shape != rest.shape:
        raise InputError(
            f"clusters: wanted one for each of {gold.size} labelled and {rest.size} other items, "
            f"got {one.size} and {two.size}"
        )
    names, which = np.unique(np.concatenate([one, two]) if two.size else one, return_inverse=True)
    own, other = which[: gold.size], which[gold.size :]
    n, more = gold.size, rest.size
    sizes = np.bincount(own, minlength=names.size)
    some = sizes > 0
    if int(some.sum()) < 3:
        raise InputError(f"clusters: wanted gold labels in at least 3, got {int(some.sum())}")
    my, mf, mu = moments(gold), moments(f), moments(rest)

    centre = (mf + mu).mean

    def pulls(x: NDArray[Any], group: NDArray[np.int64], middle: float) -> Floats:
        """Sums per cluster of what its items move the mean by."""
        moved = (x.astype(np.float64) - middle) / x.size
        return np.asarray(np.bincount(group, weights=moved, minlength=names.size), np.float64)

    # A cluster's pull on the gold mean, and on the judge's difference that may be taken off it.
    pull, apart, move = (pulls(gold, own, my.mean), *(np.zeros(names.size),) * 2)
    if more:
        apart = pulls(f, own, mf.mean) - pulls(rest, other, mu.mean)
        move = pulls(f, own, centre) - pulls(rest, other, centre)
    # Each cluster's weight by the others: least squares of the pulls.
    down = (apart @ apart) - apart**2
    none = apart @ apart <= 1e-24 * max(mf.mean**2, 1e-280)
    weights = (pull @ apart - pull * apart) / np.where(down > 0, down, np.inf) * (not none)
    r, alone = pull - weights * apart, sizes == 0
    parts = [_variance(r[some], sizes[some])]
    if alone.any():
        parts.append(_variance(r[alone], np.bincount(other, minlength=names.size)[alone]))
    variance, df = satterthwaite(parts)
    words = f"PPI++, {int(some.sum())} labelled clusters" if more else "gold labels alone, clusters"
    return finish(
        my.mean - float(weights @ move), variance, df, float(weights @ sizes) / n,
        _variance(pull[some], sizes[some])[0], n, more, level, side, words,
    )  # fmt: skip


def _variance(pull: Floats, sizes: NDArray[np.int64]) -> tuple[float, float]:
    """Variance of the sum of the pulls of independent clusters, with its degrees of freedom."""
    if pull.size == 1:
        return float(pull[0] ** 2), 1.0
    each = pull / sizes
    if np.ptp(each) <= 1e-13 * np.abs(each).max():
        return 0.0, pull.size - 1.0
    found = robust(Clusters(pull, sizes), level=0.5)
    df = float(found.df or 1.0)
    error = (found.high - found.value) / float(stdtrit(df, 0.75))
    return (error * float(sizes.sum())) ** 2, df


def ppi_weighted(
    y: ArrayLike,
    f_labelled: ArrayLike,
    probability: ArrayLike,
    f_unlabelled: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    side: Side = "two",
) -> PPIMean:
    """PPI++ where each item was labelled with a known chance of its own (active labelling).

    Labels count by one over their chance; what the judge and the number of labels explain of them
    is taken off by least squares, so that equal chances give PPI++ (Zrnic and Candès, "Active
    statistical inference", ICML 2024, arXiv 2403.03208; Robins, Rotnitzky and Zhao, JASA 89 (1994)
    846). Degrees of freedom are of the effective number of labels.

    Args:
        probability: shape (n,), the chance of each labelled item to be labelled, fixed before
            labelling, in 0–1 without 0. Every item had a chance.
        clusters: of all items, labelled first, if items depend within them.

    Raises:
        InputError: for chances outside 0–1, fewer than 4 labels, or as `ppi_mean`.
    """
    check_level(level)
    check_side(side)
    gold, f, rest = columns(y, f_labelled, f_unlabelled)
    chance = np.asarray(probability, dtype=np.float64)
    if chance.shape != gold.shape:
        raise InputError(
            f"probability: wanted one for each of {gold.size} labels, got {chance.size}"
        )
    bad = np.flatnonzero(~((chance > 0) & (chance <= 1)))
    if bad.size:
        raise InputError(f"probability: wanted above 0 and at most 1, got {chance[bad[0]]:g}")
    n, more = gold.size, rest.size
    if n < 4:
        raise InputError(f"gold: wanted at least 4 labels with unequal chances, got {n}")
    every = moments(f) + moments(rest)
    moments(gold)
    inverse = np.concatenate([1 / chance, np.zeros(more)])
    labels = np.concatenate([gold / chance, np.zeros(more)])
    excess = inverse - 1
    judge = excess * (np.concatenate([f, rest]) - every.mean)
    useless = every.squares <= 1e-24 * max(every.mean**2, 1e-280) or more == 0
    known = [excess] if useless else [excess, judge]
    left, slopes = _explained(labels, known)
    alone, _ = _explained(labels, [excess])
    groups = np.arange(n + more) if clusters is None else np.asarray(clusters)
    if groups.shape != (n + more,):
        raise InputError(f"clusters: wanted one for each of {n + more} items, got {groups.size}")
    worth = float(inverse.sum() ** 2 / (inverse @ inverse))
    if clusters is not None:
        worth = float(np.unique(groups[:n]).size)
    df = worth - len(known)
    if df < 1:
        raise InputError(f"gold: wanted more labels, these are worth {worth:.3g}")
    size = n + more
    return finish(
        float(left.mean()), _of_mean(left, groups) * worth / df, df,
        0.0 if useless else float(slopes[-1]), _of_mean(alone, groups) * worth / max(worth - 1, 1),
        n, size - n, level, side, "PPI++, unequal chances",
    )  # fmt: skip


def _explained(x: Floats, known: list[Floats]) -> tuple[Floats, Floats]:
    """`x` less what columns of mean 0 explain of it, and their slopes."""
    a = np.column_stack(known)
    slopes, *_ = np.linalg.lstsq(a - a.mean(axis=0), x - x.mean(), rcond=None)
    return np.asarray(x - a @ slopes), np.asarray(slopes)


def _of_mean(x: Floats, groups: NDArray[Any]) -> float:
    """Variance of the mean of `x`, summed within groups."""
    _, which = np.unique(groups, return_inverse=True)
    sums = np.bincount(which, weights=x - x.mean())
    return float(sums @ sums) / x.size**2
