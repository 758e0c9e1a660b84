"""How often are ratings, ranks and tiers wrong? Certificates of `rate`'s methods, and of others'.

Truth is what the model says of the whole population of comparisons: strengths fitted to expected
outcomes, with effects of items and voters averaged out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri, roots_hermitenorm

from calibrant.ratings.counts import Counts, count, count_blocks
from calibrant.ratings.fit import Fit, RatingError, fit
from calibrant.ratings.likelihood import ModelName
from calibrant.ratings.pools import _limits
from calibrant.ratings.uncertainty.covariance import (
    Covariance,
    clustered,
    model_based,
    sandwich,
)
from calibrant.ratings.uncertainty.live import live
from calibrant.records.comparisons import Comparisons, check_comparisons
from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.comparisons.ranks import ranks

Floats = NDArray[np.float64]

_LEVEL = 0.95
_DRAWS = 1500


def _probabilities(d: Floats, nu: float) -> Floats:
    """Chance of left, right and tie by Davidson's model, shape (..., 3)."""
    a, b = np.exp(d / 2), np.exp(-d / 2)
    return np.asarray(np.stack([a, b, np.full_like(a, nu)], axis=-1) / (a + b + nu)[..., None])


def _pairs(regime: Regime) -> NDArray[np.int64]:
    """Ordered pairs that are compared: all, or each subject with the next two only."""
    size = regime["subjects"]
    i, j = (x.ravel() for x in np.meshgrid(np.arange(size), np.arange(size), indexing="ij"))
    gap = (j - i) % size
    keep = (gap > 0) & (np.isin(gap, (1, 2, size - 1, size - 2)) if regime.get("sparse") else True)
    return np.stack([i[keep], j[keep]], axis=1)


def _strengths(regime: Regime) -> Floats:
    s = np.linspace(regime["spread"], -regime["spread"], regime["subjects"])
    return np.asarray(s - s.mean(), dtype=np.float64)


def _truth(regime: Regime, model: ModelName) -> Floats:
    """Strengths of the population."""
    s: Floats = _strengths(regime)
    pairs = _pairs(regime)
    d: Floats = s[pairs[:, 0]] - s[pairs[:, 1]]
    sd = np.sqrt(2 * (regime.get("item_sd", 0.0) ** 2 + regime.get("voter_sd", 0.0) ** 2))
    node, weight = roots_hermitenorm(41)
    p = (_probabilities(d[:, None] + sd * node, regime["nu"]) * weight[:, None]).sum(axis=1)
    p /= weight.sum()
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    names = tuple(map(str, range(s.size)))
    table = Counts(names, pairs[order, 0], pairs[order, 1], p[order])
    return fit(table, model).strengths


def _draw(regime: Regime, rng: np.random.Generator) -> Comparisons:
    s, pairs, rows = _strengths(regime), _pairs(regime), int(regime["rows"])
    left, right = pairs[rng.integers(0, pairs.shape[0], rows)].T
    d = np.asarray(s[left] - s[right], dtype=np.float64)
    columns = {"left": left, "right": right}
    for name, default in (("item", 50), ("voter", 50)):
        number = int(regime.get(f"{name}s", default))
        code = rng.integers(0, number, rows)
        sd = float(regime.get(f"{name}_sd", 0.0))
        effect = rng.normal(0, sd, size=(number, s.size))
        d = d + effect[code, left] - effect[code, right]
        columns[name] = code
    p = _probabilities(d, regime["nu"])
    u = rng.random(rows)
    columns["winner"] = (u[:, None] > p.cumsum(axis=1)[:, :2]).sum(axis=1)
    return check_comparisons(pl.DataFrame(columns))


@dataclass
class _Tally:
    """Coverage of one way to standard errors."""

    covered: list[float]
    width: list[float]

    def add(self, fitted: Fit, covariance: Covariance, truth: Floats) -> None:
        low, high = _limits(fitted.strengths, covariance.standard_errors, covariance.df, _LEVEL)
        self.covered.append(float(((low <= truth) & (truth <= high)).mean()))
        self.width.append(float((high - low).mean()))


def _ratings(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    model: ModelName = regime.get("model", "davidson")
    truth = _truth(regime, model)
    by = tuple(regime.get("by", ()))
    at_least = 1 + (truth[None, :] > truth[:, None] + 1e-9).sum(axis=1)
    at_most = truth.size - (truth[None, :] < truth[:, None] - 1e-9).sum(axis=1)
    ours, plain, half = (_Tally([], []) for _ in range(3))
    placed, honest, many = [], [], []
    refused = 0
    for _ in range(draws):
        rows = _draw(regime, rng)
        counts = count_blocks(rows.blocks(), names=rows.names)
        try:
            fitted = fit(counts, model)
        except RatingError:
            # A design this sparse now and then has no rating; that is said, not rated.
            refused += 1
            continue
        covariance = clustered(fitted, rows, by) if by else sandwich(fitted)
        ours.add(fitted, covariance, truth)
        plain.add(fitted, sandwich(fitted), truth)
        bt = fit(counts, "bt")
        half.add(bt, model_based(bt), _bt_truth(regime))
        assert covariance.matrix is not None
        got = ranks(
            fitted.strengths, covariance.matrix, df=covariance.df, draws=_DRAWS,
            seed=int(rng.integers(1 << 31)),
        )  # fmt: skip
        placed.append(bool(((got.low <= at_least) & (got.high >= at_most)).all()))
        i, j = np.nonzero(got.better)
        honest.append(bool((truth[i] > truth[j] + 1e-9).all()))
        many.append(float(got.tiers.max()))
    return {
        "covered": float(np.mean(ours.covered)),
        "ranks covered": float(np.mean(placed)),
        "tiers honest": float(np.mean(honest)),
        "tiers": float(np.mean(many)),
        "width": float(np.mean(ours.width)),
        "refused": refused / draws,
        # What others report: clusters ignored, and half-win ties with the inverse information.
        "sandwich without clusters covered": float(np.mean(plain.covered)),
        "half-win hessian covered": float(np.mean(half.covered)),
        "half-win hessian width": float(np.mean(half.width)),
    }


_BT_TRUTH: dict[str, Floats] = {}


def _bt_truth(regime: Regime) -> Floats:
    key = repr(sorted(regime.items()))
    if key not in _BT_TRUTH:
        _BT_TRUTH[key] = _truth(regime, "bt")
    return _BT_TRUTH[key]


def _monitored(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Arenas of equals, looked at after every hundredth game."""
    size, rows = int(regime["subjects"]), int(regime["rows"])
    names = tuple(map(str, range(size)))
    false, naive, once = 0, 0, 0
    for _ in range(draws):
        left = rng.integers(0, size, rows)
        right = (left + rng.integers(1, size, rows)) % size
        outcome = np.where(rng.random(rows) < 0.2, 2, rng.integers(0, 2, rows))
        total = count(left[:0], right[:0], outcome[:0], names=names)
        ever = ever_naive = last = False
        for start in range(0, rows, 100):
            part = slice(start, start + 100)
            total = total + count(left[part], right[part], outcome[part], names=names)
            found = live(total)
            ever |= bool(found.decided.any())
            games = np.maximum(found.wins + found.losses, 1)
            z = (found.wins - found.losses) / np.sqrt(games)
            # A test of each pair by itself, Bonferroni for pairs but not for looks.
            last = bool((z > -ndtri(0.025 / z.size)).any())
            ever_naive |= last
        false += ever
        naive += ever_naive
        once += last
    return {
        "false decision": false / draws,
        "z-test at each look": naive / draws,
        "one look at the end": once / draws,
    }


_REGIMES: tuple[Regime, ...] = (
    {"subjects": 8, "rows": 800, "spread": 1.0, "nu": 1.5},
    {"subjects": 8, "rows": 800, "spread": 0.0, "nu": 0.5},
    {"subjects": 8, "rows": 1200, "spread": 1.0, "nu": 0.8, "items": 40, "item_sd": 0.8,
     "by": ("item",)},
    {"subjects": 6, "rows": 1200, "spread": 0.8, "nu": 0.8, "items": 15, "item_sd": 0.6,
     "by": ("item",)},
    {"subjects": 8, "rows": 1500, "spread": 1.0, "nu": 0.8, "items": 40, "item_sd": 0.5,
     "voters": 40, "voter_sd": 0.5, "by": ("item", "voter")},
    {"subjects": 16, "rows": 640, "spread": 1.0, "nu": 0.5, "sparse": True},
    {"subjects": 8, "rows": 800, "spread": 1.0, "nu": 1.5, "model": "bt"},
)  # fmt: skip

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "ratings",
        "rate",
        "Intervals of ratings at level .95 cover in at least 94 of 100, rank intervals of all "
        "subjects together in at least 94, and no declared difference is false in at least 94: "
        "with ties, clusters and sparse pairs.",
        _REGIMES,
        _ratings,
        {
            "covered": Bound(low=0.95, slack=0.01),
            "ranks covered": Bound(low=0.94),
            "tiers honest": Bound(low=0.94),
            "refused": Bound(high=0.02),
        },
        peers={
            "sandwich without clusters": "arena-rank's sandwich, each comparison independent",
            "half-win hessian": "inverse information with ties as half wins (FastChat, choix)",
        },
    ),
    Certificate(
        "ratings-live",
        "live",
        "An arena of equals, watched all the time, has a pair declared in at most 5 of 100.",
        ({"subjects": 5, "rows": 2000},),
        _monitored,
        {"false decision": Bound(high=0.05)},
        peers={
            "z-test": "a normal test of every pair at each look, Bonferroni for pairs",
            "one look": "the same test once, at the end: what it costs to wait",
        },
    ),
)
