"""How many clusters of trials, and when to stop? Designs for claims about trials in clusters.

The claim is "the rate of events is below a threshold"; trials of one cluster (a template, a
passage) share its rate. Three designs look at the total of events after each cluster:

- `fixed_clusters`: all clusters, then a decision, ended once it is certain;
- `sprt_clusters`: bounds from Wald's test with the information of a trial divided by the design
  effect, then tuned by exact dynamic programming until the true error rates at the assumed ICC
  meet alpha and beta. It is not Wald's test for beta-binomial counts, whose statistic is no total;
- `anytime_clusters`: e-processes of the means of the clusters, which hold at every ICC, and for
  every other dependence within clusters.

The chance of support falls as the true rate rises, in all three (a beta-binomial count rises
stochastically with its rate, and the bounds treat all totals alike), so the threshold is the worst
case of a false claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import DesignError
from calibrant.stats.stopping.cluster_walks import (
    NEVER,
    ClusterRule,
    Floats,
    Ints,
    beta_binomial,
    check_clusters,
    ends,
    walk,
)
from calibrant.stats.stopping.eprocess import refute_mixture, support_mixture
from calibrant.stats.stopping.ratios import Rates, check, check_beta

_MOST_WORK = 4e9
"""Multiplications that the search for a fixed size may take: a few seconds."""

_LARGE = 5_000
"""Trials from which on fewer bounds of a sequential test are tried."""


@dataclass(frozen=True)
class ClusterDesign:
    """A stopping rule over clusters, with its claim.

    Attributes:
        method: "fixed", "sprt" or "anytime".
        rates: what it tells apart.
        icc: the correlation within clusters that its error rates were tuned for; `anytime` needs
            none, and only its expected sizes depend on it.
        rule: when to stop.
        tuning: the tuned constants of the rule, for the record.
    """

    method: Literal["fixed", "sprt", "anytime"]
    rates: Rates
    icc: float
    alpha: float
    beta: float | None
    rule: ClusterRule
    tuning: dict[str, float] = field(default_factory=dict)

    @property
    def clusters(self) -> int:
        """The largest number of clusters."""
        return self.rule.at_most

    @property
    def false_support(self) -> float:
        """The exact chance of support at the threshold, at the assumed ICC."""
        return float(ends(self.rule, self.rates.threshold, self.icc).supported[0])

    @property
    def power(self) -> float | None:
        """The exact chance of support at the design alternative, at the assumed ICC."""
        if self.rates.alternative is None:
            return None
        return float(ends(self.rule, self.rates.alternative, self.icc).supported[0])

    def __repr__(self) -> str:
        return (
            f"{self.method} design: rate below {self.rates.threshold:g}, at most {self.clusters} "
            f"clusters of {self.rule.size} trials at ICC {self.icc:g}; chance of false support "
            f"{self.false_support:.4f}"
        )


@lru_cache(maxsize=256)
def fixed_clusters(
    threshold: float,
    alternative: float,
    *,
    size: int,
    icc: float,
    alpha: float = 0.05,
    beta: float = 0.10,
) -> ClusterDesign:
    """The fewest clusters whose exact test meets alpha and beta, ended once the outcome is certain.

    Args:
        threshold, alternative, alpha, beta: as `sprt`.
        size: trials in each cluster.
        icc: correlation of two trials of a cluster, 0–1.

    Raises:
        DesignError: for rates that cannot be told apart, a size or ICC that cannot be, or so many
            clusters that the search would take minutes.
    """
    rates = check(threshold, alternative, alpha, None)
    check_beta(beta)
    check_clusters(size, icc)
    null, truth = beta_binomial(size, [threshold, alternative], icc)
    clusters, accept = _smallest(null, truth, alpha, beta)
    rule = _curtailed(size, clusters, accept)
    tuning = {"accept_at_most": float(accept)}
    return ClusterDesign("fixed", rates, icc, alpha, beta, rule, tuning)


def _smallest(null: Floats, truth: Floats, alpha: float, beta: float) -> tuple[int, int]:
    """The fewest clusters, and the largest total that supports, by adding one after the other."""
    length, work = 256, 0.0
    while True:
        at_null, at_truth = np.ones(1), np.ones(1)
        clusters = 0
        while True:
            clusters += 1
            at_null = np.convolve(at_null, null)[:length]
            at_truth = np.convolve(at_truth, truth)[:length]
            accept = int(np.searchsorted(np.cumsum(at_null), alpha, side="right")) - 1
            work += 2 * at_null.size * null.size
            if work > _MOST_WORK:
                raise DesignError(
                    f"clusters: more than {clusters:,} are needed to tell these rates apart, too "
                    "many to plan exactly"
                )
            if accept >= length - 1:
                break  # a larger total might support as well: keep more of the distribution
            if accept >= 0 and at_truth[: accept + 1].sum() >= 1 - beta:
                return clusters, accept
        length *= 2


def _curtailed(size: int, clusters: int, accept: int) -> ClusterRule:
    """Stop once no outcome of the clusters left can change the decision."""
    left = np.arange(clusters - 1, -1, -1, dtype=np.int64)
    support = np.maximum(accept - size * left, -1)
    never = np.full(clusters, NEVER, dtype=np.int64)
    return ClusterRule(size, support, never, np.full(clusters, accept + 1, dtype=np.int64))


@lru_cache(maxsize=256)
def sprt_clusters(
    threshold: float,
    alternative: float,
    *,
    size: int,
    icc: float,
    alpha: float = 0.05,
    beta: float = 0.10,
    at_most: int | None = None,
) -> ClusterDesign:
    """A truncated sequential test over clusters whose exact error rates meet alpha and beta.

    Args: as `fixed_clusters`.
        at_most: largest number of clusters; by default three times the fixed design's.

    Raises:
        DesignError: as `fixed_clusters`, or if `at_most` cannot support anything.
    """
    rates = check(threshold, alternative, alpha, None)
    fixed = fixed_clusters(
        threshold, alternative, size=size, icc=icc, alpha=alpha, beta=beta
    )  # checks the rest
    if alternative == 0:
        # One event ends all hope, and none at all is the only way to support.
        rule = _curtailed(size, fixed.clusters, 0)
        if at_most is not None and at_most < fixed.clusters:
            raise DesignError(_too_few(at_most, threshold, alpha))
        return ClusterDesign("sprt", rates, icc, alpha, beta, rule, {"accept_at_most": 0.0})
    return _Tuner(rates, size, icc, alpha, beta, at_most or 3 * fixed.clusters).design()


def _too_few(clusters: int, threshold: float, alpha: float) -> str:
    return (
        f"at_most: {clusters} clusters are too few: even without a single event they cannot show "
        f"a rate below {threshold:g} at alpha {alpha:g}"
    )


class _Tuner:
    """Searches the bounds of a truncated sequential test on the total of events."""

    def __init__(
        self, rates: Rates, size: int, icc: float, alpha: float, beta: float, horizon: int
    ) -> None:
        assert rates.alternative is not None
        self.rates, self.size, self.icc = rates, size, icc
        self.alpha, self.beta, self.horizon = alpha, beta, horizon
        self.null = beta_binomial(size, rates.threshold, icc)
        self.truth = beta_binomial(size, rates.alternative, icc)
        spread = 1 + (size - 1) * icc
        self.event = math.log(rates.alternative / rates.threshold) / spread
        self.none = (math.log1p(-rates.alternative) - math.log1p(-rates.threshold)) / spread
        self.trials = size * np.arange(1, horizon + 1, dtype=np.float64)
        self.accept = self._accepted()
        if self.accept < 0:
            raise DesignError(_too_few(horizon, rates.threshold, alpha))

    def _accepted(self) -> int:
        """Most events with which all clusters together would still support the claim."""
        at, length = np.ones(1), int(self.size * self.horizon * self.rates.threshold) + 2
        for _ in range(self.horizon):
            at = np.convolve(at, self.null[0])[:length]
        return int(np.searchsorted(np.cumsum(at), self.alpha, side="right")) - 1

    def _totals(self, evidence: Floats) -> Floats:
        """The total at which the evidence for the alternative has this value; rules × clusters."""
        return (evidence[:, None] - self.trials * self.none) / (self.event - self.none)

    def _bounds(self, upper: Floats, lower: Floats, accept: Floats) -> tuple[Ints, Ints]:
        last = accept[:, None]
        support = np.minimum(np.floor(self._totals(upper) + 1e-9), last)
        support[:, -1] = accept
        futile = np.ceil(self._totals(-lower) - 1e-9)
        # Beyond the last total that can support, going on is useless.
        futile = np.clip(futile, np.maximum(support + 1, 1), last + 1)
        return np.maximum(support, -1).astype(np.int64), futile.astype(np.int64)

    def _walk(
        self, upper: Floats, lower: Floats, accept: Floats, pmf: Floats
    ) -> tuple[Floats, Floats]:
        support, futile = self._bounds(upper, lower, accept)
        never = np.full((1, self.horizon), NEVER, dtype=np.int64)
        found = walk(support, never, futile, pmf)
        return found.supported, found.clusters

    def _tuned(self, lower: Floats, accept: Floats) -> tuple[Floats, Floats, Floats]:
        """For each pair the smallest upper bound that keeps alpha, the miss and the clusters."""
        top = math.log(1 / self.alpha)
        low, high = np.full(lower.size, 0.1), np.full(lower.size, top + 6)
        holds = self._walk(high, lower, accept, self.null)[0] <= self.alpha
        for _ in range(11):
            middle = (low + high) / 2
            kept = self._walk(middle, lower, accept, self.null)[0] <= self.alpha
            low, high = np.where(kept, low, middle), np.where(kept, middle, high)
        supported, clusters = self._walk(high, lower, accept, self.truth)
        miss = np.where(holds, np.maximum(1 - supported - self.beta, 0.0), np.inf)
        return high, miss, clusters

    def design(self) -> ClusterDesign:
        """The design with the fewest expected clusters at the alternative that meets beta."""
        wald = math.log((1 - self.alpha) / self.beta)
        shares = np.array([0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.5, 3.0])
        totals = sorted({self.accept, max(0, self.accept - 1), int(self.accept * 0.9)})
        if self.horizon * self.size > _LARGE:
            # Here neighbouring bounds differ little, and each costs seconds.
            shares, totals = shares[[3, 6, 9]], sorted({self.accept, int(self.accept * 0.9)})
        lower, accept = (a.ravel() for a in np.meshgrid(wald * shares, np.array(totals, float)))
        best = self._best(lower, accept)
        near = best[1] * np.linspace(0.9, 1.1, 9 if self.horizon * self.size <= _LARGE else 3)
        best = min(best, self._best(near, np.full(near.size, best[2])), key=lambda b: b[3:])
        upper, low, last, miss, _ = best
        if not math.isfinite(miss):
            raise DesignError(
                f"no design with at most {self.horizon} clusters keeps alpha at {self.alpha:g}"
            )
        support, futile = self._bounds(*(np.array([v]) for v in (upper, low, last)))
        never = np.full(self.horizon, NEVER, dtype=np.int64)
        rule = ClusterRule(self.size, support[0], never, futile[0])
        tuning = {"upper": upper, "lower": -low, "accept_at_most": last}
        return ClusterDesign("sprt", self.rates, self.icc, self.alpha, self.beta, rule, tuning)

    def _best(self, lower: Floats, accept: Floats) -> tuple[float, float, float, float, float]:
        upper, miss, clusters = self._tuned(lower, accept)
        at = min(range(lower.size), key=lambda i: (miss[i], clusters[i]))
        return tuple(float(a[at]) for a in (upper, lower, accept, miss, clusters))  # type: ignore[return-value]


@lru_cache(maxsize=256)
def anytime_clusters(
    threshold: float,
    *,
    size: int,
    icc: float,
    alpha: float = 0.05,
    at_most: int | None = None,
) -> ClusterDesign:
    """An anytime-valid test over clusters that holds whatever the correlation within them.

    A bet on the mean Y of a cluster, 1 + λ(threshold - Y), is fair at the threshold, however its
    trials hang together. As the logarithm is concave, its value is at least that of the bet on a
    single trial raised to the shares 1 - Y and Y, so the e-process of `anytime` taken at
    (clusters, events / size) is never above a product of fair bets: looking after every cluster is
    allowed. It gains nothing from larger clusters but steadier counts: that is what it costs to
    assume nothing about the ICC.

    Args:
        threshold, alpha: as `sprt`.
        size: trials in each cluster.
        icc: for the expected sizes only.
        at_most: largest number of clusters; by default 20 times what a run without a single event
            needs.

    Raises:
        DesignError: as `fixed_clusters`, or if `at_most` cannot support anything.
    """
    rates = check(threshold, None, alpha, None)
    check_clusters(size, icc)
    bound = math.log(1 / alpha)
    gain, loss = support_mixture(rates), refute_mixture(rates)

    def least(clusters: Ints, events: Ints) -> Floats:
        return gain(clusters, events / size)  # type: ignore[arg-type]

    first = 1
    while least(np.array([first]), np.array([0]))[0] < bound:
        first += 1
    horizon = at_most or 20 * first
    if first > horizon:
        raise DesignError(_too_few(horizon, threshold, alpha))
    g = np.arange(1, horizon + 1, dtype=np.int64)
    support = _last_total(lambda s: least(g, s) >= bound, size * g)
    against = _last_total(lambda s: loss(g, s / size) < bound, size * g) + 1  # type: ignore[arg-type]
    refute = np.where(against <= size * g, against, NEVER)
    # A total that can no longer support goes on only if it may yet refute: here it does not.
    futile = np.full(horizon, int(support[-1]) + 1, dtype=np.int64)
    futile = np.minimum(refute, np.where(g * rates.threshold * size >= futile, futile, NEVER))
    rule = ClusterRule(size, support, refute, futile)
    tuning = {"bound": bound, "accept_at_most": float(support[-1])}
    return ClusterDesign("anytime", rates, icc, alpha, None, rule, tuning)


def _last_total(holds: Callable[[Ints], NDArray[np.bool_]], most: Ints) -> Ints:
    """For each cluster the largest total in 0…most for which `holds`, -1 if none."""
    low, high = np.full(most.size, -1, dtype=np.int64), most + 1
    while bool(np.any(high - low > 1)):
        middle = (low + high) // 2
        kept = holds(middle.clip(0)) & (middle >= 0)
        low, high = np.where(kept, middle, low), np.where(kept, high, middle)
    return low
