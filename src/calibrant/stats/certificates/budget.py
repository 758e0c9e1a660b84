"""Do budgets, split bounds, grader corrections and decision rules keep their error rates?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.stats.budgets.budget import Component, combine
from calibrant.stats.budgets.conformity import Limits, decide, global_risk, guard_for_risk
from calibrant.stats.budgets.grader import rogan_gladen
from calibrant.stats.budgets.rare_rates import RatePart, bound_total
from calibrant.stats.certificates import Bound, Certificate, Regime


def welch_satterthwaite_batch(
    regime: Regime, rng: np.random.Generator, draws: int
) -> Mapping[str, float]:
    """Coverage of 95 % intervals for a sum of means of few observations; peer: k = 1.96."""
    sizes, sds = np.array(regime["n"]), np.array(regime["sd"])
    covered = normal = 0
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
        low, high = budget.interval(0.95)
        covered += low <= 0 <= high
        normal += abs(budget.value) <= 1.959964 * budget.u
    return {"covered": covered / draws, "covered_k_1.96": normal / draws}


def split_bound_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of upper bounds on a weighted sum of rates; peer: root-sum-square of Wald errors."""
    rates, trials = np.array(regime["rates"]), np.array(regime["trials"])
    weights = np.array(regime["weights"])
    truth = float(weights @ rates)
    covered = squares = 0
    width = 0.0
    for _ in range(draws):
        k = rng.binomial(trials, rates)
        found = bound_total(
            [
                RatePart(str(i), int(e), int(n), float(w))
                for i, (e, n, w) in enumerate(zip(k, trials, weights, strict=True))
            ]
        )
        covered += found.bound >= truth
        width += found.bound
        p = k / trials
        wald = 1.644854 * float(np.sqrt((weights**2 * p * (1 - p) / trials).sum()))
        squares += float(weights @ p) + wald >= truth
    return {
        "covered": covered / draws,
        "covered_root_sum_square": squares / draws,
        "mean_bound": width / draws,
    }


def grader_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of both corrections at 95 %, and of the uncorrected exact interval."""
    rate, se, sp = regime["rate"], regime["sensitivity"], regime["specificity"]
    n, m = regime["trials"], regime["validation"]
    apparent = rate * se + (1 - rate) * (1 - sp)
    sums = dict.fromkeys(
        ("split_covered", "lang_reiczigel_covered", "uncorrected_covered", "refused"), 0.0
    )
    for _ in range(draws):
        k, a, b = (int(rng.binomial(*x)) for x in ((n, apparent), (m, se), (m, sp)))
        plain = rogan_gladen(k, n, 1.0, 1.0)
        sums["uncorrected_covered"] += plain.low <= rate <= plain.high
        if a + b <= m:
            for name in ("split_covered", "lang_reiczigel_covered", "refused"):
                sums[name] += 1
            continue
        split = rogan_gladen(k, n, (a, m), (b, m))
        wald = rogan_gladen(k, n, (a, m), (b, m), method="lang-reiczigel")
        sums["split_covered"] += split.low <= rate <= split.high
        sums["lang_reiczigel_covered"] += wald.low <= rate <= wald.high
    return {name: value / draws for name, value in sums.items()}


def guarded_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Wrong acceptances at the limit, and agreement of the global risk with what happens."""
    u, risk = regime["u"], regime["risk"]
    tolerance = Limits(high=0.0)
    guard = guard_for_risk(u, risk)
    acceptance = tolerance.guarded(guard)
    # An object just beyond the limit is the worst case.
    worst = sum(
        decide(float(x), u, tolerance, rule="guarded", guard=guard).outcome == "accept"
        for x in rng.normal(0.0, u, draws)
    )
    truth = rng.normal(regime["mean"], regime["sd"], draws)
    seen = truth + rng.normal(0, u, draws)
    wrong = float(np.mean((truth > 0) & (seen <= acceptance.high)))
    exact = global_risk(
        tolerance, acceptance, prior_mean=regime["mean"], prior_sd=regime["sd"], u=u
    ).consumer
    return {
        "accepted_at_limit": worst / draws,
        "kept_at_limit": float(worst / draws <= risk + 3.3 * (risk * (1 - risk) / draws) ** 0.5),
        "accepted_wrongly": wrong,
        "predicted": exact,
        "agrees": float(abs(wrong - exact) <= 4 * (exact * (1 - exact) / draws) ** 0.5 + 2 / draws),
    }


CERTIFICATES = (
    Certificate(
        name="welch-satterthwaite",
        method="calibrant.stats.budgets.budget.combine",
        statement="95 % intervals cover to within 2 points with 2 to 9 degrees of freedom.",
        regimes=(
            {"n": (5, 5), "sd": (1.0, 1.0)},
            {"n": (3, 10), "sd": (1.0, 1.0)},
            {"n": (3, 3, 3), "sd": (1.0, 1.0, 1.0)},
            {"n": (4, 8), "sd": (5.0, 1.0)},
        ),
        batch=welch_satterthwaite_batch,
        bounds={"covered": Bound(low=0.95, slack=0.02)},
    ),
    Certificate(
        name="split-upper-bound",
        method="calibrant.stats.budgets.rare_rates.bound_total",
        statement="The 95 % upper bound on a weighted sum of rare rates covers at 95 % or more.",
        regimes=(
            {"rates": (0.01, 0.01), "trials": (300, 300), "weights": (0.5, 0.5)},
            {"rates": (0.001, 0.02), "trials": (500, 100), "weights": (0.9, 0.1)},
            {"rates": (0.005,) * 4, "trials": (200,) * 4, "weights": (0.25,) * 4},
            {"rates": (0.0001, 0.3), "trials": (100, 100), "weights": (1.0, 0.001)},
        ),
        batch=split_bound_batch,
        bounds={"covered": Bound(low=0.95)},
    ),
    Certificate(
        name="grader-correction",
        method="calibrant.stats.budgets.grader.rogan_gladen",
        statement="95 % limits by split error always cover; Lang–Reiczigel's to within 2 points.",
        regimes=(
            {"rate": 0.2, "sensitivity": 0.9, "specificity": 0.95, "trials": 300, "validation": 80},
            {
                "rate": 0.02,
                "sensitivity": 0.9,
                "specificity": 0.98,
                "trials": 400,
                "validation": 99,
            },
            {"rate": 0.9, "sensitivity": 0.8, "specificity": 0.8, "trials": 150, "validation": 50},
            {
                "rate": 0.0,
                "sensitivity": 0.95,
                "specificity": 0.99,
                "trials": 200,
                "validation": 60,
            },
        ),
        batch=grader_batch,
        bounds={
            "split_covered": Bound(low=0.95),
            "lang_reiczigel_covered": Bound(low=0.95, slack=0.02),
        },
    ),
    Certificate(
        name="guarded-acceptance",
        method="calibrant.stats.budgets.conformity.decide",
        statement=(
            "An object at the limit is accepted at most as often as declared, and global risks "
            "are what happens over the declared population."
        ),
        regimes=(
            {"u": 0.5, "risk": 0.05, "mean": -1.0, "sd": 1.0},
            {"u": 0.1, "risk": 0.01, "mean": -0.2, "sd": 0.2},
            {"u": 1.0, "risk": 0.2, "mean": 0.0, "sd": 1.0},
        ),
        batch=guarded_batch,
        bounds={
            "kept_at_limit": Bound(low=1.0, slack=0.02),
            "agrees": Bound(low=1.0, slack=0.02),
        },
    ),
)
