"""How likely is an outcome, given two strengths? Models of one comparison, with derivatives.

Every model is a function of the difference d of log-strengths (left minus right, plus the order
effect) and of one tie parameter. All derivatives are per comparison and outcome, so that gradient,
Hessian and sandwich come from the count table alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]

ModelName = Literal["bt", "davidson", "rao-kupper"]


@dataclass(frozen=True)
class Terms:
    """Log-probabilities and derivatives; each of shape (pairs, 3), by outcome left, right, tie.

    Attributes:
        value: log-probability; for "bt", of a tie, the mean of both wins' (half a win each).
        d, dd: first and second derivative by the difference.
        t, tt, dt: by the tie parameter, and mixed; zeros where the model has none.
    """

    value: Floats
    d: Floats
    dd: Floats
    t: Floats
    tt: Floats
    dt: Floats


def bradley_terry(d: Floats, _: float) -> Terms:
    """P(left wins) = 1 / (1 + exp(-d)) (Bradley and Terry, Biometrika 39 (1952) 324).

    A tie counts as half a win for each, which is no probability model of ties.
    """
    win, lose, p = log_expit(d), log_expit(-d), expit(d)
    zero = np.zeros((d.size, 3))
    return Terms(
        np.stack([win, lose, (win + lose) / 2], axis=1),
        np.stack([1 - p, -p, 0.5 - p], axis=1),
        np.repeat(-(p * expit(-d))[:, None], 3, axis=1),
        zero, zero, zero,
    )  # fmt: skip


def davidson(d: Floats, log_nu: float) -> Terms:
    """Wins and ties as exp(d/2) : exp(-d/2) : ν (Davidson, JASA 65 (1970) 317); t = log ν."""
    eta = np.stack([d / 2, -d / 2, np.full(d.size, log_nu)], axis=1)
    top = eta.max(axis=1, keepdims=True)
    norm = top + np.log(np.exp(eta - top).sum(axis=1, keepdims=True))
    p = np.exp(eta - norm)
    tie = p[:, 2:]
    mean = (p[:, :1] - p[:, 1:2]) / 2
    slope = np.array([0.5, -0.5, 0.0])
    variance = (1 - tie) / 4 - mean**2
    wide = np.ones((1, 3))
    return Terms(
        eta - norm,
        slope - mean,
        -variance * wide,
        np.array([0.0, 0.0, 1.0]) - tie,
        -tie * (1 - tie) * wide,
        mean * tie * wide,
    )


def rao_kupper(d: Floats, log_excess: float) -> Terms:
    """P(left wins) = 1 / (1 + θ exp(-d)), likewise right, else a tie (Rao and Kupper, JASA 62
    (1967) 194); t = log(θ - 1), so that every t is a θ above 1."""
    excess = np.exp(log_excess)
    k, slope = np.log1p(excess), expit(log_excess)
    curve = slope * (1 - slope)
    a, b = expit(d - k), expit(-d - k)
    # P(tie) = (θ² - 1) a b exp(...) simplifies to: (θ² - 1) / ((e^d + θ)(e^-d + θ)).
    tie = log_excess + np.log(excess + 2) - 2 * k + log_expit(k + d) + log_expit(k - d)
    value = np.stack([log_expit(d - k), log_expit(-d - k), tie], axis=1)
    # Derivatives by d and by k; k is then taken to t by its own derivatives.
    by_d = np.stack([1 - a, -(1 - b), b - a], axis=1)
    low, high = -a * (1 - a), -b * (1 - b)
    by_dd = np.stack([low, high, low + high], axis=1)
    theta_sq = 2 * np.exp(2 * k) / np.expm1(2 * k)
    by_k = np.stack([-(1 - a), -(1 - b), theta_sq - 2 + a + b], axis=1)
    tie_kk = -(theta_sq**2) + 2 * theta_sq + low + high
    by_kk = np.stack([low, high, np.broadcast_to(tie_kk, d.shape)], axis=1)
    by_dk = np.stack([-low, high, high - low], axis=1)
    return Terms(value, by_d, by_dd, by_k * slope, by_kk * slope**2 + by_k * curve, by_dk * slope)


MODELS: dict[ModelName, Callable[[Floats, float], Terms]] = {
    "bt": bradley_terry,
    "davidson": davidson,
    "rao-kupper": rao_kupper,
}
