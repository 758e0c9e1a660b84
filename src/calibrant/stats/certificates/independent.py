"""How often are comparisons of rates from two independent samples wrong?"""

from __future__ import annotations

import math

import numpy as np

from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.certificates.paired import inside, weighted_rows
from calibrant.stats.comparisons.two_rates import (
    fisher,
    miettinen_nurminen,
    odds_ratio,
    rate_ratio,
    score_test,
)

_Z, _Z90 = peers.z(), peers.z("upper")


def _independent(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    a, b, n_a, n_b = regime["rate_a"], regime["rate_b"], regime["n_a"], regime["n_b"]
    tables, times = np.unique(
        np.column_stack([rng.binomial(n_a, a, draws), rng.binomial(n_b, b, draws)]),
        axis=0,
        return_counts=True,
    )
    return weighted_rows([_rates(int(i), n_a, int(j), n_b, a, b) for i, j in tables], times)


def _rates(i: int, n_a: int, j: int, n_b: int, a: float, b: float) -> dict[str, float]:
    d, true = i / n_a - j / n_b, a - b
    wald = _Z * math.hypot(float(peers.rate_stderr(i, n_a)), float(peers.rate_stderr(j, n_b)))
    score = miettinen_nurminen(i, n_a, j, n_b)
    limits = [[float(x) for x in peers.wilson(k / n, n, _Z)] for k, n in ((i, n_a), (j, n_b))]
    down = math.hypot(i / n_a - limits[0][0], limits[1][1] - j / n_b)
    up = math.hypot(limits[0][1] - i / n_a, j / n_b - limits[1][0])
    pooled = (i + j) / (n_a + n_b)
    se = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    word = "rejected" if a == b else "power"
    return {
        "score covered": inside(true, score.low, score.high),
        "score width": score.high - score.low,
        f"Fisher {word}": float(fisher(i, n_a, j, n_b) <= 0.05),
        f"Fisher mid-P {word}": float(fisher(i, n_a, j, n_b, mid=True) <= 0.05),
        "Newcombe covered": inside(true, d - down, d + up),
        "two standard errors covered": inside(true, d - wald, d + wald),
        "two standard errors width": 2 * wald,
        f"pooled z {word}": float(se > 0 and abs(d) > _Z * se),
    }


def _ratios(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Odds ratio and rate ratio; where a method refuses or has no limits nothing is missed."""
    a, b, n_a, n_b = regime["rate_a"], regime["rate_b"], regime["n_a"], regime["n_b"]
    if regime["counts"] == "Poisson":
        pairs = [rng.poisson(a * n_a, draws), rng.poisson(b * n_b, draws)]
    else:
        pairs = [rng.binomial(n_a, a, draws), rng.binomial(n_b, b, draws)]
    tables, times = np.unique(np.column_stack(pairs), axis=0, return_counts=True)
    poisson = regime["counts"] == "Poisson"
    rows = [_ratio(int(i), n_a, int(j), n_b, a, b, poisson=poisson) for i, j in tables]
    return weighted_rows(rows, times)


def _ratio(
    i: int, n_a: int, j: int, n_b: int, a: float, b: float, *, poisson: bool
) -> dict[str, float]:
    row = {}
    ratio = rate_ratio(i, j, exposure_a=n_a, exposure_b=n_b)[1] if i + j else None
    row["rate ratio covered"] = 1.0 if ratio is None else inside(a / b, ratio.low, ratio.high)
    for name, more in (("log ratio", 0.0), ("log ratio + ½", 0.5)):
        x, y, lost = i + more, j + more, 0.0 if poisson else 1.0
        if x == 0 or y == 0:
            row[f"{name} covered"] = 0.0 if i + j else 1.0  # no limits, or nothing seen at all
            continue
        spread = 1 / x + 1 / y - lost * (1 / (n_a + more) + 1 / (n_b + more))
        reach = _Z * math.sqrt(max(0.0, spread))
        middle = math.log(x / (n_a + more) / (y / (n_b + more)))
        row[f"{name} covered"] = inside(math.log(a / b), middle - reach, middle + reach)
    if poisson:
        return row
    odds = a / (1 - a) / (b / (1 - b))
    seen = 0 < i + j < n_a + n_b
    found = odds_ratio(i, n_a, j, n_b)[1] if seen else None
    row["odds ratio covered"] = 1.0 if found is None else inside(odds, found.low, found.high)
    cells = np.array([i, n_a - i, j, n_b - j], float)
    for name, shift in (("log odds", 0.5 * float(np.any(cells == 0))), ("log odds + ½", 0.5)):
        c = cells + shift
        middle, reach = math.log(c[0] * c[3] / (c[1] * c[2])), _Z * float(np.sqrt((1 / c).sum()))
        row[f"{name} covered"] = inside(math.log(odds), middle - reach, middle + reach)
    return row


def _margins(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """A is worse by exactly the margin: how often is it called not inferior?"""
    b, n_a, n_b, margin = regime["rate_b"], regime["n_a"], regime["n_b"], regime["margin"]
    tables, times = np.unique(
        np.column_stack([rng.binomial(n_a, b - margin, draws), rng.binomial(n_b, b, draws)]),
        axis=0,
        return_counts=True,
    )
    rows = []
    for i, j in tables.tolist():
        p = score_test(i, n_a, j, n_b, difference=-margin, alternative="greater")
        d = i / n_a - j / n_b + margin
        errors = [float(peers.rate_stderr(k, n)) for k, n in ((i, n_a), (j, n_b))]
        rows.append(
            {
                "score test rejected": float(p <= 0.05),
                "Wald rejected": float(d > _Z90 * math.hypot(*errors)),
                "overlap rejected": float(
                    i / n_a - _Z90 * errors[0] > j / n_b + _Z90 * errors[1] - margin
                ),
            }
        )
    return weighted_rows(rows, times)


_DIFFERENCE = {
    "Newcombe": "statsmodels `confint_proportions_2indep` (its default)",
    "two standard errors": "± 1.96 √(SE² + SE²) of two lm-eval or Inspect reports",
    "pooled z": "statsmodels `proportions_ztest`",
}
_LEVEL = {"score covered": Bound(low=0.95, slack=0.01)}

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "independent-rates-null",
        "fisher, miettinen_nurminen",
        "For two equal independent rates Fisher's test holds its error, and the score interval "
        "covers within one percentage point.",
        regimes(
            "rate_a rate_b n_a n_b",
            (0.01, 0.01, 100, 100), (0.01, 0.01, 500, 100), (0.5, 0.5, 20, 20),
            (0.95, 0.95, 40, 40),
        ),
        _independent,
        _LEVEL | {"Fisher rejected": Bound(high=0.05)},
        _DIFFERENCE,
    ),
    Certificate(
        "independent-rates-differ",
        "miettinen_nurminen",
        "For two independent rates the score interval of their difference covers within one "
        "percentage point.",
        regimes(
            "rate_a rate_b n_a n_b",
            (0.05, 0.01, 60, 200), (0.2, 0.3, 150, 150), (0.002, 0.02, 300, 100),
            (0.99, 0.9, 50, 50),
        ),
        _independent,
        _LEVEL,
        _DIFFERENCE,
    ),
    Certificate(
        "independent-ratios",
        "odds_ratio, rate_ratio",
        "The exact intervals of an odds ratio and of a ratio of rates cover; the latter also for "
        "binomial counts.",
        regimes(
            "counts rate_a rate_b n_a n_b",
            ("binomial", 0.01, 0.01, 500, 100), ("binomial", 0.05, 0.01, 60, 200),
            ("binomial", 0.3, 0.2, 50, 50), ("binomial", 0.95, 0.9, 40, 40),
        ),
        _ratios,
        {"odds ratio covered": Bound(low=0.95), "rate ratio covered": Bound(low=0.95)},
        {
            "log ratio": "Katz's log interval; none without events on both sides",
            "log ratio + ½": "the same with ½ added",
            "log odds": "statsmodels `Table2x2` (½ added where a cell is 0)",
            "log odds + ½": "Gart's log interval, ½ always added",
        },
    ),
    Certificate(
        "independent-rate-ratio-poisson",
        "rate_ratio",
        "For counts of rare events over hours, tokens or episodes the exact interval of the ratio "
        "covers.",
        regimes(
            "counts rate_a rate_b n_a n_b",
            ("Poisson", 0.02, 0.02, 100, 100), ("Poisson", 0.1, 0.02, 100, 300),
            ("Poisson", 0.5, 0.5, 100, 20),
        ),
        _ratios,
        {"rate ratio covered": Bound(low=0.95)},
        {
            "log ratio": "normal for the log of the ratio; none without events on both sides",
            "log ratio + ½": "the same with ½ added",
        },
    ),
    Certificate(
        "independent-margin",
        "score_test",
        "From 50 trials each on, with at least 2 expected failures and successes, the score test "
        "calls a rate that is worse by the margin not inferior with chance at most 0.05.",
        regimes(
            "rate_b margin n_a n_b",
            (0.95, 0.1, 50, 50), (0.9, 0.05, 100, 100), (0.95, 0.05, 60, 60),
            (0.85, 0.05, 200, 200),
        ),
        _margins,
        {"score test rejected": Bound(high=0.05)},
        {
            "Wald": "normal test with the standard errors of two reports",
            "overlap": "the one-sided limits of two reports do not overlap by the margin",
        },
        regimes("rate_b margin n_a n_b", (0.4, 0.2, 40, 40)),
    ),
)  # fmt: skip
