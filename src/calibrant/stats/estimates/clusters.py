"""Which rates are compatible with trials that come in clusters (families, passages, epochs)?

Trials of one cluster share what makes them hard or easy, so k of n trials say less than k of n
independent ones. `cluster_interval` and `cluster_upper` take events and trials per cluster, or
outcomes and cluster ids through `Clusters.of`. The measurand is the rate on the kind of task that
the clusters were sampled from, with each cluster weighted by its number of trials.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainccinv, betaincinv, stdtrit

from calibrant.errors import InputError
from calibrant.stats.estimates.clusters_betabinomial import design
from calibrant.stats.estimates.intervals import Side, tails
from calibrant.stats.estimates.rates import bounds, check_level

Floats = NDArray[np.float64]
ClusterMethod = Literal["beta-binomial", "korn-graubard", "robust", "betting"]
METHODS: tuple[ClusterMethod, ...] = ("beta-binomial", "korn-graubard", "robust", "betting")
LONGEST = 5000
"""The largest cluster for "beta-binomial", whose work grows with it."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Sums of outcomes and numbers of trials, per cluster.

    Attributes:
        sums: shape (clusters,), the sum of outcomes; for 0/1 outcomes the events.
        sizes: shape (clusters,), trials per cluster, at least 1.

    Raises:
        InputError: for fewer than two clusters, empty clusters, sums that are not finite.
    """

    sums: Floats
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        sums, sizes = np.asarray(self.sums), np.asarray(self.sizes)
        if sums.ndim != 1 or sums.shape != sizes.shape:
            raise InputError(
                f"clusters: wanted one sum and one size each, got {sums.shape} and {sizes.shape}"
            )
        if sizes.size and sizes.dtype.kind not in "iu":
            raise InputError(f"cluster sizes: wanted whole numbers, got {sizes.dtype}")
        if sums.dtype.kind not in "iufb":
            raise InputError(f"cluster sums: wanted numbers, got {sums.dtype}")
        if sums.size < 2:
            raise InputError(f"clusters: wanted at least 2, got {sums.size}")
        if int(sizes.min()) < 1:
            raise InputError(f"cluster sizes: wanted at least 1 trial, got {int(sizes.min())}")
        if not np.all(np.isfinite(sums)):
            raise InputError("cluster sums: wanted finite numbers, got NaN or infinity")
        object.__setattr__(self, "sums", sums.astype(np.float64))
        object.__setattr__(self, "sizes", sizes.astype(np.int64))

    @classmethod
    def of(cls, outcomes: ArrayLike, ids: ArrayLike) -> Clusters:
        """Sums and sizes from one outcome and one whole-number cluster id per trial.

        One pass over the trials, without sorting when ids are not negative and not much larger
        than the number of trials. Clusters come in the order of their ids.

        Raises:
            InputError: for empty input, lengths that differ, outcomes that are not finite
                numbers, ids that are not whole numbers, fewer than two clusters.
        """
        y, group = np.asarray(outcomes), np.asarray(ids)
        if y.ndim != 1 or y.shape != group.shape:
            raise InputError(
                f"trials: wanted one outcome and one cluster id each, got {y.shape} and "
                f"{group.shape}"
            )
        if y.size == 0:
            raise InputError("trials: wanted at least one, got none")
        if y.dtype.kind not in "iufb":
            raise InputError(f"outcomes: wanted numbers, got {y.dtype}")
        if group.dtype.kind not in "iu":
            raise InputError(f"cluster ids: wanted whole numbers, got {group.dtype}")
        if int(group.min()) < 0 or int(group.max()) > 4 * group.size:
            group = np.unique(group, return_inverse=True)[1]
        sizes = np.bincount(group).astype(np.int64)
        sums = np.asarray(np.bincount(group, weights=y), np.float64)
        if y.dtype.kind == "f" and not np.all(np.isfinite(sums)):
            at = int(np.flatnonzero(~np.isfinite(y))[0]) if not np.all(np.isfinite(y)) else -1
            raise InputError(f"outcomes: wanted finite numbers, got {y[at]} at position {at}")
        there = sizes > 0
        return cls(sums[there], sizes[there])


@dataclass(frozen=True)
class ClusterInterval:
    """A rate (or mean) from clustered trials, with its interval.

    Attributes:
        value: the estimate, the sum over all trials divided by their number.
        low, high: the interval; a one-sided one ends at 0 or 1 (at ±infinity for "robust").
        level, side, method: as asked, the method in words.
        clusters, trials: how many.
        effective: the independent trials that would be worth as much (Korn–Graubard only).
        df: degrees of freedom of the t quantile, if one was used.
        icc: the intraclass correlation most plausible at the estimate ("beta-binomial" only).
    """

    value: float
    low: float
    high: float
    level: float
    side: Side
    method: str
    clusters: int
    trials: int
    effective: float | None = None
    df: float | None = None
    icc: float | None = None

    def __repr__(self) -> str:
        return (
            f"{self.value:.4g} in [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}, "
            f"{self.method}; {self.trials} trials in {self.clusters} clusters)"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def cluster_interval(
    clusters: Clusters,
    *,
    method: ClusterMethod = "beta-binomial",
    level: float = 0.95,
    side: Side = "two",
    draws: int = 5000,
    seed: int = 0,
) -> ClusterInterval:
    """The interval for a rate from trials in clusters.

    Args:
        clusters: sums and sizes; sums of 0/1 outcomes except for "robust" and "betting".
        method: "beta-binomial" inverts a test of the rate with the ICC profiled out, calibrated
            by simulation (`BetaBinomialTest`): for rare events and few clusters, if rates vary
            smoothly between clusters (measured coverage of 95 % bounds: at least 94 % for ICC up
            to 0.3, 92 % above; docs/clusters.md). Without events, each cluster counts as one
            trial, which is exact for any clustering.
            "korn-graubard" is Clopper–Pearson with the effective sample size (`korn_graubard`).
            "robust" is a mean with a cluster-robust standard error (`robust`), for outcomes
            on any scale and many clusters. "betting" assumes only outcomes in 0–1 and
            independent clusters (`betting`), and is far wider.
        level: confidence, strictly between 0 and 1.
        side: "two", or one-sided "upper" or "lower".
        draws, seed: of the simulation ("beta-binomial" only); draws at least 200. With 5,000
            another seed moves a bound by about 2 %.

    Raises:
        InputError: for outcomes that do not suit the method, fewer than two clusters, a level
            outside 0–1, an unknown method or side.
    """
    check_level(level, side)
    if method == "beta-binomial":
        return _beta_binomial(clusters, level, side, draws, seed)
    if method == "korn-graubard":
        return korn_graubard(clusters, level=level, side=side)
    if method == "robust":
        return robust(clusters, level=level, side=side)
    if method == "betting":
        return betting(clusters, level=level, side=side)
    raise InputError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")


def cluster_upper(
    clusters: Clusters,
    *,
    method: ClusterMethod = "beta-binomial",
    level: float = 0.95,
    draws: int = 5000,
    seed: int = 0,
) -> float:
    """The one-sided upper confidence bound of `cluster_interval`."""
    found = cluster_interval(
        clusters, method=method, level=level, side="upper", draws=draws, seed=seed
    )
    return found.high


def _beta_binomial(
    clusters: Clusters, level: float, side: Side, draws: int, seed: int
) -> ClusterInterval:
    events = _events(clusters, "beta-binomial")
    if draws < 200:
        raise InputError(f"draws: wanted at least 200, got {draws}")
    if int(clusters.sizes.max()) > LONGEST:
        raise InputError(
            f"cluster sizes: wanted at most {LONGEST} trials for method beta-binomial, got "
            f"{int(clusters.sizes.max())}; korn-graubard takes any"
        )
    trials, total = int(clusters.sizes.sum()), int(events.sum())
    value = total / trials
    if int(clusters.sizes.max()) == 1:
        low, high = (float(b) for b in bounds(total, trials, level=level, side=side))
        name = "Clopper–Pearson, as every cluster is one trial"
        return _result(clusters, value, low, high, level, side, name)
    test = design(clusters.sizes, draws, seed)
    below, above = tails(level, side)
    low, high, simulated = 0.0, 1.0, True
    if below > 0:
        low, exact = test.bound(events, below, "lower")
        simulated &= exact
    if above > 0:
        high, exact = test.bound(events, above, "upper")
        simulated &= exact
    name = "beta-binomial, " + ("simulated" if simulated else "normal limit")
    if total in (0, trials):
        name = "exact for any clustering, as no outcomes differ"
        return _result(clusters, value, low, high, level, side, name)
    icc = test.icc(events, value)
    return _result(clusters, value, low, high, level, side, name, icc=icc)


def korn_graubard(
    clusters: Clusters, *, level: float = 0.95, side: Side = "two"
) -> ClusterInterval:
    """Clopper–Pearson with the effective sample size of clustered 0/1 outcomes.

    Korn and Graubard (Survey Methodology 24 (1998) 193), as adopted for proportions by the US
    National Center for Health Statistics (Vital and Health Statistics 2(175), 2017): the
    effective size is p(1 - p) / v, with v the between-cluster variance of the ratio, times the
    squared ratio of the t quantiles on trials - 1 and clusters - 1 degrees of freedom, and never
    above the trials. Where no trial or every trial has an event, v says nothing; the NCHS takes
    all trials as independent there, this takes each cluster as one trial.

    Raises:
        InputError: for outcomes other than 0 and 1, or a level outside 0–1.
    """
    check_level(level, side)
    events = _events(clusters, "korn-graubard")
    low, high, effective = korn_graubard_bounds(events, clusters.sizes, level=level, side=side)
    value = float(events.sum() / clusters.sizes.sum())
    return _result(
        clusters, value, float(low), float(high), level, side, "Korn–Graubard",
        effective=float(effective), df=clusters.sizes.size - 1.0,
    )  # fmt: skip


def korn_graubard_bounds(
    events: NDArray[Any], sizes: NDArray[Any], *, level: float, side: Side
) -> tuple[Floats, Floats, Floats]:
    """Low, high and effective size of many data sets, shape (..., clusters), unchecked."""
    k, n = np.asarray(events, np.float64), np.asarray(sizes, np.float64)
    many, trials = k.shape[-1], n.sum(-1)
    rate = k.sum(-1) / trials
    below, above = tails(level, side)
    quantile = 1 - max(below, above) if side != "two" else 1 - below
    variance = many / (many - 1) * ((k - rate[..., None] * n) ** 2).sum(-1) / trials**2
    shrink = np.ones_like(rate)
    if abs(quantile - 0.5) > 1e-9:
        shrink = (stdtrit(trials - 1, quantile) / stdtrit(many - 1, quantile)) ** 2
    inside = (rate > 0) & (rate < 1)
    # Without variation between clusters (v = 0) the effective size is capped at the trials.
    worth = rate * (1 - rate) * shrink
    effective = np.where(worth < variance * trials, worth / np.maximum(variance, 1e-300), trials)
    effective = np.where(inside, effective, many)
    x = rate * effective
    low = np.zeros_like(rate)
    high = np.ones_like(rate)
    if below > 0:
        low = np.where(
            rate == 0, 0.0, betaincinv(np.where(x > 0, x, 1.0), effective - x + 1, below)
        )
    if above > 0:
        rest = effective - x
        high = np.where(rate == 1, 1.0, betainccinv(x + 1, np.where(rest > 0, rest, 1.0), above))
    return low, high, effective


def robust(clusters: Clusters, *, level: float = 0.95, side: Side = "two") -> ClusterInterval:
    """The mean over all trials with a cluster-robust interval; outcomes on any scale.

    The standard error is CR2 (Bell and McCaffrey, Survey Methodology 28 (2002) 169), unbiased
    if trials were independent with one variance: the root of Σ e_g² / (1 - h_g) / N², with e_g
    the summed residuals of cluster g and h_g its share of the trials. The t quantile has
    Satterthwaite's degrees of freedom (Pustejovsky and Tipton, JBES 36 (2018) 672); for
    equal sizes they are clusters - 1. It is not for rare events: with none it is refused.

    Raises:
        InputError: if clusters do not differ at all, or a level outside 0–1.
    """
    check_level(level, side)
    sums, sizes = clusters.sums, clusters.sizes
    trials = int(sizes.sum())
    value = float(sums.sum() / trials)
    residuals = sums - value * sizes
    share = sizes / trials
    error = float(np.sqrt((residuals**2 / (1 - share)).sum())) / trials
    if error <= 1e-12 * max(abs(value), 1e-300):
        raise InputError(
            "robust: wanted cluster means that differ, got equal ones; "
            "for rates use method beta-binomial"
        )
    pull = share**2 / (1 - share)
    df = 1 / float((share**2).sum() + pull.sum() ** 2 - (pull**2).sum())
    below, above = tails(level, side)
    low = value + float(stdtrit(df, below)) * error if below > 0 else -np.inf
    high = value - float(stdtrit(df, above)) * error if above > 0 else np.inf
    return _result(clusters, value, low, high, level, side, "cluster-robust, CR2", df=df)


def betting(clusters: Clusters, *, level: float = 0.95, side: Side = "two") -> ClusterInterval:
    """A bound that assumes only outcomes in 0–1 and independent clusters, by betting.

    For each rate p a gambler bets on the sign of (sum - p size) / largest size, cluster after
    cluster in the order given; p is rejected when a stake of 1 has grown to 1/tail (Waudby-Smith
    and Ramdas, JRSS B 86 (2024) 1, theorem 3, with the predictable plug-in bets for a fixed sample
    of section 4.2, capped at 3/4 of what keeps the wealth positive).

    Raises:
        InputError: for outcomes outside 0–1, or a level outside 0–1.
    """
    check_level(level, side)
    sums, sizes = clusters.sums, clusters.sizes
    if np.any(sums < 0) or np.any(sums > sizes):
        raise InputError("betting: wanted outcomes in 0–1, got a cluster mean outside")
    below, above = tails(level, side)
    scale = float(sizes.max())
    x, part = sums / scale, sizes / scale
    high = _bet(x, part, above) if above > 0 else 1.0
    low = 1 - _bet(part - x, part, below) if below > 0 else 0.0
    value = float(sums.sum() / sizes.sum())
    return _result(clusters, value, low, high, level, side, "betting on clusters")


def _bet(x: Floats, part: Floats, tail: float) -> float:
    """The upper bound: the largest rate against which the wealth never reaches 1/tail."""
    count = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x)) / (count + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (count + 1)
    # The bet on a cluster may depend only on those before it.
    before = np.concatenate([[0.25], variance[:-1]])
    wanted = np.sqrt(2 * np.log(1 / tail) / (x.size * before))
    low, high = 0.0, 1.0
    for _ in range(50):
        rate = (low + high) / 2
        stake = np.minimum(wanted, 0.75 / (1 - rate))
        wealth = np.cumsum(np.log1p(stake * (rate * part - x)))
        low, high = (low, rate) if wealth.max() >= -np.log(tail) else (rate, high)
    return high


def _events(clusters: Clusters, method: str) -> NDArray[np.int64]:
    events = np.rint(clusters.sums)
    wrong = (events != clusters.sums) | (events < 0) | (events > clusters.sizes)
    if np.any(wrong):
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{method}: wanted 0/1 outcomes, got a sum of {clusters.sums[at]:g} over "
            f"{clusters.sizes[at]} trials in cluster {at}; for other scores use method robust"
        )
    return events.astype(np.int64)


def _result(
    clusters: Clusters, value: float, low: float, high: float, level: float, side: Side,
    method: str, **more: float | None,
) -> ClusterInterval:  # fmt: skip
    size = clusters.sizes
    return ClusterInterval(
        value, low, high, level, side, method, size.size, int(size.sum()), **more
    )
