"""What does one ability leave unexplained? Fit of each item, and pairs of items that share more.

Whether it is more than chance is answered by drawing responses from the fitted model, fitting them
again, and looking at the same statistics: no formula for their distribution is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.quality.checks.working import Working, work
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BLOCK = 1024
"""Items whose pairs are held in memory at once."""
FLOOR = 0.02
"""Least variance of a response that a pair is judged by."""
LEAST_MINORITY = 0.05
"""Share of subjects that must be right, and wrong, for an item's pairs to be tested."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Mean squares of items, each array of shape (items,).

    Attributes:
        infit, outfit: squared residuals over their expectation, weighted and not; NaN for items
            that do not vary.
        shape: squared sums of residuals over their variance, summed over up to 6 groups of
            subjects of like ability: large where the curve has another shape.
        p: of the most extreme of the three; 1 for items that cannot be tested.
        q: with the false discovery rate kept over all items (Benjamini-Hochberg).
    """

    infit: Floats
    outfit: Floats
    shape: Floats
    p: Floats
    q: Floats


@dataclass(frozen=True)
class Pair:
    """Two items that share more than ability.

    Attributes:
        first, second: positions.
        q3: correlation of residuals (Yen's Q3).
        score: the same on the scale of a standard normal, less its mean over all pairs.
        p: of any pair reaching as much by chance (family-wise), by the replicates.
    """

    first: int
    second: int
    q3: float
    score: float
    p: float


@dataclass(frozen=True)
class Within:
    """Pairs inside the clusters that are known.

    Attributes:
        column: where the clusters come from.
        score: mean score of pairs within clusters, less that of all pairs.
        p: of as much by chance.
        pairs: how many pairs.
    """

    column: str
    score: float
    p: float
    pairs: int


@dataclass(frozen=True, eq=False)
class Dependence:
    """Local dependence.

    Attributes:
        critical: the score that any pair exceeds by chance in 5 % of tests.
        mean: score of all pairs, before it was taken off.
        pairs: those beyond chance (family-wise 5 %), the strongest first.
        within: by known clusters.
        clusters: items connected by pairs, the largest first.
        tested: shape (items,), whether an item varies enough to be tested.
        replicates: how many the chances are from.
    """

    critical: float
    mean: float
    pairs: tuple[Pair, ...]
    within: tuple[Within, ...]
    clusters: tuple[tuple[int, ...], ...]
    tested: Bools
    replicates: int


@dataclass(frozen=True, eq=False)
class _Seen:
    """Statistics of one data set; pairs are those with the largest score, largest first."""

    infit: Floats
    outfit: Floats
    shape: Floats
    mean: float
    scores: Floats
    first: Ints
    second: Ints
    within: Floats


def residual_checks(
    unit: Floats,
    fit: Working,
    *,
    clusters: Mapping[str, Sequence[str | None]] | None = None,
    replicates: int = 99,
    keep: int = 2000,
    refit: bool = True,
    rng: np.random.Generator,
) -> tuple[Fit, Dependence]:
    """Item fit and local dependence under a fitted model.

    Residuals are at posterior means of ability. A pair's score is Σ e₁e₂ over its standard
    deviation, made normal by its third moment (Wilson and Hilferty's cube root), so that two rare
    items that one subject got right do not outweigh all others; its chance is that of the largest
    score in a replicate. A mean square is compared with those of the replicates on the log scale,
    given slope and intercept as fitted, by regression over the replicates.

    Args:
        unit: shape (subjects, items), in 0–1, NaN where there is none.
        fit: of `unit`.
        clusters: columns of names that say which items belong together.
        replicates: data sets drawn from the model and fitted again; at least 19.
        keep: pairs looked at, the most extreme.
        refit: whether the parameters were fitted to `unit`, so that replicates are fitted again;
            if not, only abilities are.
        rng: of the replicates.
    """
    seen = ~np.isnan(unit)
    tested = _testable(unit, seen)
    numbered = {name: _groups(column) for name, column in (clusters or {}).items()}
    groups = {name: g for name, g in numbered.items() if g is not None}
    lists = list(groups.values())
    spread = _dispersion(unit, seen, fit)
    real = _look(unit, seen, fit, tested, lists, keep, spread)
    theta, error = fit.ability, fit.spread
    logs = np.zeros((3, replicates, unit.shape[1]))
    moved = np.zeros((2, replicates, unit.shape[1]))
    most, inside = np.zeros(replicates), np.zeros((replicates, len(lists)))
    for b in range(replicates):
        drawn = theta + error * rng.normal(size=theta.size)
        p = expit(drawn[:, None] * fit.slope + fit.intercept)
        x = (rng.random(p.shape) < p).astype(np.float64)
        if (spread < 1.0).any():  # scores between 0 and 1 are closer to what is expected
            x = p + np.sqrt(spread) * (x - p)
        x[~seen] = np.nan
        again = work(x, start=fit, rounds=5 if refit else 0)
        found = _look(x, seen, again, tested, lists, 1, spread)
        logs[:, b] = np.log(np.maximum([found.infit, found.outfit, found.shape], 1e-9))
        moved[:, b] = again.slope - fit.slope, again.intercept - fit.intercept
        most[b] = found.scores[0] if found.scores.size else 0.0
        inside[b] = found.within
    whole = (~seen | (unit == 0) | (unit == 1)).all(axis=0)
    pairs = _q3(unit, seen, fit, real)
    return _fitted(real, logs, moved, whole), _dependent(real, pairs, most, inside, groups, tested)


def _testable(unit: Floats, seen: Bools) -> Bools:
    n = seen.sum(axis=0)
    share = np.where(seen, unit, 0.0).sum(axis=0) / np.maximum(n, 1)
    need = max(LEAST_MINORITY, 2.0 / unit.shape[0])
    enough: Bools = (np.minimum(share, 1.0 - share) >= need - 1e-9) & (n >= 10)
    return enough


def _dispersion(unit: Floats, seen: Bools, fit: Working) -> Floats:
    """Squared residuals over those of right-or-wrong items, at most 1 (and 1 if right or wrong)."""
    p = fit.probability
    square = np.where(seen, (np.nan_to_num(unit) - p) ** 2, 0.0).sum(axis=0)
    expected = np.where(seen, p * (1.0 - p), 0.0).sum(axis=0)
    whole = (~seen | (unit == 0) | (unit == 1)).all(axis=0)
    ratio = np.clip(square / np.maximum(expected, 1e-12), 1e-3, 1.0)
    return np.where(whole, 1.0, ratio)


def _look(
    unit: Floats, seen: Bools, fit: Working, tested: Bools, groups: list[Ints], keep: int,
    spread: Floats,
) -> _Seen:  # fmt: skip
    """The statistics of one data set."""
    p = fit.probability
    residual = np.where(seen, np.nan_to_num(unit) - p, 0.0)
    variance = np.where(seen, np.maximum(p * (1.0 - p), 1e-9), 0.0)
    square = residual**2
    infit = square.sum(axis=0) / np.maximum(variance.sum(axis=0), 1e-9)
    standard = np.divide(square, variance, out=np.zeros_like(square), where=seen)
    outfit = standard.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    shape = _shape(residual, variance, fit.ability)
    which = np.flatnonzero(tested)
    # A lapse or a lucky guess is never less likely than about 1 in 50.
    floor = np.where(seen, np.maximum(variance, FLOOR), 0.0)
    third = floor * (1.0 - 2.0 * p)
    mean, scores, first, second, within = _pairs(
        residual[:, which] / np.sqrt(spread[which]), floor[:, which], third[:, which],
        [g[which] for g in groups], keep,
    )  # fmt: skip
    return _Seen(infit, outfit, shape, mean, scores, which[first], which[second], within)


def _shape(residual: Floats, variance: Floats, ability: Floats) -> Floats:
    """Misfit by groups of ability, of at least 5 subjects each."""
    count = int(np.clip(ability.size // 5, 2, 6))
    rank = np.argsort(np.argsort(ability, kind="stable"), kind="stable")
    member = (np.arange(count)[:, None] == rank * count // ability.size).astype(np.float64)
    sums, spread = member @ residual, member @ variance
    found: Floats = (sums**2 / np.maximum(spread, 1e-9)).sum(axis=0)
    return found


def _pairs(
    residual: Floats, variance: Floats, third: Floats, groups: list[Ints], keep: int
) -> tuple[float, Floats, Ints, Ints, Floats]:
    """Mean score of all pairs; the `keep` largest, less the mean; means within groups, less it."""
    size = residual.shape[1]
    scores, where = np.zeros(0), np.zeros(0, np.int64)
    total, count = 0.0, 0.0
    inside, inside_count = np.zeros(len(groups)), np.zeros(len(groups))
    for start in range(0, size, BLOCK):
        part = slice(start, min(start + BLOCK, size))
        block = _scores(*((m[:, part].T @ m) for m in (residual, variance, third)))
        upper = np.arange(size)[None, :] > np.arange(part.start, part.stop)[:, None]
        total += float(block[upper].sum())
        count += float(upper.sum())
        for g, group in enumerate(groups):
            same = upper & (group[part][:, None] == group[None, :]) & (group[None, :] >= 0)
            inside[g] += float(block[same].sum())
            inside_count[g] += float(same.sum())
        flat = np.where(upper, block, -np.inf).ravel()
        top = np.argpartition(-flat, keep)[:keep] if keep < flat.size else np.arange(flat.size)
        scores = np.concatenate([scores, flat[top]])
        where = np.concatenate([where, top + part.start * size])
        best = np.argsort(-scores, kind="stable")[:keep]
        scores, where = scores[best], where[best]
    mean = total / max(count, 1.0)
    real = np.isfinite(scores)
    scores, where = scores[real] - mean, where[real]
    within = np.divide(inside, inside_count, out=np.full_like(inside, mean), where=inside_count > 0)
    return mean, scores, where // max(size, 1), where % max(size, 1), within - mean


def _scores(product: Floats, variance: Floats, third: Floats) -> Floats:
    """Sums of products made normal: by their variance, and their skewness if there is any."""
    sd = np.sqrt(np.maximum(variance, 1e-12))
    z = product / sd
    skew = third / sd**3
    skew = np.where(np.abs(skew) < 1e-3, 1e-3, skew)
    bent: Floats = 6.0 / skew * (np.cbrt(np.maximum(skew * z / 2.0 + 1.0, 0.0)) - 1.0) + skew / 6.0
    return bent


def _q3(unit: Floats, seen: Bools, fit: Working, real: _Seen) -> Floats:
    """Yen's Q3 of the pairs kept: correlations of residuals over the subjects both have."""
    residual = np.where(seen, np.nan_to_num(unit) - fit.probability, 0.0)
    found = np.zeros(real.scores.size)
    for k, (i, j) in enumerate(zip(real.first, real.second, strict=True)):
        both = seen[:, i] & seen[:, j]
        if both.sum() >= 3:
            x, y = (residual[both, m] - residual[both, m].mean() for m in (i, j))
            found[k] = float(x @ y / max(float(np.sqrt((x @ x) * (y @ y))), 1e-12))
    return found


def _fitted(real: _Seen, logs: Floats, moved: Floats, whole: Bools) -> Fit:
    """Mean squares against the replicates', given the parameters as fitted."""
    rounds, items = logs.shape[1:]
    design = np.stack([np.ones((rounds, items)), *moved])
    # Parameters that were not fitted do not move; then the mean alone is left.
    gram = np.einsum("kbj,lbj->jkl", design, design) + 1e-9 * np.eye(3)
    p = np.ones((3, items))
    for k, mean_square in enumerate((real.infit, real.outfit, real.shape)):
        moments = np.einsum("kbj,bj->jk", design, logs[k])
        fitted = np.linalg.solve(gram, moments[:, :, None])[:, :, 0]
        left = logs[k] - np.einsum("kbj,jk->bj", design, fitted)
        spread = np.sqrt((left**2).sum(axis=0) / (rounds - 3.0))
        usable = whole & (spread > 1e-6) & (mean_square > 1e-9)
        if not usable.any():
            continue
        distance = np.log(np.maximum(mean_square[usable], 1e-9)) - fitted[usable, 0]
        z = distance / (spread[usable] * np.sqrt(1.0 + 3.0 / rounds))
        # Their tails are not normal: those of all items' replicates, together.
        drawn = np.sort(
            (left[:, usable] / spread[usable] * np.sqrt(rounds / (rounds - 3.0))).ravel()
        )
        below = np.searchsorted(drawn, z, side="right")
        above = drawn.size - np.searchsorted(drawn, z, side="left")
        tail = (1.0 + np.minimum(below, above)) / (drawn.size + 1.0)
        p[k, usable] = np.minimum(2.0 * tail, 1.0)
        if k == 2:  # a curve that fits too well is no misfit
            p[k, usable] = (1.0 + above) / (drawn.size + 1.0)
    # Three looks at each item.
    worst = np.minimum(3.0 * p.min(axis=0), 1.0)
    infit, outfit = (np.where(s > 1e-9, s, np.nan) for s in (real.infit, real.outfit))
    return Fit(infit, outfit, real.shape, worst, adjust(worst, "benjamini-hochberg"))


def _dependent(
    real: _Seen, q3: Floats, most: Floats, inside: Floats, groups: dict[str, Ints], tested: Bools
) -> Dependence:
    rounds = most.size
    critical = float(np.sort(most)[::-1][max(int(0.05 * (rounds + 1)) - 1, 0)])
    chance = (1.0 + (most[None, :] >= real.scores[:, None]).sum(axis=1)) / (rounds + 1.0)
    pairs = tuple(
        Pair(int(i), int(j), float(v), float(z), float(p))
        for i, j, v, z, p in zip(real.first, real.second, q3, real.scores, chance, strict=True)
        if p <= 0.05
    )
    within = tuple(
        Within(
            name, float(real.within[g]),
            float((1 + (inside[:, g] >= real.within[g]).sum()) / (rounds + 1)),
            _count(group[tested]),
        )
        for g, (name, group) in enumerate(groups.items())
    )  # fmt: skip
    return Dependence(
        critical, real.mean, pairs, within, connected([(p.first, p.second) for p in pairs]),
        tested, rounds,
    )  # fmt: skip


def connected(pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """What is joined by pairs, directly or through others; the largest first."""
    root: dict[int, int] = {}

    def find(i: int) -> int:
        while root.setdefault(i, i) != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for i, j in pairs:
        root[max(find(i), find(j))] = min(find(i), find(j))
    members: dict[int, list[int]] = {}
    for i in sorted(root):
        members.setdefault(find(i), []).append(i)
    return tuple(sorted((tuple(m) for m in members.values()), key=lambda m: (-len(m), m)))


def _groups(column: Sequence[str | None]) -> Ints | None:
    """Numbers of clusters, −1 where unknown; None if no two items share one, or all do."""
    number: dict[str, int] = {}
    found = np.array([-1 if c is None else number.setdefault(c, len(number)) for c in column])
    sizes = np.bincount(found[found >= 0]) if (found >= 0).any() else np.zeros(0)
    if not (sizes > 1).any() or sizes.size < 2:
        return None
    return found.astype(np.int64)


def _count(group: Ints) -> int:
    sizes = np.bincount(group[group >= 0]) if (group >= 0).any() else np.zeros(0, np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
