"""How does a target grow with the axes? Sigmoids of places that are themselves unsure.

The log-odds of a subject's rate, between chance and ceiling, are

    a + b·z + c (√(1 + z₁²) - 1) + family + own,

z the places on the axes (`place`), known up to a normal error with covariance S; as these are
expected places, the error is Berkson's, and adds b'S b to the variance of `own` (Carroll, Ruppert,
Stefanski and Crainiceanu, Measurement Error in Nonlinear Models, 2006, chapter 4). `own`, what a
subject has beyond its axes, is Student's t; `family` is normal and is integrated out by
Gauss–Hermite. A score within 2 % of chance or ceiling says only that log-odds lie beyond (Tobit).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import minimize

from calibrant._text import one_line
from calibrant.errors import UnfitError
from calibrant.scaling.observed.place import Standing
from calibrant.scaling.observed.sample import sample
from calibrant.scaling.scores import Scores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGE = 0.02
"""Share of the range within which a score is no different from chance, or from the ceiling."""

ITEMS = 500.0
"""Questions that a score is taken to be the share of, where no standard error is known."""

TAILS = 5.0
"""Degrees of freedom of what subjects have of their own."""

LEAST, INSIDE = 8, 3
"""Known scores that are needed, and how many of them between chance and ceiling."""

DRAWS = 1000
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_T = float(special.gammaln((TAILS + 1) / 2) - special.gammaln(TAILS / 2)
           - np.log(TAILS * np.pi) / 2)  # fmt: skip


@dataclass(frozen=True)
class Priors:
    """What is held possible before any target is seen; log-odds, for one SD of known subjects.

    Attributes:
        level, level_sd: log-odds of the average subject.
        slope, slope_sd: of the first axis, which points to where scores are higher.
        minor: typical slope of each further axis; which is estimated.
        bend: SD of the bend along the first axis.
        own, family: typical SDs of what subjects and families have of their own.
        loose: SD of the logarithms of `minor`, `own` and `family`.
    """

    level: float = -0.5
    level_sd: float = 2.5
    slope: float = 1.0
    slope_sd: float = 1.5
    minor: float = 0.4
    bend: float = 0.3
    own: float = 0.4
    family: float = 0.3
    loose: float = 0.7


@dataclass(frozen=True, eq=False)
class Seen:
    """Known targets of one measure, as log-odds.

    Attributes:
        odds: shape (n,); at `EDGE` where the score lies there or beyond.
        side: shape (n,); -1 at chance, 1 at the ceiling, 0 between.
        error: shape (n,); variance of the log-odds from the noise of the score.
        mean, spread: places of the subjects.
        family: shape (n,); numbers from 0; `families` their names.
        base, span: chance and its distance to the ceiling; of a line, mean and SD of the scores.
        bounded: whether there are both limits; else a line is fitted instead of a sigmoid.
        rough: SD of scores at chance about it, in units of `span`.
    """

    odds: Floats
    side: Ints
    error: Floats
    mean: Floats
    spread: Floats
    family: Ints
    families: tuple[str, ...]
    base: float
    span: float
    bounded: bool
    rough: float


def seen(known: Scores, where: Standing) -> Seen:
    """Known scores of one measure with the places of their subjects.

    Raises:
        UnfitError: where they are too few, or too few lie between chance and ceiling.
    """
    name, n = one_line(str(known.measure[0]), 80) if len(known) else "target", len(known)
    if n < LEAST:
        raise UnfitError(f"axes: wanted {LEAST} subjects with {name} and given scores, got {n}")
    low, high = known.limits[str(known.measure[0])]
    bounded = bool(np.isfinite([low, high]).all())
    base = float(known.floor[0]) if bounded else float(known.score.mean())
    span = high - base if bounded else float(known.score.std())
    if not span > 0:
        raise UnfitError(f"axes: all {n} known scores of {name} are {known.score[0]:g}")
    share = (known.score - base) / span
    side, odds = np.zeros(n, dtype=np.int64), share
    error = (np.nan_to_num(known.se, nan=0.0) / span) ** 2
    rough = 0.0
    if bounded:
        side = np.where(share <= EDGE, -1, np.where(share >= 1 - EDGE, 1, 0))
        cut = np.clip(share, EDGE, 1 - EDGE)
        odds = special.logit(cut)
        rate = base + span * cut
        noise = np.where(np.isfinite(known.se), known.se**2, _binomial(rate, low, high))
        error = noise / (span * cut * (1 - cut)) ** 2
        at_chance = share[side < 0]
        rough = float(np.std(at_chance)) if at_chance.size > 1 else 0.0
        if (side == 0).sum() < INSIDE:
            raise UnfitError(
                f"axes: {int((side == 0).sum())} of {n} known scores of {name} lie between chance "
                f"and ceiling; wanted {INSIDE}, or nothing is known of when it rises"
            )
    names, family = np.unique(known.family, return_inverse=True)
    return Seen(
        odds, side, error, where.mean, where.spread, family.ravel(), tuple(map(str, names)), base,
        span, bounded, rough,
    )  # fmt: skip


def _binomial(rate: Floats, low: float, high: float) -> Floats:
    share = np.clip((rate - low) / (high - low), 0.0, 1.0)
    return np.asarray((high - low) ** 2 * share * (1 - share) / ITEMS)


def elbow(z: Floats) -> Floats:
    """A line far out on either side, of slope -1 and 1: how a bend adds to a line."""
    return np.asarray(np.sqrt(1 + z * z) - 1)


@dataclass(frozen=True, eq=False)
class Theta:
    """Draws of what is estimated: shape (draws, …)."""

    level: Floats
    slope: Floats
    bend: Floats
    own: Floats
    family: Floats

    def centre(self, mean: Floats) -> Floats:
        """Log-odds of subjects without what families and they have of their own: (draws, n)."""
        line = self.level[:, None] + self.slope @ mean.T
        return np.asarray(line + self.bend[:, None] * elbow(mean[:, 0]))

    def variance(self, mean: Floats, spread: Floats) -> Floats:
        """Of `own`, and of where subjects stand: (draws, n)."""
        slope = np.repeat(self.slope[:, None, :], len(mean), axis=1)
        tilt = mean[:, 0] / np.sqrt(1 + mean[:, 0] ** 2)
        slope[:, :, 0] = slope[:, :, 0] + self.bend[:, None] * tilt
        doubt = np.einsum("dnp,npq,dnq->dn", slope, spread, slope, optimize=True)
        return np.asarray(self.own[:, None] ** 2 + doubt)


def unpack(vector: Floats, axes: int) -> Theta:
    """Draws from unconstrained vectors, shape (draws, axes + 5): level, slopes, bend, logarithms of
    the typical minor slope, own and family."""
    return Theta(
        vector[:, 0], vector[:, 1 : axes + 1], vector[:, axes + 1],
        np.exp(vector[:, axes + 3]), np.exp(vector[:, axes + 4]),
    )  # fmt: skip


def log_prior(vector: Floats, axes: int, priors: Priors) -> Floats:
    """Of each vector, up to a constant: shape (draws,)."""
    minor, own, family = vector[:, axes + 2], vector[:, axes + 3], vector[:, axes + 4]
    z = [
        (vector[:, 0] - priors.level) / priors.level_sd,
        (vector[:, 1] - priors.slope) / priors.slope_sd,
        vector[:, axes + 1] / priors.bend,
        (minor - np.log(priors.minor)) / priors.loose,
        (own - np.log(priors.own)) / priors.loose,
        (family - np.log(priors.family)) / priors.loose,
    ]
    total = -0.5 * sum(part**2 for part in z)
    for j in range(2, axes + 1):
        total = total - 0.5 * (vector[:, j] / np.exp(minor)) ** 2 - minor
    return np.asarray(total)


def log_likelihood(vector: Floats, data: Seen) -> tuple[Floats, Floats]:
    """Of each vector: shape (draws,); and of each family at each node: (draws, families, nodes)."""
    theta = unpack(vector, data.mean.shape[1])
    centre = theta.centre(data.mean)
    size = np.sqrt(theta.variance(data.mean, data.spread) + data.error)
    shift = theta.family[:, None, None] * _NODES
    z = ((data.odds - centre)[:, :, None] - shift) / size[:, :, None]
    inside = _T - (TAILS + 1) / 2 * np.log1p(z * z / TAILS) - np.log(size)[:, :, None]
    edge = data.side != 0
    if edge.any():
        beyond = special.stdtr(TAILS, -data.side[edge, None] * z[:, edge])
        inside[:, edge] = np.log(np.maximum(beyond, 1e-300))
    member = (data.family[:, None] == np.arange(len(data.families))).astype(float)
    by_family = np.einsum("dnk,nf->dfk", inside, member, optimize=True) + np.log(_WEIGHTS)
    return np.asarray(special.logsumexp(by_family, axis=2).sum(axis=1)), by_family


@dataclass(frozen=True, eq=False)
class Fitted:
    """A posterior, as equally likely draws.

    Attributes:
        theta: the draws.
        head: shape (draws, families); what each known family has of its own.
        worth: how many independent draws they are worth.
    """

    data: Seen
    theta: Theta
    head: Floats
    worth: float


def fit(data: Seen, rng: np.random.Generator, priors: Priors | None = None) -> Fitted:
    """Draw from the posterior, by `sample`.

    Raises:
        UnfitError: if the draws did not move, or stem from too few.
    """
    priors = priors or Priors()
    q = data.mean.shape[1]

    def loss(many: Floats) -> Floats:
        return -(log_prior(many, q, priors) + log_likelihood(many, data)[0])

    start = np.zeros(q + 5)
    start[0], start[1] = float(np.median(data.odds)), priors.slope
    start[q + 2 :] = np.log([priors.minor, priors.own, priors.family])
    steps = 1e-4 * np.eye(start.size)

    def both(x: Floats) -> tuple[float, Floats]:
        values = loss(np.vstack([x, x + steps, x - steps]))
        ahead, behind = values[1 : 1 + x.size], values[1 + x.size :]
        return float(values[0]), (ahead - behind) / 2e-4

    mode = minimize(both, start, jac=True, method="L-BFGS-B",
                    bounds=[(-30.0, 30.0)] * (q + 2) + [(-5.0, 3.0)] * 3).x  # fmt: skip
    draws, worth = sample(mode, _curvature(both, mode), loss, rng)
    kept = draws[rng.choice(len(draws), DRAWS)] if len(draws) != DRAWS else draws
    by_family = log_likelihood(kept, data)[1]
    share = np.exp(by_family - special.logsumexp(by_family, axis=2, keepdims=True))
    return Fitted(data, unpack(kept, q), _heads(share, unpack(kept, q).family, rng), worth)


def _heads(share: Floats, size: Floats, rng: np.random.Generator) -> Floats:
    """Normal draws with the mean and variance that a family has over the nodes."""
    mean = share @ _NODES
    spread = np.sqrt(np.maximum(share @ _NODES**2 - mean**2, 1e-4))
    return np.asarray(size[:, None] * (mean + spread * rng.standard_normal(mean.shape)))


def _curvature(both: Callable[[Floats], tuple[float, Floats]], mode: Floats) -> Floats:
    """The covariance of the normal approximation at the mode."""
    steps = 1e-3 * np.eye(mode.size)
    rows = [(both(mode + s)[1] - both(mode - s)[1]) / 2e-3 for s in steps]
    matrix = (np.array(rows) + np.array(rows).T) / 2
    value, vector = np.linalg.eigh(matrix)
    # Priors are proper: no direction is flatter than they are.
    return np.asarray((vector / np.maximum(value, 0.1)) @ vector.T)
