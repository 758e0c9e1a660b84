"""How often is a score wrongly called capability-driven, or independent of capability?"""

from __future__ import annotations

import math
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
from calibrant.scaling.capability.itself import beyond_scale, follow
from calibrant.scaling.capability.plan import plan_for
from calibrant.scaling.capability.verdict import Tested, conclude, two_tests
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.multiplicity import adjust
from calibrant.stats.relations.simulate import families_of, normal, percentile
from calibrant.stats.relations.spread import Estimate, effective_families

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MEASURES, _LOADING = 6, 0.9


def _near(loading: float) -> float:
    """How the capability score correlates with the ability behind it: reliability, its root."""
    return float(loading * np.sqrt(_MEASURES / (_MEASURES * loading**2 + 1 - loading**2)))


def _pearson(rho: float) -> float:
    """The correlation of normal scores that have a rank correlation."""
    return float(2 * np.sin(np.pi * rho / 6))


def _spearman(r: float) -> float:
    """The rank correlation of normal scores that have a correlation."""
    return float(6 / np.pi * np.arcsin(r / 2))


def _table(
    rng: np.random.Generator, family: Ints, rhos: list[float], likeness: float,
    loading: float = _LOADING,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Capability measures, and scores with these rank correlations with capability itself."""
    ahead = normal(rng, family, 1 + _MEASURES + len(rhos), likeness)
    theta, noise, own = ahead[:, :1], ahead[:, 1 : 1 + _MEASURES], ahead[:, 1 + _MEASURES :]
    caps = loading * theta + np.sqrt(1 - loading**2) * noise
    r = np.array([_pearson(rho) for rho in rhos])
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
    seen = _spearman(_pearson(truth) * _near(_LOADING))
    rows = np.arange(family.size)
    keys = ("covered", "width", "Fisher covered", "bootstrap covered")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        caps, y = _table(rng, family, [truth], regime["likeness"])
        found = follow(caps, rows, y, family, 0.95).score[0]
        sums["covered"] += _inside(found, seen)
        sums["width"] += _half(found)
        low, high = _bonett(found.value or 0.0, rows.size)
        sums["Fisher covered"] += low <= seen <= high
        low, high = percentile(fixed(_rho, caps, y), None, rows.size, rng, 29)
        sums["bootstrap covered"] += low <= seen <= high
    return {name: v / draws for name, v in sums.items()}


def _itself(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Intervals for capability itself; a plan's table, drawn, decides as often as it says."""
    family, truth = families_of(regime["families"]), float(regime["rho"])
    loading, rows = float(regime["loading"]), np.arange(family.size)
    keys = ("covered", "width", "no interval", "as it is covered", "divided covered")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        caps, y = _table(rng, family, [truth], regime["likeness"], loading)
        found = follow(caps, rows, y, family, 0.95)
        pure, plain = found.itself[0], found.score[0]
        sums["no interval"] += pure.low is None
        sums["covered"] += pure.low is None or _inside(pure, truth)
        sums["width"] += _half(pure)
        sums["as it is covered"] += _inside(plain, truth)
        # Spearman's correction of Fisher's interval for independent models, its root as known.
        root = max(float(np.nan_to_num(found.left.every[0, 0, 1])), 0.1)
        low, high = (v / root for v in _bonett(plain.value or 0.0, rows.size))
        sums["divided covered"] += low <= truth <= high
    return {name: v / draws for name, v in sums.items()}


def _planned(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """From a table a plan; then tables of the planned sizes: do they decide?"""
    family, n = families_of(regime["families"]), families_of(regime["families"]).size
    loading, alike = float(regime["loading"]), float(regime["likeness"])
    effective = effective_families(family)
    sums = dict.fromkeys(("decided", "families", "subjects alone decided"), 0.0)
    how: dict[str, float] = {"margin": 0.3, "driven": 0.5}
    # Two one-sided tests of Fisher's z around no correlation, with a chance of .8.
    usual = math.ceil(((ndtri(0.95) + ndtri(0.9)) / math.atanh(0.3)) ** 2) + 3

    def decides(copies: int) -> bool:
        many = np.concatenate([family + i * (int(family.max()) + 1) for i in range(copies)])
        caps, y = _table(rng, many, [0.0], alike, loading)
        later = follow(caps, np.arange(many.size), y, many, 0.9).tests(margin=0.3, driven=0.5)[0]
        return later is not None and later.p_independent <= 0.05

    for _ in range(draws):
        caps, y = _table(rng, family, [0.0] * 4, alike, loading)
        found = follow(caps, np.arange(n), y, family, 0.9)
        unit, root = found.unit(), float(found.left.every[0, 0, 1])
        assert unit is not None
        plan = plan_for(
            unit, root if root > 0 else 1.0, subjects=n, families=int(family.max()) + 1,
            effective=effective, scores=1, alpha=0.05, **how,
        )  # fmt: skip
        copies = max(round((plan.alone or n) / n), 1)
        sums["decided"] += decides(copies)
        sums["families"] += copies * (int(family.max()) + 1)
        sums["subjects alone decided"] += decides(max(round(usual / n), 1))
    return {name: v / draws for name, v in sums.items()}


def _half(e: Estimate) -> float:
    return ((1.0 if e.high is None else e.high) - (-1.0 if e.low is None else e.low)) / 2


def _wrong(said: str, rho: float) -> bool:
    """Whether a verdict is false of a correlation; one at a margin is not beyond it."""
    if said == "capability-driven":
        return abs(rho) <= 0.5
    return said == "independent" and abs(rho) >= 0.3


def _concluded(tests: list[Tested | None]) -> list[str]:
    p = [1.0 if t is None else min(t.p_driven, t.p_independent) for t in tests]
    return [conclude(t, float(q), 0.05) for t, q in zip(tests, adjust(p, "holm"), strict=True)]


def _verdicts(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    rhos = [float(r) for r in regime["rhos"].split()]
    rows, n = np.arange(family.size), family.size
    loading = float(regime.get("loading") or _LOADING)
    keys = ("any wrong", "decided", "sizes any wrong", "p-values any wrong", "as it is any wrong")
    sums = dict.fromkeys(keys, 0.0)
    for _ in range(draws):
        caps, y = _table(rng, family, rhos, regime["likeness"], loading)
        all_of = follow(caps, rows, y, family, 0.95)
        found = all_of.score
        said = _concluded(all_of.tests(margin=0.3, driven=0.5))
        sums["any wrong"] += any(_wrong(s, r) for s, r in zip(said, rhos, strict=True))
        noisy = [two_tests(e, all_of.left.free, margin=0.3, driven=0.5) for e in found]
        each = zip(_concluded(noisy), rhos, strict=True)
        sums["as it is any wrong"] += any(_wrong(s, r) for s, r in each)
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


def _beyond(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    family = families_of(regime["families"])
    r, s, loading = float(regime["rho"]), float(regime["with_compute"]), float(regime["loading"])
    near = _near(loading)
    # Rank correlations of normal scores, and so the partial ones that they make.
    # y follows ability, and compute only through it: beyond ability itself, compute has nothing.
    seen = [_spearman(v) for v in (r * near, s * near, r * s)]
    true = [_spearman(v) for v in (r, s, r * s)]
    truths = [
        float(partial(np.array([one]), with_, np.array([two]))[0])
        for xy, xz, yz in (seen, true)
        for one, with_, two in ((xy, xz, yz), (yz, xz, xy))
    ]
    names = ("score", "compute", "itself", "compute itself")
    keys = [f"{n} {k}" for n in names for k in ("covered", "width")]
    sums = dict.fromkeys([*keys, "no interval", "Fisher covered", "as it is covered"], 0.0)
    for _ in range(draws):
        ahead = normal(rng, family, 3 + _MEASURES, regime["likeness"])
        able = ahead[:, 0]
        caps = loading * able[:, None] + np.sqrt(1 - loading**2) * ahead[:, 3:]
        size = s * able + np.sqrt(1 - s * s) * ahead[:, 1]
        y = (r * able + np.sqrt(1 - r * r) * ahead[:, 2])[:, None]
        found = [e[0] for e in beyond_scale(caps, size, y, family, 0.95)]
        for name, e, truth in zip(names, found, truths, strict=True):
            sums[f"{name} covered"] += e.low is None or _inside(e, truth)
            sums[f"{name} width"] += _half(e)
        sums["no interval"] += any(e.low is None for e in found)
        low, high = _bonett(found[0].value or 0.0, family.size - 1)
        sums["Fisher covered"] += low <= truths[0] <= high
        sums["as it is covered"] += _inside(found[1], truths[3])
    return {name: v / draws for name, v in sums.items()}


CERTIFICATES = (
    Certificate(
        "capability-correlation",
        "calibrant.scaling.capability.itself.follow",
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
        "In at most 5 % of tables is any score called capability-driven whose rank correlation "
        "with capability itself is at most 0.5, or independent whose correlation is at least 0.3; "
        "all scores judged together (Holm), also with correlations at the very margins, and with "
        "a capability score of little reliability (loadings of 0.5: 0.67).",
        regimes(
            "families likeness rhos loading",
            ("26 in 9", 0.6, "0.5", 0.9), ("26 in 9", 0.6, "0.3", 0.9),
            ("26 in 9", 0.6, "0.5 -0.5 0.5 0.3 -0.3 0.3 0.4 0.4 0 0.9", 0.9),
            ("77 in 21", 0.6, "0.5 0.5 0.5 0.3 0.3 0.3 0.4 0 0 0.9", 0.9),
            ("77 in 21", 0.0, "0.9 0", 0.9), ("40 of 1", 0.0, "0.5 0.3 0 0.9", 0.9),
            ("20 of 4", 0.3, "0.5", 0.9), ("20 of 4", 0.3, "0.3", 0.9),
            ("40 of 1", 0.0, "0.3 0.3 0.3", 0.5), ("77 in 21", 0.0, "0.3 0.5", 0.5),
        ),
        _verdicts, {"any wrong": Bound(high=0.05)},
        {"sizes": "the size of the correlation alone: above 0.5, below 0.3 (safetywashing tables)",
         "p-values": "the same tests and Holm, models counted as independent",
         "as it is": "the same tests, the capability score taken for capability"},
        beyond=regimes("families likeness rhos loading", ("8 of 5", 0.9, "0.5 0.3 0.5 0.3", 0.9)),
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
        "capability-itself",
        "calibrant.scaling.capability.itself.follow",
        "Intervals of the rank correlation with capability itself, the error of the capability "
        "score taken out by its theta, cover it in at least 93 % of data sets at level 95 %, also "
        "of 26 subjects in 9 unequal families and where the reliability is 0.67 (loadings 0.5).",
        regimes(
            "families likeness rho loading",
            ("26 in 9", 0.6, 0.0, 0.9), ("26 in 9", 0.6, 0.8, 0.7), ("26 in 9", 0.6, 0.5, 0.5),
            ("26 in 9", 0.0, 0.8, 0.5), ("77 in 21", 0.6, 0.5, 0.5), ("77 in 21", 0.3, 0.9, 0.7),
            ("40 of 1", 0.0, 0.8, 0.5),
        ),
        _itself, {"covered": Bound(low=0.93)},
        {"as it is": "the interval for the capability score, taken for capability",
         "divided": "Fisher's interval for independent models over the root of the reliability"},
        beyond=regimes("families likeness rho loading", ("26 in 9", 0.6, 0.8, 0.3)),
        batch_draws=125,
    ),
    Certificate(
        "capability-plan",
        "calibrant.scaling.capability.plan.plan_for",
        "A table of the size that a plan from a smaller table names calls a score that has nothing "
        "to do with capability independent in at least 70 % of cases, where 80 % are said: the "
        "error that it is planned with is itself uncertain.",
        regimes(
            "families likeness loading", ("26 in 9", 0.6, 0.9), ("26 in 9", 0.3, 0.7),
            ("20 of 4", 0.6, 0.9),
        ),
        _planned, {"decided": Bound(low=0.7)},
        {"subjects alone": "a table planned by Fisher's z for independent subjects without error "
                           "of the capability score, as G*Power and R pwr do"},
        batch_draws=50,
    ),
    Certificate(
        "capability-beyond",
        "calibrant.scaling.capability.itself.beyond_scale",
        "Intervals of the rank correlation with the capability score that compute leaves, and of "
        "that with compute that the capability score leaves, cover it in at least 93 % of data "
        "sets at level 95 %; so do both for capability itself, where an interval is given.",
        regimes(
            "families likeness rho with_compute loading",
            ("26 in 9", 0.6, 0.7, 0.7, 0.9), ("26 in 9", 0.6, 0.0, 0.9, 0.9),
            ("77 in 21", 0.6, 0.7, 0.7, 0.9), ("77 in 21", 0.3, 0.9, 0.8, 0.9),
            ("26 in 9", 0.6, 0.7, 0.7, 0.6), ("77 in 21", 0.3, 0.7, 0.7, 0.6),
        ),
        _beyond,
        {f"{n} covered": Bound(low=0.93) for n in ("score", "compute", "itself", "compute itself")},
        {"Fisher": "Fisher's z with one subject less, models independent: pingouin, R ppcor",
         "as it is": "compute beyond the capability score, taken for beyond capability"},
        batch_draws=125,
    ),
)  # fmt: skip
