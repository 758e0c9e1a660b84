"""Are planned labels enough, and do intervals hold for chosen items and at every look? Measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.judges.anytime import AnytimePPI, anytime_ppi
from calibrant.judges.anytime.sequence import Claim
from calibrant.judges.calibration.crossfit import Method
from calibrant.judges.calibration.ppi import calibrated_ppi
from calibrant.judges.correction.ppi import ppi_mean
from calibrant.judges.planning.designs import (
    draw_active,
    draw_strata,
    main_chances,
    neyman,
    phase_weights,
)
from calibrant.judges.planning.estimate import stratified_rate, weighted_mean
from calibrant.judges.planning.model import Model, from_assumptions, from_pilot
from calibrant.judges.planning.search import Costs, Goal, option
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.estimates.intervals import clopper_pearson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z = float(ndtri(0.975))
GRID = 80


def draw(regime: Regime, rng: np.random.Generator) -> tuple[Floats, Floats, float]:
    """The judge's values, gold labels, and the population's rate.

    Keys: items; rate; judge, "verdict SENSITIVITY SPECIFICITY" or "score APART" (a number in 0–1,
    the logistic of a normal score that differs by so many sd between the kinds).
    """
    items, rate = int(regime["items"]), float(regime["rate"])
    y = (rng.random(items) < rate).astype(np.float64)
    kind, *numbers = str(regime["judge"]).split()
    if kind == "verdict":
        se, sp = map(float, numbers)
        return (rng.random(items) < np.where(y == 1, se, 1 - sp)).astype(np.float64), y, rate
    score = float(numbers[0]) * (y - 0.5) + rng.normal(0, 1, items)
    return 1 / (1 + np.exp(-score)), y, rate


def _order(judge: Floats, n: int, design: str, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Items one by one without replacement, in proportion to weights."""
    w = np.ones(judge.size)
    if design == "weighted":
        w = 0.3 + np.sqrt(judge * (1 - judge))
    return np.argsort(rng.exponential(size=judge.size) / w)[:n], w


def watched(f: Floats, y: Floats, every: float, spread: float) -> tuple[Floats, Floats]:
    """Limits of tuned PPI after each label, as if its number had been fixed (from the 20th on)."""
    t = np.arange(1, y.size + 1)
    my, mf = np.cumsum(y) / t, np.cumsum(f) / t
    yy, ff = np.cumsum(y**2) / t - my**2, np.cumsum(f**2) / t - mf**2
    fy = np.cumsum(f * y) / t - my * mf
    lam = np.clip(fy / max(spread, 1e-12), 0, 1)
    value = my - lam * (mf - every)
    reach = Z * np.sqrt(np.maximum(yy - 2 * lam * fy + lam**2 * ff, 0) / t)
    return (value - reach)[19:], (value + reach)[19:]


def _holds(path: AnytimePPI, truth: float) -> bool:
    """Whether every limit holds the truth; 1e-9 is rounding."""
    return bool(np.all((path.low <= truth + 1e-9) & (truth <= path.high + 1e-9)))


def _anytime_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "width", "false support", "gold sequence covered", "gold sequence width",
             "watched ppi covered", "watched ppi width")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    n, design, measurand = int(regime["labels"]), regime["draw"], regime["measurand"]
    for _ in range(draws):
        judge, y, rate = draw(regime, rng)
        truth = float(y.mean()) if measurand == "items" else rate
        at, w = _order(judge, n, design, rng)
        weights = w if design == "weighted" else None
        calibrate: Method | None = "isotonic" if design == "calibrated" else None
        # The claim is false, if only just: the mean is not below itself.
        claim: Claim = (truth if 0 < truth < 1 else 0.001, "below")
        found = anytime_ppi(
            judge, at, y[at], weights=weights, calibrate=calibrate, measurand=measurand,
            claim=claim, grid=GRID,
        )  # fmt: skip
        tight = 1e-9
        sums["covered"] += bool(
            np.all((found.low <= truth + tight) & (truth <= found.high + tight))
        )
        sums["width"] += float(found.high[-1] - found.low[-1])
        p = found.p
        said = found.verdict == "supported" if p is None else bool((p <= 0.05).any())
        sums["false support"] += said and truth > 0
        alone = anytime_ppi(
            judge, at, y[at], weights=weights, lam=0.0, measurand=measurand, grid=GRID
        )
        sums["gold sequence covered"] += _holds(alone, truth)
        sums["gold sequence width"] += float(alone.high[-1] - alone.low[-1])
        low, high = watched(judge[at], y[at], float(judge.mean()), float(judge.var()))
        sums["watched ppi covered"] += bool(np.all((low <= truth) & (truth <= high)))
        sums["watched ppi width"] += float(high[-1] - low[-1])
    return {name: total / draws for name, total in sums.items()}


def _strata_of(judge: Floats) -> Ints:
    if np.unique(judge).size <= 2:
        return (judge > 0.5).astype(np.int64)
    return np.searchsorted([0.2, 0.4, 0.6, 0.8], judge).astype(np.int64)


def _stratified_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "width", "plain covered", "plain width", "uniform ppi++ covered",
             "uniform ppi++ width")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    n, measurand = int(regime["labels"]), regime["measurand"]
    for _ in range(draws):
        judge, y, rate = draw(regime, rng)
        truth = float(y.mean()) if measurand == "items" else rate
        stratum = np.unique(_strata_of(judge), return_inverse=True)[1].astype(np.int64)
        sizes = np.bincount(stratum)
        guess = np.array([float(judge[stratum == c].mean()) for c in range(sizes.size)])
        spread = np.sqrt(np.maximum(guess * (1 - guess), 0.04))
        labels = neyman(n, sizes, spread)
        at = draw_strata(stratum, labels, np.array([], dtype=np.int64), rng)
        k = np.bincount(stratum[at], weights=y[at], minlength=sizes.size).astype(np.int64)
        found = stratified_rate(k, labels, sizes, measurand=measurand)
        ours = float(found[1]), float(found[2])
        p, share = k / np.maximum(labels, 1), sizes / sizes.sum()
        half = Z * float(np.sqrt(share**2 @ (p * (1 - p) / np.maximum(labels - 1, 1))))
        middle = float(share @ p)
        random = rng.permutation(judge.size)[:n]
        ppi = ppi_mean(y[random], judge[random], np.delete(judge, random))
        for name, (low, high) in (
            ("", ours), ("plain ", (middle - half, middle + half)),
            ("uniform ppi++ ", (ppi.low, ppi.high)),
        ):  # fmt: skip
            low, high = max(low, 0.0), min(high, 1.0)
            sums[f"{name}covered"] += low - 1e-12 <= truth <= high + 1e-12
            sums[f"{name}width"] += high - low
    return {name: total / draws for name, total in sums.items()}


def _active_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "width", "unweighted covered", "unweighted width", "uniform covered",
             "uniform width")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    n, pilot, measurand = int(regime["labels"]), int(regime["pilot"]), regime["measurand"]
    for _ in range(draws):
        judge, y, rate = draw(regime, rng)
        truth = float(y.mean()) if measurand == "items" else rate
        first = rng.permutation(judge.size)[:pilot]
        model = from_pilot(judge, None, first, y[first]) if pilot >= 20 else None
        doubt = np.sqrt(judge * (1 - judge)) + 0.01 if model is None else model.finer
        p = main_chances(n, pilot, doubt)
        new = draw_active(p, first, rng)
        one, two = phase_weights(pilot, n - pilot, judge.size, p)
        at = np.concatenate([first, new])
        chance = np.concatenate([np.full(pilot, pilot / judge.size), p[new]])
        weight = np.concatenate([np.full(pilot, one), two[new]])
        random = rng.permutation(judge.size)[:n]
        free = np.delete(np.arange(judge.size), at)
        naive = ppi_mean(y[at], judge[at], judge[free])
        even = ppi_mean(y[random], judge[random], np.delete(judge, random), lam="cross-fitted")
        ours = weighted_mean(y[at], judge[at], chance, judge, weight=weight, measurand=measurand)
        for name, f in (("", ours), ("unweighted ", naive), ("uniform ", even)):
            low, high = max(f.low, 0.0), min(f.high, 1.0)
            sums[f"{name}covered"] += low <= truth <= high
            sums[f"{name}width"] += high - low
    return {name: total / draws for name, total in sums.items()}


def _study_width(
    model: Model, judge: Floats, y: Floats, n: int, design: str, rng: np.random.Generator
) -> float:
    """The width after labelling so many items in all by a design, the pilot's included."""
    at, n = model.pilot, min(n, judge.size)
    if design == "uniform":
        one = np.zeros(judge.size, dtype=np.int64)
        every = np.concatenate([at, draw_strata(one, np.array([n]), at, rng)])
        ppi = calibrated_ppi(judge, every, y[every])
        return ppi.high - ppi.low
    if design == "active":
        p = main_chances(n, at.size, model.finer)
        new = draw_active(p, at, rng)
        first, second = phase_weights(at.size, max(n - at.size, 1), judge.size, p)
        every = np.concatenate([at, new])
        found = weighted_mean(
            y[every], judge[every],
            np.concatenate([np.full(at.size, at.size / judge.size), p[new]]), judge,
            weight=np.concatenate([np.full(at.size, first), second[new]]), measurand="population",
        )  # fmt: skip
        return min(found.high, 1.0) - max(found.low, 0.0)
    labels = neyman(n, model.sizes, model.spread, already=model.pilot_labels())
    every = np.concatenate([at, draw_strata(model.stratum, labels, at, rng)])
    k = np.bincount(model.stratum[every], weights=y[every], minlength=labels.size)
    _, low, high = stratified_rate(k.astype(np.int64), labels, model.sizes, measurand="population")
    return float(high - low)


def _plan_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("reached", "labels", "formula reached", "formula labels", "gold formula reached",
             "gold formula labels")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    width, pilot, design = float(regime["width"]), int(regime["pilot"]), regime["design"]
    goal = Goal(width, None, None, 0.8, 0.95, "population")
    for _ in range(draws):
        judge, y, rate = draw(regime, rng)
        at = rng.permutation(judge.size)[:pilot]
        if pilot:
            model = from_pilot(judge, None, at, y[at])
        else:
            se, sp = map(float, str(regime["judge"]).split()[1:])
            model = from_assumptions(judge, judge.size, se, sp, rate)
        found = option(
            model, goal, design, costs=Costs(1, 0), most=judge.size,
            seed=int(rng.integers(2**31)), search=100, check=200,
        )  # fmt: skip
        n = found.labels or judge.size
        need = (2 * Z / width) ** 2
        rough = max(int(np.ceil(need * float(model.share @ (model.rate * (1 - model.rate))))), 25)
        overall = model.overall
        alone = min(int(np.ceil(need * overall * (1 - overall))), judge.size)
        sums["reached"] += _study_width(model, judge, y, n, design, rng) <= width
        sums["labels"] += n / judge.size
        sums["formula reached"] += _study_width(model, judge, y, rough, design, rng) <= width
        sums["formula labels"] += rough / judge.size
        k = int(y[rng.permutation(judge.size)[:alone]].sum())
        exact = clopper_pearson(k, alone)
        sums["gold formula reached"] += exact.high - exact.low <= width
        sums["gold formula labels"] += alone / judge.size
    return {name: total / draws for name, total in sums.items()}


ANYTIME = regimes(
    "items labels rate judge draw measurand",
    (400, 100, 0.3, "verdict 0.9 0.9", "uniform", "items"),
    (400, 100, 0.02, "verdict 0.9 0.98", "uniform", "items"),
    (400, 100, 0.3, "verdict 0.5 0.5", "uniform", "items"),
    (400, 100, 0.3, "verdict 1 1", "uniform", "items"),
    (150, 150, 0.2, "score 2", "uniform", "items"),
    (400, 100, 0.3, "score 2", "weighted", "items"),
    (400, 100, 0.95, "score 2", "calibrated", "items"),
    (400, 100, 0.1, "score 2", "uniform", "population"),
)
STRATIFIED = regimes(
    "items labels rate judge measurand",
    (1000, 40, 0.3, "verdict 0.9 0.9", "items"),
    (1000, 60, 0.02, "verdict 0.9 0.98", "items"),
    (2000, 200, 0.1, "verdict 0.99 0.99", "population"),
    (2000, 100, 0.3, "verdict 0.5 0.5", "population"),
    (300, 200, 0.2, "score 2", "items"),
    (2000, 150, 0.95, "score 2", "population"),
)
ACTIVE = regimes(
    "items labels pilot rate judge measurand",
    (1000, 60, 0, 0.3, "score 2", "items"),
    (2000, 200, 0, 0.1, "score 3", "population"),
    (2000, 200, 50, 0.3, "score 2", "population"),
    (1000, 300, 50, 0.3, "score 0", "items"),
    (2000, 150, 0, 0.03, "score 2", "items"),
    (1000, 100, 40, 0.9, "verdict 0.95 0.95", "population"),
)
PLANS = regimes(
    "items width pilot rate judge design",
    (4000, 0.1, 0, 0.3, "verdict 0.9 0.9", "stratified"),
    (4000, 0.04, 0, 0.03, "verdict 0.8 0.98", "stratified"),
    (4000, 0.1, 60, 0.3, "verdict 0.9 0.9", "uniform"),
    (4000, 0.06, 100, 0.1, "score 2", "stratified"),
)
# Spreads within strata come from a logistic map of the pilot, which may be wrong.
PLANS_BEYOND = regimes(
    "items width pilot rate judge design",
    (4000, 0.06, 100, 0.1, "score 2", "active"),
)

CERTIFICATES = (
    Certificate(
        "label-anytime",
        "calibrant.judge.anytime_ppi",
        "All limits along a path of gold labels hold the mean at once at least 95 % of the time, "
        "and a claim that is false is supported at any label at most 5 % of the time.",
        ANYTIME,
        _anytime_batch,
        {"covered": Bound(low=0.95), "false support": Bound(high=0.05)},
        {
            "gold sequence": "the same without the judge",
            "watched ppi": "PPI++ looked at after each label from the 20th on",
        },
        batch_draws=50,
    ),
    Certificate(
        "label-stratified",
        "calibrant.judges.planning.stratified_rate",
        "The interval from labels drawn within strata of the judge's verdict or score holds the "
        "rate at least 95 % of the time, also where strata show no event.",
        STRATIFIED,
        _stratified_batch,
        {"covered": Bound(low=0.95)},
        {
            "plain": "the textbook stratified interval with normal quantiles",
            "uniform ppi++": "PPI++ on as many labels at random",
        },
        batch_draws=250,
    ),
    Certificate(
        "label-active",
        "calibrant.judges.planning.weighted_mean",
        "The interval from items chosen by the judge's doubt, with their probabilities, holds the "
        "mean at least 95 % of the time, in one phase and after a pilot.",
        ACTIVE,
        _active_batch,
        {"covered": Bound(low=0.95, slack=0.01)},
        {
            "unweighted": "PPI++ that forgets how the items were chosen",
            "uniform": "PPI++, cross-fitted, on as many labels at random",
        },
        batch_draws=250,
    ),
    Certificate(
        "label-plan",
        "calibrant.judge.plan",
        "With the planned labels the wanted width is reached at least 80 % of the time, over "
        "pilots and studies, for stated assumptions that are true and for pilots at random, "
        "uniform and stratified.",
        PLANS,
        _plan_batch,
        {"reached": Bound(low=0.8)},
        {
            "formula": "labels by the large-sample variance at the point estimates",
            "gold formula": "labels at random by the large-sample formula of a rate",
        },
        beyond=PLANS_BEYOND,
        batch_draws=25,
    ),
)
