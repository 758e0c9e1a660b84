"""How often do the intervals for a rate from independent trials miss it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.rates import METHODS, bounds, interval


def _usual(k: NDArray[Any], n: int, side: Side) -> dict[str, peers.Limits]:
    """What most reports print."""
    seen, error = k / n, peers.rate_stderr(k, n)
    q = peers.z(side)
    return {
        "normal": peers.around(seen, q * error, side),
        "t": peers.around(seen, peers.t(n - 1, side) * error, side),
        "Agresti–Coull": peers.around(
            (k + q * q / 2) / (n + q * q),
            q * np.sqrt((k + q * q / 2) * (n - k + q * q / 2) / (n + q * q) ** 3),
            side,
        ),
    }


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and mean width of every method; without a rate, rates are drawn from 0–1."""
    n, side = regime["n"], regime["side"]
    rate = np.full(draws, regime["rate"]) if "rate" in regime else rng.random(draws)
    k = rng.binomial(n, rate)
    found = {method: bounds(k, n, method=method, side=side) for method in METHODS}
    statistics = {}
    for name, (low, high) in (found | _usual(k, n, side)).items():
        statistics[f"{name} covered"] = float(np.mean((low <= rate) & (rate <= high)))
        statistics[f"{name} width"] = float(np.mean(np.minimum(high, 1) - np.maximum(low, 0)))
    return statistics


def _finite(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Draws without replacement; without events, their number is drawn from 0 to all."""
    items, n, side = regime["items"], regime["n"], regime["side"]
    events = (
        np.full(draws, regime["events"])
        if "events" in regime
        else rng.integers(items + 1, size=draws)
    )
    k = rng.hypergeometric(events, items - events, n)
    rate = events / items
    values, where = np.unique(k, return_inverse=True)
    found: dict[str, peers.Limits] = {}
    for name, method in (("exact", "clopper-pearson"), ("mid-p", "mid-p")):
        rows = [interval(int(v), n, method=method, side=side, items=items) for v in values]  # type: ignore[arg-type]
        found[name] = (
            np.array([r.low for r in rows])[where],
            np.array([r.high for r in rows])[where],
        )
    reach = peers.z(side) * peers.rate_stderr(k, n)
    found["Clopper–Pearson"] = bounds(k, n, side=side)
    found["normal"] = peers.around(k / n, reach, side)
    found["normal with correction"] = peers.around(k / n, reach * (1 - n / items) ** 0.5, side)
    statistics = {}
    for name, (low, high) in found.items():
        statistics[f"{name} covered"] = peers.held(rate, (low, high))
        statistics[f"{name} width"] = float(np.mean(np.minimum(high, 1) - np.maximum(low, 0)))
    return statistics


_PEERS = {
    "normal": peers.NORMAL,
    "t": peers.T,
    "Agresti–Coull": "statsmodels `proportion_confint(method='agresti_coull')`",
}

_FIXED = ((0.002, 100), (0.02, 50), (0.02, 500), (0.3, 20), (0.95, 100))

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "rate-exact",
        "interval",
        "The Clopper–Pearson interval covers every rate at least as often as its level says.",
        regimes(
            "rate n side",
            *((r, n, side) for r, n in _FIXED for side in ("two", "upper")),
            (0.95, 100, "lower"),
        ),
        _batch,
        {"clopper-pearson covered": Bound(low=0.95)},
        _PEERS | {"wilson": peers.WILSON},
    ),
    Certificate(
        "rate-on-average",
        "interval",
        "Mid-P, Jeffreys and Wilson intervals cover as often as their level says on average over "
        "rates, within one percentage point from below.",
        regimes(
            "n side",
            (20, "two"), (20, "upper"), (20, "lower"), (200, "two"), (200, "upper"),
        ),
        _batch,
        {
            "clopper-pearson covered": Bound(low=0.95),
            "mid-p covered": Bound(low=0.95, high=0.97, slack=0.005),
            "jeffreys covered": Bound(low=0.95, high=0.97, slack=0.005),
            "wilson covered": Bound(low=0.945, high=0.97, slack=0.005),
        },
        _PEERS,
    ),
    Certificate(
        "rate-finite-set",
        "interval(items=…), hypergeometric",
        "For draws without replacement from a finite set the exact interval covers every rate of "
        "the set at least as often as its level says.",
        regimes(
            "items n events side",
            (60, 29, 3, "two"), (60, 29, 3, "upper"), (500, 100, 10, "two"),
            (200, 150, 1, "upper"), (1000, 50, 20, "upper"), (300, 120, 290, "lower"),
        ),
        _finite,
        {"exact covered": Bound(low=0.95)},
        {
            "normal with correction": "survey packages (Cochran 1977)",
            "normal": peers.NORMAL,
            "Clopper–Pearson": "the exact interval as if drawn with replacement",
        },
    ),
    Certificate(
        "rate-finite-set-on-average",
        "interval(method='mid-p', items=…)",
        "For draws without replacement the mid-P interval covers as often as its level says on "
        "average over the rates of the set.",
        regimes("items n side", (60, 29, "two"), (60, 29, "upper"), (400, 100, "two")),
        _finite,
        {"exact covered": Bound(low=0.95), "mid-p covered": Bound(low=0.95, slack=0.005)},
        {
            "normal with correction": "survey packages (Cochran 1977)",
            "normal": peers.NORMAL,
            "Clopper–Pearson": "the exact interval as if drawn with replacement",
        },
    ),
)  # fmt: skip
