"""How often do the intervals for a mean miss it, ordinary, stratified, bounded and bootstrapped?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
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


def _normal(x: Floats) -> Mean:
    """The peer: lm-eval's and Inspect's standard error × 1.96."""
    mean, error = float(x.mean()), float(peers.stderr(x))
    low, high = mean - peers.z() * error, mean + peers.z() * error
    return Mean(mean, low, high, error, None, x.size, 0.95, "normal")


def _ordinary(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally, rows = _Tally(), []
    for _ in range(draws):
        x, truth = _scores(regime["law"], rng, regime["n"])
        for side in ("two", "upper", "lower"):
            tally.add(side, truth, lambda x=x, side=side: t_mean(x, side=side))  # type: ignore[misc]
        tally.add("normal", truth, lambda x=x: _normal(x))  # type: ignore[misc]
        rows.append(x)
    found = peers.percentile(np.array(rows), rng)
    return tally.means(draws) | {"percentile bootstrap not wrong": peers.held(truth, found)}


def _stratified(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sizes, spreads = np.array(regime["n"]), regime["spread"]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    weights = dict(enumerate(regime["weight"]))
    truth = float(np.average(np.arange(len(sizes)), weights=regime["weight"]))
    tally = _Tally()
    for _ in range(draws):
        x = labels + np.asarray(spreads)[labels] * rng.normal(size=labels.size)
        found = stratified_mean(x, labels, weights=weights)
        tally.add("stratified", truth, lambda found=found: found)  # type: ignore[misc]
        tally.add("pooled t", truth, lambda x=x: t_mean(x))  # type: ignore[misc]
        error, mean = found.standard_error or 0.0, found.value
        _tally_around(tally, "stratified normal", truth, mean, error)
        # lm-eval's group score: scores weighted by size, and the root of pooled variance / n.
        own = np.bincount(labels, x)[labels] / sizes[labels]
        squares = float(np.sum((x - own) ** 2))
        error = (squares / (x.size - len(sizes)) / x.size) ** 0.5
        _tally_around(tally, "group stderr", truth, float(x.mean()), error)
    return tally.means(draws)


def _tally_around(tally: _Tally, name: str, truth: float, mean: float, error: float) -> None:
    low, high = mean - peers.z() * error, mean + peers.z() * error
    tally.add(name, truth, lambda: Mean(mean, low, high, error, None, 0, 0.95, name))


def _bounded(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally, n, side = _Tally(), regime["n"], regime["side"]
    methods = ("exact", "betting", "hoeffding")
    widths = dict.fromkeys((*methods, "plain Hoeffding"), 0.0)
    reach = (-np.log(peers.tail(side)) / (2 * n)) ** 0.5
    for _ in range(draws):
        x, truth = _scores(regime["law"], rng, n)
        for method in methods:
            mean = bounded_mean(x, method=method, side=side)  # type: ignore[arg-type]
            tally.add(method, truth, lambda mean=mean: mean)  # type: ignore[misc]
            widths[method] += (mean.high - mean.low) / draws
        low = 0.0 if side == "upper" else max(0.0, float(x.mean() - reach))
        high = 1.0 if side == "lower" else min(1.0, float(x.mean() + reach))
        widths["plain Hoeffding"] += (high - low) / draws
        tally.add(
            "plain Hoeffding", truth,
            lambda x=x, low=low, high=high: Mean(x.mean(), low, high, None, None, n, 0.95, ""),  # type: ignore[misc]
        )  # fmt: skip
        tally.add("t", truth, lambda x=x: t_mean(x, side=side))  # type: ignore[misc]
        tally.add("normal", truth, lambda x=x: _normal(x))  # type: ignore[misc]
    return {**tally.means(draws), **{f"{m} width": w for m, w in widths.items()}}


def _bca(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    tally = _Tally()
    for _ in range(draws):
        x, truth = _scores(regime["law"], rng, regime["n"])
        _bootstraps(tally, truth, x, rng)
        tally.add("t", truth, lambda x=x: t_mean(x))  # type: ignore[misc]
        tally.add("normal", truth, lambda x=x: _normal(x))  # type: ignore[misc]
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
        sums, mean = np.bincount(labels, x), float(x.mean())
        error = float(peers.cluster_stderr(sums, size)) * peers.t(clusters - 1) / peers.z()
        _tally_around(tally, "CR1 t", rate, mean, error)
        tally.add(
            "bootstrap of single trials", rate,
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


_ONE_SAMPLE = {"normal": peers.NORMAL, "percentile bootstrap": peers.PERCENTILE}
_BOOTSTRAP = {"percentile": peers.PERCENTILE, "normal": peers.NORMAL, "t": peers.T}
_CLUSTERED = {
    "percentile": "Inspect `ci(method='bootstrap', cluster=…)`",
    "CR1 t": peers.CLUSTER_T,
    "bootstrap of single trials": peers.PERCENTILE + ", clusters ignored",
}
_LEVEL = Bound(low=0.95, slack=0.01)

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "mean-t",
        "t_mean",
        "Student's t interval covers as often as its level says for normal scores, and within "
        "one percentage point for uniform ones.",
        regimes("law n", ("normal", 3), ("normal", 30), ("uniform", 12)),
        _ordinary,
        {f"{s} not wrong": Bound(0.95, 0.95, slack=0.01) for s in ("two", "upper", "lower")},
        _ONE_SAMPLE,
    ),
    Certificate(
        "mean-t-skewed",
        "t_mean",
        "With skewed scores the two-sided t interval keeps its level within one percentage point "
        "from some hundreds of scores on, and rates from 50 expected events on. One-sided t limits "
        "are not promised for them.",
        regimes("law n", ("exponential", 300), ("0.1", 500), ("0.9", 500)),
        _ordinary,
        {"two not wrong": _LEVEL},
        _ONE_SAMPLE,
        regimes("law n", ("exponential", 30), ("0.1", 60), ("0.9", 60)),
    ),
    Certificate(
        "mean-stratified",
        "stratified_mean",
        "The stratified t interval covers as often as its level says, within one percentage "
        "point, for normal scores with unequal spreads, sizes and weights.",
        regimes(
            "n spread weight",
            ((20, 20, 20), (1.0, 1.0, 1.0), (1, 1, 1)),
            ((10, 40, 5), (3.0, 0.5, 1.0), (1, 2, 5)),
            ((4, 12), (1.0, 4.0), (3, 1)),
        ),
        _stratified,
        {"stratified not wrong": _LEVEL},
        {
            "pooled t": "one sample, strata ignored: " + peers.T,
            "stratified normal": "survey packages, ± 1.96",
            "group stderr": "lm-eval group scores, `pooled_sample_stderr` ± 1.96",
        },
    ),
    Certificate(
        "mean-bounded",
        "bounded_mean",
        "Exact, betting and Hoeffding intervals cover at least as often as their level says for "
        "every law of scores in 0–1, at every number of scores.",
        regimes(
            "law n side",
            ("nearly clean", 10, "two"), ("nearly perfect", 100, "two"),
            ("three points", 100, "two"), ("0.005", 50, "two"), ("nearly clean", 100, "upper"),
            ("nearly perfect", 40, "lower"),
        ),
        _bounded,
        {f"{m} not wrong": Bound(low=0.95) for m in ("exact", "betting", "hoeffding")},
        {
            "t": peers.T,
            "normal": peers.NORMAL + ", two-sided",
            "plain Hoeffding": "mean ± √(log(1/tail) / 2n)",
        },
    ),
    Certificate(
        "mean-bca",
        "bootstrap_mean",
        "The BCa and the studentised bootstrap keep their level within one percentage point from "
        "300 scores with a skewness of 2 on, and for rates from 20 expected events on.",
        regimes("law n", ("exponential", 300), ("0.1", 200)),
        _bca,
        {"bca not wrong": _LEVEL, "student not wrong": _LEVEL},
        _BOOTSTRAP,
        regimes("law n", ("exponential", 50), ("0.1", 60)),
    ),
    Certificate(
        "mean-cluster-bootstrap",
        "bootstrap_mean",
        "The studentised bootstrap of clusters keeps its level within one percentage point from "
        "30 clusters on, refusing where it cannot; BCa is not promised below hundreds of clusters.",
        regimes(
            "rate correlation clusters", (0.3, 0.2, 30), (0.05, 0.1, 60), (0.3, 0.2, 8),
            (0.1, 0.2, 15),
        ),
        _clusters,
        {"student not wrong": _LEVEL},
        _CLUSTERED,
    ),
)  # fmt: skip
