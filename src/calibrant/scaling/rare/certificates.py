"""How often are forecasts of rare events wrong? Tails, pass@k, best of n, floors, certified."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnfitError
from calibrant.scaling.rare.attempts import best_of_n
from calibrant.scaling.rare.deploy import deployment
from calibrant.scaling.rare.largest import tail
from calibrant.scaling.rare.pareto import quantile
from calibrant.scaling.rare.passes import pass_at_k
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def _tail(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """A generalised Pareto tail above a normal body; with `hidden`, a mode of higher scores."""
    n, shape, m = int(regime["n"]), float(regime["shape"]), float(regime["m"])
    share, hidden = float(regime["share"]), float(regime.get("hidden", 0.0)) / n
    truth = float(quantile(np.asarray(1 / (m * share)), np.asarray(shape), np.asarray(1.0)))
    if hidden * m > 1:
        truth = 50.0 * max(truth, 1.0)
    covered, plain, refused = [], [], 0
    for _ in range(draws):
        x = -np.abs(rng.normal(size=n))
        above = rng.random(n) < share
        x[above] = quantile(rng.random(int(above.sum())), np.asarray(shape), np.asarray(1.0))
        x[rng.random(n) < hidden] = 50.0 * max(truth, 1.0)
        try:
            (one,) = tail(x, of="score", deployments=(m,)).levels
        except UnfitError:
            refused += 1
            continue
        covered.append(one.low <= truth <= one.high)
        # Least squares of log survival on the ten largest, as if the tail were exponential.
        top = np.sort(x)[-10:]
        slope, cut = np.polyfit(top, np.log(np.arange(10, 0, -1) / n), 1)
        plain.append(abs((-np.log(m) - cut) / slope / truth - 1) < 0.2)
    return {
        "covered": float(np.mean(covered)) if covered else 1.0,
        "refused": refused / draws,
        "log-linear within a fifth": float(np.mean(plain)) if plain else 0.0,
    }


def _rates(regime: Regime, size: int, rng: np.random.Generator) -> Floats:
    p = rng.beta(regime["a"], regime["b"], size)
    return np.asarray(np.where(rng.random(size) < regime.get("never", 0.0), 0.0, p))


def _true_pass(regime: Regime, k: int) -> float:
    from scipy.special import betaln

    fails = float(np.exp(betaln(regime["a"], regime["b"] + k) - betaln(regime["a"], regime["b"])))
    return float((1 - regime.get("never", 0.0)) * (1 - fails))


def _passes(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    size, n, k = int(regime["items"]), int(regime["n"]), int(regime["k"])
    truth = _true_pass(regime, k)
    covered, wald = 0, 0
    attempts = np.full(size, n)
    for _ in range(draws):
        c = rng.binomial(n, _rates(regime, size, rng))
        (one,) = pass_at_k(c, attempts, (k,))
        covered += one.low <= truth <= one.high
        error = one.standard_error or 0.0
        wald += abs(one.value - truth) <= 1.96 * error
    return {"covered": covered / draws, "normal interval covered": wald / draws}


def _best(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    size, n, k = int(regime["items"]), int(regime["n"]), int(regime["k"])
    truth = _true_pass(regime, k)
    law, power, any_law, refused, withheld = [], [], [], 0, 0
    attempts = np.full(size, n)
    for _ in range(draws):
        c = rng.binomial(n, _rates(regime, size, rng))
        try:
            (one,) = best_of_n(c, attempts, (k,)).curve
        except UnfitError:
            refused += 1
            continue
        any_law.append(one.bound_low <= truth <= one.bound_high)
        if one.power_low is not None and one.power_high is not None:
            power.append(one.power_low <= truth <= one.power_high)
        if one.low is None or one.high is None:
            withheld += 1
        else:
            law.append(one.low <= truth <= one.high)
    return {
        "covered": float(np.mean(law)) if law else 1.0,
        "any law covered": float(np.mean(any_law)) if any_law else 1.0,
        "withheld": withheld / draws,
        "refused": refused / draws,
        "power law covered": float(np.mean(power)) if power else 0.0,
    }


def _deploy(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Visible events at a rate, and a mode of a share in which each trial has the event."""
    n, m = int(regime["n"]), float(regime["m"])
    rate = (regime["expected"] + regime["hidden"]) / n
    truth = float(-np.expm1(m * np.log1p(-rate)))
    covered, plug = 0, 0
    for _ in range(draws):
        events = np.zeros(n, dtype=np.int64)
        events[: rng.binomial(n, rate)] = 1
        (one,) = deployment(events, np.ones(n, dtype=np.int64), deployments=(m,)).at_least_one
        covered += one.low <= truth <= one.high
        plug += abs(one.value - truth) <= 0.1
    return {"covered": covered / draws, "plug-in within .1": plug / draws}


CERTIFICATES = (
    Certificate(
        name="rare-deployment",
        method="deployment",
        statement="The chance of at least one event in m deployments is covered at 95 % or more, "
        "events unseen included.",
        regimes=regimes(
            "n m expected hidden",
            (300, 3e3, 0.0, 0.3), (300, 3e2, 0.0, 1.0), (300, 1e3, 0.5, 3.0), (1000, 1e4, 5.0, 0.0),
        ),
        batch=_deploy,
        bounds={"covered": Bound(low=0.95)},
        peers={"plug-in": "1 - (1 - rate)^m with the observed rate"},
    ),
    Certificate(
        name="rare-pass-at-k",
        method="pass_at_k",
        statement="pass@k of the kind of items is covered at 95 %, for few and uneven items.",
        regimes=regimes(
            "items n k a b",
            (20, 10, 1, 0.3, 3.0), (20, 10, 5, 0.3, 3.0), (100, 20, 10, 0.1, 5.0),
            (50, 10, 10, 0.05, 5.0), (50, 20, 5, 2.0, 2.0),
        ),
        batch=_passes,
        bounds={"covered": Bound(low=0.95, slack=0.02)},
        peers={"normal interval": "the mean ± 1.96 standard errors"},
    ),
    Certificate(
        name="rare-best-of-n",
        method="best_of_n",
        statement="pass@k far beyond the attempts made is covered at 95 % if rates have a beta "
        "law, and by the bounds for any law always.",
        regimes=regimes(
            "items n k a b",
            (50, 20, 1000, 0.3, 3.0), (200, 50, 10000, 0.3, 3.0), (100, 30, 1000, 1.0, 10.0),
        ),
        beyond=regimes(
            "items n k a b never", (200, 50, 10000, 0.3, 3.0, 0.3), (200, 50, 10000, 2.0, 6.0, 0.5),
        ),
        batch=_best,
        bounds={"covered": Bound(low=0.95, slack=0.02), "any law covered": Bound(low=0.95)},
        peers={"power law": "least squares on logarithms with a bootstrap of items"},
    ),
    Certificate(
        name="rare-tail",
        method="tail",
        statement="The level that one of m queries reaches is covered at 95 % if the tail, "
        "wherever it begins, is generalised Pareto.",
        regimes=regimes(
            "n shape m share",
            (500, 0.0, 1e4, 0.25), (1000, 0.0, 1e6, 0.25), (1000, 0.3, 1e5, 0.25),
            (2000, -0.2, 1e5, 0.25), (1000, 0.0, 1e6, 0.1), (2000, 0.0, 1e6, 0.05),
        ),
        beyond=regimes(
            "n shape m share hidden", (1000, 0.0, 1e5, 0.25, 0.3), (1000, 0.0, 1e5, 0.25, 3.0),
        ),
        batch=_tail,
        batch_draws=50,
        bounds={"covered": Bound(low=0.95)},
        peers={"log-linear": "least squares of log survival over the ten largest"},
    ),
)  # fmt: skip
