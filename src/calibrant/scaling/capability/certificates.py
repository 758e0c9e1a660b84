"""How often is a score wrongly called capability-driven, or independent of capability?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial as fixed

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from calibrant.scaling.capability.ability import (
    ability,
    between_p,
    partial,
    rank_correlations,
    within_p,
)
from calibrant.scaling.capability.verb import follow
from calibrant.scaling.capability.verdict import conclude, two_tests
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.multiplicity import adjust
from calibrant.stats.relations.simulate import families_of, normal, percentile
from calibrant.stats.relations.spread import Estimate, effective_families, estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MEASURES, _LOADING = 6, 0.9
_NEAR = _LOADING * np.sqrt(_MEASURES / (_MEASURES * _LOADING**2 + 1 - _LOADING**2))
"""How the capability score correlates with the ability behind it."""


def _pearson(rho: float) -> float:
    """The correlation of normal scores that have a rank correlation."""
    return float(2 * np.sin(np.pi * rho / 6))


def _spearman(r: float) -> float:
    """The rank correlation of normal scores that have a correlation."""
    return float(6 / np.pi * np.arcsin(r / 2))


def _table(
    rng: np.random.Generator, family: Ints, rhos: list[float], likeness: float
) -> tuple[Floats, Floats]:
    """Capability measures, and scores with these rank correlations with the capability score."""
    ahead = normal(rng, family, 1 + _MEASURES + len(rhos), likeness)
    theta, noise, own = ahead[:, :1], ahead[:, 1 : 1 + _MEASURES], ahead[:, 1 + _MEASURES :]
    caps = _LOADING * theta + np.sqrt(1 - _LOADING**2) * noise
    r = np.array([_pearson(rho) for rho in rhos]) / _NEAR
    return caps, theta * r + np.sqrt(1 - r**2) * own


def _inside(e: Estimate, truth: float) -> bool:
    return e.low is not None and e.high is not None and e.low <= truth <= e.high


def _bonett(r: float, n: int) -> tuple[float, float]:
    """Fisher's interval with the variance of Bonett and Wright, Psychometrika 65 (2000) 23."""
    r = min(max(r, -0.999999), 0.999999)
    half = float(ndtri(0.975)) * np.sqrt((1 + r * r / 2) / (n - 3))
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _rho(caps: Floats, y: Floats, rows: Ints) -> float:
    return float(rank_correlations(ability(caps[rows])[0], y[rows])[0])


def _correlation(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family, truth = families_of(regime["families"]), float(regime["rho"])
    rows = np.arange(family.size)
    keys = ("covered", "width", "Fisher covered", "bootstrap covered")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        caps, y = _table(rng, family, [truth], regime["likeness"])
        found = follow(caps, rows, y, family, 0.95)[0]
        sums["covered"] += _inside(found, truth)
        sums["width"] += ((found.high or 1.0) - (found.low or -1.0)) / 2
        low, high = _bonett(found.value or 0.0, rows.size)
        sums["Fisher covered"] += low <= truth <= high
        low, high = percentile(fixed(_rho, caps, y), None, rows.size, rng, 29)
        sums["bootstrap covered"] += low <= truth <= high
    return {name: v / draws for name, v in sums.items()}


def _wrong(said: str, rho: float) -> bool:
    """Whether a verdict is false of a correlation; one at a margin is not beyond it."""
    if said == "capability-driven":
        return abs(rho) <= 0.5
    return said == "independent" and abs(rho) >= 0.3


def _verdicts(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    rhos = [float(r) for r in regime["rhos"].split()]
    rows, n = np.arange(family.size), family.size
    df = effective_families(family) - 1
    keys = ("any wrong", "decided", "sizes any wrong", "p-values any wrong")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        caps, y = _table(rng, family, rhos, regime["likeness"])
        found = follow(caps, rows, y, family, 0.95)
        tests = [two_tests(e, df, margin=0.3, driven=0.5) for e in found]
        p = [1.0 if t is None else min(t.p_driven, t.p_independent) for t in tests]
        said = [conclude(t, float(q), 0.05) for t, q in zip(tests, adjust(p, "holm"), strict=True)]
        sums["any wrong"] += any(_wrong(s, r) for s, r in zip(said, rhos, strict=True))
        sums["decided"] += float(np.mean([s != "undetermined" for s in said]))
        seen = np.array([e.value or 0.0 for e in found])
        plain = np.where(
            abs(seen) > 0.5, "capability-driven", np.where(abs(seen) < 0.3, "independent", "")
        )
        sums["sizes any wrong"] += any(_wrong(s, r) for s, r in zip(plain, rhos, strict=True))
        # The same tests, models counted as independent, Bonett and Wright's variance.
        error = np.sqrt((1 + seen**2 / 2) / (n - 3))
        size = np.arctanh(np.minimum(abs(seen), 0.999999))
        low = np.array([stdtr(1e9, -(size - np.arctanh(0.5)) / error),
                        stdtr(1e9, -(np.arctanh(0.3) - size) / error)])  # fmt: skip
        decided = adjust(low.min(axis=0), "holm") <= 0.05
        names = np.where(low[0] <= low[1], "capability-driven", "independent")
        flat = np.where(decided, names, "")
        sums["p-values any wrong"] += any(_wrong(s, r) for s, r in zip(flat, rhos, strict=True))
    return {name: v / draws for name, v in sums.items()}


def _shuffles(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    groups = int(family.max()) + 1
    keys = ("within said", "between said", "Spearman said", "seen within", "seen between")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        # Both rise with a family's place; inside a family they have nothing to do with each other.
        place = regime["shared"] * rng.standard_normal(groups)
        spread = np.exp(0.5 * rng.standard_normal(groups))[family]
        x = place[family] + spread * rng.standard_normal(family.size)
        y = (place[family] + spread * rng.standard_normal(family.size))[:, None]
        sums["within said"] += float(within_p(x, y, family, draws=199, rng=rng)[0]) <= 0.05
        r = float(rank_correlations(x, y)[0])
        t = r * np.sqrt((x.size - 2) / max(1 - r * r, 1e-12))
        sums["Spearman said"] += 2 * float(stdtr(x.size - 2, -abs(t))) <= 0.05
        apart = normal(rng, family, 2, regime["likeness"])
        p = between_p(apart[:, 0], apart[:, 1:], family, draws=199, rng=rng)
        sums["between said"] += float(p[0]) <= 0.05
        both = normal(rng, family, 2, regime["likeness"])
        y = (0.8 * both[:, 0] + 0.6 * both[:, 1])[:, None]
        sums["seen within"] += float(within_p(both[:, 0], y, family, draws=199, rng=rng)[0]) <= 0.05
        p = between_p(both[:, 0], y, family, draws=199, rng=rng)
        sums["seen between"] += float(p[0]) <= 0.05
    return {name: v / draws for name, v in sums.items()}


def _left(caps: Floats, size: Floats, y: Floats, rows: Ints) -> Floats:
    score = ability(caps[rows])[0]
    with_size = rank_correlations(size[rows], np.column_stack([score, y[rows]]))
    one = rank_correlations(score, y[rows])
    return partial(one, float(with_size[0]), with_size[1:])


def _beyond(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    r, s = float(regime["rho"]), float(regime["with_compute"])
    # Rank correlations of normal scores, and so the partial one that they make.
    # y follows ability, and compute only through it.
    xy, xz, yz = (_spearman(v) for v in (r * _NEAR, s * _NEAR, r * s))
    truth = float(partial(np.array([xy]), xz, np.array([yz]))[0])
    sums = dict.fromkeys(("covered", "width", "Fisher covered"), 0.0)
    for _ in range(draws):
        ahead = normal(rng, family, 3 + _MEASURES, regime["likeness"])
        theta = ahead[:, 0]
        caps = _LOADING * theta[:, None] + np.sqrt(1 - _LOADING**2) * ahead[:, 3:]
        size = s * theta + np.sqrt(1 - s * s) * ahead[:, 1]
        y = (r * theta + np.sqrt(1 - r * r) * ahead[:, 2])[:, None]
        found = estimates(fixed(_left, caps, size, y), family)[0]
        sums["covered"] += _inside(found, truth)
        sums["width"] += ((found.high or 1.0) - (found.low or -1.0)) / 2
        low, high = _bonett(found.value or 0.0, family.size - 1)
        sums["Fisher covered"] += low <= truth <= high
    return {name: v / draws for name, v in sums.items()}


CERTIFICATES = (
    Certificate(
        "capability-correlation",
        "calibrant.scaling.capability.verb.follow",
        "Intervals of Spearman's correlation with the capability score cover the one among "
        "subjects of such families in at least 93 % of data sets at level 95 %, also for 26 "
        "subjects in 9 unequal families of which one holds a third.",
        regimes(
            "families likeness rho",
            ("26 in 9", 0.6, 0.0), ("26 in 9", 0.6, 0.5), ("26 in 9", 0.6, 0.8),
            ("26 in 9", 0.0, 0.5), ("10, one large", 0.8, 0.5), ("77 in 21", 0.6, 0.5),
            ("40 of 1", 0.0, 0.8),
        ),
        _correlation, {"covered": Bound(low=0.93)},
        {"Fisher": "Fisher's z with the variance of Bonett and Wright, models independent",
         "bootstrap": "percentile bootstrap of models"},
        batch_draws=125,
    ),
    Certificate(
        "capability-verdict",
        "calibrant.scaling.capability.verb.only_capability",
        "In at most 5 % of tables is any score called capability-driven whose rank correlation is "
        "at most 0.5, or independent whose correlation is at least 0.3; all scores judged "
        "together (Holm), also with correlations at the very margins.",
        regimes(
            "families likeness rhos",
            ("26 in 9", 0.6, "0.5"), ("26 in 9", 0.6, "0.3"),
            ("26 in 9", 0.6, "0.5 -0.5 0.5 0.3 -0.3 0.3 0.4 0.4 0 0.9"),
            ("77 in 21", 0.6, "0.5 0.5 0.5 0.3 0.3 0.3 0.4 0 0 0.9"),
            ("77 in 21", 0.0, "0.9 0"), ("40 of 1", 0.0, "0.5 0.3 0 0.9"),
            ("20 of 4", 0.3, "0.5"), ("20 of 4", 0.3, "0.3"),
        ),
        _verdicts, {"any wrong": Bound(high=0.05)},
        {"sizes": "the size of the correlation alone: above 0.5, below 0.3 (safetywashing tables)",
         "p-values": "the same tests and Holm, models counted as independent"},
        beyond=regimes("families likeness rhos", ("8 of 5", 0.9, "0.5 0.3 0.5 0.3")),
        batch_draws=125,
    ),
    Certificate(
        "capability-shuffles",
        "calibrant.scaling.capability.ability.within_p",
        "Where inside families a score has nothing to do with capability, this is denied in at "
        "most 5 % of data sets at p ≤ 0.05, however much families differ; and in at most 6 % for "
        "means of families of unequal size that have nothing to do with each other.",
        regimes(
            "families likeness shared",
            ("26 in 9", 0.6, 0.0), ("26 in 9", 0.6, 3.0), ("77 in 21", 0.6, 3.0),
            ("23 unequal", 0.3, 1.0),
        ),
        _shuffles, {"within said": Bound(high=0.05), "between said": Bound(high=0.06)},
        {"Spearman": "the t test of Spearman's correlation, families ignored: SciPy, R cor.test"},
        batch_draws=125,
    ),
    Certificate(
        "capability-beyond",
        "calibrant.scaling.capability.verb.only_capability",
        "Intervals of the rank correlation with capability that compute leaves cover it in at "
        "least 93 % of data sets at level 95 %.",
        regimes(
            "families likeness rho with_compute",
            ("26 in 9", 0.6, 0.7, 0.7), ("26 in 9", 0.6, 0.0, 0.9), ("77 in 21", 0.6, 0.7, 0.7),
            ("77 in 21", 0.3, 0.9, 0.8),
        ),
        _beyond, {"covered": Bound(low=0.93)},
        {"Fisher": "Fisher's z with one subject less, models independent: pingouin, R ppcor"},
        batch_draws=125,
    ),
)  # fmt: skip
