"""Which models forecast a target from what else is known of a subject? One axis, and several."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import special

from calibrant._text import one_line
from calibrant.errors import UnfitError
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.observed.link import (
    DRAWS,
    ITEMS,
    TAILS,
    Fitted,
    Floats,
    fit,
    seen,
)
from calibrant.scaling.observed.place import Standing, placed
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores

NODES = 32
"""Components that draws are gathered into."""

MANY = 3
"""Axes of the model with several, as in Ruan et al. (2024)."""


def observed(known: Scores, at: Scores, rng: np.random.Generator, *, axes: int) -> Predictive:
    """Forecast one measure from the axes of what is given.

    Args:
        known: scores of one measure, whose `given` holds the given scores of all subjects.
        axes: exactly; more need a measure each, and one besides.

    Raises:
        UnfitError: if nothing is given, there are too few scores, or fewer measures than axes.
    """
    if known.given is None:
        raise UnfitError("axes: nothing is given")
    if len(at.measures) > 1:
        raise UnfitError("axes: each measure is forecast by itself")
    mine = known.take(known.given.has(known.subject) & np.isfinite(known.score))
    if not len(mine):
        raise UnfitError("axes: no subject with a known score has any that is given")
    found = placed(known.given.of(mine.subject), known.given.of(at.subject), axes=axes)
    got = found.weights.shape[1]
    if got < min(axes, 2):
        raise UnfitError(f"axes: {int(found.used.sum())} measures given: one axis is all there is")
    lost = ~np.isfinite(known.given.of(at.subject)[:, found.used]).any(axis=1)
    if lost.any():
        who = one_line(str(at.subject[lost][0]), 60)
        raise UnfitError(f"axes: nothing that the axes are made of is given of {who!r}")
    fitted = fit(seen(mine, found.known), rng)
    return predict(fitted, found.here, at, rng)


def predict(fitted: Fitted, where: Standing, at: Scores, rng: np.random.Generator) -> Predictive:
    """Mixtures of `NODES` normals, each for draws of near rates.

    Args:
        where: places of the subjects of `at`.
    """
    data, theta = fitted.data, fitted.theta
    shape = (DRAWS, len(at))
    number = {name: i for i, name in enumerate(data.families)}
    code = np.array([number.get(str(f), -1) for f in at.family])
    new = theta.family[:, None] * rng.standard_normal(shape)
    head = np.where(code >= 0, fitted.head[:, code], new)
    wide = np.sqrt(TAILS / rng.chisquare(TAILS, shape))
    # Drawn in full rather than to first order: rates bend most where a target emerges.
    there = where.mean + np.einsum(
        "npq,dnq->dnp", np.linalg.cholesky(where.spread + 1e-12 * np.eye(where.mean.shape[1])),
        rng.standard_normal((*shape, where.mean.shape[1])),
    )  # fmt: skip
    first = there[:, :, 0]
    odds = theta.level[:, None] + np.einsum("dp,dnp->dn", theta.slope, there)
    odds = odds + theta.bend[:, None] * (np.sqrt(1 + first**2) - 1) + head
    odds = odds + theta.own[:, None] * wide * rng.standard_normal(shape)
    rate = special.expit(odds) if data.bounded else odds
    mean = data.base + data.span * rate
    return _gather(mean, _noise(mean, data.bounded, data.rough * data.span, at), at)


def _noise(mean: Floats, bounded: bool, rough: float, at: Scores) -> Floats:
    """Variance of scores about their rates."""
    se = np.nan_to_num(at.se, nan=0.0) ** 2
    if not bounded:
        return np.broadcast_to(se, mean.shape)
    reach = at.high - at.low
    share = np.clip((mean - at.low) / reach, 0.0, 1.0)
    some = np.maximum(reach**2 * share * (1 - share) / ITEMS, rough**2)
    return np.where(np.isfinite(at.se), se, some)


def _gather(mean: Floats, noise: Floats, at: Scores) -> Predictive:
    size = len(mean) // NODES * NODES
    order = np.argsort(mean, axis=0)[:size]
    place = np.take_along_axis(mean, order, 0).reshape(NODES, -1, len(at))
    loud = np.take_along_axis(noise, order, 0).reshape(NODES, -1, len(at))
    unit = at.high - at.low
    least = 0.002 * np.where(np.isfinite(unit), unit, max(float(mean.std()), 1e-6))
    spread = np.sqrt(loud.mean(axis=1) + place.var(axis=1) + least**2)
    return Predictive.of(place.mean(axis=1), spread, low=at.low, high=at.high)


FORECASTERS: tuple[Forecaster, ...] = (
    Forecaster("one axis of the given", "log-odds of the target grow with the first axis of the "
               "given scores, one curve for all, families and subjects beside it",
               partial(observed, axes=1), needs="given"),
    Forecaster(f"{MANY} axes of the given", f"as one axis, with up to {MANY}, of which the further "
               "ones count as much as the target shows",
               partial(observed, axes=MANY), needs="given"),
)  # fmt: skip
"""Those that ask for given scores."""
