"""Do budgets, split bounds, grader corrections and decision rules keep their error rates?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.stats.budgets.budget import Component, combine
from calibrant.stats.budgets.conformity import Limits, decide, global_risk, guard_for_risk
from calibrant.stats.budgets.grader import rogan_gladen
from calibrant.stats.budgets.rare_rates import RatePart, bound_total
from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.estimates.rates import bounds


def welch_satterthwaite_batch(
    regime: Regime, rng: np.random.Generator, draws: int
) -> Mapping[str, float]:
    """Coverage of 95 % intervals for a sum of means of few observations."""
    sizes, sds = np.array(regime["n"]), np.array(regime["sd"])
    names = ("combine", "k = 1.96", "k = 2", "t with all observations")
    sums = {f"{name} {word}": 0.0 for name in names for word in ("covered", "width")}
    freedom = float(sizes.sum() - sizes.size)
    for _ in range(draws):
        means, errors = [], []
        for n, sd in zip(sizes, sds, strict=True):
            x = rng.normal(0, sd, n)
            means.append(x.mean())
            errors.append(x.std(ddof=1) / n**0.5)
        budget = combine(
            float(sum(means)),
            [
                Component(str(i), "A", float(u), df=float(n - 1))
                for i, (u, n) in enumerate(zip(errors, sizes, strict=True))
            ],
        )
        reaches = (
            (budget.interval(0.95)[1] - budget.value),
            peers.z() * budget.u,
            2 * budget.u,
            float(peers.t(freedom)) * budget.u,
        )
        for name, reach in zip(names, reaches, strict=True):
            sums[f"{name} covered"] += float(abs(budget.value) <= reach) / draws
            sums[f"{name} width"] += 2 * reach / draws
    return sums


def split_bound_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of upper bounds on a weighted sum of rates."""
    rates, trials = np.array(regime["rates"]), np.array(regime["trials"])
    weights = np.array(regime["weights"])
    truth = float(weights @ rates)
    k = rng.binomial(trials, rates, (draws, rates.size))
    p = k / trials
    value = p @ weights
    wald = peers.z("upper") * np.sqrt((weights**2 * p * (1 - p) / trials).sum(axis=1))
    high = np.stack([peers.wilson(p[:, i], n, peers.z("upper"))[1] for i, n in enumerate(trials)])
    squares = np.sqrt((weights[:, None] ** 2 * (high - p.T) ** 2).sum(axis=0))
    pooled = bounds(k.sum(axis=1), int(trials.sum()), side="upper")[1] * weights.sum()
    found = {
        "bound_total": np.array(
            [
                bound_total(
                    [
                        RatePart(str(i), int(e), int(n), float(w))
                        for i, (e, n, w) in enumerate(zip(row, trials, weights, strict=True))
                    ]
                ).bound
                for row in k
            ]
        ),
        "root-sum-square of Wald": value + wald,
        "root-sum-square of Wilson": value + squares,
        "all trials pooled": pooled,
    }
    statistics = {}
    for name, bound in found.items():
        statistics[f"{name} covered"] = float(np.mean(bound >= truth))
        statistics[f"{name} bound"] = float(np.mean(bound))
    return statistics


def grader_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of both corrections at 95 %; a useless grader is refused and misses nothing."""
    rate, se, sp = regime["rate"], regime["sensitivity"], regime["specificity"]
    n, m = regime["trials"], regime["validation"]
    apparent = rate * se + (1 - rate) * (1 - sp)
    names = ("alpha-split", "lang-reiczigel", "uncorrected exact", "uncorrected normal",
             "corrected, grader as known", "delta method")  # fmt: skip
    sums = {f"{name} {word}": 0.0 for name in names for word in ("not wrong", "width")}
    for _ in range(draws):
        k, a, b = (int(rng.binomial(*x)) for x in ((n, apparent), (m, se), (m, sp)))
        p, error = k / n, float(peers.rate_stderr(k, n))
        plain = rogan_gladen(k, n, 1.0, 1.0)
        limits = {
            "uncorrected exact": (plain.low, plain.high),
            "uncorrected normal": (p - peers.z() * error, p + peers.z() * error),
        }
        youden = (a + b) / m - 1
        if youden > 0:
            split = rogan_gladen(k, n, (a, m), (b, m))
            wald = rogan_gladen(k, n, (a, m), (b, m), method="lang-reiczigel")
            limits["alpha-split"] = split.low, split.high
            limits["lang-reiczigel"] = wald.low, wald.high
            value = (p + b / m - 1) / youden
            noise = (float(peers.rate_stderr(x, m)) for x in (a, b))
            parts = [error, *(u * w for u, w in zip(noise, (value, 1 - value), strict=True))]
            for name, u in (
                ("corrected, grader as known", error),
                ("delta method", float(np.hypot(np.hypot(*parts[:2]), parts[2]))),
            ):
                reach = peers.z() * u / youden
                limits[name] = max(0.0, value - reach), min(1.0, value + reach)
        for name in names:
            low, high = limits.get(name, (0.0, 1.0))
            sums[f"{name} not wrong"] += float(low - 1e-12 <= rate <= high + 1e-12) / draws
            sums[f"{name} width"] += (high - low) / draws
    return sums


def guarded_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Wrong acceptances at the limit, and agreement of the global risk with what happens."""
    u, risk = regime["u"], regime["risk"]
    tolerance = Limits(high=0.0)
    guard = guard_for_risk(u, risk)
    acceptance = tolerance.guarded(guard)
    # An object just beyond the limit is the worst case.
    edge = rng.normal(0.0, u, draws)
    worst = np.array(
        [
            decide(float(x), u, tolerance, rule="guarded", guard=guard).outcome == "accept"
            for x in edge
        ]
    )
    truth = rng.normal(regime["mean"], regime["sd"], draws)
    seen = truth + rng.normal(0, u, draws)
    found = {"guarded": acceptance.high, "simple acceptance": 0.0, "guard of 2u": -2 * u}
    statistics = {"guarded accepted at limit": float(worst.mean())}
    for name, limit in found.items():
        if name != "guarded":
            statistics[f"{name} accepted at limit"] = float(np.mean(edge <= limit))
        statistics[f"{name} accepted wrongly"] = float(np.mean((truth > 0) & (seen <= limit)))
        statistics[f"{name} rejected wrongly"] = float(np.mean((truth <= 0) & (seen > limit)))
    exact = global_risk(
        tolerance, acceptance, prior_mean=regime["mean"], prior_sd=regime["sd"], u=u
    )
    wrong = statistics["guarded accepted wrongly"]
    # Means of batches: each lies within 4 standard errors unless the prediction is off.
    near = 4 * (exact.consumer * (1 - exact.consumer) / draws) ** 0.5 + 2 / draws
    return statistics | {
        "agrees with prediction": float(abs(wrong - exact.consumer) <= near),
        "accepted wrongly, computed": exact.consumer,
        "rejected wrongly, computed": exact.producer,
    }


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "welch-satterthwaite",
        "combine",
        "95 % intervals cover to within one percentage point with 8 to 18 degrees of freedom in "
        "all, if no part that weighs much has fewer than 4.",
        regimes(
            "n sd",
            ((5, 5), (1.0, 1.0)), ((6, 10), (1.0, 1.0)), ((5, 5, 5), (1.0, 1.0, 1.0)),
            ((10, 5), (3.0, 1.0)),
        ),
        welch_satterthwaite_batch,
        {"combine covered": Bound(low=0.95, slack=0.01)},
        {
            "k = 1.96": "normal quantile, degrees of freedom ignored",
            "k = 2": "GUM practice, degrees of freedom ignored",
            "t with all observations": "t with the degrees of freedom of all parts together",
        },
        regimes("n sd", ((3, 10), (1.0, 1.0)), ((4, 8), (5.0, 1.0)), ((3, 3, 3), (1.0, 1.0, 1.0))),
    ),
    Certificate(
        "split-upper-bound",
        "bound_total",
        "The 95 % upper bound on a weighted sum of rare rates covers at 95 % or more.",
        regimes(
            "rates trials weights",
            ((0.01, 0.01), (300, 300), (0.5, 0.5)), ((0.001, 0.02), (500, 100), (0.9, 0.1)),
            ((0.005,) * 4, (200,) * 4, (0.25,) * 4), ((0.0001, 0.3), (100, 100), (1.0, 0.001)),
        ),
        split_bound_batch,
        {"bound_total covered": Bound(low=0.95)},
        {
            "root-sum-square of Wald": "GUM propagation of Wald errors",
            "root-sum-square of Wilson": "propagation of Wilson's upper reaches (MOVER)",
            "all trials pooled": "Clopper–Pearson on all trials, weights ignored",
        },
    ),
    Certificate(
        "grader-correction",
        "rogan_gladen",
        "95 % limits by split error always cover; Lang–Reiczigel's do within one percentage point.",
        regimes(
            "rate sensitivity specificity trials validation",
            (0.2, 0.9, 0.95, 300, 80), (0.02, 0.9, 0.98, 400, 99), (0.9, 0.8, 0.8, 150, 50),
            (0.0, 0.95, 0.99, 200, 60),
        ),
        grader_batch,
        {
            "alpha-split not wrong": Bound(low=0.95),
            "lang-reiczigel not wrong": Bound(low=0.95, slack=0.01),
        },
        {
            "uncorrected exact": "Clopper–Pearson on the grades",
            "uncorrected normal": peers.NORMAL + " on the grades",
            "corrected, grader as known": "Rogan–Gladen, validation taken as exact",
            "delta method": "Rogan–Gladen with first-order errors (epiR's default form)",
        },
    ),
    Certificate(
        "guarded-acceptance",
        "decide, guard_for_risk, global_risk",
        "An object at the limit is accepted at most as often as declared (0.05), and global risks "
        "are what happens over the declared population.",
        regimes(
            "u risk mean sd", (0.5, 0.05, -1.0, 1.0), (0.1, 0.05, -0.2, 0.2), (1.0, 0.05, 0.0, 1.0)
        ),
        guarded_batch,
        {
            "guarded accepted at limit": Bound(high=0.05),
            "agrees with prediction": Bound(low=1.0, slack=0.02),
        },
        {
            "simple acceptance": "no guard band (ISO 10576 without uncertainty)",
            "guard of 2u": "guard band of the expanded uncertainty (ILAC-G8)",
        },
    ),
)  # fmt: skip
