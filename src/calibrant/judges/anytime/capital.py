"""Which means have been refuted by a gambler who bets on unbiased increments? Two processes.

Against each candidate m he bets that the mean is lower. If it is m, no bet gains on average, so
that a capital of 1/alpha at whatever moment refutes it (Ville's inequality). Half of his money
stands behind constant shares of the largest stake that cannot ruin him, half behind a stake that
follows the variance so far (Waudby-Smith and Ramdas, JRSS-B 86 (2024) 1, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.estimates.betting import BETS

Floats = NDArray[np.float64]

CONSTANT = 0.5
"""Share of the money behind constant bets; the rest follows the variance."""

DUST = 1e-9
"""Differences of means that may be rounding."""

_BOLDEST = 0.75
"""The largest share of the stake that would risk ruin which the bet by variance may be."""


def stakes(z: Floats, alpha: float) -> Floats:
    """Stakes that follow the variance of the increments so far; each uses only the past."""
    t = np.arange(1, z.size + 1)
    means = (0.5 + np.cumsum(z)) / (t + 1)
    # The first variance is guessed at that of a fair coin, worth two labels.
    variances = (0.5 + np.cumsum((z - means) ** 2)) / (t + 2)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.asarray(np.sqrt(2 * math.log(1 / alpha) / (before * t * np.log1p(t))))


def upper_capital(z: Floats, high: Floats, means: Floats, alpha: float) -> Floats:
    """Capital against each candidate after each increment, shape (n, candidates).

    It rises with the candidate. Candidates above the top of an increment's range cannot be
    true: their capital is infinite.
    """
    return np.array([row for row, _ in _walk(z, high, means, alpha)])


def upper_path(z: Floats, high: Floats, alpha: float, grid: int) -> Floats:
    """The smallest refuted candidate so far, after each increment; 1 if none is."""
    # Even steps of the arcsine: a standard error has the same length everywhere.
    means = np.sin(np.linspace(0, np.pi / 2, grid + 1)[1:-1]) ** 2
    bounds = np.ones(z.size)
    for t, (_, bound) in enumerate(_walk(z, high, means, alpha, drop=True)):
        bounds[t] = bound
    return bounds


def _walk(
    z: Floats, high: Floats, means: Floats, alpha: float, *, drop: bool = False
) -> Iterator[tuple[Floats, float]]:
    """Capital and the smallest refuted candidate, step by step."""
    money = np.full((BETS.size + 1, means.size), CONSTANT / BETS.size)
    money[-1] = 1 - CONSTANT
    follow = stakes(z, alpha)
    dead = np.zeros(means.size, dtype=bool)
    bound = 1.0
    for t in range(z.size):
        room = high[t] - means
        dead |= room < -DUST
        # A candidate at the very top is not refuted by rounding: its stake stays finite.
        room = np.where(dead, 1.0, np.maximum(room, DUST))
        largest = 1 / room
        gain = (means - z[t]) * largest
        money[:-1] *= np.maximum(1 + BETS[:, None] * gain, 0.0)
        share = np.minimum(follow[t] * room, _BOLDEST)
        money[-1] *= np.maximum(1 + share * gain, 0.0)
        capital = np.where(dead, np.inf, money.sum(axis=0))
        if drop:
            refuted = capital >= 1 / alpha
            if refuted.any():
                first = int(refuted.argmax())
                bound = float(means[first])
                means, money, dead = means[:first], money[:, :first], dead[:first]
        yield capital, bound
