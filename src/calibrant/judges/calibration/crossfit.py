"""What would the gold label be, by a judge's score, for items whose own label was not looked at?

Each gold item gets the value of a map fitted on the gold labels of other folds; items without a
label get the mean of those maps, weighted by the folds' sizes. Then the values are as good on
labelled items as on others, which is what a correction with the same labels needs (cross-fitting:
Zrnic and Candès, "Cross-prediction-powered inference", PNAS 121 (2024) e2322083121).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError
from calibrant.judges.calibration.isotonic import isotonic
from calibrant.judges.calibration.platt import platt
from calibrant.judges.calibration.venn_abers import venn_abers
from calibrant.stats.estimates.betting import groups, numbers, unit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["isotonic", "platt", "venn-abers"]
Map = Callable[[Floats], Floats]

FOLDS = 5


def calibration_map(scores: ArrayLike, y: ArrayLike, *, method: Method = "isotonic") -> Map:
    """A function from a judge's score to the expected gold label, fitted on all given labels.

    Args:
        scores: shape (n,), the judge's: a probability, a number or an ordinal code.
        y: shape (n,), gold labels in 0–1; 0 and 1 only for "venn-abers".
        method: "isotonic" (a higher score never means less), "platt" (a logistic curve, of either
            direction) or "venn-abers" (the probability of least regret of each pair).

    Raises:
        InputError: for lengths that differ, labels outside 0–1, or an unknown method.
    """
    s, labels = numbers(scores, "judge"), unit(y, 0, 1, "gold")
    if s.size != labels.size:
        raise InputError(f"gold: wanted one label for each of {s.size} scores, got {labels.size}")
    return _fit(s, labels, method)


def _fit(s: Floats, y: Floats, method: str) -> Map:
    if method == "isotonic":
        return isotonic(s, y)
    if method == "platt":
        return platt(s, y)
    if method == "venn-abers":
        return lambda new: venn_abers(s, y, new).value
    wanted = ", ".join(map(repr, get_args(Method)))
    raise InputError(f"method: wanted one of {wanted}, got {method!r}")


def calibrated(
    judge_scores: ArrayLike,
    gold_index: ArrayLike,
    y: ArrayLike,
    *,
    method: Method = "isotonic",
    folds: int = FOLDS,
    clusters: ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """Cross-fitted calibrated values of a judge's scores on all items.

    Args:
        judge_scores: shape (N,), the judge's score of every item: probability, number or ordinal.
        gold_index: shape (n,), which items have a gold label; no item twice.
        y: shape (n,), those labels, in 0–1.
        method: of the map, see `calibration_map`.
        folds: parts of the gold labels, at least 2; fewer if there are fewer labels (clusters).
        clusters: shape (N,), the cluster of every item; a cluster stays in one fold, and its
            items without a label get the map that has not seen it.
        seed: of the partition into folds.

    Returns:
        shape (N,), in 0–1: expected gold labels.

    Raises:
        InputError: for indices outside the items or repeated, labels outside 0–1, fewer than two
            labels (or clusters that have one).
    """
    values, _ = cross_fitted(
        judge_scores, gold_index, y, method=method, folds=folds, clusters=clusters, seed=seed
    )
    return values


def cross_fitted(
    judge_scores: ArrayLike,
    gold_index: ArrayLike,
    y: ArrayLike,
    *,
    method: Method,
    folds: int,
    clusters: ArrayLike | None,
    seed: int,
) -> tuple[Floats, Floats]:
    """`calibrated` values, and by how much the map of each item lies above the mean map.

    The second, shape (N,), is the difference of the two maps' means over all items: taken off, maps
    of few labels that differ in height do not count as differences between items.
    """
    s, labels = numbers(judge_scores, "judge"), unit(y, 0, 1, "gold")
    at = gold_positions(gold_index, s.size, labels.size)
    if folds < 2:
        raise InputError(f"folds: wanted at least 2, got {folds}")
    group = np.arange(s.size) if clusters is None else groups(clusters, s, "clusters")[1]
    fold = fold_of(group, at, folds, seed)
    of_gold = fold[at]
    total, values, height = np.zeros(s.size), np.zeros(s.size), np.zeros(s.size)
    for k in np.unique(of_gold):
        seen = of_gold != k
        mapped = np.clip(_fit(s[at[seen]], labels[seen], method)(s), 0.0, 1.0)
        own = fold == k
        values[own], height[own] = mapped[own], mapped.mean()
        total += mapped * float(np.mean(~seen))
    free = fold < 0
    values[free] = np.clip(total[free], 0.0, 1.0)
    return values, np.where(free, 0.0, height - total.mean())


def gold_positions(gold_index: ArrayLike, items: int, labels: int) -> Ints:
    """Positions of the gold items, checked.

    Raises:
        InputError: for positions outside the items, repeated ones, or another number of them.
    """
    at: NDArray[Any] = np.asarray(gold_index)
    if at.ndim != 1 or at.dtype.kind not in "iu":
        raise InputError(f"gold_index: wanted whole numbers in one dimension, got {at.dtype}")
    if at.size != labels:
        raise InputError(f"gold: wanted one label for each of {at.size} positions, got {labels}")
    at = at.astype(np.int64)
    if at.size and (at.min() < 0 or at.max() >= items):
        raise InputError(f"gold_index: wanted 0–{items - 1}, got {at.min()}–{at.max()}")
    if np.unique(at).size != at.size:
        raise InputError("gold_index: wanted every item at most once")
    return at


def fold_of(group: Ints, at: Ints, folds: int, seed: int) -> Ints:
    """The fold of every item: that of its group; -1 for groups without a gold label.

    Groups are dealt in random order, each to the fold with the fewest labels so far.
    """
    sizes = np.bincount(group[at], minlength=int(group.max()) + 1)
    labelled = np.flatnonzero(sizes)
    if labelled.size < 2:
        raise InputError(
            f"gold: wanted labels of at least 2 independent items to cross-fit, got {labelled.size}"
        )
    count = min(folds, labelled.size)
    order = np.random.default_rng(seed).permutation(labelled)
    fold = np.full(sizes.size, -1, dtype=np.int64)
    if sizes[labelled].max() == 1:
        fold[order] = np.arange(order.size) % count
    else:
        load = np.zeros(count)
        # Large groups first, so that folds come out even; ties stay in random order.
        for g in order[np.argsort(-sizes[order], kind="stable")]:
            k = int(load.argmin())
            fold[g] = k
            load[k] += sizes[g]
    return np.asarray(fold[group])
