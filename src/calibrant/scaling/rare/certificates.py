"""How often are forecasts of rare events wrong? Tails, pass@k, best of n, floors, certified."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, ndtr, ndtri, stdtrit

from calibrant.errors import UnfitError
from calibrant.scaling.rare.attempts import best_of_n
from calibrant.scaling.rare.deploy import deployment
from calibrant.scaling.rare.largest import tail
from calibrant.scaling.rare.pareto import quantile
from calibrant.scaling.rare.passes import pass_at_k
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def _made(regime: Regime, truth: float, rng: np.random.Generator) -> Floats:
    """Scores of n queries: of a known law, or a generalised Pareto tail above a normal body."""
    n, world = int(regime["n"]), regime.get("world")
    if world == "alike":
        return _alike(n, rng)
    if world is not None:
        return np.asarray(_WORLDS[world][0](rng, n))
    share, shape = float(regime["share"]), np.asarray(float(regime["shape"]))
    x = -np.abs(rng.normal(size=n))
    above = rng.random(n) < share
    x[above] = quantile(rng.random(int(above.sum())), shape, np.asarray(1.0))
    x[rng.random(n) < float(regime.get("hidden", 0.0)) / n] = truth
    return x


def _alike(n: int, rng: np.random.Generator) -> Floats:
    """Gumbel scores of which each is much like the one before it."""
    x, e = np.empty(n), rng.normal(size=n)
    x[0] = e[0]
    for i in range(1, n):
        x[i] = 0.9 * x[i - 1] + 0.19**0.5 * e[i]
    return np.asarray(-np.log(-np.log(np.clip(ndtr(x), 1e-15, 1 - 1e-15))))


def _gumbel(share: float) -> float:
    return float(-np.log(-np.log1p(-share)))


_WORLDS: dict[
    str, tuple[Callable[[np.random.Generator, int], Floats], Callable[[float], float]]
] = {
    "normal": (lambda rng, n: rng.normal(size=n), lambda q: -float(ndtri(q))),
    "lognormal": (lambda rng, n: np.exp(rng.normal(size=n)), lambda q: float(np.exp(-ndtri(q)))),
    "t3": (lambda rng, n: rng.standard_t(3, n), lambda q: -float(stdtrit(3, q))),
    "tenths": (lambda rng, n: np.round(rng.gumbel(size=n), 1), lambda q: round(_gumbel(q), 1)),
    "uniform": (lambda rng, n: rng.random(n), lambda q: 1 - q),
    "alike": (lambda rng, n: _alike(n, rng), _gumbel),
}
"""Draws of n scores, and the level that one exceeds with a given chance."""


def _level_of(regime: Regime) -> float:
    m, world = float(regime["m"]), regime.get("world")
    if world is not None:
        return _WORLDS[world][1](1 / m)
    share, shape = float(regime["share"]), np.asarray(float(regime["shape"]))
    truth = float(quantile(np.asarray(1 / (m * share)), shape, np.asarray(1.0)))
    hidden = float(regime.get("hidden", 0.0)) / int(regime["n"])
    return 50.0 * max(truth, 1.0) if hidden * m > 1 else truth


def _tail(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Whether the level that one query in m reaches is held, and how near the points come."""
    n, m, truth = int(regime["n"]), float(regime["m"]), _level_of(regime)
    covered, near, plain, refused = [], [], [], 0
    for _ in range(draws):
        x = _made(regime, truth, rng)
        try:
            (one,) = tail(x, of="score", deployments=(m,)).levels
        except UnfitError:
            refused += 1
            continue
        covered.append(one.low <= truth <= one.high)
        near.append(abs(one.value / truth - 1) < 0.2)
        # Least squares of log survival on the ten largest, as if the tail were exponential.
        top = np.sort(x)[-10:]
        if np.ptp(top) > 0:
            slope, cut = np.polyfit(top, np.log(np.arange(10, 0, -1) / n), 1)
            plain.append(abs((-np.log(m) - cut) / slope / truth - 1) < 0.2)
    return {
        "covered": float(np.mean(covered)) if covered else 1.0,
        "value within a fifth": float(np.mean(near)) if near else 0.0,
        "refused": refused / draws,
        "ten largest within a fifth": float(np.mean(plain)) if plain else 0.0,
    }


def _rates(regime: Regime, size: int, rng: np.random.Generator) -> Floats:
    p, kind = rng.beta(regime["a"], regime["b"], size), rng.random(size)
    p = np.where(kind < regime.get("never", 0.0), 0.0, p)
    return np.asarray(np.where(kind > 1 - regime.get("easy", 0.0), rng.beta(5, 5, size), p))


def _true_pass(regime: Regime, k: int) -> float:
    def some(a: float, b: float) -> float:
        return float(1 - np.exp(betaln(a, b + k) - betaln(a, b)))

    never, easy = regime.get("never", 0.0), regime.get("easy", 0.0)
    hard = some(regime["a"], regime["b"])
    return float((1 - never - easy) * hard + easy * some(5, 5))


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
        bounds={"covered": Bound(low=0.92)},
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
            "items n k a b never easy", (200, 50, 10000, 0.3, 3.0, 0.3, 0.0),
            (200, 50, 10000, 2.0, 6.0, 0.5, 0.0), (200, 50, 10000, 0.5, 500.0, 0.0, 0.3),
        ),
        batch=_best,
        bounds={"covered": Bound(low=0.95, slack=0.02), "any law covered": Bound(low=0.95)},
        peers={
            "power law": "-log ASR = a k^-b, as for best-of-n jailbreaking (Hughes and others, "
            "2024), by least squares on logarithms, with a bootstrap of items",
        },
    ),
    Certificate(
        name="rare-tail",
        method="tail",
        statement="95 % intervals of the level that one of m queries reaches cover it in at least "
        "92 of 100 if the tail is generalised Pareto wherever it begins, and if scores are normal, "
        "lognormal, of Student's law or rounded to tenths; not if they end abruptly or neighbours "
        "are alike.",
        regimes=regimes(
            "n shape m share",
            (500, 0.0, 1e4, 0.25), (1000, 0.0, 1e6, 0.25), (1000, 0.3, 1e5, 0.25),
            (2000, -0.2, 1e5, 0.25), (2000, 0.0, 1e6, 0.05),
        ) + regimes(
            "n world m", (1000, "normal", 1e6), (5000, "normal", 1e6), (5000, "lognormal", 1e6),
            (1000, "t3", 1e6), (1000, "tenths", 1e6),
        ),
        beyond=regimes(
            "n shape m share hidden", (1000, 0.0, 1e5, 0.25, 0.3), (1000, 0.0, 1e5, 0.25, 3.0),
        ) + regimes("n world m", (1000, "uniform", 1e6), (1000, "alike", 1e6)),
        batch=_tail,
        batch_draws=50,
        bounds={"covered": Bound(low=0.92)},
        peers={
            "ten largest": "least squares of log survival over the ten largest scores, without an "
            "interval (Jones and others, Forecasting rare language model behaviors, 2025)",
        },
    ),
)  # fmt: skip
