"""What is the marginal likelihood of two groups of their own ability? The kernel of one, twice.

The reference group's ability is standard normal, the focal group's has a mean and an sd that are
estimated. With θ = μ + σ z the focal group's items are curves of a standard normal z with slopes
a σ and intercepts d + a μ, so each group is a `Kernel` by itself and derivatives go by the chain
rule. Weak normal priors keep slopes and differences finite where groups or abilities separate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.models.climb import Prior, Summit, ordered, regrid
from calibrant.quality.models.data import Data
from calibrant.quality.models.grid import Grid, grid_for
from calibrant.quality.models.kernel import Evaluated, Kernel
from calibrant.quality.models.prepare import prepare
from calibrant.quality.models.whole import whole
from calibrant.quality.responses import of_matrix

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

SLOPE, INTERCEPT, SLOPE_GAP, INTERCEPT_GAP, MEAN, LOG_SD = 2.0, 5.0, 2.0, 5.0, 5.0, 1.0
"""Standard deviations of the normal priors; slopes are centred on 1, all else on 0."""

LONGEST = 3.0
"""The most that a step may move a parameter."""


class Point(NamedTuple):
    """Where the model stands: the penalised log likelihood and its whole gradient there."""

    v: Floats
    value: float
    gradient: Floats
    found: tuple[Evaluated, Evaluated]


class TwoGroups:
    """A 2pl (or grm, where scores have more than two values) of two groups.

    Parameters are one vector: those of the items (slope, intercepts), μ, log σ, and two an item by
    which the focal group's slope and all of its intercepts differ.

    Attributes:
        items: how many.
        fixed: how many parameters stand before the differences; the last two are μ and log σ.
        grids: of the reference and the focal group.
    """

    def __init__(self, y: Floats, focal: Flags) -> None:
        """For scores of shape (subjects, items), NaN where there is none; all items vary."""
        seen = y[~np.isnan(y)]
        binary = bool(((seen == 0) | (seen == 1)).all())
        made = prepare(of_matrix(y), "2pl" if binary else "grm")
        self.family, self.values, self.items = made.family, made.values, y.shape[1]
        group = focal[made.order]
        self.kernels = [Kernel(_rows(made.data, rows), self.family) for rows in (~group, group)]
        self.free = self.family.free
        size = int(self.free.sum())
        self.fixed = size + 2
        self.start = np.zeros(self.fixed + 2 * self.items)
        self.start[:size] = made.start[self.free]
        self.at = np.full(self.free.shape, -1)
        self.at[self.free] = np.arange(size)
        first = self.at[:, 0]
        self.centre = np.zeros(self.start.size)
        self.centre[first] = 1.0
        self.precision = np.full(self.start.size, INTERCEPT**-2)
        self.precision[first] = SLOPE**-2
        self.precision[size : self.fixed] = MEAN**-2, LOG_SD**-2
        self.precision[self.fixed :: 2] = SLOPE_GAP**-2
        self.precision[self.fixed + 1 :: 2] = INTERCEPT_GAP**-2
        self.grids: list[Grid] = [grid_for(0.3, 4.0)] * 2

    def base(self, freed: Flags) -> Ints:
        """Parameters that are estimated where the differences of some items are free."""
        gaps = self.fixed + np.flatnonzero(np.repeat(freed, 2))
        return np.concatenate([np.arange(self.fixed), gaps]).astype(np.int64)

    def gaps(self, item: int) -> tuple[int, int]:
        """Where an item's difference of slopes and of intercepts stand."""
        return self.fixed + 2 * item, self.fixed + 2 * item + 1

    def curves(self, v: Floats) -> tuple[Floats, Floats, float, float]:
        """Items' parameters in the reference and in the focal group, μ and σ."""
        xi = np.zeros(self.free.shape)
        xi[self.free] = v[: self.fixed - 2]
        gap = v[self.fixed :].reshape(-1, 2)
        own = xi + np.where(
            self.free, np.take(gap, np.minimum(np.arange(self.family.width), 1), axis=1), 0.0
        )
        return xi, own, float(v[self.fixed - 2]), float(np.exp(v[self.fixed - 1]))

    def look(self, v: Floats) -> Point | None:
        """The likelihood at some parameters; None where thresholds cross."""
        xi, own, mu, sigma = self.curves(v)
        if not ordered(xi, self.family) or not 0.01 < sigma < 100:
            return None
        moved = self._moved(own, mu, sigma)
        one = self.kernels[0].evaluate(xi, self.grids[0])
        two = self.kernels[1].evaluate(moved, self.grids[1])
        steps = np.where(self.free, two.gradient, 0.0)[:, 1:].sum(axis=1)
        slopes = sigma * two.gradient[:, 0] + mu * steps
        both = one.gradient + two.gradient
        both[:, 0] = one.gradient[:, 0] + slopes
        gradient = np.zeros(v.size)
        gradient[: self.fixed - 2] = both[self.free]
        gradient[self.fixed - 2] = own[:, 0] @ steps
        gradient[self.fixed - 1] = sigma * (own[:, 0] @ two.gradient[:, 0])
        gradient[self.fixed :: 2], gradient[self.fixed + 1 :: 2] = slopes, steps
        away = v - self.centre
        value = one.log_likelihood + two.log_likelihood - 0.5 * float(self.precision @ away**2)
        return Point(v, value, gradient - self.precision * away, (one, two))

    def _moved(self, own: Floats, mu: float, sigma: float) -> Floats:
        moved = own.copy()
        moved[:, 1:] += np.where(self.free[:, 1:], own[:, :1] * mu, 0.0)
        moved[:, 0] *= sigma
        return moved

    def information(self, point: Point) -> Floats:
        """Minus the second derivatives by all parameters, differences that are held too."""
        xi, own, mu, sigma = self.curves(point.v)
        size = self.fixed - 2
        out = np.diag(self.precision)
        parts = [
            whole(kernel, _summit(x, grid, found), drift=False).information
            for kernel, x, grid, found in zip(
                self.kernels, (xi, self._moved(own, mu, sigma)), self.grids, point.found,
                strict=True,
            )
        ]  # fmt: skip
        out[:size, :size] += parts[0]
        j, k = np.nonzero(self.free[:, 1:])
        row, first = self.at[j, k + 1], self.at[:, 0]
        a_gap, d_gap = self.fixed + 2 * np.arange(self.items), self.fixed + 1 + 2 * j
        jacobian = np.zeros((size, point.v.size))
        jacobian[first, first] = jacobian[first, a_gap] = sigma
        jacobian[first, size + 1] = own[:, 0] * sigma
        jacobian[row, row] = jacobian[row, d_gap] = 1.0
        jacobian[row, first[j]] = jacobian[row, a_gap[j]] = mu
        jacobian[row, size] = own[j, 0]
        out += jacobian.T @ parts[1] @ jacobian
        gradient = point.found[1].gradient
        steps = np.where(self.free, gradient, 0.0)[:, 1:].sum(axis=1)
        for at in (first, a_gap):
            out[at, size] -= steps
            out[size, at] -= steps
            out[at, size + 1] -= sigma * gradient[:, 0]
            out[size + 1, at] -= sigma * gradient[:, 0]
        out[size + 1, size + 1] -= sigma * float(own[:, 0] @ gradient[:, 0])
        return out

    def regrid(self, point: Point) -> bool:
        """Take grids that fit the posteriors; whether they changed."""
        xi, own, mu, sigma = self.curves(point.v)
        wanted = [
            regrid(found, x, now)
            for found, x, now in zip(
                point.found, (xi, self._moved(own, mu, sigma)), self.grids, strict=True
            )
        ]
        self.grids = [w or g for w, g in zip(wanted, self.grids, strict=True)]
        return any(w is not None for w in wanted)


def newton(model: TwoGroups, v: Floats, active: Ints, most: int = 60) -> Point:
    """The highest point over the active parameters, by Newton steps turned uphill."""
    point = _seen(model, v)
    for _ in range(most):
        gradient = point.gradient[active]
        information = model.information(point)[np.ix_(active, active)]
        scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-6))
        values, vectors = np.linalg.eigh(information * scale[:, None] * scale)
        step = scale * (vectors @ (vectors.T @ (scale * gradient) / np.maximum(abs(values), 1e-4)))
        if 0.5 * float(gradient @ step) < 1e-9:
            break
        higher = _along(model, point, active, step)
        if higher is None:
            break
        point = higher
    return point


def bfgs(model: TwoGroups, start: Point, active: Ints, inverse: Floats, most: int = 60) -> Point:
    """The same from a point near by, with an inverse information that is brought up to date."""
    point, inverse = start, inverse.copy()
    for _ in range(most):
        gradient = point.gradient[active]
        step = inverse @ gradient
        if 0.5 * float(gradient @ step) < 1e-6:
            break
        higher = _along(model, point, active, step)
        if higher is None:
            return newton(model, point.v, active)
        moved = (higher.v - point.v)[active]
        fell = gradient - higher.gradient[active]
        curved = float(moved @ fell)
        if curved > 1e-12:
            left = inverse @ fell
            inverse += np.outer(moved, moved) * ((curved + float(fell @ left)) / curved**2)
            inverse -= (np.outer(left, moved) + np.outer(moved, left)) / curved
        point = higher
    return point


def _along(model: TwoGroups, point: Point, active: Ints, step: Floats) -> Point | None:
    """The first point along a step that is halved until it is higher; None if none is."""
    step = np.clip(step, -LONGEST, LONGEST)
    climb = float(point.gradient[active] @ step)
    if climb <= 0:
        return None
    size = 1.0
    for _ in range(30):
        v = point.v.copy()
        v[active] += size * step
        tried = model.look(v)
        if tried is not None and tried.value >= point.value + 1e-4 * size * climb - 1e-10:
            return tried
        size /= 2
    return None


def _seen(model: TwoGroups, v: Floats) -> Point:
    point = model.look(v)
    if point is None:
        raise ArithmeticError("a start with thresholds out of order")
    return point


def _rows(data: Data, rows: Flags) -> Data:
    trials = None if data.trials is None else data.trials[rows]
    if trials is not None and (trials == 1).all():
        trials = None
    return Data(data.hits[rows], trials, data.categories)


def _summit(xi: Floats, grid: Grid, found: Evaluated) -> Summit:
    none = Prior(np.zeros_like(xi), np.zeros_like(xi))
    return Summit(xi, grid, none, found, 0.0, 0, np.zeros(xi.shape[0], bool))
