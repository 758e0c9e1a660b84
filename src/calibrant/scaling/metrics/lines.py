"""How well is a rung's next value forecast from smaller subjects? Straight lines and their errors.

Everything a line says of later values is a weighted sum of earlier ones, so that errors follow
exactly from those of the values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.scaling.metrics.rungs import Answers, Floats, Link, rung

LEAST = 3
"""Scales that a line is drawn through, at least: through two it always goes."""


def weights(x: Floats, at: float) -> Floats:
    """w such that w @ g is the least-squares line through (x, g) at `at`; shape of x."""
    d = x - x.mean()
    return np.asarray(1 / len(x) + (at - x.mean()) * d / np.sum(d * d))


Ints = NDArray[np.int64]
Cut = tuple[Ints, Ints]
"""Which subjects are below, and which are forecast."""


def cuts(scale: Floats, least: int = LEAST, reach: int = 1) -> list[Cut]:
    """Every cut with `least` scales below: subjects below it, and at the next `reach` scales."""
    levels = np.unique(scale)
    found = []
    for at in range(least, len(levels)):
        last = levels[min(at + reach, len(levels)) - 1]
        above = (scale >= levels[at]) & (scale <= last)
        found.append((np.flatnonzero(scale < levels[at]), np.flatnonzero(above)))
    return found


def foreseen(x: Floats, cut: Cut) -> Floats:
    """Weights, shape (2, S), of the rise that a line foresees and the rise there was.

    Both from the line's value at the largest scale below the cut to the mean above it.
    """
    below, above = cut
    last, at = float(x[below].max()), float(x[above].mean())
    found = np.zeros((2, len(x)))
    found[0, below] = weights(x[below], at) - weights(x[below], last)
    found[1, above] = 1 / len(above)
    found[1, below] = -weights(x[below], last)
    return found


def residual_variance(x: Floats, g: Floats) -> float:
    """Of g about its least-squares line, with len(x) - 2 degrees of freedom."""
    slope, middle = np.polyfit(x - x.mean(), g, 1)
    rest = g - middle - slope * (x - x.mean())
    return float(rest @ rest) / (len(x) - 2)


def item_covariance(answers: Answers, name: str, link: Link, w: Floats) -> Floats:
    """The covariance, by sampling of item clusters, of weighted sums of a rung's linked means.

    Args:
        w: shape (m, S).

    Returns:
        shape (m, m): subjects answer the same items, so that what items share cancels.
    """
    y = answers.values[name]
    each = (w * rung(name).slope(y.mean(axis=1), link)) @ (y - y.mean(axis=1, keepdims=True))
    groups = int(answers.cluster.max()) + 1
    sums = np.zeros((len(w), groups))
    np.add.at(sums.T, answers.cluster, each.T)
    found: Floats = sums @ sums.T / y.shape[1] ** 2 * groups / max(groups - 1, 1)
    return found


def fieller(told: Floats, v: Floats, t: float) -> tuple[float, float] | None:
    """Ends of the interval of told[0] / told[1]; None where it has none."""
    a = told[1] ** 2 - t * t * v[1, 1]
    b = told[0] * told[1] - t * t * v[0, 1]
    c = told[0] ** 2 - t * t * v[0, 0]
    inside = b * b - a * c
    if a <= 0 or inside < 0:
        return None
    return float((b - inside**0.5) / a), float((b + inside**0.5) / a)
