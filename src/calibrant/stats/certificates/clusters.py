"""How often do the bounds for a rate from clustered trials miss it, and how long are they?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.estimates.clusters import (
    Clusters,
    betting,
    cluster_upper,
    korn_graubard_bounds,
)
from calibrant.stats.estimates.rates import bounds


def _sizes(regime: Regime) -> NDArray[np.int64]:
    """All clusters of one size, or sizes spread evenly on a log scale from 1 to `size`."""
    many, size = regime["clusters"], regime["size"]
    if regime.get("unequal"):
        return np.rint(np.geomspace(1, size, many)).astype(np.int64)
    return np.full(many, size, np.int64)


def draw_events(
    regime: Regime, sizes: NDArray[np.int64], rng: np.random.Generator, draws: int
) -> NDArray[np.int64]:
    """Events per cluster, shape (draws, clusters).

    "shape" is "beta" (the default) or "two-point": some clusters hot, the others at a quarter of
    the mean rate.
    """
    rate, icc, shape = regime["rate"], regime.get("icc", 0.0), (draws, sizes.size)
    if icc == 0:
        rates = np.full(shape, rate)
    elif regime.get("shape", "beta") == "beta":
        rates = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, shape)
    else:
        cold = rate / 4
        hot_share = 1 / (1 + icc * rate * (1 - rate) / (rate - cold) ** 2)
        hot = cold + (rate - cold) / hot_share
        rates = np.where(rng.random(shape) < hot_share, hot, cold)
    return np.asarray(rng.binomial(sizes, rates))


def _upper(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sizes, rate = _sizes(regime), regime["rate"]
    events = draw_events(regime, sizes, rng, draws)
    trials = int(sizes.sum())
    total = events.sum(1)
    seen = total / trials
    sets = [Clusters(k, sizes) for k in events]
    found: dict[str, NDArray[Any]] = {
        "beta-binomial": np.array([cluster_upper(s) for s in sets]),
        "korn-graubard": korn_graubard_bounds(events, sizes, level=0.95, side="upper")[1],
        "betting": np.array([betting(s, side="upper").high for s in sets]),
        # What is commonly reported: clusters ignored.
        "all trials, clopper-pearson": bounds(total, trials, side="upper")[1],
        "all trials, wilson": bounds(total, trials, method="wilson", side="upper")[1],
        "all trials, normal": seen - ndtri(0.05) * np.sqrt(seen * (1 - seen) / trials),
    }
    statistics = {}
    for name, high in found.items():
        statistics[f"{name} covered"] = float(np.mean(high >= rate))
        statistics[f"{name} upper"] = float(np.mean(high))
    return statistics


_REGIMES: tuple[Regime, ...] = (
    {"clusters": 50, "size": 10, "icc": 0.3, "rate": 0.02},
    {"clusters": 100, "size": 10, "icc": 0.3, "rate": 0.005},
    {"clusters": 50, "size": 10, "icc": 0.0, "rate": 0.02},
    {"clusters": 20, "size": 10, "icc": 0.1, "rate": 0.1},
    {"clusters": 50, "size": 40, "unequal": True, "icc": 0.3, "rate": 0.02},
)

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "cluster-upper",
        "cluster_upper",
        "The default upper bound covers the rate in at least 94 of 100 data sets, if rates vary "
        "between clusters like a beta distribution.",
        _REGIMES,
        _upper,
        {"beta-binomial covered": Bound(low=0.94), "beta-binomial upper": Bound(high=0.5)},
    ),
)
