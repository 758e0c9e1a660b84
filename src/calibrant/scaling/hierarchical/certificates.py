"""How often do forecasts by the hierarchy hold? In worlds that keep its assumptions, and not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.optimize import curve_fit
from scipy.special import expit, stdtrit

from calibrant.scaling.hierarchical.calibration import rank, simulate, small
from calibrant.scaling.hierarchical.checks import fits_of, warnings_of
from calibrant.scaling.hierarchical.forecast import laplace_draws
from calibrant.scaling.hierarchical.forecasters import FORECASTERS
from calibrant.scaling.hierarchical.laplace import fit_laplace, predictors
from calibrant.scaling.hierarchical.layout import curve
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.scaling.hierarchical.worlds import world
from calibrant.scaling.scores import Floats, Scores
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes


def _pooled(known: Scores, at: Scores) -> tuple[Floats, Floats]:
    """Location and half width of an ordinary 90 % interval about each measure's own sigmoid."""
    centre, half = np.zeros(len(at)), np.zeros(len(at))
    for measure in at.measures:
        mine, asked = known.measure == measure, at.measure == measure
        x, y = known.scale[mine] - 21.5, known.score[mine]
        found, _ = curve_fit(
            lambda x, a, b: expit(a + b * x), x, y, p0=(0.0, 0.5),
            bounds=([-8.0, -4.0], [8.0, 4.0]),
        )  # fmt: skip
        rest = y - expit(found[0] + found[1] * x)
        centre[asked] = expit(found[0] + found[1] * (at.scale[asked] - 21.5))
        spread = np.sqrt((rest**2).sum() / (y.size - 2))
        half[asked] = float(stdtrit(y.size - 2, 0.95)) * spread
    return centre, half


def _last(known: Scores, at: Scores) -> tuple[Floats, Floats]:
    """The family's last score (else the median), and a half width from the spread of changes."""
    centre, half = np.zeros(len(at)), np.zeros(len(at))
    for i, (family, measure) in enumerate(zip(at.family, at.measure, strict=True)):
        on = known.measure == measure
        mine = on & (known.family == family)
        last = known.score[mine][np.argmax(known.scale[mine])] if mine.any() else None
        centre[i] = np.median(known.score[on]) if last is None else last
        half[i] = 1.645 * known.score[on].std()
    return centre, half


def coverage_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of 90 % intervals for later members of known families and for new families."""
    names = ("covered", "new families covered", "width", "pooled sigmoid covered",
             "pooled sigmoid width", "persistence covered", "persistence width")  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in names}
    more = {k: v for k, v in regime.items() if k != "world"}
    for _ in range(draws):
        known, later = world(regime["world"], rng, **more)
        low, high = FORECASTERS[0].predict(known, later, rng).interval(0.9)
        held = (low <= later.score) & (later.score <= high)
        new = ~np.isin(later.family, known.family)
        values = [held.mean(), held[new].mean(), (high - low).mean()]
        for centre, half in (_pooled(known, later), _last(known, later)):
            values += [(np.abs(later.score - centre) <= half).mean(), 2 * half.mean()]
        for name, value in zip(names, values, strict=True):
            found[name].append(float(value))
    return {name: float(np.mean(v)) for name, v in found.items()}


def calibration_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of central 50 % and 90 % posterior intervals, by quantity: chains, and Laplace."""
    at, priors = small(**regime), Priors()
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        for name, share in rank(at, priors, rng).items():
            for level in (50, 90):
                held = abs(share - 0.5) <= level / 200
                found.setdefault(f"{name}_covered{level}", []).append(float(held))
    return {name: float(np.mean(v)) for name, v in found.items()}


def fit_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often the checks of the fit warn, and how often many residuals beyond two SD would."""
    at, priors = small(families=8, members=5, measures=2), Priors()
    found = dict.fromkeys(("warned", "residuals warned"), 0.0)
    mine = np.flatnonzero(at.measure == 0)
    for _ in range(draws):
        data, _, _ = simulate(at, priors, rng)
        y = data.y.copy()
        if regime["world"] == "outliers":
            y[rng.choice(mine, 3, replace=False)] += rng.choice([-0.8, 0.8], 3)
        if regime["world"] == "jump":
            y[mine[at.x[mine] >= np.quantile(at.x[mine], 2 / 3)]] += 0.5
        fitted = fit_laplace(replace(data, y=y), priors)
        fits = fits_of(laplace_draws(fitted, rng, 400))
        found["warned"] += bool(warnings_of(fits))
        mean = curve(fitted.layout, at.measure, predictors(fitted.layout, fitted.effects)[1]).mean
        z = [(y - mean)[at.measure == j] for j in range(2)]
        found["residuals warned"] += any(np.mean(np.abs(r) > 2 * r.std()) > 0.05 for r in z)
    return {name: value / draws for name, value in found.items()}


_QUANTITIES = ("slope", "family", "scale_cell", "scale_noise")

CERTIFICATES = (
    Certificate(
        name="families-forecast",
        method="calibrant.scaling.hierarchical.forecasters.FORECASTERS",
        statement=(
            "90 % intervals for the scores of later subjects, up to 0.7 orders of magnitude "
            "beyond the known ones, hold about as often as they say."
        ),
        regimes=regimes(
            "world families measures",
            ("smooth", 7, 3), ("smooth", 7, 1), ("bent", 7, 3), ("heavy", 7, 3),
        ),
        batch=coverage_batch,
        bounds={"covered": Bound(low=0.88, high=0.95)},
        peers={
            "pooled sigmoid": "least squares of one sigmoid a measure, residual t interval",
            "persistence": "the family's last score, ± 1.645 SD of the measure's scores",
        },
        beyond=regimes("world families measures", ("broken", 7, 3), ("hidden", 7, 3)),
        batch_draws=25,
    ),
    Certificate(
        name="families-posterior",
        method="calibrant.scaling.hierarchical.chains.sample",
        statement=(
            "Over data sets drawn from the prior, central posterior intervals of the sampler "
            "cover as often as they say."
        ),
        regimes=({"families": 4, "members": 4, "measures": 2},),
        batch=calibration_batch,
        bounds={
            f"{q}_covered{p}": Bound(low=p / 100, high=p / 100, slack=0.03)
            for q in _QUANTITIES
            for p in (50, 90)
        },
        peers={"laplace": "a normal approximation at the mode, scales fitted: empirical Bayes"},
        batch_draws=25,
        needs="numpyro",
    ),
    Certificate(
        name="families-fit",
        method="calibrant.scaling.hierarchical.checks.warnings_of",
        statement=(
            "Where the hierarchy is right its checks of the fit warn in at most 5 %; in brackets, "
            "how often they see 3 outliers in a measure's 40 scores, and a jump of 0.5 at its top."
        ),
        regimes=regimes("world", ("right",)),
        batch=fit_batch,
        bounds={"warned": Bound(high=0.05)},
        peers={"residuals": "more than 5 % of a measure's residuals beyond two of their SD"},
        beyond=regimes("world", ("outliers",), ("jump",)),
        batch_draws=25,
    ),
)  # fmt: skip
