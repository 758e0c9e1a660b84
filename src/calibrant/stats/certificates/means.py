"""How often do the intervals for a mean miss it, ordinary, stratified, bounded and bootstrapped?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.estimates.bootstrap import bootstrap_mean
from calibrant.stats.estimates.means import Mean, bounded_mean, stratified_mean, t_mean

Floats = NDArray[np.float64]

RESAMPLES = 1000
"""Draws of each bootstrap here: a tenth of the default, for time."""


def _scores(law: str, rng: np.random.Generator, n: int) -> tuple[Floats, float]:
    """Scores of a law and its mean."""
    if law == "normal":
        return rng.normal(size=n), 0.0
    if law == "uniform":
        return rng.random(n), 0.5
    if law == "exponential":
        return rng.exponential(size=n), 1.0
    if law == "lognormal":
        return rng.lognormal(size=n), float(np.exp(0.5))
    if law == "nearly clean":  # partial credit that is mostly 0
        return rng.beta(0.05, 2, size=n), 0.05 / 2.05
    if law == "nearly perfect":
        return 1 - rng.beta(0.05, 2, size=n), 2 / 2.05
    if law == "three points":
        return rng.choice([0.0, 0.5, 1.0], p=[0.1, 0.1, 0.8], size=n), 0.85
    return (rng.random(n) < float(law)).astype(np.float64), float(law)


class _Tally:
    """Counts, over draws, which intervals cover and which are refused."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}

    def add(self, name: str, truth: float, work: Callable[[], Mean]) -> None:
        try:
            found = work()
        except InputError:
            covered, answered = True, 0.0  # nothing was said, so nothing wrong
        else:
            covered, answered = found.low <= truth <= found.high, 1.0
        for statistic, value in (("not wrong", float(covered)), ("answered", answered)):
            key = f"{name} {statistic}"
            self.sums[key] = self.sums.get(key, 0.0) + value

    def means(self, draws: int) -> dict[str, float]:
        return {name: total / draws for name, total in self.sums.items()}


def _ordinary(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally = _Tally()
    for _ in range(draws):
        x, truth = _scores(regime["law"], rng, regime["n"])
        for side in ("two", "upper", "lower"):
            tally.add(side, truth, lambda x=x, side=side: t_mean(x, side=side))  # type: ignore[misc]
    return tally.means(draws)


def _stratified(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sizes, spreads = regime["n"], regime["spread"]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    weights = dict(enumerate(regime["weight"]))
    truth = float(np.average(np.arange(len(sizes)), weights=regime["weight"]))
    tally = _Tally()
    for _ in range(draws):
        x = labels + np.asarray(spreads)[labels] * rng.normal(size=labels.size)
        tally.add(
            "stratified", truth, lambda x=x: stratified_mean(x, labels, weights=weights)  # type: ignore[misc]
        )  # fmt: skip
        # The peer: pretending that the scores are one simple sample.
        tally.add("pooled", truth, lambda x=x: t_mean(x))  # type: ignore[misc]
    return tally.means(draws)


def _bounded(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally = _Tally()
    widths = {"betting": 0.0, "hoeffding": 0.0}
    for _ in range(draws):
        x, truth = _scores(regime["law"], rng, regime["n"])
        found: dict[str, Mean] = {
            method: bounded_mean(x, method=method)  # type: ignore[arg-type]
            for method in widths
        }
        for method, mean in found.items():
            tally.add(method, truth, lambda mean=mean: mean)  # type: ignore[misc]
            widths[method] += (mean.high - mean.low) / draws
        tally.add("t", truth, lambda x=x: t_mean(x))  # type: ignore[misc]
    return {**tally.means(draws), **{f"{m} width": w for m, w in widths.items()}}


def _bca(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally = _Tally()
    for _ in range(draws):
        x, truth = _scores(regime["law"], rng, regime["n"])
        _bootstraps(tally, truth, x, rng)
        tally.add("t", truth, lambda x=x: t_mean(x))  # type: ignore[misc]
    return tally.means(draws)


def _clusters(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Beta-binomial scores in clusters of uneven size; the sizes do not depend on the rates."""
    rate, rho, clusters = regime["rate"], regime["correlation"], regime["clusters"]
    total = 1 / rho - 1
    tally = _Tally()
    for _ in range(draws):
        size = rng.integers(2, 15, size=clusters)
        own = rng.beta(rate * total, (1 - rate) * total, size=clusters)
        labels = np.arange(clusters).repeat(size)
        x = (rng.random(labels.size) < own[labels]).astype(np.float64)
        _bootstraps(tally, rate, x, rng, clusters=labels)
        # The peer: drawing single scores, as if they were independent.
        tally.add(
            "items", rate,
            lambda x=x: bootstrap_mean(x, draws=RESAMPLES, workers=1),  # type: ignore[misc]
        )  # fmt: skip
    return tally.means(draws)


def _bootstraps(
    tally: _Tally, truth: float, x: Floats, rng: np.random.Generator, **options: Any
) -> None:
    seed = int(rng.integers(2**32))
    options = {**options, "draws": RESAMPLES, "seed": seed, "workers": 1}
    tally.add("bca upper", truth, lambda: bootstrap_mean(x, side="upper", **options))
    for method in ("bca", "percentile", "student"):
        tally.add(
            method,
            truth,
            lambda method=method: bootstrap_mean(x, method=method, **options),  # type: ignore[misc]
        )


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "mean-t",
        "t_mean",
        "Student's t interval covers as often as its level says for normal scores, and within "
        "one percentage point for uniform ones.",
        ({"law": "normal", "n": 3}, {"law": "normal", "n": 30}, {"law": "uniform", "n": 12}),
        _ordinary,
        {f"{s} not wrong": Bound(0.95, 0.95, slack=0.01) for s in ("two", "upper", "lower")},
    ),
    Certificate(
        "mean-t-skewed",
        "t_mean",
        "With skewed scores a two-sided t interval misses more often, but covers in at least "
        "nine of ten draws from n = 30 on.",
        ({"law": "exponential", "n": 30}, {"law": "0.1", "n": 60}, {"law": "0.9", "n": 60}),
        _ordinary,
        {"two not wrong": Bound(low=0.90)},
    ),
    Certificate(
        "mean-stratified",
        "stratified_mean",
        "The stratified t interval covers as often as its level says, within one percentage "
        "point, for normal scores with unequal spreads, sizes and weights.",
        (
            {"n": (20, 20, 20), "spread": (1.0, 1.0, 1.0), "weight": (1, 1, 1)},
            {"n": (10, 40, 5), "spread": (3.0, 0.5, 1.0), "weight": (1, 2, 5)},
            {"n": (4, 12), "spread": (1.0, 4.0), "weight": (3, 1)},
        ),
        _stratified,
        {"stratified not wrong": Bound(low=0.95, slack=0.01)},
    ),
    Certificate(
        "mean-bounded",
        "bounded_mean",
        "Betting and Hoeffding intervals cover at least as often as their level says for every "
        "law of scores in 0–1, at every number of scores.",
        (
            {"law": "nearly clean", "n": 10},
            {"law": "nearly perfect", "n": 100},
            {"law": "three points", "n": 100},
            {"law": "0.005", "n": 50},
        ),
        _bounded,
        {"betting not wrong": Bound(low=0.95), "hoeffding not wrong": Bound(low=0.95)},
    ),
    Certificate(
        "mean-bca",
        "bootstrap_mean",
        "BCa intervals are wrong in at most one of ten draws at a level of 95 % from 50 skewed "
        "scores on; studentised ones keep their level within two percentage points.",
        (
            {"law": "exponential", "n": 50},
            {"law": "0.1", "n": 100},
        ),
        _bca,
        {"bca not wrong": Bound(low=0.90), "student not wrong": Bound(low=0.95, slack=0.02)},
    ),
    Certificate(
        "mean-cluster-bootstrap",
        "bootstrap_mean",
        "The cluster bootstrap (BCa) is wrong in at most one of ten draws at a level of 95 % "
        "from 30 clusters on; studentised it keeps its level within two percentage points.",
        (
            {"rate": 0.3, "correlation": 0.2, "clusters": 30},
            {"rate": 0.05, "correlation": 0.1, "clusters": 60},
        ),
        _clusters,
        {"bca not wrong": Bound(low=0.90), "student not wrong": Bound(low=0.95, slack=0.02)},
    ),
    Certificate(
        "mean-cluster-bootstrap-few",
        "bootstrap_mean",
        "With 8–15 clusters BCa is wrong in at most a quarter of the draws, and the studentised "
        "bootstrap keeps its level within three percentage points, refusing where it cannot.",
        (
            {"rate": 0.3, "correlation": 0.2, "clusters": 8},
            {"rate": 0.1, "correlation": 0.2, "clusters": 15},
        ),
        _clusters,
        {"bca not wrong": Bound(low=0.75), "student not wrong": Bound(low=0.95, slack=0.03)},
    ),
)
