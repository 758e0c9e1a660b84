"""How often does a shorter test miss the full score of a subject of a new family?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.quality.responses import Responses, of_matrix
from calibrant.quality.shorter.calibrate import calibrate
from calibrant.quality.shorter.engine import Engine
from calibrant.quality.shorter.factors import Factors, fit_factors
from calibrant.quality.shorter.policy import Stop
from calibrant.quality.shorter.posterior import Posterior, cloud_of, posterior_of
from calibrant.quality.shorter.shorten import shorten
from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOOKS, FIXED = 24, 15
"""Items asked, and the number at which the interval is looked at once."""
_PER_CALIBRATION = 25
"""New subjects to each set of calibration subjects."""
_NEW = 5
"""New families they come from."""


@dataclass(frozen=True)
class World:
    """A benchmark, its calibration subjects in families, and subjects of new families."""

    known: Responses
    new: Floats


def world(regime: Regime, rng: np.random.Generator, new: int) -> World:
    """Draw one: two abilities, items of two categories, and families that find items easier or
    harder in ways of their own (`local`), with some items keyed the wrong way round (`wrong`)."""
    families, items = regime["families"], regime["items"]
    subjects = regime["subjects"]
    family = np.concatenate([
        np.arange(subjects) % families, families + np.arange(new) % _NEW
    ])  # fmt: skip
    centre = rng.normal(0.0, np.sqrt(regime["between"]), (families + _NEW, 2))
    centre[families:] += regime["shift"]
    place = centre[family] + rng.normal(0.0, np.sqrt(1.0 - regime["between"]), (len(family), 2))
    slopes = np.stack([rng.lognormal(0.1, 0.4, items), np.zeros(items)], axis=1)
    slopes[::2, 1] = regime["second"]
    slopes[rng.random(items) < regime["wrong"]] *= -1.0
    own = rng.normal(0.0, regime["local"], (families + _NEW, items))
    p = expit(place @ slopes.T - rng.normal(0.0, 1.2, items) + own[family])
    scores = (rng.random(p.shape) < p).astype(np.float64)
    found = of_matrix(scores[:subjects])
    facts = found.item_facts.with_columns(category=pl.Series([f"c{j % 2}" for j in range(items)]))
    who = found.subject_facts.with_columns(family=pl.Series(family[:subjects].astype(str)))
    return World(replace(found, item_facts=facts, subject_facts=who), scores[subjects:])


def _tests(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "stopped covered", "watched covered", "wrong verdict", "decided",
             "normal covered", "normal wrong verdict", "p-IRT covered", "p-IRT wrong verdict",
             "max-information covered", "width", "normal width", "p-IRT width", "error",
             "normal error", "p-IRT error", "max-information error")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    for start in range(0, draws, _PER_CALIBRATION):
        drawn = world(regime, rng, min(_PER_CALIBRATION, draws - start))
        engine = calibrate(drawn.known, seed=int(rng.integers(2**31)), check=False)
        single = fit_factors(drawn.known.scores, 1)
        for scores in drawn.new:
            sign = float(rng.choice([-1.0, 1.0]))
            threshold = float(scores.mean()) + sign * regime["margin"]
            for name, value in {
                **_adaptive(engine, scores, threshold),
                **_drawn(single, scores, threshold, rng),
                **_steepest(single, scores),
            }.items():
                sums[name] += value
    return {name: total / draws for name, total in sums.items()}


def _adaptive(engine: Engine, scores: Floats, threshold: float) -> dict[str, float]:
    """Our test of one subject, asked up to the last look."""
    truth = float(scores.mean())
    session = engine.session(stop=Stop(items=LOOKS), force=True)
    found = {"stopped covered": -1.0, "watched covered": 1.0, "wrong verdict": 0.0, "decided": 0.0}
    for step in range(1, LOOKS + 1):
        (item,) = session.next(1)
        session = session.answer(item, float(scores[engine.number[item]]))
        once = session.estimate()
        inside = float(once.low - 1e-9 <= truth <= once.high + 1e-9)
        if step == FIXED:
            found |= {"covered": inside, "width": once.high - once.low,
                      "error": abs(once.value - truth)}  # fmt: skip
        if found["stopped covered"] < 0 and (once.standard_error < 0.045 or step == LOOKS):
            found["stopped covered"] = inside
        if step >= session.stop.least:
            always = session.estimate(watched=True)
            if not always.low - 1e-9 <= truth <= always.high + 1e-9:
                found["watched covered"] = 0.0
            if not found["decided"] and not always.low <= threshold <= always.high:
                found["decided"] = 1.0
                found["wrong verdict"] = float((always.high < threshold) != (truth < threshold))
    return found


def _drawn(
    single: Factors, scores: Floats, threshold: float, rng: np.random.Generator
) -> dict[str, float]:
    """Two peers on items drawn at random: their mean, and one ability for the rest (p-IRT)."""
    truth, size = float(scores.mean()), len(scores)
    order = rng.permutation(size)
    cloud, worth = cloud_of(single), np.full(size, 1.0 / size)
    wrong = {"normal": 0.0, "p-IRT": 0.0}
    decided = dict.fromkeys(wrong, False)
    found: dict[str, float] = {}
    for step in range(5, LOOKS + 1):
        asked = np.sort(order[:step])
        x = scores[asked]
        # The finite population correction that a careful user makes.
        error = float(peers.stderr(x)) * np.sqrt(1.0 - step / size)
        model = posterior_of(single, cloud, worth, asked, x)
        for name, value, spread in (
            ("normal", float(x.mean()), error),
            ("p-IRT", model.value, float(np.sqrt(model.variance))),
        ):
            half = peers.z() * spread
            if not decided[name] and abs(value - threshold) > half:
                decided[name] = True
                wrong[name] = float((value < threshold) != (truth < threshold))
            if step == FIXED:
                found[f"{name} covered"] = float(abs(value - truth) <= half + 1e-9)
                found[f"{name} width"] = 2.0 * half
                found[f"{name} error"] = abs(value - truth)
    return found | {f"{name} wrong verdict": value for name, value in wrong.items()}


def _steepest(single: Factors, scores: Floats) -> dict[str, float]:
    """The peer that asks for most Fisher information about one ability; slopes are positive."""
    mean = single.mean.copy()
    mean[:, 1] = np.maximum(mean[:, 1], 0.05)
    plain = Factors(mean, np.zeros_like(single.covariance), np.ones(len(mean)))
    cloud, size = cloud_of(plain), len(scores)
    worth = np.full(size, 1.0 / size)
    asked: list[int] = []
    model: Posterior = posterior_of(plain, cloud, worth, np.zeros(0, np.int64), np.zeros(0))
    for _ in range(FIXED):
        ability = float(model.weight @ model.cloud.places[:, 0])
        p = expit(mean[:, 0] + mean[:, 1] * ability)
        information = np.square(mean[:, 1]) * p * (1.0 - p)
        information[asked] = -1.0
        asked.append(int(np.argmax(information)))
        now = np.array(sorted(asked), np.int64)
        model = posterior_of(plain, cloud, worth, now, scores[now])
    off = abs(model.value - float(scores.mean()))
    half = peers.z() * float(np.sqrt(model.variance))
    return {"max-information covered": float(off <= half), "max-information error": off}


def _forms(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(
        ("covered", "by hand covered", "normal covered", "least squares covered", "error",
         "by hand error", "normal error", "least squares error", "width"), 0.0,
    )  # fmt: skip
    for start in range(0, draws, _PER_CALIBRATION):
        drawn = world(regime, rng, min(_PER_CALIBRATION, draws - start))
        form = shorten(drawn.known, FIXED, seed=int(rng.integers(2**31)), check=False)
        chosen = np.array([form.engine.number[i] for i in form.items])
        given = of_matrix(drawn.new[:, chosen], items=form.items)
        truth = drawn.new.mean(axis=1)
        by_model, by_hand = (form.predict(given, scoring=s) for s in ("model", "by hand"))
        for p, h, t in zip(by_model, by_hand, truth, strict=True):
            sums["covered"] += p.low - 1e-9 <= t <= p.high + 1e-9
            sums["by hand covered"] += h.low - 1e-9 <= t <= h.high + 1e-9
            sums["error"] += abs(p.value - t)
            sums["by hand error"] += abs(h.value - t)
            sums["width"] += p.high - p.low
        size = drawn.new.shape[1]
        for scores, t in zip(drawn.new, truth, strict=True):
            x = rng.permutation(scores)[:FIXED]
            error = float(peers.stderr(x)) * np.sqrt(1.0 - FIXED / size)
            sums["normal covered"] += abs(x.mean() - t) <= peers.z() * error + 1e-9
            sums["normal error"] += abs(x.mean() - t)
        value, half = _least_squares(drawn)
        sums["least squares covered"] += float((np.abs(value - truth) <= half).sum())
        sums["least squares error"] += float(np.abs(value - truth).sum())
    return {name: total / draws for name, total in sums.items()}


def _least_squares(drawn: World) -> tuple[Floats, float]:
    """A peer: the items most correlated with the total, and a regression on the same subjects."""
    x = drawn.known.scores
    total = x.mean(axis=1)
    off = x - x.mean(axis=0)
    spread = np.sqrt(np.square(off).sum(axis=0))
    correlation = off.T @ (total - total.mean()) / np.where(spread > 0, spread, np.inf)
    best = np.argsort(-correlation)[:FIXED]
    design = np.hstack([np.ones((len(x), 1)), x[:, best]])
    weights, *_ = np.linalg.lstsq(design, total, rcond=None)
    left = total - design @ weights
    error = float(np.sqrt(left @ left / max(len(x) - FIXED - 1, 1)))
    value: Floats = np.hstack([np.ones((len(drawn.new), 1)), drawn.new[:, best]]) @ weights
    return value, peers.z() * error


_NAMES = "subjects families items between local second wrong shift margin"
_REGIMES = regimes(
    _NAMES,
    (40, 8, 80, 0.5, 0.0, 0.0, 0.0, 0.0, 0.02),
    (40, 10, 80, 0.5, 0.5, 0.6, 0.0, 0.0, 0.02),
    (48, 12, 80, 0.3, 0.3, 0.6, 0.2, 0.0, 0.12),
)
_BEYOND = regimes(_NAMES, (40, 8, 80, 0.3, 0.5, 0.6, 0.0, -2.5, 0.02))

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "short-test",
        "calibrant.items.calibrate",
        "On subjects of families not used in calibration, the 95 % interval of the full score "
        "covers at least 93 % of the time after 15 chosen items, when stopped by its own standard "
        "error, and at every number of items at once; a claim watched at every answer gets the "
        "wrong verdict at most 5 % of the time.",
        _REGIMES,
        _tests,
        {
            "covered": Bound(low=0.93),
            "stopped covered": Bound(low=0.93),
            "watched covered": Bound(low=0.93),
            "wrong verdict": Bound(high=0.05),
        },
        peers={
            "normal": "the mean of items drawn at random with a normal interval, as harnesses "
            "print with a limit on items",
            "p-IRT": "items drawn at random, one ability for the rest, its own standard error "
            "(tinyBenchmarks)",
            "max-information": "the item of most Fisher information about one ability, positive "
            "slopes (Fluid benchmarking, ATLAS, catsim)",
        },
        beyond=_BEYOND,
        batch_draws=50,
    ),
    Certificate(
        "short-form",
        "calibrant.items.shorten",
        "On subjects of families not used in calibration, the 95 % interval of the full score "
        "from a form of 15 items covers at least 93 % of the time, scored by the model or by hand.",
        _REGIMES,
        _forms,
        {"covered": Bound(low=0.93), "by hand covered": Bound(low=0.93)},
        peers={
            "normal": "the mean of items drawn at random with a normal interval",
            "least squares": "the items most correlated with the total and a regression on the "
            "same subjects (metabench, without its cross-validation)",
        },
        beyond=_BEYOND,
        batch_draws=50,
    ),
)
