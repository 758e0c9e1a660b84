"""Which shapes may a curve of score against scale have? Values, slopes and what is held of them.

A score is read as a share of the way from chance to the highest score, and a scale in quarters of
the range that was seen, so that no shape depends on units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

KNOTS = np.array([-0.7, 0.3, 1.2, 2.0, 4.0])
"""Where the slope of a spline changes: within what was seen (-2 to 2), and beyond it."""
_TURN = 0.3
"""Width of a bend, in quarters of the range."""


class Curve(NamedTuple):
    """Values of a shape (m, n), and their slopes in a family's shift (m, n)."""

    value: Floats
    shifted: Floats


Shifted = Callable[[Floats | float], Curve]


@dataclass(frozen=True)
class Shape:
    """A shape with its parameters and what is held of them before data.

    Attributes:
        name, says: for people.
        parameters: their names, on the line of real numbers.
        along: (parameters (m, p), scale (n,)) → (a family's shift (m, n) or 0) → `Curve`; what does
            not depend on shifts is found once.
        jacobian: (parameters (m, p), scale (n,)) → slopes of values in parameters (m, n, p).
        centre, root: normal prior: mean (p,), and R (p, p) of which R'R is the precision.
        starts: from where the best parameters are sought, (k, p).
        shift: median of the standard deviation between families in the shape's own unit.
        limited: whether it stands on a highest score.
        linear: whether shifts simply add to the score.
    """

    name: str
    says: str
    parameters: tuple[str, ...]
    along: Callable[[Floats, Floats], Shifted]
    jacobian: Callable[[Floats, Floats], Floats]
    centre: Floats
    root: Floats
    starts: Floats
    shift: float
    limited: bool = True
    linear: bool = False

    def __repr__(self) -> str:
        return f"Shape {self.name}: {self.says}"

    def curve(self, theta: Floats, z: Floats, u: Floats | float) -> Curve:
        """Values and slopes at parameters (m, p), scales (n,) and shifts (m, n) or 0."""
        return self.along(theta, z)(u)


def _grid(*values: tuple[float, ...]) -> Floats:
    return np.array(list(product(*values)), dtype=float)


def _rooted(*sd: float) -> Floats:
    return np.diag(1 / np.array(sd))


# A sigmoid: (where half of the way is, log of its steepness).


def _logistic(line: Floats) -> Shifted:
    def at(u: Floats | float) -> Curve:
        s = special.expit(line + u)
        return Curve(s, s * (1 - s))

    return at


def _sigmoid(theta: Floats, z: Floats) -> Shifted:
    return _logistic(np.exp(theta[:, 1:2]) * (z - theta[:, :1]))


def _sigmoid_slopes(theta: Floats, z: Floats) -> Floats:
    steep = np.exp(theta[:, 1:2])
    line = steep * (z - theta[:, :1])
    s = special.expit(line)
    d = s * (1 - s)
    return np.stack([-steep * d, line * d], axis=2)


# A sigmoid whose lower and upper ends are free within (chance, highest).


def _free(theta: Floats, z: Floats) -> Shifted:
    low, high = special.expit(theta[:, 2:3]) / 2, (1 + special.expit(theta[:, 3:4])) / 2
    inner = _sigmoid(theta, z)

    def at(u: Floats | float) -> Curve:
        s, slope = inner(u)
        return Curve(low + (high - low) * s, (high - low) * slope)

    return at


def _free_slopes(theta: Floats, z: Floats) -> Floats:
    e, f = special.expit(theta[:, 2:3]), special.expit(theta[:, 3:4])
    reach = (1 + f - e) / 2
    s = _sigmoid(theta, z)(0.0).value
    both = _sigmoid_slopes(theta, z) * reach[:, :, None]
    ends = np.stack([e * (1 - e) / 2 * (1 - s), f * (1 - f) / 2 * s], axis=2)
    return np.concatenate([both, ends], axis=2)


# A power law: (level in the middle, end, log of the rate): end + (level - end) exp(-rate z).


def _power(theta: Floats, z: Floats) -> Shifted:
    level, end, rate = theta[:, :1], theta[:, 1:2], np.exp(theta[:, 2:3])
    value = end + (level - end) * np.exp(np.clip(-rate * z, -60, 60))
    one = np.ones_like(value)
    return lambda u: Curve(value + u, one)


def _power_slopes(theta: Floats, z: Floats) -> Floats:
    level, end, rate = theta[:, :1], theta[:, 1:2], np.exp(theta[:, 2:3])
    e = np.exp(np.clip(-rate * z, -60, 60))
    return np.stack([e, 1 - e, (level - end) * e * (-rate * z)], axis=2)


# A broken power law of what is missing to the highest score: log missing is a line that bends.


def _soft(z: Floats, at: Floats) -> tuple[Floats, Floats]:
    t = (z - at) / _TURN
    return _TURN * (np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))), special.expit(t)


def _broken(theta: Floats, z: Floats) -> Shifted:
    before, after = np.exp(theta[:, 1:2]), np.exp(theta[:, 2:3])
    bend, _ = _soft(z, theta[:, 3:4])
    log = theta[:, :1] - before * z - (after - before) * bend

    def at(u: Floats | float) -> Curve:
        missing = np.exp(np.clip(log + u, -60, 3))
        return Curve(1 - missing, -missing)

    return at


def _broken_slopes(theta: Floats, z: Floats) -> Floats:
    before, after = np.exp(theta[:, 1:2]), np.exp(theta[:, 2:3])
    bend, turned = _soft(z, theta[:, 3:4])
    missing = 1 - _broken(theta, z)(0.0).value
    slope = [np.ones_like(bend), before * (bend - z), -after * bend, (after - before) * turned]
    return -missing[:, :, None] * np.stack(slope, axis=2)


# A monotone spline: (log-odds in the middle, log of the slope between knots), slopes walking.


def _parts(z: Floats) -> Floats:
    """How far z lies into each stretch between knots, counted from the middle: (n, stretches)."""
    ends = np.concatenate([[-np.inf], KNOTS, [np.inf]])
    return np.asarray(
        np.clip(z[:, None], ends[:-1], ends[1:]) - np.clip(0.0, ends[:-1], ends[1:]), dtype=float
    )


def _spline(theta: Floats, z: Floats) -> Shifted:
    return _logistic(theta[:, :1] + np.exp(np.clip(theta[:, 1:], -20, 5)) @ _parts(z).T)


def _spline_slopes(theta: Floats, z: Floats) -> Floats:
    d = _spline(theta, z)(0.0).shifted
    each = np.exp(np.clip(theta[:, 1:], -20, 5))[:, None, :] * _parts(z)
    return np.concatenate([d[:, :, None], d[:, :, None] * each], axis=2)


def _walk(stretches: int, first: float, step: float) -> Floats:
    """Root of the precision of a random walk, with a level of its own before it."""
    root = np.zeros((stretches + 1, stretches + 1))
    root[0, 0] = 1 / 3
    root[1, 1] = 1 / first
    for k in range(1, stretches):
        root[k + 1, k], root[k + 1, k + 1] = -1 / step, 1 / step
    return root


_STRETCHES = KNOTS.size + 1

SIGMOID = Shape(
    "sigmoid",
    "from chance to the highest score along a logistic curve of log scale",
    ("middle", "log steepness"),
    _sigmoid,
    _sigmoid_slopes,
    np.array([0.0, 0.0]),
    _rooted(4.0, 1.0),
    _grid((-4.0, -1.0, 1.0, 4.0), (-1.0, 0.5, 2.0)),
    0.4,
)
FREE = Shape(
    "free sigmoid",
    "a logistic curve of log scale whose lower and upper ends are estimated",
    ("middle", "log steepness", "lower end", "upper end"),
    _free,
    _free_slopes,
    np.array([0.0, 0.3, -2.5, 2.5]),
    _rooted(4.0, 1.0, 1.5, 1.2),
    _grid((-2.0, 0.0, 2.0), (0.0, 1.5), (-3.0, 0.0), (0.0, 3.0)),
    0.5,
)
POWER = Shape(
    "power law",
    "the distance to an end that is estimated shrinks as a power of scale",
    ("level", "end", "log rate"),
    _power,
    _power_slopes,
    np.array([0.4, 0.8, -1.0]),
    _rooted(0.5, 0.4, 1.0),
    _grid((0.1, 0.5), (0.5, 1.0), (-2.0, -0.5, 0.5)),
    0.1,
    limited=False,
    linear=True,
)
BROKEN = Shape(
    "broken power law",
    "what is missing to the highest score is a power of scale, with one bend",
    ("log missing", "log rate before", "log rate after", "bend"),
    _broken,
    _broken_slopes,
    np.array([-0.5, -2.0, -1.5, 1.5]),
    _rooted(1.0, 1.0, 1.2, 3.0),
    _grid((-0.2, -1.0), (-3.0, -1.0), (-2.0, 0.0), (-1.0, 1.0)),
    0.15,
)
SPLINE = Shape(
    "monotone spline",
    "any growing curve: a line of log-odds whose slope walks, also beyond what was seen",
    ("log-odds in the middle", *(f"log slope {k + 1}" for k in range(_STRETCHES))),
    _spline,
    _spline_slopes,
    np.concatenate([[-0.5], np.zeros(_STRETCHES)]),
    _walk(_STRETCHES, 1.0, 0.5),
    np.hstack([_grid((-3.0, -1.0, 1.0)), np.zeros((3, _STRETCHES))]),
    0.4,
)

SHAPES: tuple[Shape, ...] = (SIGMOID, FREE, POWER, BROKEN, SPLINE)
