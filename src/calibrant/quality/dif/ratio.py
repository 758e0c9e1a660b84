"""Do items have other curves in the focal group? Likelihood ratios of item response models.

Thissen, Steinberg & Wainer (in Holland & Wainer, Differential item functioning, 1993): each item is
fitted with the same curve in both groups, and with its own, all other anchors being common, and
ability of the focal group having a mean and a spread of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from calibrant.errors import InputError
from calibrant.quality.dif.result import IrtDif, IrtGroups
from calibrant.quality.dif.twogroups import Point, TwoGroups, bfgs, newton

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

MOST_ITEMS = 120
"""Items beyond which so many models are not fitted."""

LEAST_SUBJECTS = 20
"""Subjects in a group below which a mean and an sd of its ability are hardly known."""

MOST_CATEGORIES = 12

FAR = 3.0
"""Standard errors by which an item under test may move the mean ability that the others give."""

_EVEN = np.linspace(-6.0, 6.0, 121)
_WEIGHTS = np.exp(-0.5 * _EVEN**2) / np.exp(-0.5 * _EVEN**2).sum()


@dataclass(frozen=True, eq=False)
class _Fits:
    """One item's three models: no difference, one of difficulty, one of slope too."""

    none: Point
    uniform: Point
    both: Point
    free: Ints


class Ratios:
    """Likelihood ratio tests of the items of two groups.

    Args:
        y: shape (subjects, items), scores in 0–1, NaN where there is none; every item varies.
        focal: shape (subjects,).
        clean: shape (items,), the anchors to begin with.

    Raises:
        InputError: for too many items, too few subjects, or scores that are no few grades.
    """

    def __init__(self, y: Floats, focal: Flags, clean: Flags) -> None:
        _refuse(y, focal)
        self.model = TwoGroups(y, focal)
        first = newton(self.model, self.model.start, self.model.base(~clean))
        if self.model.regrid(first):
            first = newton(self.model, first.v, self.model.base(~clean))
        self._first = first
        self._last: tuple[Flags, tuple[Point, Floats, list[tuple[Point, Point]]]] | None = None

    def p(self, clean: Flags) -> Floats:
        """Shape (items,), of equal curves, against an own slope and difficulty (2 df).

        Args:
            clean: shape (items,), the anchors; all others have curves of their own throughout.
        """
        pairs = self._pairs(clean)[2]
        found = [2 * (both.value - none.value) for none, both in pairs]
        return np.asarray(chdtrc(2, np.maximum(found, 0.0)), np.float64)

    def told(self, clean: Flags, level: float) -> tuple[list[IrtDif], IrtGroups]:
        """Each item's tests and sizes, and the focal group's ability."""
        base, information, pairs = self._pairs(clean)
        reach = float(-ndtri((1 - level) / 2))
        items = []
        for j, (none, both) in enumerate(pairs):
            freed = ~clean
            freed[j] = True
            free = self.model.base(freed)
            slope = self.model.gaps(j)[0]
            free = free[free != slope]
            start = base
            if not clean[j]:
                v = base.v.copy()
                v[slope] = 0.0
                start = self._seen(v)
            uniform = bfgs(self.model, start, free, _inverse(information, free))
            items.append(self._item(j, _Fits(none, uniform, both, free), reach))
        active = self.model.base(~clean)
        at = np.flatnonzero(active == self.model.fixed - 2)[0]
        error = np.sqrt(np.diag(_inverse(information, active))[at : at + 2])
        mu, sigma = self.model.curves(base.v)[2:]
        return items, IrtGroups(mu, float(error[0]), sigma, float(sigma * error[1]))

    def _pairs(self, clean: Flags) -> tuple[Point, Floats, list[tuple[Point, Point]]]:
        """The model with these anchors, its information, and each item's two models."""
        if self._last is not None and (clean == self._last[0]).all():
            return self._last[1]
        v = self._first.v.copy()
        v[self.model.fixed :][np.repeat(clean, 2)] = 0.0
        base = newton(self.model, v, self.model.base(~clean))
        information = self.model.information(base)
        pairs = [self._pair(base, information, clean, j) for j in range(clean.size)]
        self._last = clean.copy(), (base, information, pairs)
        return self._last[1]

    def _pair(self, base: Point, information: Floats, clean: Flags, j: int) -> tuple[Point, Point]:
        """Without and with a curve of the item's own in the focal group."""
        freed = ~clean
        freed[j] = clean[j]
        active = self.model.base(freed)
        inverse = _inverse(information, active)
        if clean[j]:
            return base, bfgs(self.model, base, active, inverse)
        v = base.v.copy()
        v[list(self.model.gaps(j))] = 0.0
        found = bfgs(self.model, self._seen(v), active, inverse)
        mean = self.model.fixed - 2
        every = self.model.base(~clean)
        at = np.flatnonzero(every == mean)[0]
        error = np.sqrt(_inverse(information, every)[at, at])
        if abs(found.v[mean] - base.v[mean]) > FAR * error:
            # An item that all but names the group would have ability be the group.
            active = active[(active != mean) & (active != mean + 1)]
            found = bfgs(self.model, self._seen(v), active, _inverse(information, active))
        return found, base

    def _seen(self, v: Floats) -> Point:
        point = self.model.look(v)
        assert point is not None  # differences move all thresholds alike: their order stays
        return point

    def _item(self, j: int, fits: _Fits, reach: float) -> IrtDif:
        model = self.model
        square = [
            max(2 * (b.value - a.value), 0.0)
            for a, b in ((fits.none, fits.both), (fits.none, fits.uniform),
                         (fits.uniform, fits.both))
        ]  # fmt: skip
        v = fits.uniform.v
        a, gap = float(v[model.at[j, 0]]), float(v[model.gaps(j)[1]])
        covariance = _inverse(model.information(fits.uniform), fits.free)
        where = [int(np.flatnonzero(fits.free == i)[0]) for i in (model.at[j, 0], model.gaps(j)[1])]
        part = covariance[np.ix_(where, where)]
        easier = error = None
        if abs(a) > 2 * np.sqrt(max(part[0, 0], 0.0)):
            turn = np.array([-gap / a**2, 1 / a])
            easier, error = gap / a, float(np.sqrt(max(turn @ part @ turn, 0.0)))
        xi, own, mu, sigma = model.curves(fits.both.v)
        family, theta = model.family.select(np.array([j])), mu + sigma * _EVEN
        value = np.nan_to_num(model.values[j])
        scores = [value @ np.exp(family.curves(x[[j]], theta)[0][0]) for x in (xi, own)]
        apart = scores[1] - scores[0]
        return IrtDif(
            square[0], float(chdtrc(2, square[0])), float(chdtrc(1, square[1])),
            float(chdtrc(1, square[2])),
            easier, error,
            None if easier is None or error is None else easier - reach * error,
            None if easier is None or error is None else easier + reach * error,
            float(xi[j, 0]), float(own[j, 0]), float(_WEIGHTS @ apart),
            float(_WEIGHTS @ np.abs(apart)),
        )  # fmt: skip


def _inverse(information: Floats, active: Ints) -> Floats:
    """Of a part; directions without information get little."""
    part = information[np.ix_(active, active)]
    scale = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(part)), 1e-6))
    values, vectors = np.linalg.eigh(part * scale[:, None] * scale)
    half = scale[:, None] * vectors
    found: Floats = (half / np.maximum(values, 1e-4)) @ half.T
    return found


def _refuse(y: Floats, focal: Flags) -> None:
    if y.shape[1] > MOST_ITEMS:
        raise InputError(
            f"irt-lr: wanted at most {MOST_ITEMS} items that vary, got {y.shape[1]:,}, each with "
            "models of its own; use the tests logistic or mantel-haenszel, or a part of the items"
        )
    few = int(min(focal.sum(), (~focal).sum()))
    if few < LEAST_SUBJECTS:
        raise InputError(
            f"irt-lr: wanted at least {LEAST_SUBJECTS} subjects in each group, got {few}; with "
            "fewer use the tests logistic or mantel-haenszel, which need no ability's mean and sd"
        )
    for column in y.T:
        grades = np.unique(column[~np.isnan(column)]).size
        if grades > MOST_CATEGORIES:
            raise InputError(
                f"irt-lr: wanted at most {MOST_CATEGORIES} different scores an item, got {grades}; "
                "use the tests logistic or mantel-haenszel"
            )
