"""Do forecasts of curves hold, and is a falling score found?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from calibrant.errors import UnfitError
from calibrant.scaling.curves.forecasters import FITS
from calibrant.scaling.curves.losses import error_law, loss_law
from calibrant.scaling.curves.monotone import monotone
from calibrant.scaling.curves.predict import fit
from calibrant.scaling.curves.simple import line, persistence
from calibrant.scaling.curves.worlds import DISTANCES, STOP, error_world, loss_world, world
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores, scores
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def _forecasts(
    regime: Regime, rng: np.random.Generator, draws: int, model: str
) -> Mapping[str, float]:
    """Share of later scores within 90 % intervals, by distance, and their mean width."""
    held: dict[str, list[float]] = {}
    settled = 0
    for child in rng.spawn(draws):
        known, at = world(regime, child)
        far = np.round(at.scale - STOP, 6)
        peer = _curve_fit(known, at)
        try:
            p = _said(model, known, at, child)
        except UnfitError:
            continue
        settled += 1
        for name, ends in (("", p.interval(0.9)), ("curve_fit ", peer)):
            inside = (ends[0] <= at.score) & (at.score <= ends[1])
            for d in DISTANCES:
                mine = far == d
                held.setdefault(f"{name}covered {d:g}", []).append(float(inside[mine].mean()))
                wide = (np.minimum(ends[1], 1) - np.maximum(ends[0], 0))[mine].mean()
                held.setdefault(f"{name}width {d:g}", []).append(float(wide))
    return {k: float(np.mean(v)) for k, v in held.items()} | {"settled": settled / draws}


def _said(model: str, known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
    """The forecast of one model of the zoo, without the test that scores grow."""
    if model == "persistence":
        return persistence(known, at, rng)
    if model in FITS:
        shape, families = FITS[model]
        return fit(shape, known, rng, families=families).predict(at)
    return line(known, at, rng, families=model == "family log-odds lines")


def _curve_fit(known: Scores, at: Scores) -> tuple[Floats, Floats]:
    """What people do: a logistic curve by least squares, normal errors, families not looked at."""

    def line(x: Floats, middle: float | Floats, steep: float | Floats) -> Floats:
        return np.asarray(special.expit(steep * (x - middle)))

    def slopes(x: Floats, middle: float | Floats, steep: float | Floats) -> Floats:
        s = line(x, middle, steep)
        return np.asarray((s * (1 - s))[:, None] * np.stack([0 * x - steep, x - middle], axis=1))

    x, y = known.scale, known.score
    try:
        found = optimize.curve_fit(line, x, y, p0=[22.5, 1.0], jac=slopes, maxfev=2000)
        best, cov = np.asarray(found[0]), np.asarray(found[1])
    except RuntimeError:
        best, cov = np.array([22.5, 1.0]), np.zeros((2, 2))
    s, slope = line(at.scale, *best), slopes(at.scale, *best)
    cov = np.where(np.isfinite(cov), cov, 0.0)
    var = np.sum((slope @ cov) * slope, axis=1) + np.sum((y - line(x, *best)) ** 2) / (len(y) - 2)
    reach = float(special.ndtri(0.95)) * np.sqrt(np.maximum(var, 0))
    return s - reach, s + reach


def _monotone_world(regime: Regime, rng: np.random.Generator) -> Scores:
    families, size = regime["families"], regime["size"]
    x = rng.uniform(20, 24, families * size)
    group = np.repeat(np.arange(families), size)
    # Families whose members are larger are worse: what pooled tests mistake for a falling curve.
    level: Floats = rng.standard_normal((families,))
    if families > 1:
        x = x - 1.5 * level[group]
    noise = rng.standard_t(2, x.size) if regime["noise"] == "heavy" else rng.normal(0, 1, x.size)
    away = (x - np.bincount(group, x)[group] / size) / 1.2
    curve = {
        "flat": 0 * x,
        "growing": 0.3 * away,
        "step": 3.0 * (away > 0.5),
        "steep": 8.0 * special.expit(4 * away),
        "falling": -1.0 * away,
        "U": 1.2 * away**2,
        "late fall": -2.5 * np.maximum(away - 0.4, 0) + 0.8 * np.minimum(away, 0.4),
    }[regime["curve"]]
    y = curve + (1.5 * level[group] if families > 1 else 0) + noise * 0.7
    return scores(y, x, family=np.array([f"f{g}" for g in group]), limits=(-np.inf, np.inf))


def _monotone_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often the test says, at level .05, that a curve falls; and a pooled rank correlation."""
    found, pooled = 0, 0
    for child in rng.spawn(draws):
        s = _monotone_world(regime, child)
        found += monotone(s, alpha=0.05, permutations=199, rng=child).p_falls <= 0.05
        a, b = (np.argsort(np.argsort(v)).astype(float) for v in (s.scale, s.score))
        r = float(np.corrcoef(a, b)[0, 1])
        pooled += bool(r * (len(s) - 1) ** 0.5 < special.ndtri(0.05))
    return {"said to fall": found / draws, "Spearman said to fall": pooled / draws}


def _loss_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Share of later losses within 90 % intervals of the law, and of a power law of compute."""
    held: dict[str, list[float]] = {"covered": [], "width": [], "power law covered": []}
    settled = 0
    for child in rng.spawn(draws):
        models = regime["models"]
        loss, n, d, truth = loss_world(models, regime["noise"], child)
        if regime.get("bend"):
            loss = loss + regime["bend"] * np.maximum(np.log10(n) - 9, 0) * truth
        _power_law(loss, 6 * n * d, models, held["power law covered"])
        try:
            law = loss_law(loss[:models], n[:models], d[:models])
        except UnfitError:
            continue
        settled += 1
        low, high = law.interval(n[models:], d[models:])
        held["covered"].append(float(np.mean((low <= loss[models:]) & (loss[models:] <= high))))
        held["width"].append(float(np.mean((high - low) / truth[models:])))
    means = {k: float(np.mean(v)) if v else 0.0 for k, v in held.items()}
    return means | {"settled": settled / draws}


def _power_law(loss: Floats, compute: Floats, models: int, held: list[float]) -> None:
    """A straight line of log loss in log compute, by least squares with normal errors."""
    x = np.stack([np.ones(loss.size), np.log(compute)], axis=1)
    _straight(np.log(loss), x, models, held)


def _straight(y: Floats, x: Floats, models: int, held: list[float]) -> None:
    """Share of the later values within normal errors of prediction of a line of the known ones."""
    inverse = np.linalg.inv(x[:models].T @ x[:models])
    beta = inverse @ x[:models].T @ y[:models]
    var = np.sum((y[:models] - x[:models] @ beta) ** 2) / (models - 2)
    new = x[models:]
    reach = 1.645 * np.sqrt(var * (1 + np.sum((new @ inverse) * new, axis=1)))
    held.append(float(np.mean(np.abs(y[models:] - new @ beta) <= reach)))


def _error_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Share of later errors within 90 % intervals of the law, and of a straight line in loss."""
    held: dict[str, list[float]] = {"covered": [], "width": [], "line covered": []}
    settled = 0
    for child in rng.spawn(draws):
        models, loss_sd = regime["models"], regime["loss_sd"]
        loss, error = error_world(models, regime["noise"], child)
        x = np.stack([np.ones(loss.size), loss], axis=1)
        said = loss[models:] + child.normal(0, loss_sd, loss.size - models)
        _straight(error, x, models, held["line covered"])
        try:
            low, high = error_law(loss[:models], error[:models]).interval(said, loss_sd=loss_sd)
        except UnfitError:
            continue
        settled += 1
        held["covered"].append(float(np.mean((low <= error[models:]) & (error[models:] <= high))))
        held["width"].append(float(np.mean(np.clip(high, 0, 1) - np.clip(low, 0, 1))))
    means = {k: float(np.mean(v)) if v else 0.0 for k, v in held.items()}
    return means | {"settled": settled / draws}


_PEERS = {"curve_fit": "scipy `curve_fit` of one logistic curve, normal errors of prediction"}
_COVERED = {f"covered {d:g}": Bound(low=0.9, slack=0.02) for d in DISTANCES}
_WORLD = "shape families size spread noise"


def _certificate(
    name: str, model: str, where: str, promised: tuple[Regime, ...], beyond: tuple[Regime, ...]
) -> Certificate:
    """What a further model of the zoo promises in the world it assumes."""
    return Certificate(
        f"curve-{name}",
        f"forecasters.FORECASTERS, {model}",
        f"{where}, 90 % intervals hold at least 88 % of later scores, half, one and two orders of "
        "magnitude beyond what was seen.",
        promised,
        partial(_forecasts, model=model),
        _COVERED,
        _PEERS,
        beyond,
        batch_draws=25,
    )


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "curve-sigmoid",
        "forecast.curve, family sigmoid",
        "Where curves are logistic and families shift and tilt them, 90 % intervals hold at least "
        "88 % of later scores, half, one and two orders of magnitude beyond what was seen.",
        regimes(
            _WORLD,
            ("sigmoid", 6, 4, 0.5, 0.05),
            ("sigmoid", 4, 3, 1.0, 0.1),
            ("sigmoid", 1, 10, 0.0, 0.05),
        ),
        partial(_forecasts, model="family sigmoid"),
        _COVERED,
        _PEERS,
        regimes(
            _WORLD,
            ("low ceiling", 6, 4, 0.5, 0.05),
            ("clipped", 6, 4, 0.5, 0.05),
        ),
        batch_draws=25,
    ),
    _certificate(
        "pooled-sigmoid",
        "pooled sigmoid",
        "Where one logistic curve is true of every family",
        regimes(_WORLD, ("sigmoid", 6, 4, 0.0, 0.05), ("sigmoid", 1, 10, 0.0, 0.05)),
        regimes(_WORLD, ("sigmoid", 6, 4, 0.5, 0.05)),
    ),
    _certificate(
        "free-sigmoid",
        "free sigmoid",
        "Where curves of several families are logistic up to a ceiling",
        regimes(_WORLD, ("low ceiling", 6, 4, 0.5, 0.05)),
        regimes(_WORLD, ("sigmoid", 1, 10, 0.0, 0.05)),
    ),
    _certificate(
        "power-law",
        "power law",
        "Where the distance to an end shrinks as a power of scale and families are shifted",
        regimes(_WORLD, ("power", 6, 4, 0.5, 0.02), ("power", 1, 10, 0.0, 0.02)),
        regimes(_WORLD, ("sigmoid", 6, 4, 0.5, 0.05)),
    ),
    _certificate(
        "broken-power-law",
        "broken power law",
        "Where what is missing is a power of scale that bends once within what was seen",
        regimes(_WORLD, ("two powers", 6, 4, 0.5, 0.05), ("two powers", 1, 10, 0.0, 0.05)),
        regimes(_WORLD, ("sigmoid", 6, 4, 0.5, 0.05)),
    ),
    _certificate(
        "log-odds-line",
        "pooled log-odds line",
        "Where log-odds lie along one line for all families, and no known score near an end",
        regimes(_WORLD, ("log-odds", 1, 10, 0.0, 0.05), ("log-odds", 6, 4, 0.0, 0.05)),
        regimes(_WORLD, ("steep log-odds", 6, 4, 0.0, 0.05), ("sigmoid", 6, 4, 0.5, 0.05)),
    ),
    _certificate(
        "log-odds-lines",
        "family log-odds lines",
        "Where log-odds lie along lines of one slope, each family at its level, and no known score "
        "near an end",
        regimes(_WORLD, ("log-odds", 6, 4, 0.3, 0.05), ("log-odds", 4, 3, 0.3, 0.1)),
        regimes(_WORLD, ("steep log-odds", 6, 4, 0.5, 0.05), ("sigmoid", 6, 4, 0.5, 0.05)),
    ),
    _certificate(
        "persistence",
        "persistence",
        "Where the next score of a known family is its last one and a step, whatever the scale",
        regimes(_WORLD, ("walk", 1, 10, 0.0, 0.05), ("walk", 1, 5, 0.0, 0.03)),
        regimes(_WORLD, ("walk", 6, 4, 0.5, 0.05), ("sigmoid", 6, 4, 0.5, 0.05)),
    ),
    Certificate(
        "curve-spline",
        "forecast.curve, monotone spline",
        "Where growth goes on or slows down, 90 % intervals hold at least 88 % of later scores, "
        "half, one and two orders of magnitude beyond what was seen.",
        regimes(
            _WORLD,
            ("slowing", 6, 4, 0.5, 0.05),
            ("sigmoid", 1, 10, 0.0, 0.05),
        ),
        partial(_forecasts, model="monotone spline"),
        _COVERED,
        _PEERS,
        regimes(
            _WORLD,
            ("chance", 6, 4, 0.5, 0.05),
            ("broken", 6, 4, 0.5, 0.05),
            ("late jump", 6, 4, 0.5, 0.05),
            ("hidden mode", 6, 4, 0.5, 0.05),
        ),
        batch_draws=25,
    ),
    Certificate(
        "monotone-level",
        "forecast.monotone",
        "Of growing or flat curves at most 5 % are said to fall, whatever families differ by and "
        "however heavy the tails of noise.",
        regimes(
            "curve families size noise",
            ("flat", 1, 12, "normal"), ("flat", 6, 4, "heavy"), ("growing", 6, 4, "normal"),
            ("step", 1, 20, "heavy"), ("growing", 15, 2, "normal"), ("steep", 8, 5, "heavy"),
        ),
        _monotone_batch,
        {"said to fall": Bound(high=0.05)},
        {"Spearman": "a rank correlation of all subjects, families not looked at"},
        batch_draws=50,
    ),
    Certificate(
        "monotone-power",
        "forecast.monotone",
        "Curves that fall, turn up or turn down by more than their noise are said to fall in at "
        "least 80 % of worlds.",
        regimes(
            "curve families size noise",
            ("falling", 8, 5, "normal"), ("falling", 1, 20, "normal"), ("U", 1, 40, "normal"),
            ("late fall", 1, 40, "normal"), ("U", 20, 4, "normal"), ("late fall", 20, 4, "normal"),
        ),
        _monotone_batch,
        {"said to fall": Bound(low=0.8)},
        {"Spearman": "a rank correlation of all subjects, families not looked at"},
        regimes("curve families size noise", ("U", 6, 4, "normal"), ("late fall", 6, 4, "normal")),
        batch_draws=50,
    ),
    Certificate(
        "loss-law",
        "losses.loss_law",
        "Where losses follow the law, 90 % intervals hold at least 88 % of the losses of models "
        "up to a hundred times larger.",
        regimes("models noise", (6, 0.005), (10, 0.01), (20, 0.005)),
        _loss_batch,
        {"covered": Bound(low=0.9, slack=0.02)},
        {"power law": "a straight line of log loss in log compute, normal errors"},
        regimes("models noise bend", (10, 0.01, 0.05)),
        batch_draws=50,
    ),
    Certificate(
        "error-law",
        "losses.error_law",
        "Where errors follow the law, 90 % intervals hold at least 88 % of the errors of models of "
        "a lower loss than any known, also of one that is forecast with a known standard error.",
        regimes(
            "models noise loss_sd", (6, 0.005, 0.0), (10, 0.01, 0.0), (20, 0.005, 0.0),
            (10, 0.005, 0.02),
        ),
        _error_batch,
        {"covered": Bound(low=0.9, slack=0.02)},
        {"line": "a straight line of error in loss, normal errors"},
        regimes("models noise loss_sd", (5, 0.01, 0.0), (4, 0.005, 0.0)),
        batch_draws=50,
    ),
)  # fmt: skip
