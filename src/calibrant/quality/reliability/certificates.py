"""Do intervals for reliability cover, with few subjects and scores far from normal?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import expit, ndtri

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, alpha
from calibrant.quality.reliability.components import generalizability
from calibrant.quality.reliability.conditional import conditional
from calibrant.quality.reliability.factors import omega
from calibrant.quality.reliability.intervals import bootstrap_t, feldt, jackknife
from calibrant.quality.reliability.prompts import draw_means, fit_prompts
from calibrant.quality.reliability.ranks import rank_reliability
from calibrant.quality.responses import of_matrix
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes


def _abilities(kind: str, n: int, rng: np.random.Generator) -> Floats:
    if kind == "normal":
        return rng.normal(size=n)
    if kind == "two groups":  # a few strong subjects, and many alike
        drawn: Floats = np.where(rng.random(n) < 0.8, -0.5, 2.0) + 0.2 * rng.normal(size=n)
        return drawn
    return rng.exponential(size=n) - 1.0


@lru_cache(maxsize=32)
def _items(k: int, shift: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(k)
    return np.exp(rng.normal(0, 0.3, k)), rng.normal(shift, 1.0, k)


@lru_cache(maxsize=32)
def _true_alpha(k: int, shift: float, kind: str) -> float:
    """α of all subjects, these items."""
    a, b = _items(k, shift)
    p = expit(a * (_abilities(kind, 40_000, np.random.default_rng(0))[:, None] - b))
    own = p.mean(axis=0) * (1 - p.mean(axis=0))
    total = p.sum(axis=1).var() + (p * (1 - p)).sum(axis=1).mean()
    return float(k / (k - 1) * (1 - own.sum() / total))


def _alpha(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    n, k, kind = int(regime["subjects"]), int(regime["items"]), str(regime["abilities"])
    a, b = _items(k, float(regime["shift"]))
    true = _true_alpha(k, float(regime["shift"]), kind)
    own = np.arange(n)
    sums = dict.fromkeys(("covered", "Feldt covered", "percentile covered"), 0.0)
    width = 0.0
    for _ in range(draws):
        x = (rng.random((n, k)) < expit(a * (_abilities(kind, n, rng)[:, None] - b))).astype(float)
        try:
            low, high = bootstrap_t(
                x, own, draws=400, seed=int(rng.integers(2**31)), workers=1
            )  # fmt: skip
        except InputError:
            continue  # refused: no interval, and counted as a miss
        sums["covered"] += low <= true <= high
        width += high - low
        low, high = feldt(alpha(x), n, k)
        sums["Feldt covered"] += low <= true <= high
        low, high = np.quantile(_percentile(x, rng), [0.025, 0.975])
        sums["percentile covered"] += low <= true <= high
    return {name: total / draws for name, total in sums.items()} | {"width": width / draws}


def _percentile(x: Floats, rng: np.random.Generator) -> Floats:
    """α of 200 resamples of the subjects."""
    n, k = x.shape
    w = rng.multinomial(n, np.full(n, 1 / n), size=200).astype(float)
    gram, total, own = x @ x.T, x.sum(axis=1), (x**2).sum(axis=1)
    items = w @ own / n - ((w @ gram) * w).sum(axis=1) / n**2
    whole = w @ total**2 / n - (w @ total / n) ** 2
    found: Floats = k / (k - 1) * (1 - items / np.maximum(whole, 1e-12))
    return found


@lru_cache(maxsize=16)
def _universe(kind: str) -> tuple[float, float, float]:
    """Components of subjects, items and residual, both drawn at random."""
    rng = np.random.default_rng(1)
    theta = _abilities(kind, 1500, rng)
    a, b = np.exp(rng.normal(0, 0.3, 1500)), rng.normal(0.0, 1.0, 1500)
    p = expit(a * (theta[:, None] - b))
    subject, item = float(p.mean(axis=1).var()), float(p.mean(axis=0).var())
    whole = float(p.mean() * (1 - p.mean()))
    return subject, item, whole - subject - item


def _components(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    n, k, kind = int(regime["subjects"]), int(regime["items"]), str(regime["abilities"])
    s, i, r = _universe(kind)
    names = ("Eρ² covered", "Φ covered", "subject covered", "subjects only Φ covered")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        a, b = np.exp(rng.normal(0, 0.3, k)), rng.normal(0.0, 1.0, k)
        x = (rng.random((n, k)) < expit(a * (_abilities(kind, n, rng)[:, None] - b))).astype(float)
        try:
            found = generalizability(of_matrix(x), seed=int(rng.integers(2**31)))
        except InputError:
            continue
        for name, true, (_, low, high) in (
            ("Eρ² covered", s / (s + r / k), found.coefficient),
            ("Φ covered", s / (s + (i + r) / k), found.dependability),
        ):
            if low is not None and high is not None:
                sums[name] += low <= true <= high
        sums["subject covered"] += found.components[0].low <= s <= found.components[0].high
        low, high = feldt(found.dependability[0], n, k)
        sums["subjects only Φ covered"] += low <= s / (s + (i + r) / k) <= high
    return {name: total / draws for name, total in sums.items()}


def _congeneric(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    n, k = int(regime["subjects"]), int(regime["items"])
    loading = np.linspace(0.3, 0.9, k)
    true = float(loading.sum()) ** 2 / (float(loading.sum()) ** 2 + k * 0.5)
    own = np.arange(n)
    sums = dict.fromkeys(("covered", "percentile covered"), 0.0)

    def statistic(y: Floats) -> float:
        return omega(y)[1]

    for _ in range(draws):
        theta = _abilities(str(regime["abilities"]), n, rng)
        x = theta[:, None] * loading + np.sqrt(0.5) * rng.normal(size=(n, k))
        try:
            low, high = jackknife(statistic(x), lambda kept, x=x: statistic(x[kept]), own)  # type: ignore[misc]
            sums["covered"] += low <= true <= high
        except InputError:
            pass  # refused: no interval, and counted as a miss
        drawn = [statistic(x[rng.integers(0, n, n)]) for _ in range(30)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        sums["percentile covered"] += low <= true <= high
    return {name: total / draws for name, total in sums.items()}


def _conditional(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """One subject of a given rate; items, or whole clusters, drawn from a large pool."""
    rate, items, size = float(regime["rate"]), int(regime["items"]), int(regime["cluster"])
    names = ("covered", "Wald covered", "average covered")
    sums = dict.fromkeys(names, 0.0)
    units = items // size
    clusters = np.repeat(np.arange(units), size) if size > 1 else None
    z = float(ndtri(0.975))
    for _ in range(draws):
        rates = np.append(rng.beta(2, 2, 29), rate)
        if size > 1:  # rates of clusters vary about the subject's own, with icc 0.15
            strength = (1 - 0.15) / 0.15
            p = rng.beta(rates[:, None] * strength, (1 - rates[:, None]) * strength, (30, units))
            p = np.repeat(p, size, axis=1)
        else:
            p = np.repeat(rates[:, None], items, axis=1)
        x = (rng.random(p.shape) < p).astype(float)
        found = conditional(x, tuple(map(str, range(30))), clusters).subjects[-1]
        if found.low is not None and found.high is not None:
            sums["covered"] += found.low <= rate <= found.high
        mean = x[-1].mean()
        wald = z * np.sqrt(mean * (1 - mean) / items)
        sums["Wald covered"] += abs(mean - rate) <= wald
        average = z * x.mean(axis=1).std(ddof=1) * np.sqrt(max(1 - alpha(x), 0.0))
        sums["average covered"] += abs(mean - rate) <= average
    return {name: total / draws for name, total in sums.items()}


def _ranks(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Is the order right as often as it is said to be? ½ + (right − said) over all pairs."""
    n, k, kind = int(regime["subjects"]), int(regime["items"]), str(regime["abilities"])
    names = ("calibrated", "neighbours calibrated", "z test calibrated")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        theta = _abilities(kind, n, rng)
        a, b = np.ones(k), rng.normal(0.0, 1.0, k)
        x = (rng.random((n, k)) < expit(a * (theta[:, None] - b))).astype(float)
        subjects = tuple(map(str, range(n)))
        try:
            study = generalizability(of_matrix(x))
        except InputError:
            for name in names:
                sums[name] += 0.5
            continue
        found = rank_reliability(x, subjects, study.universe, study.coefficient[0])
        mean = x.mean(axis=1)
        upper = np.triu_indices(n, 1)
        gap, truth = (mean[:, None] - mean)[upper], (theta[:, None] - theta)[upper]
        right = np.where(gap == 0, 0.5, np.sign(gap) == np.sign(truth))
        sums["calibrated"] += 0.5 + float(right.mean()) - found.any_pair
        near = [
            (theta[int(m.above)] > theta[int(m.below)]) if m.difference > 0 else 0.5
            for m in found.neighbours
        ]
        said = float(np.mean([m.right for m in found.neighbours]))
        sums["neighbours calibrated"] += 0.5 + float(np.mean(near)) - said
        plain = expit(
            1.702 * np.array([m.difference / max(m.error, 1e-9) for m in found.neighbours])
        )
        sums["z test calibrated"] += 0.5 + float(np.mean(near)) - float(plain.mean())
    return {name: total / draws for name, total in sums.items()}


def _prompts(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Quantiles over all prompts of the scores on all items, most cells not run."""
    prompts, items, share = int(regime["prompts"]), int(regime["items"]), float(regime["run"])
    shares = (0.05, 0.5, 0.95)
    sums: dict[str, float] = {}
    for _ in range(draws):
        logit = (
            rng.normal(0.5, 1.0)
            + float(regime["prompt_sd"]) * rng.normal(size=(prompts, 1))
            + 1.2 * rng.normal(size=items)
            + float(regime["interaction"]) * rng.normal(size=(prompts, items))
        )
        y = (rng.random(logit.shape) < expit(logit)).astype(float)
        seen = rng.random(y.shape) < share
        seen[np.arange(prompts), rng.integers(0, items, prompts)] = True
        seen[rng.integers(0, prompts, items), np.arange(items)] = True
        part = np.where(seen, y, np.nan)
        drawn = draw_means(part, fit_prompts(part), 150, rng)
        truth = y.mean(axis=1)
        plain = np.nanmean(part, axis=1)
        count = seen.sum(axis=1)
        error = np.sqrt(plain * (1 - plain) / count * (1 - count / items))
        usual = plain + error * rng.standard_normal((200, prompts))
        _tally(sums, "", drawn, truth, shares)
        _tally(sums, "plain averages ", usual, truth, shares)
    return {name: total / draws for name, total in sums.items()}


def _tally(
    sums: dict[str, float], prefix: str, drawn: Floats, truth: Floats, shares: tuple[float, ...]
) -> None:
    values: list[tuple[str, Any, Any]] = [("mean", drawn.mean(axis=1), truth.mean()),
                                          ("worst", drawn.min(axis=1), truth.min())]  # fmt: skip
    values += [
        (f"{q:.0%} quantile", np.quantile(drawn, q, axis=1), np.quantile(truth, q)) for q in shares
    ]
    for name, of, true in values:
        low, high = np.quantile(of, [0.025, 0.975])
        key = f"{prefix}{name} covered"
        sums[key] = sums.get(key, 0.0) + float(low - 1e-9 <= true <= high + 1e-9)


_KEYS = "subjects items shift abilities"
_DRAWN = "subjects items abilities"
_NEAR = Bound(low=0.95, slack=0.03)

CERTIFICATES = (
    Certificate(
        "reliability-alpha",
        "reliability",
        "95 % intervals for α cover at least 92 % with 60 subjects and scores of 0 and 1, whose "
        "abilities are normal or fall in two groups, and with 20 where items are not all hard.",
        regimes(_KEYS, (60, 10, 0.0, "normal"), (60, 100, 1.5, "normal"),
                (60, 100, 1.5, "two groups"), (20, 10, 0.0, "two groups"),
                (20, 100, 0.0, "normal")),
        _alpha,
        {"covered": _NEAR},
        {"Feldt": "exact under normality (psychometric packages)",
         "percentile": "naive bootstrap of subjects"},
        regimes(_KEYS, (20, 10, 2.0, "normal"), (20, 100, 1.5, "skewed"), (60, 100, 1.5, "skewed")),
        batch_draws=50,
    ),
    Certificate(
        "reliability-components",
        "reliability",
        "With items drawn as well as subjects, 95 % intervals for Eρ² and Φ, and for the variance "
        "of subjects, cover at least 92 % for scores of 0 and 1 from 20 normal subjects on.",
        regimes(_DRAWN, (20, 40, "normal"), (60, 40, "normal"), (60, 150, "normal")),
        _components,
        {"Eρ² covered": _NEAR, "Φ covered": _NEAR, "subject covered": _NEAR},
        {"subjects only": "Feldt's interval with Φ in place of α: items taken as all there are"},
        regimes(_DRAWN, (20, 40, "skewed"), (60, 40, "two groups")),
        batch_draws=50,
    ),
    Certificate(
        "reliability-omega",
        "reliability",
        "95 % jackknife intervals for ω of one factor cover at least 92 % from 40 subjects with "
        "normal abilities on.",
        regimes(_DRAWN, (40, 8, "normal"), (150, 8, "normal")),
        _congeneric,
        {"covered": _NEAR},
        {"percentile": "naive bootstrap of subjects"},
        regimes(_DRAWN, (15, 8, "normal"), (40, 8, "skewed")),
        batch_draws=50,
    ),
    Certificate(
        "reliability-conditional",
        "reliability",
        "95 % intervals by a subject's own conditional error cover its rate over all items of the "
        "kind at least 92 % of the time from 50 items on, at 0.5 as at 0.95, and with clusters.",
        regimes("rate items cluster", (0.5, 50, 1), (0.95, 50, 1), (0.95, 200, 1), (0.5, 200, 5),
                (0.8, 200, 5)),
        _conditional,
        {"covered": _NEAR},
        {"Wald": "s / √n, clusters forgotten (leaderboards)",
         "average": "one standard error for all, from the reliability"},
        regimes("rate items cluster", (0.97, 100, 5)),
        batch_draws=50,
    ),
    Certificate(
        "reliability-ranks",
        "reliability",
        "Where abilities are about normal, the order of two subjects is right as often as is said, "
        "on average over pairs and over neighbours, within 3 points.",
        regimes(_DRAWN, (30, 40, "normal"), (15, 100, "normal"), (60, 20, "normal")),
        _ranks,
        {"calibrated": Bound(0.5, 0.5, 0.03), "neighbours calibrated": Bound(0.5, 0.5, 0.03)},
        {"z test": "the chance that a z test gives, without drawing differences towards 0"},
        regimes(_DRAWN, (30, 40, "two groups"), (30, 40, "skewed")),
        batch_draws=50,
    ),
    Certificate(
        "reliability-prompts",
        "reliability",
        "95 % intervals for the mean, the 5 %, 50 % and 95 % quantiles and the worst over prompts "
        "cover at least 89 % with 20 % of the cells run and with prompts that suit items unevenly.",
        regimes("prompts items run prompt_sd interaction", (10, 50, 0.5, 0.5, 0.0),
                (30, 60, 0.2, 0.5, 0.0), (20, 100, 0.3, 0.5, 1.0)),
        _prompts,
        {f"{name} covered": Bound(low=0.95, slack=0.06)
         for name in ("mean", "worst", "5% quantile", "50% quantile", "95% quantile")},
        {"plain averages": "the mean of what was run for each prompt, with its binomial error"},
        regimes("prompts items run prompt_sd interaction", (30, 60, 0.2, 0.1, 0.0)),
        batch_draws=50,
    ),
)  # fmt: skip
