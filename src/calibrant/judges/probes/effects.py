"""How far does a change move a judge? Matched differences of verdicts, exact where they can be.

A verdict is a number in `low`–`high`: a score, or the preference (0–1) for the altered answer. The
judge's verdict on the altered case minus its verdict on the case as it was is the shift; a verdict
that failed is NaN, and what it could have been bounds the shift.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError
from calibrant.stats.comparisons.paired import ENUMERATED, FEW, Method, compare_items
from calibrant.stats.comparisons.two_rates import sided
from calibrant.stats.estimates.intervals import Interval

Floats = NDArray[np.float64]
Labels = Sequence[Hashable] | NDArray[Any]

LARGEST_LATTICE = 4_000_000
"""Steps of the exact sign-flip distribution; beyond them flips are drawn at random."""


@dataclass(frozen=True)
class Shift:
    """How far a change moved a judge, on the cases where no verdict failed.

    Attributes:
        value: mean shift over cases, in units of the verdict.
        interval: of the mean shift, for cases (clusters) as a sample of their kind.
        narrow: the same at twice the error, for the margin.
        p_value: that the change does nothing at all: the exact sign-flip test.
        bounds: what `value` would be over all cases had every failed verdict been the worst, the
            best.
        worst_p: the largest p-value that the failed verdicts allow; `p_value` if none failed.
        outer: `narrow` widened to hold for whatever the failed verdicts would have been.
        standardised: `value` over `sd`; None without any variation.
        towards, away, unmoved: cases by the sign of their shift.
        n, failed: cases with, without a shift; clusters: None if every case is its own.
        sd: standard deviation of a case's shift (with clusters, of a cluster's mean).
        method: of the interval, in words.
    """

    value: float
    interval: Interval
    narrow: Interval
    p_value: float
    bounds: tuple[float, float]
    worst_p: float
    outer: tuple[float, float]
    standardised: float | None
    towards: int
    away: int
    unmoved: int
    n: int
    failed: int
    clusters: int | None
    sd: float
    method: str

    def __repr__(self) -> str:
        lost = f", {self.failed} failed" if self.failed else ""
        return (
            f"shift {self.value:+.4g}, {self.interval!r}, p = {self.p_value:.3g}; {self.towards} "
            f"cases towards, {self.away} away, {self.unmoved} unmoved{lost}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **asdict(self), "interval": [self.interval.low, self.interval.high],
            "narrow": [self.narrow.low, self.narrow.high], "bounds": list(self.bounds),
            "outer": list(self.outer),
        }  # fmt: skip


def shift(
    base: ArrayLike,
    altered: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    clusters: Labels | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Shift:
    """The mean shift of verdicts from the base case to the altered case.

    Args:
        base, altered: shape (n,) or (n, verdicts), the verdicts on each case; NaN where one
            failed. Verdicts on one case (repeats, orders) are averaged.
        low, high: the range that no verdict leaves.
        clusters: n labels; cases of one label (of one item) came together.
        level: of the interval, 0.5–1.
        seed: of random sign flips, where there are too many to go through.

    The interval is that of `compare_items`: exact where verdicts are 0 or 1, of effective counts
    or sign flips where few cases moved, else Student's t, by clusters if given. With fewer than
    two cases (clusters) nothing is said about others: the interval is the whole range.

    Raises:
        InputError: for verdicts outside the range, shapes that do not match, a level outside 0.5–1.
    """
    x, y = _verdicts("base", base, low, high), _verdicts("altered", altered, low, high)
    if len(x) != len(y):
        raise InputError(f"altered: wanted {len(x)} cases, as base, got {len(y)}")
    if not 0.5 < level < 1:
        raise InputError(f"level: wanted between 0.5 and 1, got {level!r}")
    labels = labels_of(clusters, len(x))
    least, most = (_filled(y, f) - _filled(x, g) for f, g in ((low, high), (high, low)))
    with_both = np.isfinite(x).any(axis=1) & np.isfinite(y).any(axis=1)
    kept = np.flatnonzero(with_both)
    mean_x, mean_y = (np.nanmean(v[kept], axis=1) if kept.size else np.zeros(0) for v in (x, y))
    found = None if labels is None else [labels[i] for i in kept]
    d = np.where(np.isclose(mean_y, mean_x, 1e-12, 1e-12), 0.0, mean_y - mean_x)
    span = high - low
    units = kept.size if found is None else len(set(found))
    p = flip_p(d, found, seed=seed)
    bounds = (float(least.mean()), float(most.mean())) if len(x) else (-span, span)
    lost = not (np.isfinite(x).all() and np.isfinite(y).all())
    whole = units >= 2
    interval, narrow, method = (
        _interval(mean_y, mean_x, span, found, level, seed) if whole else _nothing(span, level)
    )
    outer = (narrow.low, narrow.high)
    worst = p
    if lost:
        worst = _worst_p(least, most, labels, seed)
        outer = _outer(least, most, span, labels, level, seed)
    means = _cluster_means(d, found)
    sd = float(means.std(ddof=1)) if means.size > 1 else 0.0
    value = float(d.mean()) if d.size else 0.0
    return Shift(
        value, interval, narrow, p, bounds, worst, outer, value / sd if sd > 0 else None,
        int((d > 0).sum()), int((d < 0).sum()), int((d == 0).sum()), int(d.size),
        len(x) - int(d.size), None if found is None else units, sd, method,
    )  # fmt: skip


def _verdicts(name: str, given: ArrayLike, low: float, high: float) -> Floats:
    v = np.asarray(given, dtype=float)
    if v.ndim == 1:
        v = v[:, None]
    if v.ndim != 2:
        raise InputError(f"{name}: wanted shape (cases,) or (cases, verdicts), got {v.shape}")
    if not low < high:
        raise InputError(f"range: wanted low below high, got {low!r} and {high!r}")
    bad = (v < low - 1e-9) | (v > high + 1e-9)
    if bad.any():
        raise InputError(f"{name}: wanted verdicts in {low:g}–{high:g}, got {v[bad][0]!r}")
    return v


def labels_of(clusters: Labels | None, n: int) -> list[Hashable] | None:
    if clusters is None:
        return None
    labels = clusters.tolist() if isinstance(clusters, np.ndarray) else list(clusters)
    if len(labels) != n:
        raise InputError(f"clusters: wanted {n}, one a case, got {len(labels)}")
    return None if len(set(labels)) == n else labels


def _cluster_means(d: Floats, labels: Labels | None) -> Floats:
    if labels is None:
        return d
    index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    of = [index[label] for label in labels]
    return np.asarray(np.bincount(of, d) / np.bincount(of))


def _filled(v: Floats, value: float) -> Floats:
    return np.asarray(np.where(np.isfinite(v), v, value).mean(axis=1))


def _interval(
    altered: Floats, base: Floats, span: float, labels: Labels | None, level: float, seed: int
) -> tuple[Interval, Interval, str]:
    method = _method(altered, base, labels, level)
    found = compare_items(
        altered, base, clusters=labels, level=level, score_range=span, method=method, seed=seed
    )
    return _clipped(found.interval, span), _clipped(found.narrow, span), found.method


def _method(altered: Floats, base: Floats, labels: Labels | None, level: float) -> Method:
    """The usual choice, but for levels so high that random sign flips have too few in the tails."""
    units = altered.size if labels is None else len(set(labels))
    moved = int(np.count_nonzero(_cluster_means(altered - base, labels)))
    whole = bool(np.isin(altered, (0, 1)).all() and np.isin(base, (0, 1)).all())
    few_draws = (1 - level) / 2 * 10_000 < 4
    if few_draws and units > ENUMERATED and moved < FEW and (labels is not None or not whole):
        return "effective"
    return "auto"


def _clipped(i: Interval, span: float) -> Interval:
    return Interval(max(i.low, -span), min(i.high, span), i.level, i.method)


def _nothing(span: float, level: float) -> tuple[Interval, Interval, str]:
    words = "fewer than two cases: the whole range"
    return (
        Interval(-span, span, level, words),
        Interval(-span, span, round(2 * level - 1, 12), words),
        words,
    )


def _worst_p(least: Floats, most: Floats, labels: Labels | None, seed: int) -> float:
    """The largest two-sided p-value of any shifts between `least` and `most`.

    The share of sign flips whose mean is no smaller than the observed one falls as any shift
    rises, so that the ends decide; where the mean's sign is open, nothing is refuted.
    """
    for ends in (least, -most):
        if float(ends.mean()) > 0:
            return flip_p(np.where(np.abs(ends) < 1e-12, 0.0, ends), labels, seed=seed)
    return 1.0


def _outer(
    least: Floats, most: Floats, span: float, labels: Labels | None, level: float, seed: int
) -> tuple[float, float]:
    """The lowest limit for the worst shifts, and the highest for the best."""
    units = least.size if labels is None else len(set(labels))
    if units < 2:
        return -span, span
    ends = []
    for d in (least, most):
        # As scores of which one is 0: only differences count.
        up, down = np.maximum(d, 0.0), np.maximum(-d, 0.0)
        ends.append(_interval(up, down, span, labels, level, seed)[1])
    return ends[0].low, ends[1].high


def flip_p(
    differences: ArrayLike, clusters: Labels | None = None, *, draws: int = 9999, seed: int = 0
) -> float:
    """The p-value that a change does nothing: sign flips of the differences, by cluster if given.

    If the verdicts on a case and on its altered twin are exchangeable, each difference is as
    likely as its negative (Fisher, *The Design of Experiments*, 1935, section 21). The p-value is
    two-sided: twice the smaller tail. Differences on a lattice (counts, scores of whole numbers)
    have their sum's distribution computed exactly, whatever their number, by convolution; for
    differences of +1, 0 and -1 that is the exact McNemar test. Others are flipped at random, the
    observed signs counted in.

    Args:
        differences: shape (n,), finite.
        draws: random flips, where the differences are on no lattice.

    Raises:
        InputError: for differences that are not finite, or lengths that do not match.
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise InputError(f"differences: wanted one row of finite numbers, got shape {d.shape}")
    labels = labels_of(clusters, d.size)
    if labels is not None:
        index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
        d = np.bincount([index[label] for label in labels], d)
    d = d[np.abs(d) > 1e-12]
    if d.size == 0:
        return 1.0
    whole = _lattice(d)
    if whole is not None:
        chance = _sums(np.abs(whole))
        middle = chance.size // 2
        at = middle + int(whole.sum())
        return sided(float(chance[: at + 1].sum()), float(chance[at:].sum()), "two-sided")
    if d.size <= 16:
        signs = 1 - 2 * ((np.arange(2**d.size)[:, None] >> np.arange(d.size)) & 1)
        sums = signs @ np.abs(d)
        extra = 0
    else:
        rng = np.random.default_rng(seed)
        parts = [
            rng.choice([-1.0, 1.0], size=(min(512, draws - start), d.size)) @ np.abs(d)
            for start in range(0, draws, 512)
        ]
        sums, extra = np.concatenate(parts), 1
    seen, close = float(d.sum()), 1e-12 * float(np.abs(d).sum())
    less = (extra + int((sums <= seen + close).sum())) / (extra + sums.size)
    greater = (extra + int((sums >= seen - close).sum())) / (extra + sums.size)
    return sided(less, greater, "two-sided")


def _lattice(d: Floats) -> NDArray[np.int64] | None:
    """The differences as whole numbers of a step, if the exact distribution is affordable."""
    for parts in (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 30, 36, 40, 60, 100):
        scaled = d * parts
        whole = np.rint(scaled)
        if np.all(np.abs(scaled - whole) <= 1e-9 * parts):
            found = whole.astype(np.int64)
            found //= np.gcd.reduce(found)
            return found if int(np.abs(found).sum()) * d.size <= LARGEST_LATTICE else None
    return None


def _sums(sizes: NDArray[np.int64]) -> Floats:
    """Chances of each sum of ±sizes, from -total to total."""
    total = int(sizes.sum())
    chance = np.zeros(2 * total + 1)
    chance[total] = 1.0
    for s in sizes.tolist():
        up, down = np.roll(chance, s), np.roll(chance, -s)
        chance = (up + down) / 2
    return chance
