"""Do intervals of items and abilities cover, and is the likelihood the one that is meant?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp, ndtri, roots_hermitenorm

from calibrant.quality.bank import Bank
from calibrant.quality.models.climb import SUSPECT
from calibrant.quality.models.data import Data
from calibrant.quality.models.families import Family
from calibrant.quality.models.fit import fit_bank
from calibrant.quality.models.grid import Grid, grid_for, narrowest
from calibrant.quality.models.kernel import Kernel
from calibrant.quality.models.result import Fit
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]

Z = float(ndtri(0.975))

BATCH = 25
"""Data sets per batch."""


def _bank(regime: Regime, rng: np.random.Generator) -> Bank:
    """Items of slopes about 1 and difficulties about 0, of the regime's model."""
    items, model = int(regime["items"]), str(regime["model"])
    steps = int(regime.get("categories", 2)) - 1
    slope = rng.lognormal(0.0, 0.3, items)
    if model in ("rasch", "pcm"):
        slope = np.ones(items)
    spot = rng.normal(size=(items, 1)) + np.linspace(-1, 1, steps) * (steps > 1)
    d = -slope[:, None] * spot
    if model in ("gpcm", "pcm"):
        d = np.cumsum(d, axis=1)
    values = np.tile(np.arange(steps + 1.0), (items, 1))
    names = tuple(f"item {j + 1}" for j in range(items))
    return Bank(model, names, slope, d, np.zeros(items), values)


def interval_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of 95 % intervals over items and subjects; what is not fitted counts as covered."""
    sums: dict[str, float] = {}
    for _ in range(draws):
        true = _bank(regime, rng)
        ability = rng.normal(size=int(regime["subjects"]))
        scores = true.draw(ability, rng)
        if regime.get("missing"):
            scores[rng.random(scores.shape) < regime["missing"]] = np.nan
        found = fit_bank(scores, true.model, high=float(np.nanmax(true.values)))
        got = _covered(found, true, ability)
        if true.model == "2pl" and not np.isnan(scores).any():
            got |= _joint(scores, true, ability)
        for name, value in got.items():
            sums[name] = sums.get(name, 0.0) + value / draws
    return sums


def _covered(found: Fit, true: Bank, ability: Floats) -> dict[str, float]:
    names = ("discrimination covered", "difficulty covered", "unbounded", "delta covered")
    sums, count = dict.fromkeys(names, 0.0), 0
    spots = true.difficulty
    for j, item in enumerate(found.items):
        wanted = spots[j]
        if item.discrimination is None or np.ravel(np.array(item.difficulty)).size != wanted.size:
            # Of a category that did not occur nothing is said.
            sums["discrimination covered"] += 1
            sums["difficulty covered"] += 1
            sums["delta covered"] += 1
            continue
        count += 1
        ends = item.intervals["discrimination"]
        sums["discrimination covered"] += (
            ends is None or ends[0] <= true.discrimination[j] <= ends[1]
        )
        errors = np.atleast_1d(item.standard_errors["difficulty"])
        given = np.atleast_1d(np.asarray(item.difficulty))
        pairs = item.intervals["difficulty"]
        pairs = pairs if wanted.size > 1 else [pairs]
        inside = [low is None or low <= b <= high for b, (low, high) in zip(wanted, pairs,
                  strict=True)]  # fmt: skip
        sums["difficulty covered"] += float(np.mean(inside))
        sums["unbounded"] += float(np.mean([low is None for low, _ in pairs]))
        sums["delta covered"] += float(np.mean(np.abs(given - wanted) <= Z * errors))
    share = {name: value / len(found.items) for name, value in sums.items()}
    low, high = found.interval.T
    share["ability covered"] = float(np.mean((low <= ability) & (ability <= high)))
    share["plug-in ability covered"] = float(
        np.mean(np.abs(found.ability - ability) <= Z * found.standard_error)
    )
    if true.model in ("rasch", "pcm"):
        share.pop("discrimination covered")
    return share


def _joint(scores: Floats, true: Bank, ability: Floats) -> dict[str, float]:
    """Joint maximum likelihood: abilities and items by turns, each taken as known for the other."""
    items = scores.shape[1]
    total = np.clip(scores.mean(axis=1), 0.5 / items, 1 - 0.5 / items)
    theta = np.log(total / (1 - total))
    a, d = np.ones(items), np.zeros(items)
    for _ in range(30):
        theta = (theta - theta.mean()) / theta.std()
        for _ in range(2):
            p = expit(theta[:, None] * a + d)
            w = p * (1 - p)
            g1, g0 = ((scores - p) * theta[:, None]).sum(0), (scores - p).sum(0)
            h11, h01, h00 = (w * theta[:, None] ** 2).sum(0), (w * theta[:, None]).sum(0), w.sum(0)
            det = h11 * h00 - h01**2 + 1e-9
            a = np.clip(a + (h00 * g1 - h01 * g0) / det, -SUSPECT, SUSPECT)
            d = np.clip(d + (h11 * g0 - h01 * g1) / det, -SUSPECT, SUSPECT)
        p = expit(theta[:, None] * a + d)
        move = ((scores - p) @ a) / ((p * (1 - p)) @ a**2 + 1e-9)
        theta = np.clip(theta + np.clip(move, -1, 1), -4, 4)
    error = 1 / np.sqrt((p * (1 - p)) @ a**2 + 1e-9)
    return {
        "joint discrimination covered": float(
            np.mean(np.abs(a - true.discrimination) <= Z * np.sqrt(h00 / det))
        ),
        "joint ability covered": float(np.mean(np.abs(theta - ability) <= Z * error)),
    }


def likelihood_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often a log likelihood is within 0.01 of that by 6,001 nodes, at the true parameters."""
    sums = dict.fromkeys(("agrees", "gauss agrees", "fixed 41 agrees", "fixed 61 agrees"), 0.0)
    for _ in range(draws):
        true = _bank(dict(regime) | {"model": "2pl"}, rng)
        scores = true.draw(rng.normal(size=int(regime["subjects"])), rng)
        xi = np.column_stack([true.discrimination, true.intercepts[:, 0]])
        two = np.full(len(true.items), 2)
        kernel = Kernel(Data(scores.astype(np.int8), None, two), Family("2pl", two, 2))
        dense = kernel.evaluate(xi, Grid(0.003, -9.0, 9.0)).log_likelihood
        first = kernel.evaluate(xi, Grid(0.25, -6.5, 6.5))
        own = grid_for(narrowest(first.ability_information), float(np.abs(xi[:, 0]).max()))
        ask = {
            "agrees": kernel.evaluate(xi, own).log_likelihood,
            "gauss agrees": _gauss(scores, xi, 21),
            "fixed 41 agrees": kernel.evaluate(xi, Grid(0.25, -5.0, 5.0)).log_likelihood,
            "fixed 61 agrees": kernel.evaluate(xi, Grid(0.2, -6.0, 6.0)).log_likelihood,
        }
        for name, value in ask.items():
            sums[name] += (abs(value - dense) < 0.01) / draws
    return sums


def _gauss(scores: Floats, xi: Floats, nodes: int) -> float:
    """Log likelihood by Gauss-Hermite quadrature."""
    theta, weight = roots_hermitenorm(nodes)
    z = xi[:, :1] * theta + xi[:, 1:]
    logs = scores @ z - np.logaddexp(0.0, z).sum(axis=0) + np.log(weight / weight.sum())
    return float(logsumexp(logs, axis=1).sum())


_ITEMS: dict[str, Any] = {
    "batch": interval_batch,
    "batch_draws": BATCH,
}

CERTIFICATES = (
    Certificate(
        name="items-intervals",
        method="calibrant.items.fit",
        statement=(
            "95 % intervals of discriminations and difficulties of a 2pl cover at least 93 %, "
            "those of abilities, with the uncertainty of items, at least 92 %"
        ),
        regimes=regimes(
            "model subjects items missing",
            ("2pl", 100, 20, 0.0),
            ("2pl", 200, 20, 0.0),
            ("2pl", 500, 20, 0.0),
            ("2pl", 100, 100, 0.0),
            ("2pl", 200, 20, 0.4),
        ),
        beyond=regimes("model subjects items missing", ("2pl", 30, 30, 0.0)),
        bounds={
            "discrimination covered": Bound(low=0.93),
            "difficulty covered": Bound(low=0.93),
            "ability covered": Bound(low=0.92),
        },
        peers={
            "delta": "difficulty by the delta method, as R mirt and ltm give it",
            "plug-in": "abilities with items taken as known, as most packages give them",
            "joint": "joint maximum likelihood, abilities and items by turns, as some packages do",
        },
        **_ITEMS,
    ),
    Certificate(
        name="items-steps",
        method="calibrant.items.fit",
        statement=(
            "95 % intervals of difficulties of rasch, pcm, gpcm and grm cover at least 93 %, "
            "those of abilities at least 92 %"
        ),
        regimes=regimes(
            "model subjects items categories",
            ("rasch", 30, 30, 2),
            ("pcm", 100, 15, 3),
            ("gpcm", 250, 12, 4),
            ("grm", 250, 12, 4),
        ),
        bounds={
            "difficulty covered": Bound(low=0.93),
            "ability covered": Bound(low=0.92),
        },
        peers={
            "delta": "difficulty by the delta method, as R mirt and ltm give it",
            "plug-in": "abilities with items taken as known, as most packages give them",
        },
        **_ITEMS,
    ),
    Certificate(
        name="items-likelihood",
        method="calibrant.items.fit",
        statement="the log likelihood is within 0.01 of a sum over 6,001 abilities",
        regimes=regimes("subjects items", (200, 20), (100, 200), (50, 1000)),
        batch=likelihood_batch,
        batch_draws=BATCH,
        bounds={"agrees": Bound(low=1.0)},
        peers={
            "gauss": "21 Gauss-Hermite nodes, as PyPI mirt",
            "fixed 41": "41 even nodes from -5 to 5, as girth",
            "fixed 61": "61 even nodes from -6 to 6, as R mirt",
        },
    ),
)
