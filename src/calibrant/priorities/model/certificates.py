"""How often do intervals for areas' mean ratings miss? Certificates of the survey's model.

Simulated experts choose their own categories, differ in severity, do not know some areas, and are
kinder to their own. A survey has dozens of areas, so one survey is made for every ten draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.priorities.model.field import Field
from calibrant.priorities.model.fit import ModelFit, finish
from calibrant.priorities.model.hyper import explore
from calibrant.priorities.model.layout import Answers, Layout
from calibrant.priorities.model.measurand import mean_rating
from calibrant.priorities.model.priors import EXTRA, OWN, WIDTH, Spreads, spreads
from calibrant.priorities.model.sample import draw
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]

_LEVEL = 0.9
_PER = 10
_STEPS = np.array([[-2.2, -1.3, -0.4, 0.7], [-1.9, -0.9, 0.0, 1.1]])
_RHO = np.array([[1.0, 0.4], [0.4, 1.0]])


def _truth(regime: Regime, rng: np.random.Generator) -> tuple[Spreads, Floats, Floats]:
    """Spreads, thresholds and own-area effects: typical ones, or drawn from the model's prior."""
    if regime["severity"] != "drawn":
        typical = Spreads(_RHO * regime["severity"] ** 2, _RHO * 0.45**2, _RHO * 0.35**2)
        return typical, _STEPS, np.full(2, 0.4)
    shares = rng.dirichlet(np.full(5, 1 + EXTRA), 2).cumsum(axis=1)[:, :-1]
    own = OWN * rng.standard_normal(2)
    return spreads(rng.standard_normal(9), 2, pooled=True), WIDTH * ndtri(shares), own


def _normals(covariance: Floats, n: int, rng: np.random.Generator) -> Floats:
    value, vector = np.linalg.eigh(covariance)
    return np.asarray(rng.standard_normal((n, 2)) * np.sqrt(np.maximum(value, 0)) @ vector.T)


def simulate(regime: Regime, rng: np.random.Generator) -> tuple[Layout, Floats, Floats]:
    """One survey: answers, true mean ratings (areas × 2) and true latent scores.

    Args:
        regime: raters, categories, each (areas per category), chosen (categories per rater),
            severity (standard deviation, or "drawn": all that the model has priors of is drawn from
            them), unknown (share of don't-knows); and at will together (correlation of the two
            answers of a rater on an area), flattery (how much of a rater's severity draws him to
            the first categories), silence (how much likelier those are not to know who would
            score low).
    """
    raters, categories = int(regime["raters"]), int(regime["categories"])
    spread, steps, kinder = _truth(regime, rng)
    assert spread.category is not None
    category = np.repeat(np.arange(categories), int(regime["each"]))
    areas = category.size
    score = _normals(spread.category, categories, rng)[category]
    score = score + _normals(spread.area, areas, rng)
    severity = _normals(spread.rater, raters, rng)
    taste = rng.gumbel(size=(raters, categories))
    pull = np.where(np.arange(categories) < categories / 2, 1.0, -1.0)
    taste += 3 * float(regime.get("flattery", 0.0)) * severity[:, :1] * pull
    chosen = np.argsort(-taste, axis=1)[:, : int(regime["chosen"])]
    picks = (chosen[:, :, None] == category).any(axis=1)
    own = picks & (rng.random((raters, areas)) < 0.1)
    tie = float(regime.get("together", 0.0))
    noise = rng.standard_normal((raters, areas, 2)) * np.sqrt(1 - tie)
    noise += np.sqrt(tie) * rng.standard_normal((raters, areas, 1))
    latent = score + severity[:, None] + noise + kinder * own[:, :, None]
    answers, unknown = [], []
    for q in range(2):
        odds = float(regime.get("silence", 0.0)) * -latent[:, :, q]
        chance = regime["unknown"] * np.exp(odds)
        silent = picks & (rng.random((raters, areas)) < chance)
        rater, area = np.nonzero(picks & ~silent)
        value = np.searchsorted(steps[q], latent[rater, area, q]).astype(np.int64)
        answers.append(Answers(rater, area, value, own[rater, area].astype(float), 5))
        unknown.append(silent.sum(axis=0))
    layout = Layout(
        tuple(map(str, range(raters))), tuple(map(str, range(areas))),
        ("importance", "tractability"), category, tuple(map(str, range(categories))),
        tuple(answers), tuple(unknown), bool(own.any()),
    )  # fmt: skip
    truth = np.stack(
        [mean_rating(score[:, q], steps[q], spread.rater[q, q]) for q in range(2)], axis=1
    )
    return layout, truth, score


def _inside(draws: Floats, truth: Floats) -> tuple[float, float]:
    """Share of truths within the central interval of draws, and mean width."""
    low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    return float(((low <= truth) & (truth <= high)).mean()), float((high - low).mean())


def _report(fit: ModelFit, truth: Floats, score: Floats) -> dict[str, float]:
    draws = fit.posterior.draws
    means = [_inside(draws[q], truth[:, k]) for k, q in enumerate(fit.questions)]
    following = [np.roll(fit.scores[q], 1, axis=1) - fit.scores[q] for q in fit.questions]
    gaps = [
        _inside(following[k], np.roll(score[:, k], 1) - score[:, k])[0]
        for k in range(score.shape[1])
    ]
    return {
        "covered": float(np.mean([m[0] for m in means])),
        "contrast covered": float(np.mean(gaps)),
        "promise covered": _inside(fit.posterior.promise(*fit.questions), truth.prod(axis=1))[0],
        "width": float(np.mean([m[1] for m in means])) / 4,
    }


def _normal(layout: Layout, truth: Floats) -> dict[str, float]:
    """Raw mean ± 1.645 standard errors, of areas with two ratings or more."""
    covered, width = [], []
    for q, a in enumerate(layout.answers):
        n = np.bincount(a.area, minlength=len(layout.areas))
        kept = n > 1
        total = np.bincount(a.area, a.value + 1.0, len(layout.areas))[kept]
        square = np.bincount(a.area, (a.value + 1.0) ** 2, len(layout.areas))[kept]
        mean = total / n[kept]
        sd = np.sqrt(np.maximum(square - n[kept] * mean**2, 0) / (n[kept] - 1))
        half = ndtri((1 + _LEVEL) / 2) * sd / np.sqrt(n[kept])
        covered.append(float((np.abs(mean - truth[kept, q]) <= half + 1e-12).mean()))
        width.append(float(2 * half.mean()))
    return {"normal covered": float(np.mean(covered)), "normal width": float(np.mean(width)) / 4}


def _fits(layout: Layout, seed: int) -> tuple[ModelFit, ModelFit]:
    """As `fit_layout` with 32 points, and with the spreads' mode alone, from one search."""
    field = Field(layout)
    hyper = explore(field, pooled=True, points=32, seed=seed)
    fits = []
    for h in (hyper, replace(hyper, points=(hyper.centre,))):
        drawn = draw(field, h, 800, np.random.default_rng((seed, 1)))
        fits.append(
            finish(layout, drawn, "laplace", dont_know=0.0, seed=seed, k_hat=h.k_hat,
                   effective=h.effective)
        )  # fmt: skip
    return fits[0], fits[1]


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    found = []
    for _ in range(max(1, draws // _PER)):
        layout, truth, score = simulate(regime, rng)
        ours, plug = _fits(layout, int(rng.integers(1 << 31)))
        row = _report(ours, truth, score)
        row |= {f"plug-in {k}": v for k, v in _report(plug, truth, score).items() if k != "width"}
        row |= _normal(layout, truth)
        n = np.concatenate([np.bincount(a.area, minlength=truth.shape[0]) for a in layout.answers])
        row["rated thrice or less"] = float((n <= 3).mean())
        found.append(row)
    return {name: float(np.mean([row[name] for row in found])) for name in found[0]}


CERTIFICATES = (
    Certificate(
        name="priorities-areas",
        method="priorities.fit_ratings",
        statement=(
            "In surveys of 53 or fewer raters who choose their own categories, nominal 90 % "
            "intervals for the mean rating of each area over the population of raters cover 87 % "
            "or more, and those for promise and for severity-adjusted contrasts between areas 85 % "
            "or more; one survey in ten draws."
        ),
        regimes=regimes(
            "raters categories each chosen severity unknown",
            (53, 12, 4, 3, "drawn", 0.1),
            (53, 20, 5, 3, 0.5, 0.1),
            (53, 20, 3, 2, 1.0, 0.1),
            (53, 12, 4, 4, 0.0, 0.1),
            (30, 12, 4, 2, 0.5, 0.3),
            (15, 6, 5, 2, 1.0, 0.1),
        ),
        batch=_batch,
        bounds={
            "covered": Bound(0.87, 1.0),
            "contrast covered": Bound(0.85, 1.0),
            "promise covered": Bound(0.85, 1.0),
        },
        peers={
            "normal": "raw means with a normal interval, as survey tables are read",
            "plug-in": "the same model with the spreads at their estimate, as mixed models report",
        },
        beyond=regimes(
            "raters categories each chosen severity unknown together flattery silence",
            (53, 12, 4, 3, 0.5, 0.1, 0.5, 0.0, 0.0),
            (53, 12, 4, 3, 0.8, 0.1, 0.0, 1.0, 0.0),
            (53, 12, 4, 3, 0.5, 0.2, 0.0, 0.0, 1.0),
        ),
        batch_draws=50,
    ),
)
