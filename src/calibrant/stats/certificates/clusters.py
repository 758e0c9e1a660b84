"""How often do the intervals for a rate from clustered trials miss it, and how long are they?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.estimates.clusters import (
    ClusterInterval,
    Clusters,
    betting,
    cluster_interval,
    cluster_upper,
    korn_graubard,
    korn_graubard_bounds,
    robust,
)
from calibrant.stats.estimates.intervals import Side
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
    elif icc == 1:  # all trials of a cluster agree
        rates = (rng.random(shape) < rate).astype(np.float64)
    elif regime.get("shape", "beta") == "beta":
        rates = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, shape)
    else:
        cold = rate / 4
        hot_share = 1 / (1 + icc * rate * (1 - rate) / (rate - cold) ** 2)
        hot = cold + (rate - cold) / hot_share
        rates = np.where(rng.random(shape) < hot_share, hot, cold)
    return np.asarray(rng.binomial(sizes, rates))


def usual(
    sums: NDArray[Any], sizes: NDArray[Any], side: Side
) -> dict[str, tuple[peers.Floats, peers.Floats]]:
    """What people use today for the mean of clustered 0/1 trials; sums of shape (draws, clusters).

    The names are those of `PEERS`.
    """
    trials, many = int(sizes.sum()), sizes.size
    total = np.asarray(sums, np.float64).sum(-1)
    seen = total / trials
    cr0, cr1 = (peers.cluster_stderr(sums, sizes, correct=c) for c in (False, True))
    plain = peers.rate_stderr(total, trials)
    return {
        "CR1 t": peers.around(seen, peers.t(many - 1, side) * cr1, side),
        "CR1 normal": peers.around(seen, peers.z(side) * cr1, side),
        "CR0 normal": peers.around(seen, peers.z(side) * cr0, side),
        "clustered Wilson": peers.cluster_wilson(sums, sizes, side),
        "all-trials Clopper–Pearson": bounds(total.astype(np.int64), trials, side=side),
        "all-trials Wilson": peers.wilson(seen, trials, peers.z(side)),
        "all-trials normal": peers.around(seen, peers.z(side) * plain, side),
    }


PEERS = {
    "CR1 t": peers.CLUSTER_T,
    "CR1 normal": peers.CLUSTER_NORMAL,
    "CR0 normal": "the sandwich without correction (Liang and Zeger 1986)",
    "clustered Wilson": peers.CLUSTER_WILSON,
    "all-trials Clopper–Pearson": "clusters ignored",
    "all-trials Wilson": peers.WILSON + ", clusters ignored",
    "all-trials normal": peers.NORMAL + ", clusters ignored",
}


def _statistics(
    found: Mapping[str, tuple[NDArray[Any], NDArray[Any]]], rate: float, side: str
) -> dict[str, float]:
    """Coverage, and the bound, or for two-sided intervals the width inside 0–1."""
    statistics = {}
    for name, (low, high) in found.items():
        if side != "two":
            low, high = (np.zeros_like(high), high) if side == "upper" else (low, np.ones_like(low))
        statistics[f"{name} covered"] = peers.held(rate, (low, high))
        inside = np.minimum(high, 1.0), np.maximum(low, 0.0)
        word, value = {
            "upper": ("bound", inside[0]),
            "lower": ("bound", inside[1]),
            "two": ("width", inside[0] - inside[1]),
        }[side]
        statistics[f"{name} {word}"] = float(np.mean(value))
    return statistics


def _ends(rows: list[ClusterInterval]) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.array([r.low for r in rows]), np.array([r.high for r in rows])


def _upper(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sizes, rate = _sizes(regime), regime["rate"]
    events = draw_events(regime, sizes, rng, draws)
    sets = [Clusters(k, sizes) for k in events]
    found: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "beta-binomial": (np.zeros(draws), np.array([cluster_upper(s) for s in sets])),
        "korn-graubard": korn_graubard_bounds(events, sizes, level=0.95, side="upper")[:2],
        "betting": _ends([betting(s, side="upper") for s in sets]),
    }
    return _statistics(found | usual(events, sizes, "upper"), rate, "upper")


def _both(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """The default's two-sided interval."""
    sizes, rate = _sizes(regime), regime["rate"]
    events = draw_events(regime, sizes, rng, draws)
    rows = [cluster_interval(Clusters(k, sizes)) for k in events]
    found = {"beta-binomial": _ends(rows)} | usual(events, sizes, "two")
    statistics = _statistics(found, rate, "two")
    low, high = found["beta-binomial"]
    statistics["beta-binomial missed below"] = float(np.mean(rate < low))
    statistics["beta-binomial missed above"] = float(np.mean(rate > high))
    return statistics


def _korn_graubard(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sizes, rate, side = _sizes(regime), regime["rate"], regime["side"]
    events = draw_events(regime, sizes, rng, draws)
    low, high, _ = korn_graubard_bounds(events, sizes, level=0.95, side=side)
    return _statistics({"korn-graubard": (low, high)} | usual(events, sizes, side), rate, side)


def _betting(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sizes, rate, side = _sizes(regime), regime["rate"], regime["side"]
    events = draw_events(regime, sizes, rng, draws)
    rows = [betting(Clusters(k, sizes), side=side) for k in events]
    return _statistics({"betting": _ends(rows)} | usual(events, sizes, side), rate, side)


def _robust(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Rates with the beta law, or scores: normal cluster effects and normal noise."""
    sizes, side = _sizes(regime), regime["side"]
    if "rate" in regime:
        truth, sums = regime["rate"], draw_events(regime, sizes, rng, draws).astype(np.float64)
    else:
        icc, truth = regime["icc"], 0.0
        shared = icc**0.5 * rng.standard_normal((draws, sizes.size)) * sizes
        sums = shared + ((1 - icc) * sizes) ** 0.5 * rng.standard_normal(shared.shape)
    many = sizes.size
    mean, cr1 = sums.sum(-1) / sizes.sum(), peers.cluster_stderr(sums, sizes)
    cr0 = peers.cluster_stderr(sums, sizes, correct=False)
    covered = refused = 0.0
    for row in sums:
        try:
            found = robust(Clusters(row, sizes), side=side)
        except InputError:
            refused += 1
        else:
            covered += found.low <= truth <= found.high
    return {
        "robust not wrong": (covered + refused) / draws,
        "robust refused": refused / draws,
        "CR1 t covered": peers.held(truth, peers.around(mean, peers.t(many - 1, side) * cr1, side)),
        "CR1 normal covered": peers.held(truth, peers.around(mean, peers.z(side) * cr1, side)),
        "CR0 normal covered": peers.held(truth, peers.around(mean, peers.z(side) * cr0, side)),
    }


def _no_events(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often a data set without a single event gives an upper bound below the rate.

    With only events all is turned round: "rate" is that of non-events, the bounds are lower ones.
    """
    sizes, rate = _sizes(regime), regime["rate"]
    trials, many, last = int(sizes.sum()), sizes.size, regime["seen"] == "only events"
    none = draw_events(regime, sizes, rng, draws).sum(-1) == 0
    clean = Clusters(sizes * last, sizes)
    side: Side = "lower" if last else "upper"
    ours = {
        "beta-binomial": cluster_interval(clean, side=side),
        "korn-graubard": korn_graubard(clean, side=side),
        "betting": betting(clean, side=side),
    }
    highs = {name: 1 - r.low if last else r.high for name, r in ours.items()}
    highs |= {
        "clustered Wilson": float(peers.wilson(0.0, trials, peers.t(many - 1, "upper"))[1]),
        "all-trials Clopper–Pearson": 1 - 0.05 ** (1 / trials),
        "rule of three": 3 / trials,
        "CR1 t": 0.0,  # no spread, no width
    }
    wrong = {f"{name} wrong": float(np.mean(none & (h < rate))) for name, h in highs.items()}
    return (
        wrong
        | {"without events": float(np.mean(none))}
        | {f"{name} bound": float(h) for name, h in highs.items()}
    )


def _some(names: str) -> dict[str, str]:
    return {name: PEERS[name] for name in names.split(", ")}


_UPPER = regimes(
    "clusters size unequal shape icc rate",
    (50, 10, False, "beta", 0.3, 0.02),
    (100, 10, False, "beta", 0.3, 0.005),
    (50, 10, False, "beta", 0.0, 0.02),
    (20, 10, False, "beta", 0.1, 0.1),
    (50, 40, True, "beta", 0.3, 0.02),
)

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "cluster-upper",
        "cluster_upper",
        "The default upper bound covers the rate in at least 94 of 100 data sets, if rates vary "
        "between clusters like a beta distribution with an intraclass correlation up to 0.3.",
        _UPPER,
        _upper,
        {"beta-binomial covered": Bound(low=0.94), "beta-binomial bound": Bound(high=0.5)},
        PEERS,
        regimes(
            "clusters size unequal shape icc rate",
            (50, 10, False, "beta", 0.6, 0.05),
            (50, 10, False, "two-point", 0.5, 0.02),
        ),
    ),
    Certificate(
        "cluster-two-sided",
        "cluster_interval",
        "The default two-sided interval covers the rate in at least 94 of 100 data sets, if rates "
        "vary between clusters like a beta distribution with an intraclass correlation up to 0.3.",
        regimes(
            "clusters size icc rate",
            (20, 10, 0.1, 0.1), (50, 10, 0.3, 0.3), (50, 10, 0.3, 0.95),
        ),
        _both,
        {"beta-binomial covered": Bound(low=0.94)},
        PEERS,
    ),
    Certificate(
        "cluster-no-events",
        "cluster_interval, korn_graubard",
        "If no outcomes differ, each cluster counts as one trial: a bound from such data misses "
        "the rate in at most one of twenty data sets, for any clustering.",
        regimes(
            "clusters size icc rate seen",
            (20, 10, 1.0, 0.14, "no event"), (20, 10, 1.0, 0.05, "no event"),
            (50, 10, 1.0, 0.06, "no event"), (50, 10, 0.5, 0.02, "no event"),
            (100, 10, 0.3, 0.005, "no event"), (20, 10, 1.0, 0.14, "only events"),
            (50, 40, 0.3, 0.01, "only events"),
        ),
        _no_events,
        {f"{m} wrong": Bound(high=0.05) for m in ("beta-binomial", "korn-graubard", "betting")},
        _some("clustered Wilson, CR1 t")
        | {
            "all-trials Clopper–Pearson": "US National Center for Health Statistics at rate 0",
            "rule of three": "3 / trials",
        },
    ),
    Certificate(
        "cluster-korn-graubard",
        "korn_graubard",
        "From 200 clusters on and rates of 0.1 to 0.9 the interval covers as often as its level "
        "says, within one percentage point.",
        regimes(
            "clusters size icc rate side",
            (200, 10, 0.1, 0.1, "two"), (200, 10, 0.3, 0.1, "upper"), (200, 10, 0.3, 0.1, "lower"),
            (500, 5, 0.3, 0.3, "two"), (200, 20, 0.2, 0.9, "two"),
        ),
        _korn_graubard,
        {"korn-graubard covered": Bound(low=0.95, slack=0.01)},
        PEERS,
        regimes(
            "clusters size icc rate side unequal",
            (50, 10, 0.3, 0.02, "upper", False), (100, 10, 0.3, 0.005, "upper", False),
            (50, 40, 0.3, 0.02, "two", True),
        ),
    ),
    Certificate(
        "cluster-robust",
        "robust",
        "For scores with normal clusters, from 5 equal or 20 unequal ones on, and for rates of 0.3 "
        "to 0.7 from 100 clusters on, the interval covers as often as its level says, within one "
        "percentage point.",
        (
            {"clusters": 5, "size": 10, "icc": 0.3, "side": "two"},
            {"clusters": 5, "size": 10, "icc": 0.3, "side": "upper"},
            {"clusters": 20, "size": 20, "unequal": True, "icc": 0.1, "side": "two"},
            {"clusters": 100, "size": 10, "icc": 0.2, "rate": 0.3, "side": "two"},
            {"clusters": 100, "size": 10, "icc": 0.2, "rate": 0.5, "side": "lower"},
        ),
        _robust,
        {"robust not wrong": Bound(low=0.95, slack=0.01)},
        _some("CR1 t, CR1 normal, CR0 normal"),
        (
            {"clusters": 50, "size": 10, "icc": 0.3, "rate": 0.02, "side": "two"},
            {"clusters": 50, "size": 40, "unequal": True, "icc": 0.3, "rate": 0.1, "side": "upper"},
        ),
    ),
    Certificate(
        "cluster-betting",
        "cluster_interval(method='betting')",
        "Betting covers at least as often as its level says, whatever the clustering.",
        regimes(
            "clusters size unequal shape icc rate side",
            (30, 10, False, "two-point", 0.5, 0.02, "upper"),
            (30, 10, False, "beta", 1.0, 0.5, "two"), (30, 40, True, "beta", 0.6, 0.9, "lower"),
            (200, 5, False, "beta", 0.2, 0.3, "two"),
        ),
        _betting,
        {"betting covered": Bound(low=0.95)},
        PEERS,
    ),
)  # fmt: skip
