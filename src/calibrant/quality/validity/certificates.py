"""How often are statements about the meaning of scores wrong, with models that are relatives?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtri, stdtrit

from calibrant.quality.validity.agreement import family_tau
from calibrant.quality.validity.factors import factors
from calibrant.quality.validity.overlap import pairs
from calibrant.quality.validity.prediction import predict, unseen_intervals
from calibrant.quality.validity.redundancy import MOST_FOLDS, predicted_by_others
from calibrant.quality.validity.simulate import (
    factor_scores,
    items_of,
    measures_from,
    plain_measures,
)
from calibrant.quality.validity.traits import htmt_ratio
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.relations.correlations import kendall, pearson
from calibrant.stats.relations.simulate import correlated, families_of, normal, percentile
from calibrant.stats.relations.spread import Estimate, corrected, estimates, folds_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _inside(e: Estimate, truth: float) -> bool:
    """Whether an interval covers; one that is refused does not."""
    return e.low is not None and e.high is not None and e.low <= truth <= e.high + 1e-12


def _fisher(r: float, n: int) -> tuple[float, float]:
    z, half = np.arctanh(r), ndtri(0.975) / np.sqrt(n - 3)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def _one_pearson(x: Floats, rows: Ints) -> Floats:
    return pearson(x[rows])[:1, 1]


def _correlation(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, r = families_of(regime["families"]), float(regime["r"])
    sums = dict.fromkeys(("covered", "Fisher covered", "bootstrap covered"), 0.0)
    for _ in range(draws):
        x = correlated(rng, family, r, regime["likeness"])

        def one(rows: Ints, x: Floats = x) -> float:
            return float(pearson(x[rows])[0, 1])

        found = estimates(partial(_one_pearson, x), family)[0]
        sums["covered"] += _inside(found, r)
        low, high = _fisher(one(np.arange(len(x))), len(x))
        sums["Fisher covered"] += low <= r <= high
        low, high = percentile(one, family, len(x), rng, 59)
        sums["bootstrap covered"] += low <= r <= high
    return {k: v / draws for k, v in sums.items()}


def _htmt_of(parts: list[Floats], absolute: bool, rows: Ints) -> Floats:
    return htmt_ratio([p[rows] for p in parts], [(0, 1)], absolute)


def _htmt(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, r = families_of(regime["families"]), float(regime["r"])
    sums = dict.fromkeys(("covered", "subjects covered", "absolute covered"), 0.0)
    for _ in range(draws):
        traits = correlated(rng, family, r, regime["likeness"])
        parts = items_of(rng, traits, regime["items"], regime["loading"])
        for name, absolute, who in (
            ("covered", False, family),
            ("subjects covered", False, np.arange(family.size)),
            ("absolute covered", True, family),
        ):
            found = corrected(partial(_htmt_of, parts, absolute), who)[0]
            sums[name] += _inside(found, r)
    return {k: v / draws for k, v in sums.items()}


def _true(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, r = families_of(regime["families"]), float(regime["r"])
    sums = dict.fromkeys(("covered", "Spearman covered", "uncorrected covered"), 0.0)
    for _ in range(draws):
        traits = correlated(rng, family, r, regime["likeness"])
        made = measures_from(items_of(rng, traits, regime["items"], regime["loading"]), family)
        found = pairs(made)[0]
        sums["covered"] += _inside(found.true, r)
        low, high = _fisher(found.pearson.value or 0.0, family.size)
        under = float(np.sqrt(np.prod(np.maximum(made.reliability, 1e-6))))
        sums["Spearman covered"] += low / under <= r <= high / under
        sums["uncorrected covered"] += _inside(found.pearson, r)
    return {k: v / draws for k, v in sums.items()}


def _factors(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, groups = families_of(regime["families"]), int(regime["groups"])
    # With one general factor, groups of measures only show where they are at least two.
    truth = groups if groups else int(regime["general"] > 0)
    names = ("right", "too many", "Horn right", "MAP right", "Kaiser right")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        x = factor_scores(rng, family, regime["general"], groups, regime["likeness"], 12)
        found = factors(plain_measures(x, family), draws=40, seed=int(rng.integers(2**31)))
        sums["right"] += found.factors == truth
        sums["too many"] += found.factors > truth
        sums["Horn right"] += found.horn == truth
        sums["MAP right"] += found.map == truth
        sums["Kaiser right"] += found.kaiser == truth
    return {k: v / draws for k, v in sums.items()}


def _tau(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, r = families_of(regime["families"]), float(regime["r"])
    truth = 2 / np.pi * np.arcsin(r)
    sums = dict.fromkeys(("covered", "normal covered", "bootstrap covered"), 0.0)
    n = family.size
    for _ in range(draws):
        x = correlated(rng, family, r, regime["likeness"])

        def one(rows: Ints, x: Floats = x) -> float:
            return kendall(x[rows, 0], x[rows, 1])

        found = family_tau(x[:, 0], x[:, 1], family, 0.95)
        sums["covered"] += _inside(found, truth)
        # Fisher's scale with the variance of Fieller, Hartley and Pearson (1957).
        z, half = np.arctanh(found.value or 0.0), ndtri(0.975) * np.sqrt(0.437 / (n - 4))
        sums["normal covered"] += np.tanh(z - half) <= truth <= np.tanh(z + half)
        low, high = percentile(one, None, n, rng, 49)
        sums["bootstrap covered"] += low <= truth <= high
    return {k: float(v) / draws for k, v in sums.items()}


def _unseen(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    seen = families_of(regime["families"])
    family = np.append(seen, seen.max() + 1)
    sums = dict.fromkeys(("covered", "least squares covered", "split conformal covered"), 0.0)
    for _ in range(draws):
        x, noise = normal(rng, family, 2, regime["likeness"]).T
        y = 0.7 * x + 0.7 * noise
        design = np.column_stack([np.ones(x.size), x])
        low, high, _ = unseen_intervals(design, y, family, 0.9)
        sums["covered"] += low[-1] <= y[-1] <= high[-1]
        n = seen.size
        slope = np.linalg.lstsq(design[:n], y[:n], rcond=None)[0]
        left, guess = y[:n] - design[:n] @ slope, float(design[-1] @ slope)
        lever = float(design[-1] @ np.linalg.solve(design[:n].T @ design[:n], design[-1]))
        half = stdtrit(n - 2, 0.95) * np.sqrt(left @ left / (n - 2) * (1 + lever))
        sums["least squares covered"] += abs(y[-1] - guess) <= half
        order = rng.permutation(n)
        fit, check = order[: n // 2], order[n // 2 :]
        slope = np.linalg.lstsq(design[fit], y[fit], rcond=None)[0]
        apart = np.sort(np.abs(y[check] - design[check] @ slope))
        at = min(int(np.ceil((check.size + 1) * 0.9)), check.size) - 1
        sums["split conformal covered"] += abs(y[-1] - float(design[-1] @ slope)) <= apart[at]
    return {k: float(v) / draws for k, v in sums.items()}


def _nothing(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Ability predicts the criterion, the first measure adds nothing; the last is noise alone."""
    family = families_of(regime["families"])
    sums = dict.fromkeys(("gain claimed", "redundant claimed", "t test gain claimed",
                          "F test redundant claimed"), 0.0)  # fmt: skip
    n = family.size
    for _ in range(draws):
        z = normal(rng, family, 10, regime["likeness"])
        values = z[:, :1] + 0.3 * z[:, 1:7]
        values[:, 0], values[:, -1] = z[:, 8], z[:, 9]
        y = values[:, 1:-1].mean(axis=1) + 0.5 * z[:, 7]
        made, k = plain_measures(values, family), values.shape[1] - 1
        first = predict(made, y, only=["m0"])[0]
        sums["gain claimed"] += (first.gain.low or -1.0) > 0
        last = predicted_by_others(made, k, folds_of(family, MOST_FOLDS), 0.95)
        sums["redundant claimed"] += (last.r_squared.low or -1.0) > 0
        rest = np.delete(values, 0, axis=1)
        ability = ((rest - rest.mean(0)) / rest.std(0)).mean(axis=1)
        design = np.column_stack([np.ones(n), ability, values[:, 0]])
        slope, error = np.linalg.lstsq(design, y, rcond=None)[:2]
        size = np.sqrt(error[0] / (n - 3) * np.linalg.inv(design.T @ design)[2, 2])
        sums["t test gain claimed"] += abs(slope[2]) > stdtrit(n - 3, 0.975) * size
        f = last.in_sample / k / ((1 - last.in_sample) / (n - k - 1))
        sums["F test redundant claimed"] += fdtrc(k, n - k - 1, f) <= 0.05
    return {k: float(v) / draws for k, v in sums.items()}


_SPREAD = regimes(
    "families likeness r",
    ("23 unequal", 0.6, 0.5), ("23 unequal", 0.9, 0.8), ("20 of 4", 0.6, 0.9), ("8 of 5", 0.6, 0.5),
    ("10, one large", 0.6, 0.7), ("40 of 1", 0.0, 0.0),
)  # fmt: skip
_ITEMS = regimes(
    "families likeness r items loading",
    ("23 unequal", 0.6, 0.9, 20, 0.5), ("23 unequal", 0.6, 0.6, 40, 0.3),
    ("8 of 5", 0.6, 0.8, 20, 0.6), ("40 of 1", 0.0, 0.7, 20, 0.5),
)  # fmt: skip
_SAME = regimes(
    "families likeness r items loading",
    ("23 unequal", 0.6, 1.0, 20, 0.5),
)  # fmt: skip

CERTIFICATES = (
    Certificate(
        "validity-correlation",
        "calibrant.quality.validity.estimates",
        "Intervals of correlations cover the correlation among models of such families in at "
        "least 93 % of data sets at level 95 %, with relatives alike and families of unequal size.",
        _SPREAD, _correlation, {"covered": Bound(low=0.93)},
        {"Fisher": "Fisher's z of as many independent models: SciPy, R cor.test, leaderboards",
         "bootstrap": "percentile bootstrap of whole families"},
    ),
    Certificate(
        "validity-htmt",
        "calibrant.quality.validity.discriminant",
        "Intervals of HTMT cover the correlation of two traits in at least 93 % of data sets at "
        "level 95 %, for items that load alike.",
        _ITEMS, _htmt, {"covered": Bound(low=0.93)},
        {"subjects": "the same with every model its own family",
         "absolute": "absolute values of correlations, as in Henseler et al., semTools, SmartPLS"},
        batch_draws=125,
    ),
    Certificate(
        "validity-true",
        "calibrant.quality.validity.pairs",
        "Intervals of correlations without error cover the correlation of what is measured in at "
        "least 93 % of data sets at level 95 %, also where it is 1.",
        _ITEMS + _SAME, _true, {"covered": Bound(low=0.93)},
        {"Spearman": "Fisher's interval over the root of the reliabilities, models independent",
         "uncorrected": "the interval of the correlation as it is seen"},
        batch_draws=125,
    ),
    Certificate(
        "validity-factors",
        "calibrant.quality.validity.factors",
        "Parallel analysis finds the right number of factors of 12 measures in at least 85 % of "
        "data sets, and too many in at most 10 %: without factors, with a general one alone, and "
        "with groups beside it.",
        regimes(
            "families likeness general groups",
            ("23 unequal", 0.6, 0.0, 0), ("23 unequal", 0.6, 0.8, 0), ("20 of 4", 0.6, 0.7, 3),
            ("20 of 4", 0.0, 0.8, 3), ("40 of 1", 0.0, 0.8, 0),
        ),
        _factors, {"right": Bound(low=0.85), "too many": Bound(high=0.10)},
        {"Horn": "one reference of independent normal scores for all eigenvalues: R psych",
         "MAP": "Velicer's minimum average partial", "Kaiser": "eigenvalues above 1: SPSS"},
        beyond=regimes("families likeness general groups", ("8 of 5", 0.6, 0.7, 3)),
        batch_draws=50,
    ),
    Certificate(
        "validity-agreement",
        "calibrant.quality.validity.agreement",
        "Intervals of Kendall's τ between two benchmarks cover it in at least 93 % of data sets "
        "at level 95 %.",
        _SPREAD, _tau, {"covered": Bound(low=0.93)},
        {"normal": "Fisher's scale, models independent (Fieller, Hartley and Pearson 1957)",
         "bootstrap": "percentile bootstrap of models: BenchBench"},
        batch_draws=125,
    ),
    Certificate(
        "validity-unseen",
        "calibrant.quality.validity.predict",
        "Intervals of predictions at 90 % hold the criterion of a model of an unseen family in "
        "at least 90 % of cases.",
        regimes("families likeness", ("23 unequal", 0.6), ("20 of 4", 0.6), ("20 of 4", 0.9),
                ("10, one large", 0.6), ("40 of 1", 0.0)),
        _unseen, {"covered": Bound(low=0.90)},
        {"least squares": "the prediction interval of least squares: R predict.lm",
         "split conformal": "split conformal prediction, models exchangeable: MAPIE"},
    ),
    Certificate(
        "validity-nothing",
        "calibrant.quality.validity.predict",
        "A benchmark that adds nothing to ability, and one that nothing predicts, are claimed to "
        "do so in at most 2.5 % of data sets.",
        regimes("families likeness", ("23 unequal", 0.6), ("20 of 4", 0.6), ("8 of 5", 0.6),
                ("40 of 1", 0.0)),
        _nothing, {"gain claimed": Bound(high=0.025), "redundant claimed": Bound(high=0.025)},
        {"t test": "the t test of least squares at 5 %, models independent",
         "F test": "the F test of R² in sample at 5 %"},
        batch_draws=50,
    ),
)  # fmt: skip
