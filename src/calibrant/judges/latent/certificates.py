"""Do intervals for graders without gold cover? Next to majority votes and plug-in counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from calibrant.judges.latent import ability, bayesian, glad, intervals
from calibrant.judges.latent.data import Floats, Ints, LatentError, Marks, marks
from calibrant.judges.latent.dawid_skene import fit
from calibrant.judges.latent.information import information
from calibrant.judges.latent.result import Estimate
from calibrant.judges.latent.severity import probabilities
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.estimates.rates import bounds

PSEUDO = 0.5
THIN = 10
KEPT = 99


def draw(regime: Regime, rng: np.random.Generator) -> tuple[Marks, Ints, Floats]:
    """Labels, the classes, and the confusion matrices that made them.

    The regime's keys: items; prevalence of the classes; accuracy of each grader, whose errors
    spread evenly; gold, items whose class is known; copies, the chance that the last grader
    repeats the first.
    """
    prevalence, accuracy = np.array(regime["prevalence"]), np.array(regime["accuracy"])
    n, j, k = int(regime["items"]), accuracy.size, prevalence.size
    z = rng.choice(k, n, p=prevalence)
    item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
    right = rng.random(n * j) < accuracy[grader]
    code = np.where(right, z[item], (z[item] + rng.integers(1, k, n * j)) % k)
    again = rng.random(n) < regime.get("copies", 0.0)
    code[np.flatnonzero(grader == j - 1)[again]] = code[np.flatnonzero(grader == 0)[again]]
    known = np.where(np.arange(n) < regime.get("gold", 0), z, -1)
    off = (1 - accuracy)[:, None, None] / (k - 1)
    theta = accuracy[:, None, None] * np.eye(k) + off * (1 - np.eye(k))
    return marks(item, grader, code, k, known), z, theta


def _inside(e: Estimate, true: float) -> bool:
    """Whether it covers; a rate of 1 is covered from just below it."""
    assert e.low is not None
    assert e.high is not None
    return e.low <= true <= e.high or (true == 1 and e.high > 0.98)


def _plug_in(hits: Floats, n: Floats, true: Floats) -> float:
    """The share of true rates inside Wald's intervals of such counts."""
    rate = np.clip(hits / np.maximum(n, 1e-9), 1e-9, 1 - 1e-9)
    reach = 1.96 * np.sqrt(rate * (1 - rate) / np.maximum(n, 1e-9))
    return float(np.mean(np.abs(rate - true) <= reach + 1e-6))


def _tally(m: Marks, weights: list[Floats]) -> Floats:
    """Shape (graders, classes): the sum of each class's weights over a grader's labels."""
    every = [np.bincount(m.grader, w, minlength=m.graders) for w in weights]
    return np.asarray(np.stack(every, axis=1), float)


def _classes(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("", "majority ", "plug-in ")
    sums = {f"{n}{what} covered": 0.0 for n in names for what in ("prevalence", "sensitivity")}
    answered = 0
    for _ in range(draws):
        m, _, theta = draw(regime, rng)
        k, true = m.classes, float(regime["prevalence"][-1])
        right = np.diagonal(theta, axis1=1, axis2=2)
        try:
            f = fit(m, pseudo=PSEUDO, starts=2, seed=1)
            info = information(m, f, pseudo=PSEUDO, one_coin=False, sampled=True)
        except LatentError:
            continue
        answered += 1
        sums["prevalence covered"] += _inside(intervals.prevalence(f, info, 0.95)[-1], true)
        found = intervals.graders(m, f, info, tuple(map(str, range(m.graders))), 0.95,
                                  one_coin=False)  # fmt: skip
        inside = [_inside(g.confusion[c][c], right[j, c])
                  for j, g in enumerate(found) for c in range(k)]  # fmt: skip
        sums["sensitivity covered"] += float(np.mean(inside))
        vote = np.eye(k)[m.votes().argmax(axis=1)]
        for name, sure in (("majority ", vote), ("plug-in ", f.posterior)):
            mass = sure.sum(axis=0)
            sums[f"{name}prevalence covered"] += _plug_in(mass[-1:], np.array([m.items]),
                                                          np.array([true]))  # fmt: skip
            hits = _tally(m, [(m.code == c) * sure[m.item, c] for c in range(k)])
            met = _tally(m, [sure[m.item, c] for c in range(k)])
            sums[f"{name}sensitivity covered"] += _plug_in(hits, met, right)
    return {k: v / max(answered, 1) for k, v in sums.items()} | {"answered": answered / draws}


def _calibration(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Parameters from the prior, labels from them, and ranks among one chain's draws each."""
    n, j, k = int(regime["items"]), int(regime["graders"]), int(regime["classes"])
    pi = rng.dirichlet(np.ones(k), draws)
    theta = rng.standard_gamma(np.ones((k, k)) + (k - 1) * np.eye(k), (draws, j, k, k))
    theta /= theta.sum(axis=3, keepdims=True)
    item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
    d = np.arange(draws)[:, None]
    z = (rng.random((draws, n))[:, :, None] > pi.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    row = theta[d, grader, z[:, item]].cumsum(axis=2)[:, :, :-1]
    codes = (rng.random((draws, n * j))[:, :, None] > row).sum(axis=2)
    # A shell of the design: its own codes are not used.
    shell = marks(item, grader, np.arange(n * j) % k, k)
    right = (np.diagonal(theta, axis1=2, axis2=3) * pi[:, None]).sum(axis=2)
    found: dict[str, float] = {}
    for name, exchange in (("", True), ("no exchange ", False)):
        gibbs = bayesian.Gibbs(shell, codes, float(k), rng)
        if not exchange:
            gibbs.exchange = lambda *_: None  # type: ignore[method-assign]
        kept = gibbs.run(300, KEPT, THIN)
        values = {"prevalence": (kept.prevalence[:, :, 0], pi[:, 0]),
                  "sensitivity": (kept.confusion[:, :, 0, 0, 0], theta[:, 0, 0, 0]),
                  "accuracy": (kept.accuracy()[:, :, 0], right[:, 0])}  # fmt: skip
        for what, (drawn, true) in values.items():
            rank = (drawn < true[:, None]).sum(axis=1)
            found[f"{name}{what} in 90 %"] = float(((rank >= 5) & (rank < 95)).mean())
            found[f"{name}{what} in 50 %"] = float(((rank >= 25) & (rank < 75)).mean())
    cell = (np.arange(draws)[:, None] * n + item) * k + codes
    votes = np.bincount(cell.ravel(), minlength=draws * n * k).reshape(draws, n, k)
    first = (votes.argmax(axis=2) == 0).sum(axis=1)
    low, high = bounds(first, np.full(draws, n), level=0.9)
    found["majority prevalence in 90 %"] = float(((low <= pi[:, 0]) & (pi[:, 0] <= high)).mean())
    return found


def _skills(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    n, spread, skill = int(regime["items"]), float(regime["spread"]), np.array(regime["skills"])
    j, k = skill.size, int(regime["classes"])
    item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
    names = ("", "one-coin ", "majority ")
    sums, answered = {f"{a}accuracy covered": 0.0 for a in names}, 0
    true = expit(skill - np.log(k - 1))
    for _ in range(draws):
        z, ease = rng.integers(0, k, n), rng.normal(0, spread, n)
        chance = expit(skill[grader] * np.exp(ease[item]) - np.log(k - 1))
        right = rng.random(n * j) < chance
        code = np.where(right, z[item], (z[item] + rng.integers(1, k, n * j)) % k)
        m = marks(item, grader, code, k)
        try:
            f = glad.fit_glad(m)
        except LatentError:
            continue
        answered += 1
        reach = 1.96 * np.sqrt(np.diag(f.covariance))[:j]
        sums["accuracy covered"] += float(np.mean(np.abs(f.skills - skill) <= reach))
        coin = fit(m, pseudo=PSEUDO, one_coin=True, starts=1)
        info = information(m, coin, pseudo=PSEUDO, one_coin=True, sampled=True)
        found = intervals.graders(m, coin, info, tuple(map(str, range(j))), 0.95, one_coin=True)
        sums["one-coin accuracy covered"] += float(
            np.mean([_inside(g.accuracy, t) for g, t in zip(found, true, strict=True)])
        )
        agrees = (code == m.votes().argmax(axis=1)[item]).astype(float)
        sums["majority accuracy covered"] += _plug_in(
            np.asarray(np.bincount(grader, agrees), float), np.full(j, float(n)), true
        )
    return {a: v / max(answered, 1) for a, v in sums.items()} | {"answered": answered / draws}


def _severities(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    delta, top = np.array(regime["severities"]), int(regime["top"])
    n, j = int(regime["items"]), delta.size
    tau = np.linspace(-1, 1, top) if top > 1 else np.zeros(1)
    sums = dict.fromkeys(("severity covered", "alarm", "joint covered", "raw covered"), 0.0)
    answered = 0
    for _ in range(draws):
        z = rng.normal(0, 1, n) if regime["items_are"] == "normal" else rng.exponential(1, n) - 1
        item, grader = np.repeat(np.arange(n), j), np.tile(np.arange(j), n)
        p = probabilities(regime["spread"] * z[item], delta[grader][:, None] + tau)
        code = (rng.random(n * j)[:, None] > p.cumsum(axis=1)[:, :-1]).sum(axis=1)
        m = marks(item, grader, code, top + 1)
        try:
            found = ability.severity(m, tuple(map(str, range(j))),
                                     tuple(map(str, range(top + 1))), "rating", 0.95)  # fmt: skip
        except LatentError:
            continue
        answered += 1
        hits = [_inside(g.severity, t) for g, t in zip(found.graders, delta, strict=True)]
        sums["severity covered"] += float(np.mean(hits))
        assert found.separable is not None
        sums["alarm"] += any(delta[int(a)] == delta[int(b)] for a, b in found.separable)
        table = code.reshape(n, j)
        sums["joint covered"] += _joint(table, top, delta)
        sums["raw covered"] += _raw(table, top, delta)
    return {a: v / max(answered, 1) for a, v in sums.items()} | {"answered": answered / draws}


def _joint(table: NDArray[np.int64], top: int, delta: Floats) -> float:
    """Joint maximum likelihood: items and graders estimated side by side."""
    total = table.sum(axis=1)
    some = table[(total > 0) & (total < top * table.shape[1])]
    theta, s = np.zeros(len(some)), np.zeros(table.shape[1])
    tau = np.zeros(top)
    x = np.arange(top + 1)
    for _ in range(60):
        p = probabilities(theta[:, None] - s, tau)
        mean = p @ x
        v = p @ x**2 - mean**2
        theta += np.clip((some - mean).sum(axis=1) / v.sum(axis=1), -1, 1)
        p = probabilities(theta[:, None] - s, tau)
        mean = p @ x
        v = p @ x**2 - mean**2
        s -= np.clip((some - mean).sum(axis=0) / v.sum(axis=0), -1, 1)
        s -= s.mean()
        if top > 1:
            above = np.stack([(p[:, :, k + 1 :].sum(axis=2)) for k in range(top)])
            seen = np.array([(some > k).sum() for k in range(top)])
            slope = above.sum(axis=(1, 2)) - seen
            tau += slope / (above * (1 - above)).sum(axis=(1, 2))
            tau -= tau.mean()
    return float(np.mean(np.abs(s - delta) <= 1.96 / np.sqrt(v.sum(axis=0))))


def _raw(table: NDArray[np.int64], top: int, delta: Floats) -> float:
    """Logits of each grader's mean share of the scale, centred."""
    share = np.clip(table.mean(axis=0) / top, 1e-3, 1 - 1e-3)
    s = -logit(share)
    error = table.std(axis=0, ddof=1) / top / np.sqrt(len(table)) / (share * (1 - share))
    reach = float(ndtri(0.975)) * np.maximum(error, 1e-9)
    return float(np.mean(np.abs(s - s.mean() - delta) <= reach))


_PLAIN = "items prevalence accuracy"

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "latent-dawid-skene",
        "calibrant.judge.latent, model dawid-skene",
        "95 % intervals for prevalence and for graders' sensitivities cover without gold, down to "
        "three graders, with a perfect one, three classes, and gold for a few items.",
        (
            *regimes(
                _PLAIN,
                (100, (0.5, 0.5), (0.9, 0.8, 0.7)), (200, (0.9, 0.1), (0.9,) * 5),
                (50, (0.5, 0.5), (1.0, 0.95, 0.9, 0.9, 0.8)),
                (150, (0.5, 0.3, 0.2), (0.9, 0.85, 0.8, 0.8, 0.75)),
            ),
            {"items": 120, "prevalence": (0.7, 0.3), "accuracy": (0.85, 0.7), "gold": 40},
        ),
        _classes,
        {"prevalence covered": Bound(low=0.95, slack=0.02),
         "sensitivity covered": Bound(low=0.95, slack=0.035)},
        {
            "majority": "majority votes taken for the truth, Wald's intervals",
            "plug-in": "the same EM, with its posteriors taken for counts, Wald's intervals",
        },
        beyond=(
            *regimes(_PLAIN, (300, (0.97, 0.03), (0.95,) * 4)),
            {"items": 300, "prevalence": (0.5, 0.5), "accuracy": (0.8,) * 4, "copies": 0.5},
        ),
        batch_draws=125,
    ),
    Certificate(
        "latent-bayesian",
        "calibrant.judges.latent.bayesian.Gibbs",
        "Simulation-based calibration: true values drawn from the prior lie in central 90 % and "
        "50 % intervals as often as they should.",
        regimes("items graders classes", (30, 3, 2), (60, 4, 2), (40, 4, 3)),
        _calibration,
        {f"{what} in {level} %": Bound(low=level / 100, high=level / 100)
         for what in ("prevalence", "sensitivity", "accuracy") for level in (90, 50)},
        {
            "no exchange": "the same sampler without a step that exchanges the classes' names",
            "majority": "majority votes taken for the truth, Clopper–Pearson",
        },
    ),
    Certificate(
        "latent-glad",
        "calibrant.judge.latent, model glad",
        "95 % intervals for graders' skills, and so for their accuracy on the median item, cover "
        "where items differ in difficulty.",
        regimes(
            "items classes spread skills",
            (80, 2, 0.7, (2.5, 2.0, 1.5, 1.0)), (80, 3, 0.4, (3.0, 2.0, 2.0, 1.0)),
        ),
        _skills,
        {"accuracy covered": Bound(low=0.95, slack=0.03)},
        {
            "one-coin": "the one-coin model, which takes all items as equally hard",
            "majority": "agreement with majority votes, Wald's intervals",
        },
        batch_draws=125,
    ),
    Certificate(
        "latent-severity",
        "calibrant.judge.latent, model severity",
        "95 % intervals for graders' severities cover, and graders that are equally severe are "
        "told apart at most 5 % of the time, also where items are not normal.",
        regimes(
            "items top severities spread items_are",
            (50, 1, (0.0, 0.0, 0.0), 1.0, "normal"), (60, 2, (-1.0, 0.0, 1.0), 1.5, "normal"),
            (60, 3, (-0.5, -0.5, 1.0), 1.0, "skewed"),
        ),
        _severities,
        {"severity covered": Bound(low=0.95, slack=0.02), "alarm": Bound(high=0.05, slack=0.01)},
        {
            "joint": "joint maximum likelihood of items and graders, information of graders alone",
            "raw": "logits of mean labels, items ignored",
        },
        batch_draws=125,
    ),
)  # fmt: skip
