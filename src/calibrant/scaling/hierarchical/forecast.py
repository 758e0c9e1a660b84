"""What will a subject score? Predictive distributions from effects, known or new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibrant._text import one_line
from calibrant.errors import UnfitError
from calibrant.scaling.hierarchical.laplace import SHARED, Fitted
from calibrant.scaling.hierarchical.layout import Floats, Ints, Layout, curve, elbow
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Names, Scores

DRAWS = 2000
"""Draws of the effects from which a forecast is made."""

NODES = 32
"""Components that the draws are gathered into."""

FEWEST = 3
"""Families from which a new one may be forecast."""


@dataclass(frozen=True, repr=False, eq=False)
class Draws:
    """Draws of effects and of their scales: what either way of fitting gives.

    Attributes:
        effects: shape (draws, effects).
        scales: by kind: shape (draws, 1) or (draws, measures), as in `Fitted`.
    """

    layout: Layout
    priors: Priors
    effects: Floats
    scales: dict[str, Floats]


def laplace_draws(fitted: Fitted, rng: np.random.Generator, number: int = DRAWS) -> Draws:
    """Draws from the normal approximation; scales by their scaled inverse chi-square."""
    size = fitted.effects.size
    root = np.linalg.cholesky(fitted.covariance + 1e-12 * np.eye(size))
    effects = fitted.effects + rng.standard_normal((number, size)) @ root.T
    scales = {}
    for name, scale in fitted.scales.items():
        freedom = fitted.freedom[name]
        square = 2 * rng.standard_gamma(freedom / 2, (number, scale.size))
        scales[name] = scale * np.sqrt(freedom / np.maximum(square, 1e-12))
    return Draws(fitted.layout, fitted.priors, effects, scales)


def forecast(draws: Draws, at: Scores, rng: np.random.Generator) -> Predictive:
    """Predictive distributions of the scores that subjects will have.

    What the layout knows of a subject, its family or the family on the measure is used; what it
    does not is drawn from the distribution of its kind.

    Raises:
        UnfitError: for a measure that was never seen, a subject without a scale, or a new family
            where fewer than `FEWEST` are known.
    """
    known = draws.layout
    measure = _codes(known.measures, at.measure)
    if (measure < 0).any():
        name = one_line(str(at.measure[measure < 0][0]))
        raise UnfitError(f"hierarchy: no score of {name!r} is known")
    if not np.isfinite(at.scale).all():
        name = one_line(str(at.subject[~np.isfinite(at.scale)][0]))
        raise UnfitError(f"hierarchy: the scale of {name!r} is not known")
    family = _codes(known.families, at.family)
    if (family < 0).any() and known.families.size < FEWEST:
        name = one_line(str(at.family[family < 0][0]))
        raise UnfitError(
            f"hierarchy: {name!r} is a new family, and {known.families.size} known families do "
            f"not tell how families differ; wanted {FEWEST}"
        )
    eta = _predictor(draws, at, measure, family, rng)
    return _gather(draws, at, measure, eta)


def _codes(names: Names, wanted: Names) -> Ints:
    """The number of each name, -1 where it is unknown."""
    place = np.clip(np.searchsorted(names, wanted), 0, names.size - 1)
    return np.where(names[place] == wanted, place, -1)


def _predictor(
    draws: Draws, at: Scores, measure: Ints, family: Ints, rng: np.random.Generator
) -> Floats:
    """Draws of the predictors: shape (draws, rows)."""
    known, effects = draws.layout, draws.effects
    parts = {name: effects[:, s] for name, s in known.starts().items()}
    x = (at.scale - known.anchor) / known.unit
    subject = _codes(known.subjects, at.subject)
    shape = (effects.shape[0], len(at))

    def of(name: str, code: Ints) -> Floats:
        if not known.blocks[name]:
            return np.zeros(shape)
        scale = draws.scales[name][:, [0] * len(at) if name in SHARED else measure]
        new = scale * rng.standard_normal(shape)
        return np.where(code >= 0, parts[name][:, code], new)

    ability = (1 + of("growth", family)) * x + of("family", family) + of("subject", subject)
    eta = parts["level"][:, measure] + parts["slope"][:, measure] * ability
    eta = eta + parts["bend"][:, measure] * elbow(ability)[0]
    number = {(int(f), int(m)): i for i, (f, m) in enumerate(known.cells)}
    cell = np.array(
        [number.get((int(f), int(m)), -1) for f, m in zip(family, measure, strict=True)]
    )
    return np.asarray(eta + of("cell", cell))


def _gather(draws: Draws, at: Scores, measure: Ints, eta: Floats) -> Predictive:
    """Mixtures of `NODES` Student's t, each for draws of near expected scores."""
    known = draws.layout
    here = curve(known, measure, eta)
    error = np.where(np.isfinite(at.se), at.se, 0.0)
    variance = draws.scales["noise"][:, measure] ** 2 * here.noise + error**2
    order = np.argsort(here.mean, axis=0)
    size = eta.shape[0] // NODES * NODES
    pick = order[:: max(1, eta.shape[0] // size)][:size]
    mean = np.take_along_axis(here.mean, pick, 0).reshape(NODES, -1, len(at))
    noise = np.take_along_axis(variance, pick, 0).reshape(NODES, -1, len(at))
    location = mean.mean(axis=1)
    spread = np.sqrt(noise.mean(axis=1) + mean.var(axis=1))
    return Predictive.of(location, spread, df=draws.priors.tails, low=at.low, high=at.high)
