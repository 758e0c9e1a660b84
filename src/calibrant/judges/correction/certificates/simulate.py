"""Judges and gold labels as they may be, and what people use today on the same draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.certificates import Regime, peers
from calibrant.stats.estimates.rates import bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Limits = tuple[Floats, Floats]

PEERS = {
    "naive": "the judge's rate with its Clopper–Pearson interval",
    "gold only": "Clopper–Pearson of the gold labels, the judge forgotten",
    "ppi_py": "ppi_py `ppi_mean_ci` (PPI++)",
    "bootstrap": "percentile bootstrap of PPI++",
    "delta": "Rogan–Gladen with the delta method, cut to 0–1",
}


def draw(regime: Regime, rng: np.random.Generator, draws: int) -> tuple[Ints, Ints]:
    """Gold × verdict tables of labelled items and verdicts of the others.

    The regime's keys: rate, sensitivity, specificity, labels, items; labels are a random sample.

    Returns:
        Shape (draws, 2, 2), gold positive first, judged positive first; and (draws, 2).
    """
    rate, se, sp = regime["rate"], regime["sensitivity"], regime["specificity"]
    cells = np.array([rate * se, rate * (1 - se), (1 - rate) * (1 - sp), (1 - rate) * sp])
    tables = rng.multinomial(regime["labels"], cells, size=draws).reshape(draws, 2, 2)
    rest = regime["items"] - regime["labels"]
    flagged = rng.binomial(rest, cells[0] + cells[2], size=draws)
    return tables.astype(np.int64), np.stack([flagged, rest - flagged], axis=-1).astype(np.int64)


def ppi_counts(tables: Ints, more: Ints) -> tuple[Floats, Floats]:
    """PPI++ of many 2 × 2 data sets, by ppi_py's rule: estimates and standard errors."""
    n, rest = tables.sum((-2, -1)), more.sum(-1)
    y, f = tables[..., 0, :].sum(-1) / n, tables[..., :, 0].sum(-1) / n
    u, both = more[..., 0] / rest, tables[..., 0, 0] / n
    shared, every = both - y * f, (f * n + u * rest) / (n + rest)
    spread = every * (1 - every) * (n + rest) / (n + rest - 1) * (1 + n / rest)
    lam = np.where(spread > 0, np.clip(shared / np.where(spread > 0, spread, 1), 0, 1), 0.0)
    left = y * (1 - y) - 2 * lam * shared + lam**2 * f * (1 - f)
    variance = np.maximum(left, 0) / n + lam**2 * u * (1 - u) / rest
    return y - lam * (f - u), np.sqrt(variance)


def today(tables: Ints, more: Ints, rng: np.random.Generator) -> dict[str, Limits]:
    """Two-sided 95 % limits that people report, by the names in PEERS."""
    z = peers.z()
    n, gold = tables.sum((-2, -1)), tables[..., 0, :].sum(-1)
    judged = tables[..., :, 0].sum(-1) + more[..., 0]
    value, error = ppi_counts(tables, more)
    return {
        "naive": bounds(judged, n + more.sum(-1)),
        "gold only": bounds(gold, n),
        "ppi_py": peers.around(value, z * error),
        "bootstrap": _bootstrap(tables, more, rng),
        "delta": _delta(tables, more, z),
    }


def _bootstrap(tables: Ints, more: Ints, rng: np.random.Generator, rounds: int = 200) -> Limits:
    n, rest = int(tables[0].sum()), int(more[0].sum())
    found = np.empty((rounds, tables.shape[0]))
    cells = tables.reshape(-1, 4) / n
    for b in range(rounds):
        again = rng.multinomial(n, cells).reshape(-1, 2, 2)
        flagged = rng.binomial(rest, more[:, 0] / rest)
        found[b] = ppi_counts(again, np.stack([flagged, rest - flagged], axis=-1))[0]
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    return low, high


def _delta(tables: Ints, more: Ints, z: float) -> Limits:
    """Rogan and Gladen's rate; the whole of 0–1 where it cannot be computed."""
    yes, no = tables[..., 0, :].sum(-1), tables[..., 1, :].sum(-1)
    known = (yes > 0) & (no > 0)
    se = tables[..., 0, 0] / np.maximum(yes, 1)
    sp = tables[..., 1, 1] / np.maximum(no, 1)
    p, rest = more[..., 0] / more.sum(-1), more.sum(-1)
    j = se + sp - 1
    known &= np.abs(j) > 1e-12
    safe = np.where(known, j, 1.0)
    value = (p + sp - 1) / safe
    variance = p * (1 - p) / rest + value**2 * se * (1 - se) / np.maximum(yes, 1)
    variance += (1 - value) ** 2 * sp * (1 - sp) / np.maximum(no, 1)
    reach = z * np.sqrt(variance) / np.abs(safe)
    low, high = np.clip(value - reach, 0, 1), np.clip(value + reach, 0, 1)
    return np.where(known, low, 0.0), np.where(known, high, 1.0)


def summary(rate: float, found: dict[str, Limits]) -> dict[str, float]:
    """How often each holds the rate, and mean widths within 0–1."""
    statistics = {}
    for name, (low, high) in found.items():
        statistics[f"{name} covered"] = peers.held(rate, (low, high))
        inside = np.clip(high, 0, 1) - np.clip(low, 0, 1)
        statistics[f"{name} width"] = float(np.mean(inside))
    return statistics


def scores(regime: Regime, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Gold scores of Beta shape and a judge that is noisy, and generous."""
    a, b = regime["shape"]
    y = rng.beta(a, b, size)
    f = np.clip(regime["knows"] * y + (1 - regime["knows"]) * rng.beta(a, b, size) + 0.1, 0, 1)
    return y, f


Draw = tuple[float, Floats, Floats, Floats, tuple[NDArray[Any], NDArray[Any]]]
"""The truth, gold labels, the judge's values with and without them, and the design's columns."""


def clustered(regime: Regime, rng: np.random.Generator) -> Draw:
    """Items in clusters, some wholly labelled; the judge errs by cluster too."""
    rate, icc, many, size = (regime[k] for k in ("rate", "icc", "clusters", "size"))
    labelled = regime["labelled"]
    own = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, many)
    group = np.repeat(np.arange(many), size)
    y = (rng.random(group.size) < own[group]).astype(float)
    wrong = rng.beta(1, 6, many)
    f = np.where(rng.random(group.size) < wrong[group], 1 - y, y)
    known: NDArray[np.bool_] = group < int(labelled)
    rest = ~known
    return rate, y[known], f[known], f[rest], (group[known], group[rest])


def by_strata(regime: Regime, rng: np.random.Generator) -> Draw:
    """Three strata, the harder the more labels."""
    size, labels = regime["size"], regime["labelled"]
    rates, right = np.array([0.05, 0.3, 0.7]), np.array([0.98, 0.85, 0.7])
    group = rng.integers(0, 3, 3 * size)
    y = (rng.random(group.size) < rates[group]).astype(float)
    f = np.where(rng.random(group.size) < right[group], y, 1 - y)
    place = np.arange(group.size)
    known = np.concatenate([place[group == g][: labels * (1 + g)] for g in range(3)])
    rest = np.setdiff1d(place, known)
    return float(rates.mean()), y[known], f[known], f[rest], (group[known], group[rest])


def by_chance(regime: Regime, rng: np.random.Generator) -> Draw:
    """Labels with chances that go with the truth."""
    size, labels = regime["size"], regime["labelled"]
    sure = rng.random(size)
    y = np.asarray(rng.random(size) < 0.1 + 0.6 * sure, np.float64)
    says = np.where(y == 1, 0.5 + 0.5 * sure, 0.3 * sure)
    f = np.asarray(rng.random(size) < says, np.float64)
    chance = np.clip(labels / size * (0.3 + 1.4 * sure), 0.001, 1)
    known = np.asarray(rng.random(size) < chance, np.bool_)
    return 0.4, y[known], f[known], f[~known], (chance[known], chance[~known])
