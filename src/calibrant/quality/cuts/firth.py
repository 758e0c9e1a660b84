"""At which score is a subject as likely acceptable as not? Penalised logistic regression.

Firth's penalty (Biometrika 80 (1993) 27), half the log determinant of the information, keeps
estimates finite where groups do not overlap (Heinze and Schemper, Stat. Med. 21 (2002) 2409).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_expit, ndtri

from calibrant.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Firth:
    """logit P = intercept + slope · score.

    Attributes:
        covariance: shape (2, 2), of both.
        likelihood: the penalised log-likelihood.
    """

    intercept: float
    slope: float
    covariance: Floats
    likelihood: float


def penalised(x: Floats, y: NDArray[np.bool_], intercept: float, slope: float) -> float:
    """The penalised log-likelihood."""
    z = intercept + slope * x
    p = expit(z)
    w = p * (1 - p)
    mean = w @ x / w.sum() if w.sum() > 0 else 0.0
    # The determinant about the weighted mean does not cancel.
    det = w.sum() * (w @ (x - mean) ** 2)
    if det <= 0:
        return -math.inf
    return float(log_expit(np.where(y, z, -z)).sum() + 0.5 * math.log(det))


def firth(x: Floats, y: NDArray[np.bool_]) -> Firth:
    """Fit by Newton steps on Firth's modified score, halved until they climb.

    Raises:
        InputError: if all scores are the same.
    """
    if np.ptp(x) == 0:
        raise InputError(f"scores: all are {x[0]:g}, so that they tell no groups apart")
    # Standard scores: steps of one size for every scale.
    centre, scale = float(x.mean()), float(x.std())
    u = (x - centre) / scale
    design = np.column_stack([np.ones_like(u), u])
    beta = np.zeros(2)
    best = penalised(u, y, 0.0, 0.0)
    for _ in range(200):
        p = expit(design @ beta)
        w = p * (1 - p)
        information = (design * w[:, None]).T @ design
        inverse = np.linalg.inv(information)
        leverage = w * np.einsum("ij,jk,ik->i", design, inverse, design)
        step = inverse @ (design.T @ (y - p + leverage * (0.5 - p)))
        step *= min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-300))
        while True:
            trial = beta + step
            found = penalised(u, y, float(trial[0]), float(trial[1]))
            if found >= best - 1e-13 or float(np.abs(step).max()) < 1e-12:
                break
            step = step / 2
        beta, best = trial, found
        if float(np.abs(step).max()) < 1e-10:
            break
    p = expit(design @ beta)
    w = p * (1 - p)
    inverse = np.linalg.inv((design * w[:, None]).T @ design)
    back = np.array([[1.0, -centre / scale], [0.0, 1.0 / scale]])
    return Firth(
        float(beta[0] - beta[1] * centre / scale), float(beta[1] / scale),
        back @ inverse @ back.T, best,
    )  # fmt: skip


def cut_interval(
    x: Floats, y: NDArray[np.bool_], fitted: Firth, target: float, level: float, notes: list[str]
) -> tuple[float, float, float, float]:
    """The score with logit `target`, its standard error and interval in 0–1.

    The interval holds every score whose penalised likelihood, at the best slope for it, is within
    the χ² limit of the largest.

    Raises:
        InputError: if scores do not tell the groups apart.
    """
    b = fitted.slope
    if b <= 0:
        raise InputError("groups: scores do not tell them apart: the fitted curve does not rise")
    value = (target - fitted.intercept) / b
    gradient = np.array([-1 / b, -value / b])
    error = math.sqrt(float(gradient @ fitted.covariance @ gradient))
    centre, scale = float(x.mean()), float(x.std())
    u = (x - centre) / scale
    at = (value - centre) / scale
    top = penalised(u, y, fitted.intercept + b * centre, b * scale)
    limit = top - float(ndtri((1 + level) / 2)) ** 2 / 2

    def profile(place: float) -> float:
        """The best penalised likelihood with the cut at a place, over all rising slopes."""
        found = minimize_scalar(
            lambda s: -penalised(u, y, target - math.exp(s) * place, math.exp(s)),
            bounds=(-7.0, 6.0), method="bounded", options={"xatol": 1e-7},
        )  # fmt: skip
        return -float(found.fun)

    ends = [(0.0 - centre) / scale, (1.0 - centre) / scale]
    low = _end(profile, at, min(ends[0], at), limit)
    high = _end(profile, at, max(ends[1], at), limit)
    if low is None or high is None:
        notes.append("the interval reaches the end of the scale: scores hardly tell the groups "
                     "apart there")  # fmt: skip
    if not 0 <= value <= 1:
        notes.append(f"the curve puts the cut at {value:.3g}, outside the scale; it is cut off")
    kept = min(1.0, max(0.0, value))
    return (
        kept, error,
        0.0 if low is None else min(kept, max(0.0, centre + scale * low)),
        1.0 if high is None else max(kept, min(1.0, centre + scale * high)),
    )  # fmt: skip


def _end(
    profile: Callable[[float], float], start: float, stop: float, limit: float
) -> float | None:
    """Where the profile falls to the limit between two places; None if it does not."""
    if start == stop:
        return start
    if profile(stop) > limit:
        return None
    return float(brentq(lambda v: profile(v) - limit, start, stop, xtol=1e-6))
