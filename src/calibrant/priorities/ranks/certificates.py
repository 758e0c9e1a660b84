"""Do rank intervals of areas hold their ranks, and is the regret of funding the top k as forecast?

Surveys are simulated (see `simulate`), the model is fitted to each anew, and its ranks are held
against the true ones. A survey ranks some seventy areas, so one is made for every sixteen
draws that are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.ranks.places import (
    best,
    joint_limits,
    limits,
    places,
    regrets,
    top_chance,
)
from calibrant.priorities.ranks.rank import respondents, tier
from calibrant.priorities.ranks.simulate import Experts, Panel
from calibrant.priorities.ranks.source import Settings
from calibrant.stats.certificates import Bound, Certificate, Regime

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEVEL = 0.9
K = 10
LEAST = 3
DRAWS = 1200
POINTS = 16
PER_SURVEY = 16
"""Draws that one simulated survey stands for."""


def ranks_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of rank intervals, and whether overlap and regret are as forecast."""
    sums: dict[str, list[float]] = {}
    settings = {k: v for k, v in regime.items() if k != "told"}
    for _ in range(max(1, draws // PER_SURVEY)):
        panel = Experts(**settings).draw(rng)
        for name, value in survey(panel, rng, told=regime.get("told", True)).items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


def survey(
    panel: Panel, rng: np.random.Generator, *, told: bool = True, asked: Bools | None = None
) -> dict[str, float]:
    """How one survey's ranks compare with the truth.

    Args:
        told: whether respondents say which areas they work in.
        asked: shape (raters, areas), who was asked about what; by default all in their fields.
    """
    seed = int(rng.integers(1 << 31))
    settings = Settings(
        draws=DRAWS, seed=seed, own=panel.own_areas() if told else None,
        categories=panel.labels.categories, points=POINTS,
    )  # fmt: skip
    posterior = settings.fit(panel.ratings(asked))
    kept = np.flatnonzero(respondents(posterior) >= LEAST)
    column = {a: i for i, a in enumerate(panel.ids)}
    at = np.array([column[posterior.areas[a]] for a in kept])
    score = posterior.promise()[:, kept]
    true = panel.promise[at][None]
    place = places(true)[0]
    out = _ours(score, place, true, seed)
    for name, ranks in (
        ("bootstrap", _bootstrap(panel, at, rng, asked)), ("normal", _normal(panel, at, rng, asked))
    ):  # fmt: skip
        low, high = limits(ranks, LEVEL)
        out[f"{name} covered"] = float(((low <= place) & (place <= high)).mean())
        out[f"{name} width"] = float((high - low + 1).mean() / place.size)
    return out


def _ours(score: Floats, place: Ints, true: Floats, seed: int) -> dict[str, float]:
    ranks = places(score, seed)
    low, high = limits(ranks, LEVEL)
    all_low, all_high = joint_limits(ranks, LEVEL)
    inside = (low <= place) & (place <= high)
    chosen = best(score, K)
    lost = regrets(score, chosen)
    found = float(regrets(true, chosen)[0])
    hits = (ranks[:, chosen] <= K).sum(axis=1)
    hit = int((place[chosen] <= K).sum())
    few, many = np.quantile(hits, [0.05, 0.95], method="inverted_cdf")
    sure = tier(score, LEVEL)
    i, j = np.nonzero(sure.better)
    return {
        "covered": float(inside.mean()),
        "first ten covered": float(inside[chosen].mean()),
        "all covered": float(((all_low <= place) & (place <= all_high)).all()),
        "rank sets covered": float(((sure.low <= place) & (place <= sure.high)).all()),
        "tiers honest": float((place[i] < place[j]).all()),
        "overlap covered": float(few <= hit <= many),
        "regret bounded": float(found <= np.quantile(lost, 0.95)),
        "overlap": hit / K,
        "overlap forecast": float(top_chance(ranks, K)[chosen].mean()),
        "regret": found,
        "regret forecast": float(lost.mean()),
        "width": float((high - low + 1).mean() / place.size),
        "set width": float((sure.high - sure.low + 1).mean() / place.size),
    }


def _heard(panel: Panel, q: str, asked: Bools | None) -> Bools:
    """Which cells hold an answer."""
    return np.asarray((panel.may if asked is None else asked) & ~panel.unknown[q])


def _bootstrap(
    panel: Panel, at: Ints, rng: np.random.Generator, asked: Bools | None, rounds: int = 200
) -> Ints:
    """Ranks of raw mean promise, each area's ratings drawn again with replacement."""
    score = np.ones((rounds, at.size))
    for q, values in panel.values.items():
        heard = _heard(panel, q, asked)
        for i, a in enumerate(at):
            x = values[heard[:, a], a]
            if not x.size:
                x = values[:1, a] * 0 + 3
            score[:, i] *= x[rng.integers(0, x.size, (rounds, x.size))].mean(axis=1)
    return places(score, int(rng.integers(1 << 31)))


def _normal(panel: Panel, at: Ints, rng: np.random.Generator, asked: Bools | None) -> Ints:
    """Ranks of raw means with independent normal errors s / √n."""
    score = np.ones((1000, at.size))
    for q, values in panel.values.items():
        heard = _heard(panel, q, asked)[:, at]
        n = np.maximum(heard.sum(axis=0), 1)
        mean = (values[:, at] * heard).sum(axis=0) / n
        squares = (np.square(values[:, at] - mean) * heard).sum(axis=0)
        error = np.sqrt(squares / np.maximum(n - 1, 1) / n)
        score *= np.where(n > 0, mean, 3.0) + error * rng.standard_normal(score.shape)
    return places(score, int(rng.integers(1 << 31)))


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "priorities-ranks",
        "calibrant.priorities.rank",
        "Of the 90 % rank intervals at least 88 in 100 hold their area's rank, those of the "
        "ten areas that look best no fewer; rank sets hold all areas' ranks at once, and "
        "tiers no false difference, in at least 90 of 100 surveys; of the ten funded as many "
        "are of the true ten as a 90 % interval says in at least 85 of 100, and no more is "
        "lost than its 95 % limit says in at least 80: 53 raters who choose their categories, "
        "strict and generous ones, few ratings, areas all alike, raters who favour their own "
        "areas and say so, and answers to the two questions that go together.",
        (
            {"severity_sd": 0.5},
            {"severity_sd": 1.0},
            {"chosen": 1.4, "dont_know": 0.15},
            {"area_sd": 0.05, "category_sd": 0.05},
            {"own": 0.8, "halo": 0.6},
        ),
        ranks_batch,
        {
            "covered": Bound(low=0.88),
            "first ten covered": Bound(low=0.88),
            "rank sets covered": Bound(low=0.9),
            "tiers honest": Bound(low=0.9),
            "overlap covered": Bound(low=0.85),
            "regret bounded": Bound(low=0.8),
        },
        peers={
            "bootstrap": "percentiles of the ranks of raw means, each area's ratings drawn again",
            "normal": "ranks of raw means with independent normal errors",
        },
        beyond=(
            {"own": 0.8, "told": False},
            {"dont_know": 0.25, "selective": 1.0},
        ),
        batch_draws=64,
    ),
)
