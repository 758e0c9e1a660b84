"""Is one subject better than another? Both answered the same items; what counts is each item.

Differences are A minus B. Items are taken as a sample of a kind of task; items of one cluster (a
passage, a template) as one draw that came together.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, ndtri, stdtr, stdtrit

from calibrant.errors import InputError
from calibrant.stats.comparisons import two_rates
from calibrant.stats.comparisons.multiplicity import Comparison, Paired, conclude
from calibrant.stats.comparisons.power import quantiles
from calibrant.stats.estimates.intervals import Interval

Floats = NDArray[np.float64]
Method = Literal["auto", "exact", "score", "effective", "t", "sign-flip"]
_METHODS = ("exact", "score", "effective", "t", "sign-flip")
Seed = int | np.random.SeedSequence
Labels = Sequence[Hashable] | NDArray[Any]

FEW = 20  # with fewer clusters (or items) that differ, something more exact takes the place of t
ENUMERATED = 16  # up to this many clusters all sign flips are gone through, beyond some at random


def _totals(differences: ArrayLike, clusters: Labels | None) -> tuple[Floats, NDArray[np.int64]]:
    """Each cluster's total difference and number of items; without clusters, each item's."""
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or d.size < 2:
        raise InputError(f"differences: wanted one row of at least 2, got shape {d.shape}")
    if not np.isfinite(d).all():
        raise InputError(f"differences: wanted finite numbers, got {d[~np.isfinite(d)][0]!r}")
    if clusters is None:
        return d, np.ones(d.size, dtype=np.int64)
    if len(labels := list(clusters)) != d.size:
        raise InputError(f"clusters: wanted {d.size}, one per difference, got {len(labels)}")
    index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    of = np.array([index[label] for label in labels])
    if len(index) < 2:
        raise InputError(f"clusters: wanted at least 2, got 1 of {d.size} items")
    return np.bincount(of, d).astype(float), np.bincount(of).astype(np.int64)


def _spread(total: Floats, size: NDArray[np.int64]) -> tuple[float, float, float]:
    """The mean, its standard uncertainty, and degrees of freedom.

    The bias-reduced cluster variance of a mean, and the degrees of freedom of the chi-square with
    its mean and variance (Bell and McCaffrey, Surv. Methodol. 28 (2002) 169): under independent
    items or one draw per cluster, whichever gives fewer. For equal clusters both are G - 1, and
    without clusters the uncertainty is that of the ordinary t.
    """
    n = float(size.sum())
    mean = float(total.sum()) / n
    share = size / n
    rest = total - mean * size
    # Rounding: what is this small beside the scores is no variation.
    if float(np.abs(rest / size).max()) <= 1e-12 * float(np.abs(total / size).max()):
        return mean, 0.0, size.size - 1.0
    variance = float(np.sum(rest**2 / (1 - share))) / n**2
    same = bool(np.all(size == size[0]))
    df = size.size - 1.0 if same else min(_freedom(share, size), _freedom(share, size**2))
    return mean, math.sqrt(variance), df


def _varying(total: Floats, size: NDArray[np.int64]) -> tuple[float, float, float]:
    mean, u, df = _spread(total, size)
    if u == 0:
        raise InputError(f"differences: wanted some variation, but all {size.size} are {mean:.6g}")
    return mean, u, df


def _freedom(share: Floats, variance: NDArray[np.int64]) -> float:
    """(tr M)²/tr M² for the covariance M of the scaled residual totals of the clusters.

    M = A(V - s v' - v s' + s s' Σv)A with A² = 1/(1 - s), added up without forming it.
    """
    v, s = variance / variance.sum(), share
    weight = 1 / (1 - s)
    diagonal = weight * (v - 2 * s * v + s * s)
    # Off the diagonal the entry is A_g A_h (s_g s_h - s_g v_h - v_g s_h).
    ss, sv, vv = weight @ (s * s), weight @ (s * v), weight @ (v * v)
    everything = ss**2 + 2 * (ss * vv + sv**2) - 4 * ss * sv
    own = np.sum((weight * (s * s - 2 * s * v)) ** 2)
    return float(diagonal.sum() ** 2 / (everything - own + np.sum(diagonal**2)))


def paired_t(
    differences: ArrayLike, clusters: Labels | None = None, *, level: float = 0.95
) -> Paired:
    """Student's t for the mean of paired differences, robust to clusters if given.

    With clusters: bias-reduced variance and Bell–McCaffrey degrees of freedom, G - 1 for equal
    clusters. Approximate; for few differences that are not 0 see `sign_flip`.

    Args:
        differences: shape (n,), one per item.
        clusters: n labels; None for independent items.

    Raises:
        InputError: for fewer than 2 items or clusters, non-finite numbers, differences that are
            all equal, lengths that do not match, a level outside 0–1.
    """
    error = two_rates.check_level(level)
    mean, u, df = _varying(*_totals(differences, clusters))
    reach = -float(stdtrit(df, error / 2)) * u
    p = 2 * float(stdtr(df, -abs(mean) / u))
    method = f"paired t, {df:.4g} df" if clusters is None else f"cluster-robust t, {df:.4g} df"
    return Paired(mean, u, df, p, Interval(mean - reach, mean + reach, level, method), method)


def sign_flip(
    differences: ArrayLike,
    clusters: Labels | None = None,
    *,
    level: float = 0.95,
    draws: int = 9999,
    seed: Seed = 0,
) -> Paired:
    """The sign-flip test of the mean paired difference and its interval, by clusters if given.

    Exact if swapping A and B in any cluster changes nothing (Fisher, *The Design of Experiments*,
    1935, section 21); the interval if each cluster's difference from the mean is symmetric about
    0. Flipping the signs of a subset of clusters exceeds what was seen under a shift exactly if
    the subset's mean lies beyond the shift, so the limits are order statistics of subset means
    (Hartigan, JASA 64 (1969) 1303). All subsets are gone through for up to 16 clusters.

    Args:
        differences, clusters: as in `paired_t`.
        draws: random subsets when there are more clusters; the p-value counts the observed one.
        seed: of the random subsets.

    Raises:
        InputError: as `paired_t`; and for too few clusters for the level (6 for 0.95).
    """
    error = two_rates.check_level(level)
    total, size = _totals(differences, clusters)
    mean, u, _ = _varying(total, size)
    below, above, at, flips = _subset_means(total, size, draws, seed)
    kind = "exact" if size.size <= ENUMERATED else f"{draws} random flips"
    # The observed signs, and flips of nothing, are as extreme as what was seen on both sides.
    always = flips - at.size
    place = math.floor(error / 2 * flips + 1e-9) - always
    if place < 0:
        units = "clusters" if clusters is not None else "items"
        raise InputError(
            f"{units}: wanted at least {math.ceil(1 - math.log2(error))} for sign flips at level "
            f"{level:g}, got {size.size}"
        )
    p = two_rates.sided((always + above) / flips, (always + below) / flips, "two-sided")
    method = f"sign flips, {kind}" if clusters is None else f"sign flips of clusters, {kind}"
    interval = Interval(float(at[place]), float(at[at.size - 1 - place]), level, method)
    return Paired(mean, u, math.inf, p, interval, method)


def _subset_means(
    total: Floats, size: NDArray[np.int64], draws: int, seed: Seed
) -> tuple[int, int, Floats, int]:
    """Subset means: how many are at most 0, at least 0, the sorted means, and all flips."""
    if draws < 99:
        raise InputError(f"draws: wanted at least 99, got {draws!r}")
    g = size.size
    if g <= ENUMERATED:
        sums, sizes = np.zeros(1), np.zeros(1)
        for t, s in zip(total, size, strict=True):
            sums, sizes = np.concatenate([sums, sums + t]), np.concatenate([sizes, sizes + s])
        flips = 2**g
    else:
        rng, live = np.random.default_rng(seed), total != 0
        both = np.column_stack([total, size])[live]
        parts = [  # in parts, so that memory stays small
            rng.integers(0, 2, size=(512, len(both)), dtype=np.int8) @ both
            for _ in range(0, draws, 512)
        ]
        sums, sizes = np.concatenate(parts)[:draws].T
        # Of clusters without a difference only the number chosen matters.
        for s, count in zip(*np.unique(size[~live], return_counts=True), strict=True):
            sizes = sizes + s * rng.binomial(count, 0.5, draws)
        flips = draws + 1
    some = sizes > 0
    # Sums of differences that cancel may miss 0 by rounding; ties must count as ties.
    sums = np.where(np.abs(sums) <= 1e-12 * np.abs(total).sum(), 0.0, sums)
    means = np.sort(sums[some] / sizes[some])
    return int((means <= 0).sum()), int((means >= 0).sum()), means, flips


def effective_counts(
    differences: ArrayLike,
    clusters: Labels | None = None,
    *,
    score_range: float = 1.0,
    level: float = 0.95,
) -> Paired:
    """The mean paired difference where few differ: exact limits for effective counts.

    As Korn and Graubard (Surv. Methodol. 24 (1998) 193) do for one rate: the counts are divided by
    the design effect, at least 1, and by (t/z)² for the degrees of freedom of the clusters; then
    `matched_difference`. Differences between whole ones count as parts of an item. The p-value is
    the error at which the interval touches 0. If no item differs, or each by the whole range in
    the same direction, every cluster counts as one item.

    Args:
        score_range: best minus worst possible score; no difference is larger.

    Raises:
        InputError: as `paired_t`, and for differences larger than the range.
    """
    error = two_rates.check_level(level)
    d = np.asarray(differences, dtype=float) / score_range
    total, size = _totals(d, clusters)
    if float(np.abs(d).max()) > 1 + 1e-12:
        raise InputError(f"score_range: wanted at least the largest difference, got {score_range}")
    a, b, n, g = float(d[d > 0].sum()), -float(d[d < 0].sum()), d.size, size.size
    mean, u, df = _spread(total, size)
    # The uncertainty if the parts were whole items: the largest that such totals can have.
    plain = math.sqrt(max(0.0, a + b - (a - b) ** 2 / n) / (n * (n - 1)))
    plain = plain if plain > 1e-9 else 0.0
    deff = max(1.0, (u / plain) ** 2) if plain else n / g

    def shrink(error: float) -> float:
        if not plain:
            return 1 / deff
        return float(ndtri(error / 2) / stdtrit(df, error / 2)) ** 2 / deff

    def touches(error: float) -> bool:
        x, y = max(a, b) * shrink(error), min(a, b) * shrink(error)
        return bool(betainc(x, y + 1, 0.5) <= error / 2)

    f = shrink(error)
    low = two_rates.melded_low(a * f, b * f, n * f, error / 2)
    high = -two_rates.melded_low(b * f, a * f, n * f, error / 2)
    # The p-value is found by halving, on the scale of logarithms; above 0.99 it is called 1.
    p_low, p = 1e-300, 0.99 if touches(0.99) else 1.0
    for _ in range(36 if p < 1 else 0):
        middle = math.sqrt(p_low * p)
        p_low, p = (p_low, middle) if touches(middle) else (middle, p)
    # Where nothing varies the interval is all there is: its half-width over the normal quantile.
    u = math.sqrt(deff) * plain if plain else -(high - low) / 2 / float(ndtri(error / 2))
    method = f"exact for effective counts, design effect {deff:.3g}, {df:.4g} df"
    interval = Interval(low * score_range, high * score_range, level, method)
    return Paired(mean * score_range, u * score_range, df, p, interval, method)


def compare_items(
    a: ArrayLike,
    b: ArrayLike,
    *,
    items: Labels | None = None,
    clusters: Labels | None = None,
    margin: float | None = None,
    level: float = 0.95,
    method: Method = "auto",
    score_range: float | None = None,
    seed: Seed = 0,
) -> Comparison:
    """Compare two subjects on the items both answered.

    Epochs are averaged first. Then, for "auto":
    - all scores of items 0 or 1, no clusters: "exact" (`mcnemar`, `matched_difference`);
    - at least 20 items (clusters) differ: "t" (`paired_t`);
    - fewer, of known range: "effective" (`effective_counts`), if 0 or 1 or at most half differ;
    - else "sign-flip" (`sign_flip`), or "t" if there are too few for the level.

    "score" is mid-P and Tango's interval. Identical subjects get the exact bound on the share of
    items (clusters) that differ, times the range.

    Args:
        a, b: shape (n,) or (n, epochs); epochs may differ. Row i is the same item in both.
        items: n ids; rows of the same id are epochs and are averaged. Positions if not given.
        clusters: n labels, one per row; clusters of one item each are none.
        margin: the smallest difference that matters; None says nothing about equivalence.
        score_range: best minus worst possible score; 1 where all are 0 or 1, also of epochs.
        seed: of random sign flips.

    Raises:
        InputError: for no common items, other lengths, scores that are not finite, an item in two
            clusters, one cluster, equal differences (also all 0) of unknown range, a level outside
            0.5–1, or a method that does not fit the scores.
    """
    if not 0.5 < level < 1:
        raise InputError(f"level: wanted between 0.5 and 1, got {level!r}")
    x, y, ids, groups = _by_item(a, b, items, clusters)
    d, levels = np.where(np.isclose(x, y, 1e-12, 0), 0, x - y), (level, round(2 * level - 1, 12))
    up, down = (tuple(ids[i] for i in np.flatnonzero(s)) for s in (d > 0, d < 0))
    counted = bool(np.isin(x, (0, 1)).all() and np.isin(y, (0, 1)).all())
    if (units := len(set(groups or ids))) == 1 < d.size:
        raise InputError(f"clusters: wanted at least 2, got 1 of {d.size} items")
    whole = all(np.isin(np.asarray(s, dtype=float), (0, 1)).all() for s in (a, b))
    span = 1.0 if whole else score_range
    if span is not None and not 0 < span < math.inf:
        raise InputError(f"score_range: wanted finite and above 0, got {span!r}")
    if not d.any():
        found = [_identical(units, w, span) for w in levels]
    else:
        kind = _choose(d, groups, counted, span, level) if method == "auto" else method
        found = [_by(kind, d, groups, counted, span, w, seed) for w in levels]
    main, narrow = found[0], found[1].interval
    return Comparison(
        main.difference, main.standard_uncertainty, main.interval, narrow, main.p_value,
        main.method, conclude(main.interval, margin, narrow=narrow),
        quantiles(round(1 - level, 12), 0.8, main.df) * main.standard_uncertainty, d.size,
        None if groups is None else units, up, down,
    )  # fmt: skip


def _by_item(
    a: ArrayLike, b: ArrayLike, items: Labels | None, clusters: Labels | None
) -> tuple[Floats, Floats, list[Hashable], list[Hashable] | None]:
    """Scores, ids and clusters with one row per item; no clusters if none has two items."""
    x, y = _scores("A", a), _scores("B", b)
    rows = range(x.size)
    # Arrays give their elements as plain Python values, so that results are plain data.
    given = (rows if labels is None else labels for labels in (items, clusters))
    ids, groups = (x.tolist() if isinstance(x, np.ndarray) else list(x) for x in given)
    for name, found in (("scores of B", y), ("items", ids), ("clusters", groups)):
        if len(found) != x.size:
            raise InputError(f"{name}: wanted {x.size}, as scores of A, got {len(found)}")
    first: dict[Hashable, Hashable] = {}
    for item, group in zip(ids, groups, strict=True):
        if first.setdefault(item, group) != group and clusters is not None:
            raise InputError(f"item {item!r}: wanted one cluster, got {first[item]!r}, {group!r}")
    place = {item: i for i, item in enumerate(first)}
    of = np.array([place[item] for item in ids])
    count = np.bincount(of)
    alone = clusters is None or len(set(first.values())) == len(first)
    x, y = np.bincount(of, x) / count, np.bincount(of, y) / count
    return x, y, list(first), None if alone else list(first.values())


def _scores(name: str, scores: ArrayLike) -> Floats:
    found = np.asarray(scores, dtype=float)
    if found.ndim not in (1, 2) or found.size == 0:
        what = "no common items" if found.size == 0 else f"shape {found.shape}"
        raise InputError(f"scores of {name}: wanted (items,) or (items, epochs), got {what}")
    if not np.isfinite(found).all():
        where = int(np.argwhere(~np.isfinite(found))[0][0])
        raise InputError(f"scores of {name}: wanted finite numbers, row {where} has not")
    return found if found.ndim == 1 else np.asarray(found.mean(axis=1))


def _identical(units: int, level: float, span: float | None) -> Paired:
    if span is None:
        raise InputError("score_range: wanted, as A and B score the same on all items, got none")
    high = span * two_rates.matched_difference(0, 0, units, level=level).high
    method = "identical on all items; exact bound on the share that differs"
    u = -high / float(ndtri((1 - level) / 2))
    return Paired(0.0, u, math.inf, 1.0, Interval(-high, high, level, method), method)


def _choose(
    d: Floats, groups: Labels | None, counted: bool, span: float | None, level: float
) -> Method:
    if groups is None and counted:
        return "exact"
    total, size = _totals(d, groups)
    differ = np.count_nonzero(total)
    if span and _spread(total, size)[1] == 0:
        return "effective"
    if differ >= FEW:
        return "t"
    if span and (counted or 2 * differ <= total.size):
        return "effective"
    # Sign flips of g clusters have p-values down to 2 / 2^g.
    return "sign-flip" if 2.0 ** (1 - total.size) <= 1 - level else "t"


def _by(
    kind: Method, d: Floats, groups: Labels | None, counted: bool, span: float | None,
    level: float, seed: Seed,
) -> Paired:  # fmt: skip
    if kind == "t":
        return paired_t(d, groups, level=level)
    if kind == "sign-flip":
        return sign_flip(d, groups, level=level, seed=seed)
    if kind == "effective":
        if span is None:
            raise InputError("score_range: wanted for method 'effective', got none")
        return effective_counts(d, groups, score_range=span, level=level)
    if kind not in _METHODS:
        raise InputError(f"method: wanted auto or one of {', '.join(_METHODS)}, got {kind!r}")
    if not counted or groups is not None:
        raise InputError(f"method {kind!r}: wanted scores of 0 and 1 without clusters")
    up, down, n = int((d > 0).sum()), int((d < 0).sum()), d.size
    mid = kind == "score"
    interval = (two_rates.tango if mid else two_rates.matched_difference)(up, down, n, level=level)
    u = float(d.std(ddof=1)) / math.sqrt(n) if np.ptp(d) else 0.0
    u = u or -(interval.high - interval.low) / 2 / float(ndtri((1 - level) / 2))
    name = "mid-P McNemar, Tango score interval" if mid else "exact McNemar, melded interval"
    p = two_rates.mcnemar(up, down, mid=mid)
    return Paired(float(d.mean()), u, math.inf, p, interval, name)
