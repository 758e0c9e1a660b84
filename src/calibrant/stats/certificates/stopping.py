"""Do the stopping rules keep their error rates, trial by trial, and their intervals their level?

The rules' error rates are computed exactly elsewhere; here simulated trials are followed by the
same `Follower` that follows a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.estimates.intervals import Interval, clopper_pearson
from calibrant.stats.estimates.rates import bounds
from calibrant.stats.stopping.after import after_stopping
from calibrant.stats.stopping.designs import Design
from calibrant.stats.stopping.eprocess import anytime
from calibrant.stats.stopping.follow import Follower
from calibrant.stats.stopping.sprt import fixed, fixed_size, sprt

Trials = NDArray[np.bool_]
LOOK = 10
"""Trials between the looks of peers who peek."""


@lru_cache(maxsize=32)
def _design(method: str, threshold: float, alternative: float, items: int | None) -> Design:
    if method == "sprt":
        return sprt(threshold, alternative, items=items)
    if method == "anytime":
        return anytime(threshold, items=items)
    return fixed(threshold, alternative, items=items)


def _key(regime: Regime) -> tuple[str, float, float, int | None]:
    return regime["method"], regime["threshold"], regime["alternative"], regime.get("items")


def _trials(design: Design, rate: float, rng: np.random.Generator, draws: int) -> Trials:
    """Events of every trial that could be needed, shape (draws, trials)."""
    items = design.rates.items
    if items is None:
        return np.asarray(rng.random((draws, design.at_most)) < rate)
    whole = np.arange(items) < round(rate * items)
    return rng.permuted(np.tile(whole, (draws, 1)), axis=1)


def follow(design: Design, events: NDArray[Any]) -> tuple[str, int, int]:
    """How one run ends: its state, trials and events."""
    one = Follower(design)
    for event in events:
        if one.add(bool(event)) != "open":
            break
    return one.state, one.n, one.k


def _wald(design: Design, events: Trials, alternative: float) -> tuple[Trials, Trials, Any]:
    """Wald's boundaries as printed: supported, refuted, trials; truncated where the design is."""
    p0, p1, beta = design.rates.threshold, max(alternative, 1e-9), design.beta or 0.1
    steps = np.where(events, math.log(p1 / p0), math.log((1 - p1) / (1 - p0)))
    path = np.cumsum(steps, axis=1)
    up = path >= math.log((1 - beta) / design.alpha)
    down = path <= math.log(beta / (1 - design.alpha))
    end = (up | down).any(axis=1)
    at = np.where(end, (up | down).argmax(axis=1), events.shape[1] - 1)
    rows = np.arange(at.size)
    return up[rows, at], down[rows, at], at + 1


def _peeking(events: Trials, design: Design, alternative: float) -> dict[str, Trials]:
    """Support as soon as an upper limit for a fixed number lies below the threshold, every 10."""
    rates = design.rates
    most = min(events.shape[1], _size(rates.threshold, alternative, rates.items))
    looks = np.arange(LOOK, most + 1, LOOK)
    k = np.cumsum(events, axis=1)[:, looks - 1].astype(np.int64)
    seen = k / looks
    # An interval without width is not believed even by those who use the normal one.
    reach = peers.z("upper") * np.sqrt(np.maximum(k * (looks - k), 1) / looks**3)
    exact = bounds(k, np.broadcast_to(looks, k.shape), side="upper")[1]
    return {
        "normal every 10": np.any(seen + reach < rates.threshold, axis=1),
        "Clopper–Pearson every 10": np.any(exact < rates.threshold, axis=1),
    }


@lru_cache(maxsize=32)
def _size(threshold: float, alternative: float, items: int | None) -> int:
    return fixed_size(threshold, alternative, items=items)


def _rules(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Verdicts at the threshold, just below it, and at the alternative."""
    design, alternative = _design(*_key(regime)), regime["alternative"]
    items, t = design.rates.items, regime["threshold"]
    # A finite set has no rates between whole numbers of events: the largest true one is the worst.
    true = t if items is None else (design.rates.false_events - 1) / items
    statistics: dict[str, float] = {}
    for at, rate in (("false", t), ("true", true), ("alternative", alternative)):
        events = _trials(design, rate, rng, draws)
        ends = [follow(design, row) for row in events]
        states = np.array([state for state, _, _ in ends])
        up, down, n = _wald(design, events, alternative)
        looked = _peeking(events, design, alternative)
        if at == "true":
            statistics["false refutation"] = float(np.mean(states == "refuted"))
            statistics["Wald false refutation"] = float(np.mean(down))
            continue
        word = "false support" if at == "false" else "power"
        statistics[word] = float(np.mean(states == "supported"))
        statistics[f"{word}, computed"] = design.probability("supported", rate)
        statistics[f"Wald {word}"] = float(np.mean(up))
        for name, found in looked.items():
            statistics[f"{name} {word}"] = float(np.mean(found))
        if at == "alternative":
            statistics["trials"] = float(np.mean([n for _, n, _ in ends]))
            statistics["trials, computed"] = design.expected_trials(rate)
            statistics["Wald trials"] = float(np.mean(n))
            statistics["fixed number trials"] = _size(t, alternative, items)
    return statistics


@lru_cache(maxsize=20_000)
def _after(
    key: tuple[str, float, float, int | None], n: int, k: int
) -> tuple[Interval, Interval, Interval]:
    design = _design(*key)
    two, upper = (after_stopping(design, n, k, side=s) for s in ("two", "upper"))
    return two, upper, clopper_pearson(k, n)


def _intervals(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of intervals after a run has stopped where it did."""
    key, rate = _key(regime), regime["rate"]
    design = _design(*key)
    ends = [follow(design, row)[1:] for row in _trials(design, rate, rng, draws)]
    found = [_after(key, n, k) for n, k in ends]
    n, k = (np.array(x) for x in zip(*ends, strict=True))
    error = np.sqrt(k / n * (1 - k / n) / np.maximum(n - 1, 1))
    limits = {
        "two-sided": tuple(np.array([getattr(f[0], e) for f in found]) for e in ("low", "high")),
        "upper": (np.zeros(draws), np.array([f[1].high for f in found])),
        "fixed-n Clopper–Pearson": tuple(
            np.array([getattr(f[2], e) for f in found]) for e in ("low", "high")
        ),
        "fixed-n Wilson": peers.wilson(k / n, n, peers.z()),
        "fixed-n normal": peers.around(k / n, peers.z() * error),
    }
    statistics = {}
    for name, (low, high) in limits.items():
        statistics[f"{name} covered"] = peers.held(rate, (low, high))
        statistics[f"{name} width"] = float(np.mean(np.minimum(high, 1) - np.maximum(low, 0)))
    return statistics


_RULES = {
    "Wald": "boundaries log((1 − β)/α) and log(β/(1 − α)) as printed (Wald 1947)",
    "normal every 10": "the normal bound every 10 trials, no events taken as one",
    "Clopper–Pearson every 10": "the exact bound, looked at every 10 trials",
    "fixed number": "the smallest fixed number with these error rates, not stopped early",
}
_ERRORS = {"false support": Bound(high=0.05), "false refutation": Bound(high=0.05)}
_SETS = ((0.02, 0.005, None), (0.05, 0.02, None), (0.1, 0.05, None), (0.05, 0.01, 400))

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "stopping-sprt",
        "sprt, Follower",
        "The tuned sequential test supports a false claim and refutes a true one with chance at "
        "most 0.05, and supports a claim at its alternative with chance at least 0.9.",
        regimes("method threshold alternative items", *(("sprt", *s) for s in _SETS)),
        _rules,
        _ERRORS | {"power": Bound(low=0.9)},
        _RULES,
    ),
    Certificate(
        "stopping-anytime",
        "anytime, Follower",
        "The anytime-valid test supports a false claim and refutes a true one with chance at most "
        "0.05, without a design alternative.",
        regimes("method threshold alternative items", *(("anytime", *s) for s in _SETS[1:])),
        _rules,
        _ERRORS,
        _RULES,
    ),
    Certificate(
        "stopping-fixed",
        "fixed, fixed_size, Follower",
        "The curtailed fixed design supports a false claim and refutes a true one with chance at "
        "most 0.05, and supports a claim at its alternative with chance at least 0.9.",
        regimes("method threshold alternative items", *(("fixed", *s) for s in _SETS)),
        _rules,
        _ERRORS | {"power": Bound(low=0.9)},
        _RULES,
    ),
    Certificate(
        "interval-after-stopping",
        "after_stopping",
        "The interval after a stopped run covers the rate at least as often as its level says.",
        regimes(
            "method threshold alternative rate",
            ("sprt", 0.2, 0.05, 0.05), ("sprt", 0.2, 0.05, 0.2), ("sprt", 0.2, 0.05, 0.35),
            ("fixed", 0.2, 0.05, 0.1), ("fixed", 0.2, 0.05, 0.3),
        ),
        _intervals,
        {"two-sided covered": Bound(low=0.95), "upper covered": Bound(low=0.95)},
        {
            "fixed-n Clopper–Pearson": "the exact interval as if the number had been fixed",
            "fixed-n Wilson": peers.WILSON + ", as if the number had been fixed",
            "fixed-n normal": peers.NORMAL + ", as if the number had been fixed",
        },
    ),
)  # fmt: skip
