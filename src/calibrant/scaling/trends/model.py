"""What do few, dependent points say of a trend? A straight line that may wander, integrated.

The value of a subject, on the scale of the trend, is

    a + b t + level(t) + bend(t) + family + subject (+ version) (+ measurement),

where `level` is a random walk (serial dependence), `bend` an integrated random walk (a slope that
changes: Wahba, JRSS B 40 (1978) 364; Harvey, Forecasting, structural time series (1989)), and
family, subject and measurement are normal. Their standard deviations are ratios to the subject's.
For given ratios everything is generalised least squares: with flat a, b and version offsets, and
1/σ for the scale, slopes and later values are exactly Student's t. The ratios are not estimated,
as few points cannot: they are integrated over a grid, so that forecasts are mixtures of t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnfitError
from calibrant.scaling.predictive import Predictive

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Wanted = tuple[Floats, Floats, Floats]

FAMILY = (0.0, 0.5, 1.0, 2.0)
"""Ratios of the standard deviation of families to that of subjects."""
LEVEL = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Of the random walk over the whole record."""
BEND = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Of what a changing slope adds over the whole record."""
REPEAT = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Of repeated measurements of one subject."""
SIZES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""Of the standard deviation of subjects to that of residuals, where standard errors are known."""

PRIOR_SCALE = {"family": 1.0, "level": 2.0, "bend": 4.0}
"""Half-Cauchy scales of the ratios above 0."""
NONE = {"family": 0.3, "level": 0.3, "bend": 0.2}
"""Prior probabilities that a ratio is 0. With the scales, chosen on five worlds (a line,
laboratories, a random walk, a break, a wandering slope) for coverage near .9."""
SHARED = (0.0, 0.25, 0.5, 0.75)
"""Correlations of errors of measurement by one version, equally likely, where none is stated."""
NEGLIGIBLE = 1e-5
"""Components of the mixture with less than this share of the weight are left out."""
COMPONENTS = 48
"""Components that are left of a mixture that is forecast."""
_CHUNK = 3_000_000
_ROOM = 1e6


@dataclass(frozen=True)
class Points:
    """What is fitted: n values on the scale of the trend.

    Attributes:
        t: shape (n,); years from any origin.
        y: shape (n,).
        subject, family, version: shape (n,); codes. Version 0 is the one that is forecast.
        se: shape (n,), standard errors of measurement on the scale of the trend; None: not known.
        shared: the correlation of errors of measurement by one version, 0 to 1 (excluded): what
            its tasks do to all subjects alike; None: not known, so integrated over `SHARED`.
    """

    t: Floats
    y: Floats
    subject: Ints
    family: Ints
    version: Ints
    se: Floats | None = None
    shared: float | None = None

    def take(self, rows: NDArray[np.bool_]) -> Points:
        """Some of the points, by a mask."""
        se = None if self.se is None else self.se[rows]
        return Points(
            self.t[rows], self.y[rows], self.subject[rows], self.family[rows],
            self.version[rows], se, self.shared,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ratios:
    """A grid of ratios to the subject's standard deviation, with prior weights; shape (g,) each.

    `size` is the subject's standard deviation itself where standard errors are known, else 1;
    `shared` the correlation of their errors, else 0.
    """

    family: Floats
    level: Floats
    bend: Floats
    repeat: Floats
    size: Floats
    shared: Floats
    log_prior: Floats

    @classmethod
    def of(cls, points: Points, spread: float) -> Ratios:
        """The grid for what these points can tell: no families or repeats where there are none."""
        families = np.unique(points.family).size
        subjects = np.unique(points.subject).size
        grouped = 1 < families < subjects
        repeated = subjects < points.t.size and points.se is None
        axes = (
            FAMILY if grouped else (0.0,),
            LEVEL,
            BEND,
            REPEAT if repeated else (0.0,),
            (1.0,) if points.se is None else SIZES,
            (0.0,) if points.se is None else SHARED if points.shared is None else (points.shared,),
        )
        priors = [
            _prior("family", axes[0]),
            _prior("level", axes[1]),
            _prior("bend", axes[2]),
            np.full(len(axes[3]), 1 / len(axes[3])),
            np.full(len(axes[4]), 1 / len(axes[4])),
            np.full(len(axes[5]), 1 / len(axes[5])),
        ]
        grid = np.array(list(product(*axes)))
        prior = np.array([np.prod(p) for p in product(*priors)])
        size = grid[:, 4] * (1.0 if points.se is None else spread)
        family, level, bend, repeat = grid[:, :4].T
        return cls(family, level, bend, repeat, size, grid[:, 5], np.log(prior))

    def take(self, rows: Ints | slice) -> Ratios:
        """Some points of the grid."""
        return Ratios(
            self.family[rows], self.level[rows], self.bend[rows], self.repeat[rows],
            self.size[rows], self.shared[rows], self.log_prior[rows],
        )  # fmt: skip


def _prior(name: str, axis: tuple[float, ...]) -> Floats:
    """Weights of the ratios of a grid, of which the positive are a geometric series."""
    if len(axis) == 1:
        return np.ones(1)
    up = np.array(axis[1:])
    weight = up / (1 + (up / PRIOR_SCALE[name]) ** 2)
    return np.concatenate([[NONE[name]], (1 - NONE[name]) * weight / weight.sum()])


@dataclass(frozen=True, eq=False)
class Fitted:
    """The trend, integrated over the grid: distributions of its values, slopes and later subjects.

    Attributes:
        start, span: first time and length of the record, years.
        weight: shape (g,), posterior weights of the grid's points that are left.
        typical_se: of the measurement of a new subject, on the scale of the trend.
    """

    points: Points
    ratios: Ratios
    weight: Floats
    start: float
    span: float
    typical_se: float
    _inverse: Floats
    _beta: Floats
    _covariance: Floats
    _scale: Floats
    _df: float

    @cached_property
    def _left(self) -> Floats:
        y, x = self.points.y, _design(self.points)
        residual = y - np.einsum("ij,gj->gi", x, self._beta)
        return np.asarray(np.einsum("gij,gj->gi", self._inverse, residual))

    def later(
        self,
        t: Floats,
        family: Ints | None = None,
        version: Ints | None = None,
        low: float | Floats = -np.inf,
    ) -> Predictive:
        """A new subject's value at times t, as it would be measured.

        Args:
            t: shape (m,); years, on the scale of `points.t`.
            family: shape (m,); codes, -1 for a family not seen. All not seen by default.
            version: shape (m,); codes of versions among the points; all 0 by default.
            low: values below are impossible, such as below a record for the next one; one, or
                shape (m,).
        """
        r = self.ratios
        own = r.size**2 * (1 + r.family**2 + r.repeat**2) + self.typical_se**2
        many = t.size
        kin = np.full(many, -1) if family is None else family
        by = np.zeros(many, dtype=np.int64) if version is None else version
        found = self._of([self._at(*at, own) for at in zip(t, kin, by, strict=True)])
        return replace(found, low=np.broadcast_to(np.asarray(low, dtype=float), (many,)))

    def line(self, t: Floats) -> Predictive:
        """The trend itself at times t, without families, subjects and measurement."""
        return self._of([self._at(time, -1, 0, np.zeros(self.weight.size)) for time in t])

    def offset(self, version: int) -> Predictive:
        """How much higher a version measures than version 0: one distribution."""
        x = self._row(0.0, version)
        x[0] = 0.0
        none = np.zeros(self.weight.size)
        return self._of([(x, np.zeros((none.size, self.points.t.size)), none)])

    def slope(self) -> Predictive:
        """The slope at the last time, per year: one distribution."""
        r, u = self.ratios, self.points.t - self.start
        bend = r.size**2 * r.bend**2 * 3 / self.span**3
        return self._of([(self._slope(), bend[:, None] * u**2 / 2, bend * self.span)])

    def mean_slope(self) -> Predictive:
        """The average slope from first to last time, per year: one distribution."""
        u, whole = self.points.t - self.start, np.array(self.span)
        level, bend = self._rates()
        cross = level[:, None] * u + bend[:, None] * _bend(whole, u)
        own = level * self.span + bend * _bend(whole, whole)
        return self._of([(self._slope(), cross / self.span, own / self.span**2)])

    def _rates(self) -> tuple[Floats, Floats]:
        r = self.ratios
        size = r.size**2
        return size * r.level**2 / self.span, size * r.bend**2 * 3 / self.span**3

    def _slope(self) -> Floats:
        x = np.zeros(_design(self.points).shape[1])
        x[1] = 1.0
        return x

    def _row(self, after: float, version: int) -> Floats:
        """The row of the design for a time after the last one, by a version."""
        others = [v for v in np.unique(self.points.version) if v != 0]
        return np.array([1.0, after, *(float(v == version) for v in others)])

    def _at(self, time: float, family: int, version: int, own: Floats) -> _Wanted:
        r, u, at = self.ratios, self.points.t - self.start, np.array(time - self.start)
        level, bend = self._rates()
        kin = (self.points.family == family).astype(float)
        cross = (
            level[:, None] * np.minimum(u, at)
            + bend[:, None] * _bend(u, at)
            + (r.size * r.family)[:, None] ** 2 * kin
        )
        p = self.points
        if p.se is not None and own.any():
            # A later subject is measured with the same tasks.
            alike = self.typical_se * p.se * (p.version == version)
            cross = cross + r.shared[:, None] * alike
        x = self._row(time - self.start - self.span, version)
        return x, cross, level * at + bend * _bend(at, at) + own

    def _of(self, wanted: list[_Wanted]) -> Predictive:
        x = np.stack([w[0] for w in wanted])  # m × p
        cross = np.stack([w[1] for w in wanted], axis=1)  # g × m × n
        own = np.stack([w[2] for w in wanted], axis=1)  # g × m
        design = _design(self.points)
        gain = np.einsum("gmn,gnk->gmk", cross, self._inverse)
        mean = np.einsum("mp,gp->gm", x, self._beta) + np.einsum("gmn,gn->gm", cross, self._left)
        d = x[None] - gain @ design
        variance = own - np.einsum("gmn,gmn->gm", gain, cross)
        variance = variance + np.einsum("gmp,gpq,gmq->gm", d, self._covariance, d)
        spread = np.sqrt(np.maximum(variance, 1e-18) * self._scale[:, None])
        whole = Predictive.of(mean, spread, df=self._df, weight=self.weight)
        return whole.compressed(COMPONENTS)


def _design(p: Points) -> Floats:
    """Columns 1, time from the last, and one for each version but 0 that is there."""
    versions = [v for v in np.unique(p.version) if v != 0]
    columns = [np.ones(p.t.size), p.t - p.t.max(), *(p.version == v for v in versions)]
    return np.stack(columns, axis=1).astype(float)


def _bend(a: Floats, b: Floats) -> Floats:
    """Covariance of an integrated random walk of rate 1 at times a and b from its start."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.asarray(low**2 * (3 * high - low) / 6)


def covariances(p: Points, r: Ratios, start: float, span: float) -> Floats:
    """The covariance of the points for each point of the grid, shape (g, n, n)."""
    u = p.t - start
    same = (p.subject[:, None] == p.subject).astype(float)
    kin = (p.family[:, None] == p.family).astype(float)
    level = np.minimum(u[:, None], u) / span
    bend = _bend(u[:, None], u) * 3 / span**3
    eye = np.eye(u.size)

    def by(ratio: Floats, matrix: Floats) -> Floats:
        return np.asarray((ratio**2)[:, None, None] * matrix)

    found = same + by(r.family, kin) + by(r.level, level) + by(r.bend, bend) + by(r.repeat, eye)
    found = by(r.size, np.ones_like(same)) * found
    if p.se is None:
        return np.asarray(found)
    own, alike = np.diag(p.se**2), p.version[:, None] == p.version
    common = np.outer(p.se, p.se) * alike
    return np.asarray(found + own + r.shared[:, None, None] * (common - own))


def fit(p: Points) -> Fitted:
    """Fit the trend to points.

    Raises:
        UnfitError: for fewer than three subjects or dates, or if nothing is left to tell scatter.
    """
    x = _design(p)
    n, columns = x.shape
    dates, subjects = np.unique(p.t).size, np.unique(p.subject).size
    if dates < 3 or subjects < 3:
        raise UnfitError(
            f"trend: wanted at least 3 subjects at 3 dates, got {subjects} at {dates}: two points "
            "lie on a line whatever the scatter"
        )
    if n <= columns or np.linalg.matrix_rank(x) < columns:
        raise UnfitError(
            f"trend: {n} points cannot tell a line and {columns - 2} changes of the instrument"
        )
    start, span = float(p.t.min()), float(p.t.max() - p.t.min())
    coefficients = np.linalg.lstsq(x, p.y)[0]
    rss = float(np.sum((p.y - x @ coefficients) ** 2))
    if np.ptp(p.y) <= 1e-12 * float(np.abs(p.y).max()):
        raise UnfitError("trend: all values are the same: they tell no scatter, and no trend")
    if rss <= 1e-20 * float(np.sum((p.y - p.y.mean()) ** 2)):
        raise UnfitError("trend: the points lie on one line exactly: made, or rounded, numbers")
    grid = Ratios.of(p, float(np.sqrt(rss / (n - columns))))
    step = max(1, _CHUNK // n**2)
    parts = [
        _solve(p, x, grid.take(slice(i, i + step)), start, span)
        for i in range(0, grid.size.size, step)
    ]
    beta, covariance, scale, log = (np.concatenate(a) for a in zip(*parts, strict=True))
    log = log + grid.log_prior
    weight = np.exp(log - log.max())
    keep = np.flatnonzero(weight > NEGLIGIBLE * weight.sum())
    weight = weight[keep] / weight[keep].sum()
    known, kept = p.se is not None, grid.take(keep)
    inverse: Floats = np.asarray(np.linalg.inv(covariances(p, kept, start, span)), dtype=np.float64)
    return Fitted(
        p, kept, weight, start, span,
        float(np.median(p.se)) if p.se is not None else 0.0,
        inverse, beta[keep], covariance[keep],
        np.ones(keep.size) if known else scale[keep], np.inf if known else n - columns,
    )  # fmt: skip


def _solve(
    p: Points, x: Floats, grid: Ratios, start: float, span: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Generalised least squares and the log of the restricted likelihood, on part of the grid.

    One Cholesky factor of each covariance, with the design and the values below it, gives all.
    """
    v = covariances(p, grid, start, span)
    n, columns = x.shape
    whole = np.empty((v.shape[0], n + columns + 1, n + columns + 1))
    beside = np.column_stack([x, p.y])
    whole[:, :n, :n], whole[:, n:, :n] = v, beside.T
    # Only the rows below are used, which do not depend on what makes the whole definite.
    whole[:, n:, n:] = _ROOM * np.eye(columns + 1) * float(np.sum(beside**2))
    factor = np.linalg.cholesky(whole)
    lower = factor[:, n:, :n]
    products = np.einsum("gan,gbn->gab", lower, lower)
    information, cross = products[:, :columns, :columns], products[:, :columns, columns]
    covariance = np.linalg.inv(information)
    beta = np.einsum("gpq,gq->gp", covariance, cross)
    # From residuals, not as a difference of sums of squares, which would lose its digits.
    rest = lower[:, columns] - np.einsum("gp,gpn->gn", beta, lower[:, :columns])
    rss = np.sum(rest**2, axis=1)
    roots = np.log(np.diagonal(factor, axis1=1, axis2=2)[:, :n]).sum(axis=1)
    logs = 2 * roots + np.linalg.slogdet(information)[1]
    df = p.t.size - x.shape[1]
    fit_term = rss if p.se is not None else df * np.log(rss)
    scale: Floats = np.asarray(rss / df, dtype=np.float64)
    log: Floats = np.asarray(-0.5 * (logs + fit_term), dtype=np.float64)
    found: Floats = np.asarray(covariance, dtype=np.float64)
    return beta, found, scale, log
