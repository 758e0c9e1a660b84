"""How often do intervals of ability miss? Coverage at each ability, with few items, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from calibrant.quality.bank import Bank, Floats, two_pl
from calibrant.quality.scoring.curves import curves
from calibrant.quality.scoring.kernel import answer_weights, kernel
from calibrant.quality.scoring.score import score_bank
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

BANKS = 5
_Z = float(ndtri(0.975))


def bank_of_regime(regime: Regime, rng: np.random.Generator) -> Bank:
    """Items of a regime: its model, their number, how many are the wrong way round, their error."""
    n = int(regime["items"])
    a = rng.lognormal(0.1, 0.35, n) if regime["model"] != "rasch" else np.ones(n)
    a[: int(regime.get("reversed", 0))] *= -1
    b = np.clip(rng.normal(0, 1, n), -2.5, 2.5)
    if regime["model"] == "3pl":
        bank = two_pl(a, b, guessing=np.full(n, 0.2))
    elif regime["model"] == "grm":
        d = -a[:, None] * b[:, None] + np.array([1.2, 0.0, -1.2])
        bank = Bank("grm", tuple(f"item {j + 1}" for j in range(n)), a, d, np.zeros(n),
                    np.tile([0.0, 1, 2, 3], (n, 1)))  # fmt: skip
    else:
        bank = replace(two_pl(a, b), model=regime["model"])
    error = float(regime.get("error", 0.0))
    if error:
        size = 1 + bank.intercepts.shape[1]
        bank = replace(bank, covariance=np.tile(np.eye(size) * error**2, (n, 1, 1)))
    return bank


def truth_of(bank: Bank, rng: np.random.Generator) -> Bank:
    """Parameters that the bank's estimates may be those of."""
    if bank.covariance is None:
        return bank
    size = bank.covariance.shape[1]
    step = rng.normal(size=(len(bank.items), size)) * np.sqrt(bank.covariance[:, 0, 0])[:, None]
    d = bank.intercepts + step[:, 1:]
    if bank.model == "grm":
        d = -np.sort(-d, axis=1)
    return replace(bank, discrimination=bank.discrimination + step[:, 0], intercepts=d)


def _inside(theta: Floats, low: Floats, high: Floats) -> float:
    return float(np.mean((low <= theta) & (theta <= high)))


def _wald(bank: Bank, x: Floats) -> tuple[Floats, Floats]:
    """Maximum likelihood within ±4 and its error from the information there."""
    grid = kernel(bank, uncertainty=False)
    log_likelihood = grid.log_likelihood(answer_weights(bank, x))
    within = np.abs(grid.theta) <= 4
    best = grid.theta[within][log_likelihood[:, within].argmax(axis=1)]
    return best, 1 / np.sqrt(np.maximum(bank.information(best).sum(axis=1), 1e-9))


def _sum_score(bank: Bank, x: Floats) -> tuple[Floats, Floats]:
    """Student's t about the mean score, read on the curve of the whole set."""
    n = x.shape[1]
    top = float(np.nanmax(bank.values))
    y = np.where(bank.discrimination < 0, top - x, x)
    t = float(stdtrit(n - 1, 0.975))
    mean, error = y.mean(axis=1), y.std(axis=1, ddof=1) / np.sqrt(n)
    grid = np.linspace(-6, 6, 241)
    expected = bank.expected(grid)
    curve = np.where(bank.discrimination < 0, top - expected, expected).mean(axis=1)
    return np.interp(mean - t * error, curve, grid), np.interp(mean + t * error, curve, grid)


def _conditional(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums: dict[str, float] = {}
    each = draws // BANKS
    for _ in range(BANKS):
        bank = bank_of_regime(regime, rng)
        theta = np.full(each, float(regime["ability"]))
        x = truth_of(bank, rng).draw(theta, rng)
        found = score_bank(bank, x, "wle", details=False)
        eap = score_bank(bank, x, details=False)
        best, error = _wald(bank, x)
        low, high = _sum_score(bank, x)
        for name, value in (
            ("covered", _inside(theta, found.low, found.high)),
            ("unbounded", float(np.mean(np.isinf(found.low) | np.isinf(found.high)))),
            ("wald covered", _inside(theta, best - _Z * error, best + _Z * error)),
            ("posterior covered", _inside(theta, eap.low, eap.high)),
            ("sum score covered", _inside(theta, low, high)),
        ):
            sums[name] = sums.get(name, 0.0) + value / BANKS
    return sums


def _posterior(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums: dict[str, float] = {}
    each = draws // BANKS
    for _ in range(BANKS):
        bank = bank_of_regime(regime, rng)
        theta = rng.normal(size=each)
        # Calibrated once, used many times: yet each subject meets its own truth here, so that
        # the error of one bank is not shared by all draws.
        x = np.concatenate([truth_of(bank, rng).draw(t[None], rng) for t in theta])
        eap, point = score_bank(bank, x), score_bank(bank, x, "map", uncertainty=False)
        wle = score_bank(bank, x, "wle", details=False)
        part = x.copy()
        part[:, 1::2] = np.nan
        whole = score_bank(bank, part)
        total = x.mean(axis=1)
        half = x[:, ::2]
        t = float(stdtrit(max(half.shape[1] - 1, 1), 0.975))
        reach = t * half.std(axis=1, ddof=1) / np.sqrt(half.shape[1])
        for name, value in (
            ("covered", _inside(theta, eap.low, eap.high)),
            ("wle covered", _inside(theta, wle.low, wle.high)),
            ("whole covered", _inside(total, whole.whole_low - 1e-9, whole.whole_high + 1e-9)),
            ("misfit alarm", float(np.mean(np.nan_to_num(eap.fit_p, nan=1.0) <= 0.05))),
            ("map wald covered", _inside(
                theta, point.ability - _Z * point.standard_error,
                point.ability + _Z * point.standard_error)),
            ("mean score covered", _inside(
                total, half.mean(axis=1) - reach, half.mean(axis=1) + reach)),
            ("plain lz alarm", float(np.mean(_plain_lz(bank, x, eap.ability) <= 0.05))),
        ):  # fmt: skip
            sums[name] = sums.get(name, 0.0) + value / BANKS
    return sums


def _plain_lz(bank: Bank, x: Floats, ability: Floats) -> Floats:
    """p of the plain standardised log-likelihood (Drasgow and others 1985), ability as if known."""
    at = curves(bank, ability, uncertainty=False)
    log_p = np.where(at.p > 0, at.log_p, 0.0)
    seen = np.einsum("sjc,sjc->s", answer_weights(bank, x), log_p)
    mean = np.einsum("sjc,sjc->sj", at.p, log_p)
    square = np.einsum("sjc,sjc->sj", at.p, log_p**2)
    spread = np.sqrt(np.maximum((square - mean**2).sum(axis=1), 1e-12))
    found: Floats = ndtr((seen - mean.sum(axis=1)) / spread)
    return found


_EVERYWHERE = (
    *regimes(
        "model items reversed ability",
        ("rasch", 5, 0, 0.0), ("rasch", 20, 0, -3.0), ("2pl", 8, 1, -2.0), ("2pl", 8, 1, 3.0),
        ("2pl", 30, 3, 0.0), ("2pl", 30, 3, 3.0), ("2pl", 200, 10, 1.0), ("3pl", 20, 0, -2.0),
        ("3pl", 60, 0, 0.0), ("grm", 8, 1, 2.0), ("grm", 40, 2, -3.0),
    ),
)  # fmt: skip

_POPULATION = (
    *regimes(
        "model items reversed error",
        ("rasch", 6, 0, 0.0), ("2pl", 20, 2, 0.0), ("2pl", 20, 0, 0.4), ("2pl", 100, 5, 0.3),
        ("3pl", 40, 0, 0.0), ("grm", 12, 1, 0.0), ("grm", 20, 0, 0.3),
    ),
)  # fmt: skip

CERTIFICATES = (
    Certificate(
        "items-score-ability",
        "calibrant.quality.scoring.score_bank",
        "Without a prior, 95 % intervals cover at every single ability from −3 to 3, with 5 items "
        "as with 200, with items the wrong way round, and where every answer is right.",
        _EVERYWHERE,
        _conditional,
        {"covered": Bound(low=0.95, slack=0.01)},
        {
            "wald": "maximum likelihood within ±4, ± 1.96 / √information",
            "posterior": "the middle 95 % of a posterior with a normal prior, at one fixed ability",
            "sum score": "Student's t about the mean score, read on the test's curve",
        },
    ),
    Certificate(
        "items-score-population",
        "calibrant.quality.scoring.score_bank",
        "Over subjects of the population that a bank was calibrated with, 95 % intervals of "
        "ability and of the score on the whole bank cover, with the error of the items carried, "
        "and answers are called odd at most 5 % of the time.",
        _POPULATION,
        _posterior,
        {
            "covered": Bound(low=0.95, slack=0.01), "wle covered": Bound(low=0.95, slack=0.01),
            "whole covered": Bound(low=0.95, slack=0.01),
            "misfit alarm": Bound(high=0.05, slack=0.01),
        },
        {
            "map wald": "posterior mode ± 1.96 standard errors, the items taken as known",
            "mean score": "Student's t about the mean of the items answered",
            "plain lz": "the standardised log-likelihood without a correction, against a normal",
        },
    ),
)  # fmt: skip
