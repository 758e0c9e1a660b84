"""Which models of one measure against scale forecast? The zoo, each measure fitted apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from calibrant._text import one_line
from calibrant.errors import UnfitError
from calibrant.scaling.curves.monotone import ALPHA, Monotone, monotone
from calibrant.scaling.curves.predict import Fit, fit
from calibrant.scaling.curves.shapes import BROKEN, FREE, POWER, SHAPES, SIGMOID, SPLINE, Shape
from calibrant.scaling.curves.simple import line, persistence
from calibrant.scaling.forecaster import Forecaster, Predict
from calibrant.scaling.predictive import Predictive, joined
from calibrant.scaling.scores import Scores, scores

__all__ = ["FITS", "FORECASTERS", "SHAPES", "apart", "refused", "shaped"]

_EXCHANGES = 499

FITS: dict[str, tuple[Shape, bool]] = {
    "pooled sigmoid": (SIGMOID, False),
    "family sigmoid": (SIGMOID, True),
    "free sigmoid": (FREE, True),
    "power law": (POWER, True),
    "broken power law": (BROKEN, True),
    "monotone spline": (SPLINE, True),
}
"""The shape that each model with one fits, and whether families differ in it."""


def apart(predict: Predict) -> Predict:
    """A forecast of several measures from one of a single measure: each is fitted for itself.

    Where a model refuses some measures of several and not others, as where a score falls with
    scale, those are forecast by persistence; `refused` says which they are.

    Raises:
        UnfitError: if it refuses every measure, or one has no known score.
    """

    def every(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        rows, parts, refusals = [], [], []
        for name, child in zip(at.measures, rng.spawn(len(at.measures)), strict=True):
            mine = np.flatnonzero(at.measure == name)
            of = known.measure == name
            if not of.any():
                raise UnfitError(f"{one_line(name)}: no score is known")
            try:
                parts.append(predict(known.take(of), at.take(mine), child))
            except UnfitError as error:
                refusals.append(f"{one_line(name)}: {error}")
                parts.append(persistence(known.take(of), at.take(mine), child))
            rows.append(mine)
        if refusals and len(refusals) == len(parts):
            raise UnfitError(refusals[0])
        return joined(parts, rows, len(at))

    return every


def refused(known: Scores) -> dict[str, str]:
    """Measures to which no growing curve is fitted, as their score falls with scale, and why."""
    found = {}
    for name in known.measures:
        tested = _tested(known.take(known.measure == name))
        if tested.verdict in ("falling", "turning"):
            found[name] = tested.says
    return found


def _tested(known: Scores) -> Monotone:
    """The test of one measure; every growing shape asks for it anew."""
    x, y = np.ascontiguousarray(known.scale, float), np.ascontiguousarray(known.score, float)
    return _tested_once(x.tobytes(), y.tobytes(), tuple(map(str, known.family)))


@lru_cache(maxsize=256)
def _tested_once(scale: bytes, score: bytes, family: tuple[str, ...]) -> Monotone:
    x, y = (np.frombuffer(a, dtype=float) for a in (scale, score))
    one = scores(y, x, family=np.array(family), limits=(-np.inf, np.inf))
    return monotone(one, permutations=_EXCHANGES, alpha=ALPHA, rng=0)


def fitted(name: str, known: Scores, rng: np.random.Generator, *, effort: int = 1) -> Fit:
    """One of `FITS` fitted to one measure, after the test that it may grow.

    Raises:
        UnfitError: if the score falls with scale, or as `fit` does.
    """
    shape, families = FITS[name]
    return _grown(shape, known, rng, families=families, effort=effort)


def _grown(
    shape: Shape, known: Scores, rng: np.random.Generator, *, families: bool, effort: int = 1
) -> Fit:
    if shape is not POWER:
        tested = _tested(known)
        if tested.verdict in ("falling", "turning"):
            raise UnfitError(f"{shape.name} refused: {tested.says}")
    return fit(shape, known, rng, families=families, effort=effort)


def shaped(
    shape: Shape, known: Scores, at: Scores, rng: np.random.Generator, *, families: bool
) -> Predictive:
    """The forecast of one shape for one measure, after the test that it may grow.

    Raises:
        UnfitError: if the score falls with scale, or as `fit` does.
    """
    if not np.isfinite(at.scale).all():
        raise UnfitError(f"{shape.name}: a scale to forecast at is not known")
    return _grown(shape, known, rng, families=families).predict(at)


def _zoo(name: str, says: str, predict: Callable[..., Predictive], **more: bool) -> Forecaster:
    baseline = more.pop("baseline", False)
    return Forecaster(name, says, apart(partial(predict, **more)), baseline)


FORECASTERS: tuple[Forecaster, ...] = (
    _zoo("persistence", "the next score of a family is its last one, of a new family that of any "
         "large subject", persistence, baseline=True),
    _zoo("pooled sigmoid", "one logistic curve from chance to the highest score for all families",
         partial(shaped, SIGMOID), families=False, baseline=True),
    _zoo("family sigmoid", "a logistic curve that each family shifts and tilts",
         partial(shaped, SIGMOID), families=True),
    _zoo("free sigmoid", "a logistic curve with estimated ends, shifted and tilted by families",
         partial(shaped, FREE), families=True),
    _zoo("pooled log-odds line", "log-odds are a straight line in log scale for all families",
         line, families=False),
    _zoo("family log-odds lines", "log-odds are straight lines in log scale, of one slope and a "
         "level for each family", line, families=True),
    _zoo("power law", "the distance to an end that is estimated shrinks as a power of scale",
         partial(shaped, POWER), families=True),
    _zoo("broken power law", "what is missing to the highest score is a power of scale, with one "
         "bend", partial(shaped, BROKEN), families=True),
    _zoo("monotone spline", "log-odds grow with a slope that walks, also beyond what was seen",
         partial(shaped, SPLINE), families=True),
)  # fmt: skip
"""The zoo of one measure against scale; the first two are the baselines."""
