"""How often does looking early go wrong? Confidence sequences, planned looks and e-values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.estimates.betting import capital_path, confidence_sequence
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
    statistics["t at every look covered"] = float(np.mean(_peeking(x, truth)))
    return statistics


def _peeking(x: Floats, truth: Floats) -> NDArray[np.bool_]:
    """The peer: whether t intervals hold the mean at each look from the tenth score on."""
    n = np.arange(1, x.shape[1] + 1)
    mean = np.cumsum(x, axis=1) / n
    square = np.cumsum(x**2, axis=1) - n * mean**2
    error = np.sqrt(np.maximum(square, 0.0) / np.maximum(n - 1, 1) / n)
    reach = -stdtrit(np.maximum(n - 1, 1), 0.025) * error
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
    fixed = 1.959964 if design.sides == 2 else 1.644854
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
        if effect == 0:  # the peer: the fixed design's boundary at every look
            size = np.abs(z) if design.sides == 2 else z
            statistics["unadjusted type I error"] = float(np.mean((size >= fixed).any(axis=1)))
    return statistics


def _rates_fdr(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """False discoveries among claims "rate below threshold", some true, on shared hard items."""
    n, threshold, rates = regime["n"], regime["threshold"], np.asarray(regime["rates"])
    false = rates >= threshold
    table = np.array([rate_e_value(k, n, threshold).log for k in range(n + 1)])
    sums = {"e-BH false discovery rate": 0.0, "e-BH power": 0.0, "uncorrected any error": 0.0}
    for _ in range(draws):
        # A common uniform for each trial makes the claims as dependent as can be.
        shared = rng.random(n) if regime["dependent"] else None
        draw = rng.random((rates.size, n)) if shared is None else np.tile(shared, (rates.size, 1))
        logs = table[np.sum(draw < rates[:, None], axis=1)]
        e = np.exp(np.minimum(logs, 700))
        found = e_bh(e, level=0.1).rejected
        sums["e-BH false discovery rate"] += float(np.sum(found & false) / max(found.sum(), 1))
        sums["e-BH power"] += float(np.mean(found[~false])) if np.any(~false) else 0.0
        sums["uncorrected any error"] += float(np.any((e >= 10) & false))
    return {name: total / draws for name, total in sums.items()}


def _comparisons(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Two subjects without a difference: how often e-values ever reach 20."""
    n, rate = regime["n"], regime["rate"]
    a = (rng.random((draws, n)) < rate).astype(np.float64)
    b = (rng.random((draws, n)) < rate).astype(np.float64)
    same = rng.random((draws, n)) < regime["alike"]
    b = np.where(same, a, b)
    bar = math.log(20)
    looks = np.unique(np.linspace(1, n, 8).astype(int))
    sums = {"paired ever": 0.0, "sign ever": 0.0, "two rates ever": 0.0, "sign test ever": 0.0}
    fresh = (rng.random((draws, n)) < rate).astype(np.float64)
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
        # The peer: a one-sided z test of wins and losses at each of the looks.
        total = np.maximum(wins + losses, 1)[at]
        sums["sign test ever"] += float(np.any((wins - losses)[at] / np.sqrt(total) >= 1.644854))
    return {name: total / draws for name, total in sums.items()}


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
    ),
    Certificate(
        "e-bh",
        "e_bh",
        "e-BH keeps the false discovery rate below its level (0.1) for independent and for "
        "dependent claims.",
        (
            {"n": 400, "threshold": 0.05, "rates": (0.05,) * 10 + (0.01,) * 10, "dependent": False},
            {"n": 400, "threshold": 0.05, "rates": (0.05,) * 10 + (0.01,) * 10, "dependent": True},
            {"n": 200, "threshold": 0.05, "rates": (0.05,) * 20, "dependent": False},
        ),
        _rates_fdr,
        {"e-BH false discovery rate": Bound(high=0.1)},
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
    ),
)
