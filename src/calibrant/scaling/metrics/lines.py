"""How well is a rung's next value forecast from smaller subjects? Straight lines and their errors.

Everything a line says of later values is a weighted sum of earlier ones, so that errors follow
exactly from those of the values.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class Reading:
    """How the rise at a cut is read: everything in it is a weighted sum of scores.

    Attributes:
        w: shape (2, S), weights of the rise that a line foresees and of the rise there was, both
            from the line's value at the largest scale below the cut to the mean above it.
        rest: shape (m, S): what is left of the scores, of which nothing is expected but scatter.
        df: degrees of freedom of the scatter.
    """

    w: Floats
    rest: Floats
    df: int

    def scatter(self, g: Floats) -> Floats:
        """The covariance, shape (2, 2), of the rises of scores g, shape (S,), by their scatter."""
        left = self.rest @ g
        return np.asarray(left @ left / self.df * (self.w @ self.w.T))


def foreseen(x: Floats, cut: Cut) -> Reading:
    """The line is of the subjects below; those above may be anywhere.

    The scatter is that about the line, and of subjects of equal scale above the cut.
    """
    below, above = cut
    last, at = float(x[below].max()), float(x[above].mean())
    w = np.zeros((2, len(x)))
    w[0, below] = weights(x[below], at) - weights(x[below], last)
    w[1, above] = 1 / len(above)
    w[1, below] = -weights(x[below], last)
    levels, of = np.unique(x[above], return_inverse=True)
    line = np.column_stack([np.ones(len(below)), x[below] - last])
    rest = np.zeros((len(x), len(x)))
    rest[np.ix_(below, below)] = _left(line)
    rest[np.ix_(above, above)] = _left((of[:, None] == np.arange(len(levels))).astype(float))
    return Reading(w, rest, len(below) - 2 + len(above) - len(levels))


def parallel(x: Floats, cut: Cut) -> Reading:
    """Two lines of one slope, those above lifted by a jump: slope and scatter are of both sides.

    Where those above go on another way than those below, it is scatter, and says less.
    """
    below, above = cut
    last, at = float(x[below].max()), float(x[above].mean())
    both = np.concatenate([below, above])
    lines = np.column_stack([np.ones(len(both)), x[both] - last, np.isin(both, above)])
    fit = np.linalg.pinv(lines)
    w, rest = np.zeros((2, len(x))), np.zeros((len(both), len(x)))
    w[0, both] = fit[1] * (at - last)
    w[1, both] = w[0, both] + fit[2]
    rest[:, both] = _left(lines)
    return Reading(w, rest, len(both) - 3)


def _left(of: Floats) -> Floats:
    """What is left of scores after their least-squares fit by columns."""
    return np.asarray(np.eye(len(of)) - of @ np.linalg.pinv(of))


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
