"""How often do decisions at a cut err, and how well is that known? Accuracy, sequential tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, two_pl
from calibrant.quality.cuts.classify import Errors, classify, table
from calibrant.quality.cuts.curves import lee
from calibrant.quality.cuts.sequential import SequentialCut, sequential_cut
from calibrant.quality.cuts.truescore import TrueScores, effective_items, fit, true_moments
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.stopping.follow import Follower

Floats = NDArray[np.float64]

_Z = float(ndtri(0.975))


@lru_cache(maxsize=16)
def _bank(items: int, spread: float) -> Bank:
    """Items of one slope whose difficulties spread evenly; the same in every draw."""
    places = np.linspace(-1, 1, items) * spread
    return two_pl(np.full(items, 1.2), places - 0.4)


@lru_cache(maxsize=16)
def _truth(items: int, spread: float, cut: float) -> float:
    """The true accuracy: exact for equal items (Beta(8, 4) rates), else by Lee's recursion."""
    if spread == 0:
        true = TrueScores(8.0, 4.0, 0.0, 1.0, 4)
        return table(true, Errors(float(items), items), cut)[0]
    return lee(_bank(items, spread), cut).accuracy


def accuracy_draw(regime: Regime, rng: np.random.Generator) -> Floats:
    """Shape (subjects, items): right or wrong.

    Keys: subjects; items; spread of difficulties, in ability (0: a beta-binomial test); cut.
    """
    n, m = int(regime["subjects"]), int(regime["items"])
    if regime["spread"] == 0:
        return (rng.random((n, m)) < rng.beta(8, 4, (n, 1))).astype(float)
    return _bank(m, float(regime["spread"])).draw(rng.normal(0, 1, n), rng)


def _alpha(answers: Floats) -> float:
    m = int(answers.shape[1])
    total = float(np.var(answers.sum(axis=1), ddof=1))
    return float(m / (m - 1) * (1 - float(np.var(answers, axis=0, ddof=1).sum()) / total))


def _accuracy_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    m, cut = int(regime["items"]), float(regime["cut"])
    truth = _truth(m, float(regime["spread"]), cut)
    names = ("off", "covered", "answered", "normal off", "observed range off", "moments off")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        answers = accuracy_draw(regime, rng)
        x, alpha = answers.mean(axis=1), _alpha(answers)
        try:
            found = classify(x, cut, items=m, reliability=alpha, draws=40,
                             seed=int(rng.integers(2**31)))  # fmt: skip
        except InputError:
            sums["covered"] += 1
            continue
        sums["answered"] += 1
        sums["off"] += abs(found.accuracy - truth)
        ends = (found.intervals or {"accuracy": (0.0, 1.0)})["accuracy"]
        sums["covered"] += ends[0] <= truth <= ends[1]
        sums["normal off"] += abs(_normal(x, cut, alpha) - truth)
        four = classify(x, cut, items=m, reliability=alpha, moments=4, draws=0)
        sums["moments off"] += abs(four.accuracy - truth)
        sums["observed range off"] += abs(_observed_range(x, cut, alpha) - truth)
    count = max(sums["answered"], 1.0)
    means = {name: total / draws for name, total in sums.items()}
    return means | {k: sums[k] / count for k in names if k.endswith("off")}


def _normal(x: Floats, cut: float, alpha: float) -> float:
    """Accuracy if true and observed scores were bivariate normal with this reliability."""
    alpha = min(max(alpha, 0.01), 0.999)
    z, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()
    true = x.mean() + math.sqrt(alpha) * x.std() * z
    passes = ndtr((true - cut) / (math.sqrt(1 - alpha) * x.std()))
    return float(w @ np.where(true >= cut, passes, 1 - passes))


def _observed_range(x: Floats, cut: float, alpha: float) -> float:
    """Livingston and Lewis with the range that occurs in place of the possible one."""
    low, high = float(x.min()), float(x.max())
    u, at = (x - low) / (high - low), (cut - low) / (high - low)
    alpha = min(max(alpha, 0.01), 0.999)
    size = max(4, round(effective_items(float(u.mean()), float(u.var()), alpha)))
    try:
        true = fit(true_moments(u * size, size))
    except InputError:
        return 0.5
    return table(true, Errors(float(size), None), min(max(at, 0.01), 0.99))[0]


@lru_cache(maxsize=8)
def _design(cut: float, margin: float, error: float) -> SequentialCut:
    return sequential_cut(cut, margin=margin, alpha=error, beta=error)


def _sequential_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Subjects at both ends of the zone, on items of a bank in random order.

    Keys: cut; margin; error; spread of the items' difficulties, in logits.
    """
    found = _design(float(regime["cut"]), float(regime["margin"]), float(regime["error"]))
    names = ("false pass", "false fail", "items of a fixed test", "looking false pass",
             "wald false pass")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        for rate, wrong in ((found.fails_to, "false pass"), (found.passes_from, "false fail")):
            right = _answers(rate, float(regime["spread"]), found.at_most, rng)
            follower = Follower(found.design)
            for answer in right:
                if follower.add(not answer) != "open":
                    break
            passed = follower.state == "supported"
            sums[wrong] += passed == (wrong == "false pass")
            sums["items of a fixed test"] += min(1.0, follower.n / found.fixed_items) / 2
            if wrong == "false pass":
                sums["looking false pass"] += _looking(right, found.cut)
                sums["wald false pass"] += _wald(right, found)
    return {name: total / draws for name, total in sums.items()}


@lru_cache(maxsize=32)
def _chances(rate: float, spread: float) -> Floats:
    """Chances of a right answer to items of a bank, with this mean."""
    hard = np.linspace(-spread, spread, 201)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + hard).mean() < rate else (low, middle)
    found: Floats = expit(high + hard)
    return found


def _answers(rate: float, spread: float, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Answers to items drawn at random, whose mean chance of a right one is `rate`."""
    chances = rng.choice(_chances(rate, spread), n)
    found: NDArray[np.bool_] = rng.random(n) < chances
    return found


def _looking(right: NDArray[np.bool_], cut: float) -> bool:
    """Looking after every tenth item whether a 95 % interval lies wholly on one side."""
    for n in range(10, right.size + 1, 10):
        rate = float(right[:n].mean())
        error = math.sqrt(max(rate * (1 - rate), 1e-12) / n)
        if rate - _Z * error > cut:
            return True
        if rate + _Z * error < cut:
            return False
    return bool(right.mean() >= cut)


def _wald(right: NDArray[np.bool_], found: SequentialCut) -> bool:
    """Wald's approximate bounds, cut short at a fixed test's length by the score."""
    low, high = found.fails_to, found.passes_from
    step = np.where(right, math.log(high / low), math.log((1 - high) / (1 - low)))
    path = np.cumsum(step)[: found.fixed_items]
    top, bottom = math.log((1 - found.beta) / found.alpha), math.log(found.beta / (1 - found.alpha))
    over, under = path >= top, path <= bottom
    ended = over | under
    if ended.any():
        return bool(over[ended.argmax()])
    return bool(right[: found.fixed_items].mean() >= found.cut)


ACCURACY = regimes(
    "subjects items spread cut",
    (60, 40, 0, 0.6), (84, 100, 0, 0.7), (84, 60, 1.5, 0.6), (300, 60, 2.5, 0.5),
)  # fmt: skip

ACCURACY_BEYOND = regimes("subjects items spread cut", (12, 40, 0, 0.6))

SEQUENTIAL = regimes(
    "cut margin error spread",
    (0.6, 0.1, 0.05, 0.0), (0.6, 0.1, 0.05, 2.5), (0.9, 0.05, 0.05, 0.0), (0.5, 0.08, 0.05, 1.0),
)  # fmt: skip

CERTIFICATES = (
    Certificate(
        "cut-accuracy",
        "calibrant.items.classify",
        "Livingston and Lewis's accuracy, with α as the reliability, lies on average within 0.02 "
        "of the truth from 60 subjects on, for equal items and for items of different difficulty, "
        "and its 95 % interval holds it at least 85 % of the time.",
        ACCURACY,
        _accuracy_batch,
        {"off": Bound(high=0.02), "covered": Bound(low=0.85)},
        {
            "normal": "true and observed scores as bivariate normal",
            "moments": "four moments at every number of subjects, as published",
            "observed range": "the effective length from the lowest and highest score that occur, "
            "as BB-CLASS takes it",
        },
        beyond=ACCURACY_BEYOND,
        batch_draws=25,
    ),
    Certificate(
        "cut-sequential",
        "calibrant.items.sequential_cut",
        "A subject at the near end of the wrong side passes, and one at the near end of the right "
        "side fails, at most 5 % of the time where that is asked, on equal items and on items of "
        "any difficulty drawn at random.",
        SEQUENTIAL,
        _sequential_batch,
        {"false pass": Bound(high=0.05), "false fail": Bound(high=0.05)},
        {
            "looking": "a look after every tenth item at a 95 % interval",
            "wald": "Wald's approximate bounds, cut short at a fixed test's length",
        },
        batch_draws=125,
    ),
)
