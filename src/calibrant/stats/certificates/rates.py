"""How often do the intervals for a rate from independent trials miss it?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtri

from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.estimates.rates import METHODS, Floats, bounds


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and mean width of every method; without a rate, rates are drawn from 0–1."""
    n, side = regime["n"], regime["side"]
    rate = np.full(draws, regime["rate"]) if "rate" in regime else rng.random(draws)
    k = rng.binomial(n, rate)
    found: dict[str, tuple[Floats, Floats]] = {}
    for method in METHODS:
        found[method] = bounds(k, n, method=method, side=side)
    # The peer: the normal interval, which is what most reports print.
    seen = k / n
    reach = -ndtri(0.025 if side == "two" else 0.05) * np.sqrt(seen * (1 - seen) / n)
    low = np.zeros(draws) if side == "upper" else seen - reach
    high = np.ones(draws) if side == "lower" else seen + reach
    found["normal"] = low, high
    statistics = {}
    for name, (low, high) in found.items():
        statistics[f"{name} covered"] = float(np.mean((low <= rate) & (rate <= high)))
        statistics[f"{name} width"] = float(np.mean(high - low))
    return statistics


_FIXED: tuple[Regime, ...] = tuple(
    {"rate": rate, "n": n, "side": side}
    for rate, n in ((0.002, 100), (0.02, 50), (0.02, 500), (0.3, 20), (0.95, 100))
    for side in ("two", "upper")
)
_DRAWN: tuple[Regime, ...] = tuple(
    {"n": n, "side": side} for n in (20, 200) for side in ("two", "upper")
)

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "rate-exact",
        "interval",
        "The Clopper–Pearson interval covers every rate at least as often as its level says.",
        _FIXED,
        _batch,
        {"clopper-pearson covered": Bound(low=0.95)},
    ),
    Certificate(
        "rate-on-average",
        "interval",
        "Mid-P, Jeffreys and Wilson intervals cover as often as their level says on average over "
        "rates.",
        _DRAWN,
        _batch,
        {
            "clopper-pearson covered": Bound(low=0.95),
            "mid-p covered": Bound(low=0.95, high=0.97, slack=0.005),
            "jeffreys covered": Bound(low=0.95, high=0.97, slack=0.005),
            "wilson covered": Bound(low=0.945, high=0.97, slack=0.005),
        },
    ),
)
