"""How often are comparisons of two subjects wrong? Beside the usual large-sample methods.

Truths lie where evaluations do: rates near 0 and 1, few items that differ, few clusters, clusters
that share much of their outcome.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.comparisons.multiplicity import adjust, simultaneous
from calibrant.stats.comparisons.paired import compare_items
from calibrant.stats.comparisons.two_rates import (
    fisher,
    matched_difference,
    mcnemar,
    miettinen_nurminen,
    newcombe,
    rate_ratio,
    tango,
)

Floats = NDArray[np.float64]
_Z = -float(ndtri(0.025))


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _pairs(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Independent items: A alone right with chance p, B alone with chance q, both with r."""
    p, q, r, n = regime["only_a"], regime["only_b"], regime["both"], regime["items"]
    tables, times = np.unique(
        rng.multinomial(n, [p, q, r, 1 - p - q - r], size=draws), axis=0, return_counts=True
    )
    rows = [_pair(*(int(x) for x in table), true=p - q) for table in tables]
    return {name: float(times @ [row[name] for row in rows]) / draws for name in rows[0]}


def _pair(a: int, b: int, both: int, neither: int, *, true: float) -> dict[str, float]:
    n, m = a + b + both + neither, a + b
    d = (a - b) / n
    wald = _Z * math.sqrt(max(0.0, m - (a - b) ** 2 / n)) / n
    exact, score, method10 = (
        matched_difference(a, b, n), tango(a, b, n), newcombe(both, a, b, neither)
    )  # fmt: skip

    def held(low: float, high: float) -> float:
        return float(low - 1e-9 <= true <= high + 1e-9)

    found = {
        "covered": held(exact.low, exact.high),
        "width": exact.high - exact.low,
        "covered by Tango": held(score.low, score.high),
        "width of Tango": score.high - score.low,
        "covered by Newcombe 10": held(method10.low, method10.high),
        "covered by Wald": held(d - wald, d + wald),
        "width of Wald": 2 * wald,
        "rejected": float(mcnemar(a, b) <= 0.05),
        "rejected by mid-P": float(mcnemar(a, b, mid=True) <= 0.05),
        "rejected by asymptotic": float(m > 0 and (a - b) ** 2 > _Z**2 * m),
        "test and interval disagree": float(
            (mcnemar(a, b) < 0.05) != (exact.low > 1e-9 or exact.high < -1e-9)
        ),
    }
    if true != 0:  # then rejecting is power, in its own certificate's terms nothing promised
        found = {k.replace("rejected", "power"): v for k, v in found.items()}
    return found


def _clustered(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Clusters share their chances: beta distributed with an intraclass correlation."""
    differ, share, icc = regime["differ"], regime["share"], regime["icc"]
    k, true = (1 - icc) / icc, differ * (2 * share - 1)
    rows = []
    for _ in range(draws):
        size = np.full(regime["clusters"], regime["size"])
        if regime["uneven"]:
            size = np.maximum(1, rng.geometric(1 / regime["size"], regime["clusters"]))
        of = np.repeat(np.arange(size.size), size)
        chance = rng.beta(differ * k, (1 - differ) * k, size.size)[of]
        up = rng.beta(share * k, (1 - share) * k, size.size)[of]
        d = (rng.random(of.size) < chance) * np.where(rng.random(of.size) < up, 1, -1)
        rows.append(_clustered_row(np.asarray(d, dtype=np.int64), of, true))
    return _means(rows)


def _clustered_row(d: NDArray[np.int64], of: NDArray[np.int64], true: float) -> dict[str, float]:
    found = compare_items(np.maximum(d, 0), np.maximum(-d, 0), clusters=of)
    mean, n, g = float(d.mean()), d.size, int(of[-1]) + 1
    reach = float(-stdtrit(n - 1, 0.025) * d.std(ddof=1) / math.sqrt(n))
    total = np.bincount(of, d - mean)
    usual = _Z * math.sqrt(float(total @ total) * g / (g - 1)) / n  # CR1 with the normal quantile
    low, high = found.interval.low, found.interval.high
    return {
        "covered": float(low - 1e-9 <= true <= high + 1e-9),
        "width": high - low,
        "covered by unclustered t": float(abs(mean - true) <= reach + 1e-9),
        "covered by CR1 and normal": float(abs(mean - true) <= usual + 1e-9),
        "width of CR1 and normal": 2 * usual,
        "misses 0": float(low > 0 or high < 0),
        "unclustered t misses 0": float(abs(mean) > reach),
    }


def _scores(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Clusters of real-valued differences, normal or skewed, with an intraclass correlation."""
    g, size, icc, true = regime["clusters"], regime["size"], regime["icc"], regime["true"]
    rows = []
    for _ in range(draws):
        shape = rng.geometric(1 / size, g) if regime["uneven"] else np.full(g, size)
        of = np.repeat(np.arange(g), shape)
        skewed = regime["skewed"]
        shared = rng.exponential(size=(g,)) - 1 if skewed else rng.standard_normal((g,))
        d = true + icc**0.5 * shared[of] + (1 - icc) ** 0.5 * rng.standard_normal(of.size)
        found = compare_items(d, np.zeros(of.size), clusters=of)
        reach = float(-stdtrit(of.size - 1, 0.025) * d.std(ddof=1) / math.sqrt(of.size))
        total = np.bincount(of, d - d.mean())
        usual = _Z * math.sqrt(float(total @ total) * g / (g - 1)) / of.size
        rows.append(
            {
                "covered": float(found.interval.low <= true <= found.interval.high),
                "width": found.interval.high - found.interval.low,
                "covered by unclustered t": float(abs(d.mean() - true) <= reach),
                "covered by CR1 and normal": float(abs(d.mean() - true) <= usual),
            }
        )
    return _means(rows)


def _epochs(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Means of four 0/1 epochs per item; on most items both subjects are always the same."""
    n, share, a, b = regime["items"], regime["share"], regime["rate_a"], regime["rate_b"]
    true, rows = share * (a - b), []
    for _ in range(draws):
        open_ = rng.random(n) < share
        x = np.where(open_[:, None], rng.random((n, 4)) < a, 1).astype(float)
        y = np.where(open_[:, None], rng.random((n, 4)) < b, 1).astype(float)
        found, d = compare_items(x, y), (x - y).mean(axis=1)
        reach = float(-stdtrit(n - 1, 0.025) * d.std(ddof=1) / math.sqrt(n))
        rows.append(
            {
                "covered": float(found.interval.low <= true <= found.interval.high),
                "width": found.interval.high - found.interval.low,
                "covered by t": float(abs(d.mean() - true) <= reach),
                "width of t": 2 * reach,
            }
        )
    return _means(rows)


def _statements(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """What is said with a margin: is any part of it false?"""
    p, q, n, margin = regime["only_a"], regime["only_b"], regime["items"], regime["margin"]
    true, rows = p - q, []
    cases, times = np.unique(
        rng.multinomial(n, [p, q, 1 - p - q], draws), axis=0, return_counts=True
    )
    for a, b, _ in cases:
        d = np.repeat([1, -1, 0], [a, b, n - a - b])
        said = compare_items(d > 0, d < 0, margin=margin).conclusion
        wrong = [
            said.better == "A" and true <= 0,
            said.better == "B" and true >= 0,
            said.equivalent and abs(true) >= margin - 1e-12,
            said.a_not_inferior and true <= -margin + 1e-12,
            said.b_not_inferior and true >= margin - 1e-12,
        ]
        u = math.sqrt(max(a + b - (a - b) ** 2 / n, 0.0)) / n
        t = ((a - b) / n + margin) / u if u else math.inf
        t2 = (margin - (a - b) / n) / u if u else math.inf
        rows.append(
            {
                "false statement": float(any(wrong)),
                "equivalent": float(bool(said.equivalent)),
                "equivalent by Wald": float(min(t, t2) >= 1.6448536),
            }
        )
    return {name: float(times @ [row[name] for row in rows]) / draws for name in rows[0]}


def _independent(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    a, b, n_a, n_b = regime["rate_a"], regime["rate_b"], regime["n_a"], regime["n_b"]
    tables, times = np.unique(
        np.column_stack([rng.binomial(n_a, a, draws), rng.binomial(n_b, b, draws)]),
        axis=0,
        return_counts=True,
    )
    rows = [_rates(int(i), n_a, int(j), n_b, a, b) for i, j in tables]
    return {name: float(times @ [row[name] for row in rows]) / draws for name in rows[0]}


def _rates(i: int, n_a: int, j: int, n_b: int, a: float, b: float) -> dict[str, float]:
    d, true = i / n_a - j / n_b, a - b
    wald = _Z * math.sqrt(i * (n_a - i) / n_a**3 + j * (n_b - j) / n_b**3)
    score = miettinen_nurminen(i, n_a, j, n_b)
    ratio = rate_ratio(i, j, exposure_a=n_a, exposure_b=n_b)[1] if i + j else None
    pooled = (i + j) / (n_a + n_b)
    se = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    rejects = "rejected" if a == b else "power"
    return {
        "covered by score": float(score.low - 1e-9 <= true <= score.high + 1e-9),
        "covered by Wald": float(abs(d - true) <= wald),
        "ratio covered": float(ratio is None or ratio.low <= a / b <= ratio.high),
        rejects: float(fisher(i, n_a, j, n_b) <= 0.05),
        f"{rejects} by mid-P": float(fisher(i, n_a, j, n_b, mid=True) <= 0.05),
        f"{rejects} by z": float(se > 0 and abs(d) > _Z * se),
    }


def _families(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Many normal effects, positively correlated; the first are not 0."""
    m, real, rho = regime["effects"], regime["real"], regime["correlation"]
    true = np.where(np.arange(m) < real, 3.0, 0.0)
    noise = rho**0.5 * rng.standard_normal((draws, 1))
    x = true + noise + (1 - rho) ** 0.5 * rng.standard_normal((draws, m))
    p = np.asarray(2 * stdtr(1e10, -np.abs(x)), dtype=float)
    found: dict[str, float] = {}
    for method in ("holm", "hochberg", "benjamini-hochberg", "benjamini-yekutieli"):
        rejected = adjust(p, method) <= 0.05
        false = rejected[:, real:].sum(axis=1)
        share = false / np.maximum(1, rejected.sum(axis=1))
        family = method in ("holm", "hochberg")
        found[method] = float((false > 0).mean() if family else share.mean())
    found["unadjusted"] = float((p[:, real:] <= 0.05).any(axis=1).mean()) if real < m else 0.0
    one = np.ones(m)
    for kind in ("bonferroni", "holm"):
        # A limit at 0 is open: it says that the effect is not 0.
        held = [
            all(
                (i.low < t if i.low == 0 else i.low <= t)
                and (t < i.high if i.high == 0 else t <= i.high)
                for i, t in zip(simultaneous(row, one, method=kind).intervals, true, strict=True)
            )
            for row in x
        ]
        found[f"intervals cover, {kind}"] = float(np.mean(held))
    return found


def _regimes(names: str, *rows: tuple[Any, ...]) -> tuple[Regime, ...]:
    return tuple(dict(zip(names.split(), row, strict=True)) for row in rows)


_COVER = {"covered": Bound(low=0.95)}

CERTIFICATES = (
    Certificate(
        "paired-rates-null",
        "mcnemar, matched_difference",
        "Without a difference the exact test errs at most as often as allowed, the mid-P test "
        "hardly more often, and the interval covers.",
        _regimes(
            "only_a only_b both items",
            (0.005, 0.005, 0.98, 100), (0.02, 0.02, 0.9, 100), (0.02, 0.02, 0.01, 300),
            (0.1, 0.1, 0.7, 30), (0.1, 0.1, 0.7, 500), (0.4, 0.4, 0.1, 50),
        ),
        _pairs,
        {
            "covered": Bound(low=0.95),
            "rejected": Bound(high=0.05),
            "rejected by mid-P": Bound(high=0.05, slack=0.005),
            "test and interval disagree": Bound(high=0.0),
        },
    ),
    Certificate(
        "paired-rates-cover",
        "matched_difference, tango",
        "The exact interval of a paired difference of rates covers.",
        _regimes(
            "only_a only_b both items",
            (0.01, 0.0, 0.98, 100), (0.03, 0.002, 0.9, 100), (0.05, 0.01, 0.01, 50),
            (0.2, 0.05, 0.7, 30), (0.6, 0.05, 0.3, 40), (0.97, 0.01, 0.01, 50),
            (0.06, 0.03, 0.6, 1000),
        ),
        _pairs,
        _COVER | {"test and interval disagree": Bound(high=0.0)},
    ),
    Certificate(
        "paired-rates-clustered",
        "compare_items",
        "With clusters the interval for a difference of rates misses at most 3.5 % more often than "
        "stated, down to few clusters and few items that differ.",
        _regimes(
            "clusters size differ share icc uneven",
            (6, 10, 0.3, 0.5, 0.3, False), (6, 10, 0.3, 0.9, 0.3, True),
            (12, 10, 0.02, 0.5, 0.3, False), (12, 10, 0.1, 0.9, 0.1, True),
            (30, 10, 0.02, 0.95, 0.05, False), (30, 10, 0.02, 0.95, 0.5, True),
            (30, 10, 0.3, 0.5, 0.2, True), (60, 5, 0.2, 0.8, 0.2, True),
            (100, 5, 0.02, 0.95, 0.5, False),
        ),
        _clustered,
        {"covered": Bound(low=0.95, slack=0.035)},
    ),
    Certificate(
        "paired-scores-clustered",
        "compare_items",
        "With clusters the interval for a mean difference of scores misses at most 2 % more often "
        "than stated.",
        _regimes(
            "clusters size icc true uneven skewed",
            (3, 10, 0.3, 0.0, False, False), (6, 10, 0.3, 0.1, False, False),
            (8, 10, 0.5, 0.0, True, False), (15, 5, 0.05, 0.2, True, False),
            (30, 5, 0.3, 0.0, True, False), (50, 5, 0.3, 0.0, False, True),
        ),
        _scores,
        {"covered": Bound(low=0.95, slack=0.02)},
    ),
    Certificate(
        "paired-epochs",
        "compare_items",
        "With several epochs per item the interval misses at most 2.5 % more often than stated, "
        "also if the subjects differ on few items.",
        _regimes(
            "items share rate_a rate_b",
            (12, 1.0, 0.7, 0.5), (100, 0.02, 0.9, 0.3), (100, 0.05, 0.5, 0.5),
            (300, 0.01, 1.0, 0.5), (200, 0.3, 0.9, 0.8),
        ),
        _epochs,
        {"covered": Bound(low=0.95, slack=0.025)},
    ),
    Certificate(
        "conclusions",
        "compare_items, conclude",
        "The chance that any part of a conclusion is false is at most alpha.",
        _regimes(
            "only_a only_b items margin",
            (0.05, 0.05, 200, 0.05), (0.08, 0.03, 200, 0.05), (0.02, 0.12, 100, 0.1),
            (0.03, 0.0, 300, 0.03), (0.3, 0.3, 100, 0.1), (0.012, 0.01, 400, 0.02),
        ),
        _statements,
        {"false statement": Bound(high=0.05)},
    ),
    Certificate(
        "independent-rates-null",
        "fisher, miettinen_nurminen, rate_ratio",
        "For two equal independent rates Fisher's test and the ratio's interval hold their error; "
        "the score interval misses at most 2 % more often than stated.",
        _regimes(
            "rate_a rate_b n_a n_b",
            (0.01, 0.01, 100, 100), (0.01, 0.01, 500, 100), (0.5, 0.5, 20, 20),
            (0.95, 0.95, 40, 40),
        ),
        _independent,
        {
            "rejected": Bound(high=0.05),
            "ratio covered": Bound(low=0.95),
            "covered by score": Bound(low=0.95, slack=0.02),
        },
    ),
    Certificate(
        "independent-rates-differ",
        "miettinen_nurminen, rate_ratio",
        "For two independent rates the ratio's interval covers; the score interval of their "
        "difference misses at most 2 % more often than stated.",
        _regimes(
            "rate_a rate_b n_a n_b",
            (0.05, 0.01, 60, 200), (0.2, 0.3, 150, 150), (0.002, 0.02, 300, 100),
            (0.99, 0.9, 50, 50),
        ),
        _independent,
        {"ratio covered": Bound(low=0.95), "covered by score": Bound(low=0.95, slack=0.02)},
    ),
    Certificate(
        "many-comparisons",
        "adjust, simultaneous",
        "Adjusted p-values hold the family-wise error or the false discovery rate; simultaneous "
        "intervals cover all at once.",
        _regimes(
            "effects real correlation",
            (5, 0, 0.0), (10, 5, 0.0), (10, 5, 0.5), (20, 18, 0.2), (4, 4, 0.3),
        ),
        _families,
        {
            "holm": Bound(high=0.05), "hochberg": Bound(high=0.05),
            "benjamini-hochberg": Bound(high=0.05), "benjamini-yekutieli": Bound(high=0.05),
            "intervals cover, bonferroni": Bound(low=0.95),
            "intervals cover, holm": Bound(low=0.95),
        },
    ),
)  # fmt: skip
