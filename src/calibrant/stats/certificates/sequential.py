"""How often does looking early go wrong? Confidence sequences, planned looks and e-values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, ndtri, stdtrit

from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.comparisons.multiplicity import adjust
from calibrant.stats.estimates.betting import capital_path, confidence_sequence
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.rates import bounds
from calibrant.stats.stopping.evalues import e_bh, rate_e_value, sign_e_value, two_rates_e_value
from calibrant.stats.stopping.group_sequential import (
    GroupSequential,
    futility_boundaries,
    shaped_boundaries,
    spending_boundaries,
)

Floats = NDArray[np.float64]


def _paths(regime: Regime, rng: np.random.Generator, draws: int) -> tuple[Floats, Floats]:
    """Scores, shape (draws, n), and the mean of each row's source."""
    n, law = regime["n"], regime["law"]
    if law == "finite":
        whole = np.repeat([0.0, 0.5, 1.0], regime["counts"])
        x = rng.permuted(np.tile(whole, (draws, 1)), axis=1)[:, :n]
        return x, np.full(draws, whole.mean())
    if law == "beta":
        a, b = regime["shape"]
        return rng.beta(a, b, (draws, n)), np.full(draws, a / (a + b))
    rate = regime["rate"]
    return (rng.random((draws, n)) < rate).astype(np.float64), np.full(draws, rate)


def _betting(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage at all looks together, after every score."""
    x, truth = _paths(regime, rng, draws)
    population = sum(regime["counts"]) if regime["law"] == "finite" else None
    statistics: dict[str, float] = {}
    for method in ("mixture", "hedged", "empirical-bernstein"):
        covered = width = 0.0
        for row, mean in zip(x, truth, strict=True):
            path = confidence_sequence(row, method=method, population=population, grid=40)
            # Bounds never widen: the last tell whether any missed.
            covered += path.low[-1] <= mean + 1e-9 and path.high[-1] >= mean - 1e-9
            width += float(path.high[-1] - path.low[-1])
        statistics[f"{method} covered"] = covered / draws
        statistics[f"{method} width"] = width / draws
    statistics["t at every look covered"] = float(np.mean(_peeking(x, truth, normal=False)))
    statistics["normal at every look covered"] = float(np.mean(_peeking(x, truth, normal=True)))
    return statistics


def _peeking(x: Floats, truth: Floats, *, normal: bool) -> NDArray[np.bool_]:
    """The peers: whether fixed-n intervals hold the mean at each look from the tenth score on."""
    n = np.arange(1, x.shape[1] + 1)
    mean = np.cumsum(x, axis=1) / n
    square = np.cumsum(x**2, axis=1) - n * mean**2
    error = np.sqrt(np.maximum(square, 0.0) / np.maximum(n - 1, 1) / n)
    reach = (peers.z() if normal else -stdtrit(np.maximum(n - 1, 1), 0.025)) * error
    # Without spread there is no interval yet, so none that misses.
    inside = (np.abs(mean - truth[:, None]) <= reach + 1e-12) | (error < 1e-9)
    return np.asarray(np.all(inside[:, 9:], axis=1))


@lru_cache(maxsize=16)
def _design(kind: str) -> GroupSequential:
    return {
        "pocock": lambda: shaped_boundaries(5, "pocock"),
        "obrien-fleming": lambda: shaped_boundaries(5, "obrien-fleming"),
        "uneven": lambda: spending_boundaries([0.1, 0.15, 0.6, 1.0]),
        "hsd-one-sided": lambda: spending_boundaries(4, "hwang-shih-decani", alpha=0.05, sides=1),
        "futility": lambda: futility_boundaries(4, alpha=0.05, power=0.9, binding=True),
    }[kind]()


def _looks(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Rejections under no effect, and at the drift that promises a power of 0.9."""
    design = _design(regime["design"])
    steps = np.diff(np.append(0.0, design.fractions))
    statistics = {}
    drift = design.drift or design.drift_for(0.9)
    error = design.alpha / design.sides
    fixed, shared = -float(ndtri(error)), -float(ndtri(error / steps.size))
    for name, effect in (("type I error", 0.0), ("power", drift)):
        paths = np.cumsum(rng.normal(effect * steps, np.sqrt(steps), (draws, steps.size)), axis=1)
        z = paths / np.sqrt(design.fractions)
        up, down = z >= design.upper, z <= design.lower
        first_up = np.where(up.any(axis=1), up.argmax(axis=1), steps.size)
        first_down = np.where(down.any(axis=1), down.argmax(axis=1), steps.size)
        rejected: NDArray[np.bool_] = first_up < np.minimum(first_down, steps.size)
        if design.sides == 2 and effect == 0:
            rejected = np.asarray((up | down).any(axis=1))
        statistics[name] = float(np.mean(rejected))
        size = np.abs(z) if design.sides == 2 else z
        for peer, bound in (("unadjusted", fixed), ("Bonferroni", shared)):
            statistics[f"{peer} {name}"] = float(np.mean((size >= bound).any(axis=1)))
    return statistics


def _rates_fdr(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """False discoveries among claims "rate below threshold", some true, on shared hard items."""
    n, threshold = regime["n"], regime["threshold"]
    rates = np.repeat((0.05, 0.01), regime["claims"])
    false, counts = rates >= threshold, np.arange(n + 1)
    table = np.array([rate_e_value(k, n, threshold).log for k in range(n + 1)])
    exact = np.asarray(betaincc(counts + 1, np.maximum(n - counts, 1e-300), threshold))
    rejected = {name: np.zeros((draws, rates.size), bool) for name in ("e-BH", *_DISCOVERY)}
    for i in range(draws):
        # A common uniform for each trial makes the claims as dependent as can be.
        shared = rng.random(n) if regime["dependent"] else None
        draw = rng.random((rates.size, n)) if shared is None else np.tile(shared, (rates.size, 1))
        k = np.sum(draw < rates[:, None], axis=1)
        p = np.where(k == n, 1.0, exact[k])
        rejected["e-BH"][i] = e_bh(np.exp(np.minimum(table[k], 700)), level=0.1).rejected
        rejected["uncorrected"][i] = p <= 0.1
        rejected["Benjamini–Hochberg"][i] = adjust(p, "benjamini-hochberg") <= 0.1
        rejected["Bonferroni"][i] = adjust(p, "bonferroni") <= 0.1
    statistics = {}
    for name, found in rejected.items():
        share = (found & false).sum(axis=1) / np.maximum(found.sum(axis=1), 1)
        statistics[f"{name} false discovery rate"] = float(share.mean())
        if np.any(~false):
            statistics[f"{name} power"] = float(found[:, ~false].mean())
    return statistics


_DISCOVERY = {
    "uncorrected": "each claim at 0.1, exact binomial tests",
    "Benjamini–Hochberg": "statsmodels `multipletests(method='fdr_bh')`, exact binomial tests",
    "Bonferroni": "statsmodels `multipletests(method='bonferroni')`, exact binomial tests",
}


def _comparisons(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Two subjects without a difference: how often e-values ever reach 20."""
    n, rate = regime["n"], regime["rate"]
    a = (rng.random((draws, n)) < rate).astype(np.float64)
    b = (rng.random((draws, n)) < rate).astype(np.float64)
    same = rng.random((draws, n)) < regime["alike"]
    b = np.where(same, a, b)
    fresh = (rng.random((draws, n)) < rate).astype(np.float64)
    bar = math.log(20)
    looks = np.unique(np.linspace(1, n, 8).astype(int))
    names = ("paired", "sign", "two rates", "sign test at 8 looks", "paired t at 8 looks")
    sums = dict.fromkeys((f"{name} ever" for name in names), 0.0)
    for x, y, z in zip(a, b, fresh, strict=True):
        sums["paired ever"] += float(np.max(capital_path((y - x + 1) / 2, 0.5)) >= bar)
        wins, losses = np.cumsum(x > y), np.cumsum(x < y)
        at = looks - 1
        sums["sign ever"] += float(
            any(sign_e_value(int(wins[i]), int(losses[i])).log >= bar for i in at)
        )
        k_x, k_z = np.cumsum(x).astype(int), np.cumsum(z).astype(int)
        sums["two rates ever"] += float(
            any(two_rates_e_value(k_x[i], i + 1, k_z[i], i + 1).log >= bar for i in at)
        )
        # The peers: one-sided tests for a fixed number, at each of the looks.
        total, net = np.maximum(wins + losses, 1)[at], (wins - losses)[at]
        sums["sign test at 8 looks ever"] += float(np.any(net / np.sqrt(total) >= peers.z("upper")))
        free = np.maximum(looks - 1, 1)
        spread = np.sqrt(np.maximum(total - net**2 / looks, 1e-9) * looks / free)
        beyond = net / spread >= -stdtrit(free, 0.05)
        sums["paired t at 8 looks ever"] += float(np.any(beyond[looks >= 10]))
    return {name: total / draws for name, total in sums.items()}


def _one_sample(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """A rate at its threshold: how often evidence that it is below (or above) ever reaches 20."""
    n, rate, evidence = regime["n"], regime["threshold"], regime["evidence"]
    x = (rng.random((draws, n)) < rate).astype(np.float64)
    looks = np.arange(10, n + 1, 10)
    k = np.cumsum(x, axis=1)[:, looks - 1].astype(int)
    bar = math.log(20)
    ever = np.zeros(draws, bool)
    for j, m in enumerate(looks):
        values, where = np.unique(k[:, j], return_inverse=True)
        logs = [rate_e_value(int(v), int(m), rate, evidence=evidence).log for v in values]
        ever |= np.array(logs)[where] >= bar
    below = evidence == "below"
    side: Side = "upper" if below else "lower"
    if below:
        path = [np.max(capital_path(row, rate)) >= bar for row in x]
    else:
        path = [np.max(capital_path(1 - row, 1 - rate)) >= bar for row in x]
    low, high = bounds(k, looks, side=side)
    wald = peers.z(side) * np.sqrt(np.maximum(k * (looks - k), 1) / looks**3)
    seen = k / looks
    return {
        "rate ever": float(np.mean(ever)),
        "mean ever": float(np.mean(path)),
        "Clopper–Pearson every 10 ever": float(
            np.mean(np.any(high < rate if below else low > rate, axis=1))
        ),
        "normal every 10 ever": float(
            np.mean(np.any(seen + wald < rate if below else seen - wald > rate, axis=1))
        ),
    }


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "betting-sequence",
        "confidence_sequence",
        "Betting confidence sequences hold the mean at all looks together with at least their "
        "level, for rates near 0 and 1, skewed scores and finite sets.",
        (
            {"law": "rate", "rate": 0.98, "n": 100},
            {"law": "rate", "rate": 0.5, "n": 100},
            {"law": "beta", "shape": (0.1, 1.5), "n": 100},
            {"law": "finite", "counts": (90, 15, 15), "n": 90},
        ),
        _betting,
        {
            "mixture covered": Bound(low=0.95),
            "hedged covered": Bound(low=0.95),
            "empirical-bernstein covered": Bound(low=0.95),
        },
        {
            "t at every look": peers.T + " at each score from the tenth on",
            "normal at every look": peers.NORMAL + " at each score from the tenth on",
        },
    ),
    Certificate(
        "group-sequential",
        "GroupSequential",
        "Group-sequential boundaries reject a true null hypothesis with exactly alpha = 0.05, "
        "and have the power they are planned for, for normal statistics.",
        tuple(
            {"design": design}
            for design in ("pocock", "obrien-fleming", "uneven", "hsd-one-sided", "futility")
        ),
        _looks,
        {"type I error": Bound(0.05, 0.05), "power": Bound(0.90, 0.90)},
        {
            "unadjusted": "the test for one look, at every look",
            "Bonferroni": "alpha shared by the looks",
        },
    ),
    Certificate(
        "e-bh",
        "e_bh",
        "e-BH keeps the false discovery rate below its level (0.1) for independent and for "
        "dependent claims.",
        regimes(
            "n threshold claims dependent",
            (400, 0.05, (10, 10), False), (400, 0.05, (10, 10), True), (200, 0.05, (20, 0), False),
        ),
        _rates_fdr,
        {"e-BH false discovery rate": Bound(high=0.1)},
        _DISCOVERY,
    ),
    Certificate(
        "one-sample-e-values",
        "rate_e_value, mean_e_value",
        "At the threshold itself, evidence of 20 against it is found at any look in at most one of "
        "twenty runs.",
        regimes(
            "threshold n evidence",
            (0.05, 400, "below"), (0.3, 200, "below"), (0.05, 200, "above"), (0.9, 200, "below"),
        ),
        _one_sample,
        {f"{name} ever": Bound(high=0.05) for name in ("rate", "mean")},
        {
            "Clopper–Pearson every 10": "the exact bound, looked at every 10 trials",
            "normal every 10": "the normal bound every 10 trials, no events taken as one",
        },
    ),
    Certificate(
        "comparison-e-values",
        "paired_e_value, sign_e_value, two_rates_e_value",
        "Without a difference, evidence of 20 for one is found at any look in at most one of "
        "twenty runs.",
        (
            {"n": 200, "rate": 0.5, "alike": 0.5},
            {"n": 200, "rate": 0.97, "alike": 0.3},
        ),
        _comparisons,
        {f"{name} ever": Bound(high=0.05) for name in ("paired", "sign", "two rates")},
        {
            "sign test at 8 looks": "McNemar's test without correction, at every look",
            "paired t at 8 looks": "t test of differences, at every look",
        },
    ),
)  # fmt: skip
