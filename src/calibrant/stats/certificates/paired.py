"""How often are comparisons of two subjects on the same items wrong?

Truths lie where evaluations do: rates near 0 and 1, few items that differ, few clusters, clusters
that share much of their outcome.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.comparisons.multiplicity import Conclusion
from calibrant.stats.comparisons.paired import compare_items, paired_t, sign_flip
from calibrant.stats.comparisons.two_rates import matched_difference, mcnemar, newcombe, tango

Floats = NDArray[np.float64]
_Z, _Z90 = peers.z(), peers.z("upper")


def mean_rows(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each statistic over rows."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def weighted_rows(rows: list[dict[str, float]], times: NDArray[np.int64]) -> dict[str, float]:
    """The mean of each statistic over rows that occurred so many times."""
    total = float(times.sum())
    return {name: float(times @ [row[name] for row in rows]) / total for name in rows[0]}


def inside(true: float, low: float, high: float) -> float:
    """1 if the limits hold the truth."""
    return float(low - 1e-9 <= true <= high + 1e-9)


def _pairs(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Independent items: A alone right with chance p, B alone with chance q, both with r."""
    p, q, r, n = regime["only_a"], regime["only_b"], regime["both"], regime["items"]
    tables, times = np.unique(
        rng.multinomial(n, [p, q, r, 1 - p - q - r], size=draws), axis=0, return_counts=True
    )
    return weighted_rows([_pair(*(int(x) for x in t), true=p - q) for t in tables], times)


def _pair(a: int, b: int, both: int, neither: int, *, true: float) -> dict[str, float]:
    n, m = a + b + both + neither, a + b
    d = (a - b) / n
    wald = _Z * math.sqrt(max(0.0, m - (a - b) ** 2 / n) / (n - 1) / n)
    apart = _Z * math.hypot(*(float(peers.rate_stderr(both + k, n)) for k in (a, b)))
    exact, score = matched_difference(a, b, n), tango(a, b, n)
    method10 = newcombe(both, a, b, neither)
    word = "rejected" if true == 0 else "power"
    return {
        "exact covered": inside(true, exact.low, exact.high),
        "exact width": exact.high - exact.low,
        "Tango covered": inside(true, score.low, score.high),
        "Tango width": score.high - score.low,
        "Newcombe 10 covered": inside(true, method10.low, method10.high),
        f"exact {word}": float(mcnemar(a, b) <= 0.05),
        f"mid-P {word}": float(mcnemar(a, b, mid=True) <= 0.05),
        "test and interval disagree": float(
            (mcnemar(a, b) < 0.05) != (exact.low > 1e-9 or exact.high < -1e-9)
        ),
        "normal covered": inside(true, d - wald, d + wald),
        "normal width": 2 * wald,
        "two standard errors covered": inside(true, d - apart, d + apart),
        f"two standard errors {word}": float(apart > 0 and abs(d) > apart),
        f"asymptotic McNemar {word}": float(m > 0 and (a - b) ** 2 > _Z**2 * m),
    }


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
        differs = (rng.random(of.size) < chance).astype(np.float64)
        d = differs * np.where(rng.random(of.size) < up, 1.0, -1.0)
        found = compare_items(np.maximum(d, 0), np.maximum(-d, 0), clusters=of)
        rows.append(_clustered_row(d, of, found.interval.low, found.interval.high, true))
    return mean_rows(rows)


def _clustered_row(
    d: Floats, of: NDArray[np.int64], low: float, high: float, true: float
) -> dict[str, float]:
    mean, g = float(d.mean()), int(of[-1]) + 1
    plain = float(peers.t(d.size - 1) * peers.stderr(d))
    error = float(peers.cluster_stderr(np.bincount(of, d), np.bincount(of)))
    row = {"interval covered": inside(true, low, high), "interval width": high - low}
    reaches = {"CR1 normal": _Z * error, "CR1 t": peers.t(g - 1) * error}
    for name, reach in {"t without clusters": plain, **reaches}.items():
        row[f"{name} covered"] = inside(true, mean - reach, mean + reach)
        row[f"{name} width"] = 2 * float(reach)
    return row


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
        rows.append(_clustered_row(d, of, found.interval.low, found.interval.high, true))
    return mean_rows(rows)


def _few(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Few items with real-valued scores of two subjects, no difference between them."""
    n, alike = regime["items"], regime["alike"]
    rows = []
    for _ in range(draws):
        item = rng.standard_normal(n)
        noise = rng.standard_normal((2, n))
        if regime["law"] == "heavy tails":
            noise = noise / np.sqrt(rng.chisquare(2, n) / 2)
        a, b = alike**0.5 * item + (1 - alike) ** 0.5 * noise
        d = a - b
        apart = _Z * math.hypot(float(peers.stderr(a)), float(peers.stderr(b)))
        near, mean = _Z * float(peers.stderr(d)), float(d.mean())
        flip, t = sign_flip(d), paired_t(d)
        rows.append(
            {
                "sign-flip covered": inside(0.0, flip.interval.low, flip.interval.high),
                "sign-flip rejected": float(flip.p_value <= 0.05),
                "sign-flip width": flip.interval.high - flip.interval.low,
                "t covered": inside(0.0, t.interval.low, t.interval.high),
                "t rejected": float(t.p_value <= 0.05),
                "t width": t.interval.high - t.interval.low,
                "normal covered": float(abs(mean) <= near),
                "normal width": 2 * near,
                "two standard errors covered": float(abs(mean) <= apart),
                "two standard errors width": 2 * apart,
            }
        )
    return mean_rows(rows)


def _epochs(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Means of four 0/1 epochs per item; on most items both subjects are always the same."""
    n, share, a, b = regime["items"], regime["share"], regime["rate_a"], regime["rate_b"]
    true, rows = share * (a - b), []
    for _ in range(draws):
        open_ = rng.random(n) < share
        x = np.where(open_[:, None], rng.random((n, 4)) < a, 1).astype(float)
        y = np.where(open_[:, None], rng.random((n, 4)) < b, 1).astype(float)
        found, d = compare_items(x, y), (x - y).mean(axis=1)
        reach = float(peers.t(n - 1) * peers.stderr(d))
        apart = _Z * math.hypot(float(peers.stderr(x.ravel())), float(peers.stderr(y.ravel())))
        mean = float(d.mean())
        rows.append(
            {
                "interval covered": inside(true, found.interval.low, found.interval.high),
                "interval width": found.interval.high - found.interval.low,
                "t of item means covered": inside(true, mean - reach, mean + reach),
                "t of item means width": 2 * reach,
                "two standard errors of all epochs covered": inside(
                    true, mean - apart, mean + apart
                ),
                "two standard errors of all epochs width": 2 * apart,
            }
        )
    return mean_rows(rows)


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
        mean = (a - b) / n
        u = math.sqrt(max(a + b - (a - b) ** 2 / n, 0.0) / (n - 1) / n)
        # Both rates in the middle: the standard errors of two separate reports.
        apart = math.sqrt(2 * 0.25 / (n - 1))
        row = {"conclusion false": float(_false(said, true, margin))}
        row["conclusion equivalent"] = float(bool(said.equivalent))
        for name, error in (("normal", u), ("two standard errors", apart)):
            small = abs(mean) + _Z90 * error < margin
            wrong = [
                mean - _Z * error > 0 >= true,
                mean + _Z * error < 0 <= true,
                small and abs(true) >= margin - 1e-12,
                mean - _Z90 * error > -margin >= true - 1e-12,
                mean + _Z90 * error < margin <= true + 1e-12,
            ]
            row[f"{name} false"], row[f"{name} equivalent"] = float(any(wrong)), float(small)
        rows.append(row)
    return weighted_rows(rows, times)


def _false(said: Conclusion, true: float, margin: float) -> bool:
    return any(
        [
            said.better == "A" and true <= 0,
            said.better == "B" and true >= 0,
            said.equivalent and abs(true) >= margin - 1e-12,
            said.a_not_inferior and true <= -margin + 1e-12,
            said.b_not_inferior and true >= margin - 1e-12,
        ]
    )


_COVER = {"exact covered": Bound(low=0.95), "Tango covered": Bound(low=0.95, slack=0.01)}
_WITHIN = {"interval covered": Bound(low=0.95, slack=0.01)}
_APART = "± 1.96 √(SE² + SE²) of two lm-eval or Inspect reports"
_PAIRS = {
    "normal": "± 1.96 standard errors of the differences (Miller 2024)",
    "two standard errors": _APART,
    "asymptotic McNemar": "statsmodels `mcnemar(exact=False, correction=False)`",
}
_CLUSTERS = {
    "t without clusters": peers.T + " of the differences, clusters ignored",
    "CR1 normal": peers.CLUSTER_NORMAL + " of the differences",
    "CR1 t": peers.CLUSTER_T + " of the differences",
}

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "paired-rates-null",
        "mcnemar, matched_difference, tango",
        "Without a difference the exact and the mid-P test err at most as often as allowed, the "
        "exact interval covers, and Tango's covers within one percentage point.",
        regimes(
            "only_a only_b both items",
            (0.005, 0.005, 0.98, 100), (0.02, 0.02, 0.9, 100), (0.02, 0.02, 0.01, 300),
            (0.1, 0.1, 0.7, 30), (0.1, 0.1, 0.7, 500), (0.4, 0.4, 0.1, 50),
        ),
        _pairs,
        _COVER
        | {
            "exact rejected": Bound(high=0.05),
            "mid-P rejected": Bound(high=0.05),
            "test and interval disagree": Bound(high=0.0),
        },
        _PAIRS,
    ),
    Certificate(
        "paired-rates-cover",
        "matched_difference, tango",
        "The exact interval of a paired difference of rates covers; Tango's does within one "
        "percentage point in these regimes (with 3 to 40 items it can fall to 0.83 to 0.93).",
        regimes(
            "only_a only_b both items",
            (0.01, 0.0, 0.98, 100), (0.03, 0.002, 0.9, 100), (0.05, 0.01, 0.01, 50),
            (0.2, 0.05, 0.7, 30), (0.6, 0.05, 0.3, 40), (0.97, 0.01, 0.01, 50),
            (0.06, 0.03, 0.6, 1000),
        ),
        _pairs,
        _COVER | {"test and interval disagree": Bound(high=0.0)},
        _PAIRS,
    ),
    Certificate(
        "paired-rates-clustered",
        "compare_items",
        "With clusters the interval for a difference of rates covers as often as its level says, "
        "within one percentage point, down to few clusters and few items that differ.",
        regimes(
            "clusters size differ share icc uneven",
            (6, 10, 0.3, 0.5, 0.3, False), (6, 10, 0.3, 0.9, 0.3, True),
            (12, 10, 0.02, 0.5, 0.3, False), (12, 10, 0.1, 0.9, 0.1, True),
            (30, 10, 0.02, 0.95, 0.05, False), (30, 10, 0.02, 0.95, 0.5, True),
            (30, 10, 0.3, 0.5, 0.2, True), (60, 5, 0.2, 0.8, 0.2, True),
        ),
        _clustered,
        _WITHIN,
        _CLUSTERS,
        regimes("clusters size differ share icc uneven", (100, 5, 0.02, 0.95, 0.5, False)),
    ),
    Certificate(
        "paired-scores-clustered",
        "compare_items",
        "With clusters of normal scores, or 50 of skewed ones, the interval for a mean difference "
        "covers as often as its level says, within one percentage point.",
        regimes(
            "clusters size icc true uneven skewed",
            (3, 10, 0.3, 0.0, False, False), (6, 10, 0.3, 0.1, False, False),
            (15, 5, 0.05, 0.2, True, False), (30, 5, 0.3, 0.0, True, False),
            (50, 5, 0.3, 0.0, False, True),
        ),
        _scores,
        _WITHIN,
        _CLUSTERS,
        regimes("clusters size icc true uneven skewed", (8, 10, 0.5, 0.0, True, False)),
    ),
    Certificate(
        "paired-scores-few",
        "sign_flip, paired_t",
        "For few items with differences that are symmetric about their mean, sign flips err at "
        "most as often as allowed and their interval covers; so does t for normal differences, "
        "within one percentage point.",
        regimes(
            "items alike law",
            (6, 0.0, "normal"), (10, 0.7, "normal"), (12, 0.9, "normal"), (10, 0.5, "heavy tails"),
        ),
        _few,
        {
            "sign-flip covered": Bound(low=0.95),
            "t covered": Bound(low=0.95, slack=0.01),
            "sign-flip rejected": Bound(high=0.05),
            "t rejected": Bound(high=0.05),
        },
        {
            "normal": "± 1.96 standard errors of the differences (Miller 2024)",
            "two standard errors": _APART,
        },
    ),
    Certificate(
        "paired-epochs",
        "compare_items",
        "With several epochs per item the interval covers as often as its level says, within one "
        "percentage point, also if the subjects differ on few items.",
        regimes(
            "items share rate_a rate_b",
            (12, 1.0, 0.7, 0.5), (100, 0.02, 0.9, 0.3), (100, 0.05, 0.5, 0.5),
            (300, 0.01, 1.0, 0.5), (200, 0.3, 0.9, 0.8),
        ),
        _epochs,
        _WITHIN,
        {
            "t of item means": peers.T + " of differences of item means",
            "two standard errors of all epochs": _APART + ", epochs as independent trials",
        },
    ),
    Certificate(
        "conclusions",
        "compare_items, conclude",
        "The chance that any part of a conclusion is false is at most alpha.",
        regimes(
            "only_a only_b items margin",
            (0.05, 0.05, 200, 0.05), (0.08, 0.03, 200, 0.05), (0.02, 0.12, 100, 0.1),
            (0.03, 0.0, 300, 0.03), (0.3, 0.3, 100, 0.1), (0.012, 0.01, 400, 0.02),
        ),
        _statements,
        {"conclusion false": Bound(high=0.05)},
        {
            "normal": "± 1.96 and ± 1.645 standard errors of the differences",
            "two standard errors": _APART + ", at rates of a half",
        },
    ),
)  # fmt: skip
