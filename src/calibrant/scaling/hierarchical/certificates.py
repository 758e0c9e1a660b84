"""How often do forecasts by the hierarchy hold? In worlds that keep its assumptions, and not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import curve_fit
from scipy.special import expit, stdtrit

from calibrant.scaling.hierarchical.calibration import rank, small
from calibrant.scaling.hierarchical.forecasters import FORECASTERS
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
)  # fmt: skip
