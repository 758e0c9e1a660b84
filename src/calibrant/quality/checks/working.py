"""Which simple model do checks work with? A 2PL, quick enough to be fitted hundreds of times.

Checks simulate from a model and fit it again to what they drew, to know what chance does to them.
This is for that, and for cross-validation; `calibrant.items.fit` is for parameters to be reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

Floats = NDArray[np.float64]

NODES: Floats = np.linspace(-4.0, 4.0, 65)
WEIGHTS: Floats = np.exp(-(NODES**2) / 2) / np.exp(-(NODES**2) / 2).sum()
"""Abilities are standard normal, on a grid. Posteriors may be about as narrow as its step, 1/8:
their means still lie between the nodes."""

SLOPE_SD, INTERCEPT_SD = 2.0, 3.0
"""Weak normal priors around 0: finite estimates where all are right, no opinion about signs."""


@dataclass(frozen=True, eq=False)
class Working:
    """A fitted 2PL.

    Attributes:
        slope, intercept: shape (items,), of logit P(right) = slope · θ + intercept.
        slope_error: shape (items,), standard errors of slopes.
        posterior: shape (subjects, nodes), of each subject's ability.
    """

    slope: Floats
    intercept: Floats
    slope_error: Floats
    posterior: Floats

    @property
    def ability(self) -> Floats:
        """Shape (subjects,): posterior means."""
        mean: Floats = self.posterior @ NODES
        return mean

    @property
    def spread(self) -> Floats:
        """Shape (subjects,): posterior standard deviations."""
        square = self.posterior @ NODES**2 - self.ability**2
        deviation: Floats = np.sqrt(np.maximum(square, 0.0))
        return deviation

    @property
    def probability(self) -> Floats:
        """Shape (subjects, items): expected scores, in 0–1, at posterior means."""
        p: Floats = expit(self.ability[:, None] * self.slope + self.intercept)
        return p

    @property
    def at_nodes(self) -> Floats:
        """Shape (nodes, items): expected scores at each node."""
        return curves(self.slope, self.intercept)


def curves(slope: Floats, intercept: Floats) -> Floats:
    """Shape (nodes, items): P(right) at each node."""
    p: Floats = expit(NODES[:, None] * slope + intercept)
    return p


def posterior_of(right: Floats, wrong: Floats, slope: Floats, intercept: Floats) -> Floats:
    """Shape (subjects, nodes): abilities' posteriors.

    Args:
        right, wrong: shape (subjects, items), score and 1 − score; 0 in both where none was seen.
    """
    logit = NODES[:, None] * slope + intercept
    # log P(right) and log P(wrong), without the cancellation of log(1 − p).
    upper, lower = -np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)
    joint = right @ upper.T + wrong @ lower.T + np.log(WEIGHTS)
    found: Floats = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    return found


def work(
    unit: Floats, *, start: Working | None = None, rounds: int = 60, tolerance: float = 2e-3
) -> Working:
    """Fit a 2PL by marginal likelihood with weak priors (Bock and Aitkin's EM).

    Method: Psychometrika 46 (1981) 443. Scores between 0 and 1 count as that part of a right and
    the rest of a wrong answer. Standard errors come from subjects' scores (cross-products).

    Args:
        unit: shape (subjects, items), in 0–1, NaN where there is none.
        start: slopes and intercepts to start from, such as of the data that these resemble.
        rounds: at most this many steps.
        tolerance: stop when no slope or intercept moves more.
    """
    seen = ~np.isnan(unit)
    right = np.where(seen, unit, 0.0)
    wrong = np.where(seen, 1.0 - right, 0.0)
    a, d = (start.slope, start.intercept) if start is not None else _first(right, wrong)
    for _ in range(rounds):
        posterior = posterior_of(right, wrong, a, d)
        r, n = posterior.T @ right, posterior.T @ seen.astype(np.float64)
        before = (a, d)
        a, d = _climb(r, n, a, d)
        moved = max(np.abs(a - before[0]).max(), np.abs(d - before[1]).max())
        if moved < tolerance:
            break
    posterior = posterior_of(right, wrong, a, d)
    return Working(a, d, slope_errors(right, seen, posterior, a, d), posterior)


def _first(right: Floats, wrong: Floats) -> tuple[Floats, Floats]:
    """Slopes with the sign of the item's covariance with all others, intercepts of facilities."""
    count = right + wrong
    n = count.sum(axis=0)
    facility = (right.sum(axis=0) + 0.5) / (n + 1.0)
    centred = np.where(count > 0, right - facility, 0.0)
    rest = (centred.sum(axis=1, keepdims=True) - centred) / np.maximum(
        count.sum(axis=1, keepdims=True) - count, 1.0
    )
    sign = np.sign(np.sum(centred * rest, axis=0))
    slope: Floats = np.where(sign < 0, -0.7, 0.7)
    intercept: Floats = np.log(facility / (1.0 - facility)) * 1.1
    return slope, intercept


def _climb(r: Floats, n: Floats, a: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Two damped Newton steps for every item; r right of n at each node."""
    x = NODES[:, None]
    for _ in range(2):
        p = curves(a, d)
        residual, weight = r - n * p, n * p * (1.0 - p)
        ga = (x * residual).sum(axis=0) - a / SLOPE_SD**2
        gd = residual.sum(axis=0) - d / INTERCEPT_SD**2
        haa = (x**2 * weight).sum(axis=0) + 1 / SLOPE_SD**2
        had = (x * weight).sum(axis=0)
        hdd = weight.sum(axis=0) + 1 / INTERCEPT_SD**2
        det = haa * hdd - had**2
        a = a + np.clip((hdd * ga - had * gd) / det, -1.0, 1.0)
        d = d + np.clip((haa * gd - had * ga) / det, -1.0, 1.0)
    return a, d


def slope_errors(
    right: Floats, seen: NDArray[np.bool_], posterior: Floats, a: Floats, d: Floats
) -> Floats:
    """From the cross-products of subjects' marginal scores, with the priors' curvature."""
    p = curves(a, d)
    mean = posterior @ NODES
    sd = np.where(seen, right - posterior @ p, 0.0)
    sa = np.where(seen, right * mean[:, None] - posterior @ (NODES[:, None] * p), 0.0)
    iaa = (sa**2).sum(axis=0) + 1 / SLOPE_SD**2
    idd = (sd**2).sum(axis=0) + 1 / INTERCEPT_SD**2
    iad = (sa * sd).sum(axis=0)
    found: Floats = np.sqrt(idd / np.maximum(iaa * idd - iad**2, 1e-12))
    return found
