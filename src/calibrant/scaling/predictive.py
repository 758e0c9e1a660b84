"""What is forecast, as distributions: mixtures of Student's t within the limits of the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant._figure import Shown
from calibrant.errors import InputError
from calibrant.scaling.students import kinds_of, t_cdf, t_cdf_fast, t_log_pdf

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(7)
_LEVELS = np.array([1e-6, 1e-3, 0.02, 0.08, 0.16, 0.24, 0.32, 0.4, 0.5])
_LEVELS = np.concatenate([_LEVELS, 1 - _LEVELS[-2::-1]])
"""Quantiles between which the CRPS is integrated, so that narrow forecasts are not stepped over."""


@dataclass(frozen=True, repr=False, eq=False)
class Predictive(Shown):
    """Predictive distributions of n scores, each a mixture of k Student's t cut at its limits.

    Attributes:
        location, spread: shape (k, n); of each component on the scale of the score. Spread > 0.
        df: shape (k, n); degrees of freedom, inf for the normal.
        weight: shape (k, n); positive, summing to 1 over k.
        low, high: shape (n,); scores cannot be outside. -inf and inf where there is no limit.
        gates: what the sampler they come from was checked for, as plain data; else empty. They
            are not carried on to what is made of these forecasts.
    """

    location: Floats
    spread: Floats
    df: Floats
    weight: Floats
    low: Floats
    high: Floats
    gates: tuple[dict[str, Any], ...] = ()

    def __repr__(self) -> str:
        k, n = self.location.shape
        return f"Predictive: {n} forecasts, mixtures of {k}"

    def __len__(self) -> int:
        return int(self.location.shape[1])

    @classmethod
    def of(
        cls,
        location: Floats,
        spread: Floats,
        *,
        df: float | Floats = np.inf,
        weight: Floats | None = None,
        low: float | Floats = -np.inf,
        high: float | Floats = np.inf,
    ) -> Predictive:
        """From arrays of shape (n,), one component each, or (k, n), a mixture of k.

        Raises:
            InputError: if a spread is not positive, or a location or spread is not finite.
        """
        place = np.atleast_2d(np.asarray(location, dtype=float))
        wide = np.broadcast_to(np.atleast_2d(np.asarray(spread, dtype=float)), place.shape)
        if not (np.isfinite(place).all() and np.isfinite(wide).all() and (wide > 0).all()):
            raise InputError("forecast: locations must be finite, spreads finite and positive")
        k, n = place.shape
        share = np.full((k, n), 1 / k) if weight is None else np.asarray(weight, dtype=float)
        if share.ndim == 1:
            share = np.broadcast_to(share[:, None], (k, n))
        return cls(
            place,
            wide,
            np.broadcast_to(np.asarray(df, dtype=float), place.shape),
            share / share.sum(axis=0),
            np.broadcast_to(np.asarray(low, dtype=float), (n,)),
            np.broadcast_to(np.asarray(high, dtype=float), (n,)),
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """Each forecast as plain data, from which `Predictive.from_dict` makes the same again."""
        many = ("location", "spread", "df", "weight")
        return [
            {name: [_plain(x) for x in getattr(self, name)[:, i]] for name in many}
            | {"low": _plain(self.low[i]), "high": _plain(self.high[i])}
            for i in range(len(self))
        ]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Predictive:
        """One forecast from plain data: `None` stands for an infinite df or limit.

        Raises:
            InputError: if something lacks, is not a number, or is not a distribution.
        """
        try:
            location, spread, weight = (
                np.array(data[name], dtype=float)[:, None]
                for name in ("location", "spread", "weight")
            )
            df = np.array([np.inf if v is None else v for v in data["df"]], dtype=float)[:, None]
            low = -np.inf if data["low"] is None else float(data["low"])
            high = np.inf if data["high"] is None else float(data["high"])
            return cls.of(location, spread, df=df, weight=weight, low=low, high=high)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"forecast: not a predictive distribution: {error}") from error

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Predictive:
        """Some of the forecasts, by a mask or by their numbers."""
        many = (self.location, self.spread, self.df, self.weight)
        location, spread, df, weight = (a[:, rows] for a in many)
        return Predictive(location, spread, df, weight, self.low[rows], self.high[rows])

    def cdf(self, y: Floats) -> Floats:
        """P(score ≤ y); `y` of shape (n,) or (m, n), and so is the answer."""
        y = np.asarray(y, dtype=float)
        below, width = self._cut
        z = (np.expand_dims(y, -2) - self.location) / self.spread
        inside = (t_cdf_fast(z, self.df, self._kinds) - below) / width
        # A component that lies almost wholly outside its limits needs every digit of its tail.
        thin = width < 1e-3
        if thin.any():
            exact = t_cdf(z[..., thin], self.df[thin])
            inside[..., thin] = (exact - below[thin]) / width[thin]
        found = np.sum(self.weight * np.clip(inside, 0, 1), axis=-2)
        found = np.where(y >= self.high, 1.0, np.where(y < self.low, 0.0, found))
        return np.clip(found, 0.0, 1.0)

    def log_density(self, y: Floats) -> Floats:
        """Natural logarithm of the density at y, shape (n,): the log score. -inf outside limits."""
        y = np.asarray(y, dtype=float)
        _, width = self._cut
        z = (y - self.location) / self.spread
        log = t_log_pdf(z, self.df) - np.log(self.spread) - np.log(width)
        found = special.logsumexp(log, axis=0, b=self.weight)
        return np.asarray(np.where((y < self.low) | (y > self.high), -np.inf, found))

    def quantile(self, p: float | Floats) -> Floats:
        """The score below which a share p lies: shape (n,), or (m, n) for m values of p."""
        levels = np.atleast_1d(np.asarray(p, dtype=float))
        found = self._invert(levels, 1e-11)
        return np.asarray(found if np.ndim(p) else found[0])

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """The central interval that holds a share `level`: its two ends, shape (n,) each."""
        ends = self.quantile(np.array([(1 - level) / 2, (1 + level) / 2]))
        return ends[0], ends[1]

    def crps(self, y: Floats) -> Floats:
        """Continuous ranked probability score at y, shape (n,), in units of the score; 0 is best.

        Gneiting and Raftery (2007), Strictly proper scoring rules, JASA 102, section 4.2: the
        integral of (F(x) - [x ≥ y])² over x, by Gauss–Legendre between quantiles.
        """
        y = np.asarray(y, dtype=float)
        # Knots need not be exact: they only keep narrow components from being stepped over.
        knots = np.vstack([self._invert(_LEVELS, 0.02), y])
        knots = np.sort(np.vstack([knots, np.maximum(knots[0], self.low), y]), axis=0)
        half = np.diff(knots, axis=0) / 2
        middle = (knots[1:] + knots[:-1]) / 2
        x = middle[:, None, :] + half[:, None, :] * _NODES[None, :, None]
        gap = self.cdf(x.reshape(-1, len(self))).reshape(x.shape) - (x >= y)
        return np.asarray(np.sum(half[:, None, :] * _WEIGHTS[None, :, None] * gap**2, axis=(0, 1)))

    @cached_property
    def _kinds(self) -> tuple[Floats, NDArray[np.int64]]:
        return kinds_of(self.df)

    @cached_property
    def _cut(self) -> tuple[Floats, Floats]:
        """Each component's probability below its lower limit, and between its limits."""
        below = t_cdf((self.low - self.location) / self.spread, self.df)
        above = t_cdf((self.high - self.location) / self.spread, self.df)
        return below, np.maximum(above - below, 1e-300)

    def mean(self) -> Floats:
        """The expected score, shape (n,): the integral of the quantiles over their levels."""
        return np.asarray(self._rule()[0])

    def sd(self) -> Floats:
        """The standard deviation, shape (n,); of heavy tails, without their last 1e-6."""
        return np.asarray(self._rule()[1])

    def compressed(self, most: int = 48) -> Predictive:
        """The same forecasts with at most about `most` components, merged with their likes.

        Components are cut into bands of like spread and equal weight, and each band into cells by
        location; those of a cell become one with their weight, mean and variance. Where locations
        lie closer than spreads are wide there are more bands. With 48 cells the distribution
        function of 500 draws of a sampler moves by less than 0.01.
        """
        k, n = self.location.shape
        apart = np.median(np.std(self.location, axis=0) / self.spread.mean(axis=0)) if n else 0.0
        bands = max(round((most / 3) ** 0.5) if apart > 1 else most // 4, 1)
        cells = max(most // bands, 1)
        if k <= bands * cells:
            return self
        heavy = np.where(np.isfinite(self.df), 1 / np.maximum(self.df, 1.0), 0.0)
        none = np.zeros((k, n), dtype=np.int64)
        band = _parted(self.spread * (1 + heavy), none, self.weight, bands)
        cell = band * cells + _parted(self.location, band, self.weight, cells)
        flat = (cell + np.arange(n) * bands * cells).ravel()

        def total(x: Floats) -> Floats:
            whole = np.bincount(flat, (x * self.weight).ravel(), n * bands * cells)
            return np.asarray(whole.reshape(n, bands * cells).T)

        weight = total(np.ones((k, n)))
        there = weight > 0
        share = np.where(there, weight, 1.0)
        many = bool((self.df != self.df[0, 0]).any())
        place, tail = total(self.location) / share, total(heavy) / share
        # Locations apart count as so much spread as gives the same variance, if there is one.
        apart = np.maximum(total(self.location**2) / share - place**2, 0.0)
        apart = apart * np.where(tail < 0.5, 1 - 2 * tail, 1.0)
        spread2 = total(self.spread**2) / share + apart
        return Predictive(
            np.where(there, place, self.location[:1]),
            np.where(there, np.sqrt(np.maximum(spread2, 1e-300)), self.spread[:1]),
            _whole_df(np.where(there, tail, 0.0)) if many else np.full_like(place, self.df[0, 0]),
            weight,
            self.low,
            self.high,
        )

    def _invert(self, levels: Floats, tolerance: float) -> Floats:
        """Quantiles, shape (levels, n), until normal scores are within `tolerance`.

        Chandrupatla (1997), Advances in Engineering Software 28, on normal scores of the
        distribution function, in which it is nearly a line: inverse quadratic interpolation where
        that is safe, else halving. Forecasts that are done are left alone.
        """
        shape = (levels.size, len(self))
        x1, x2 = (np.broadcast_to(edge, shape).copy() for edge in self._bracket())
        want = special.ndtri(np.clip(levels, 1e-300, 1 - 1e-16))[:, None]
        f1, f2 = np.full(shape, -9.0) - want, np.full(shape, 9.0) - want
        found = np.where(np.isneginf(want), x1, (x1 + x2) / 2)
        fine = 1e-15 * np.maximum(np.abs(x1), np.abs(x2)).max(axis=0)
        busy, part = np.arange(len(self)), self
        place = self.location[:, None] + want * self.spread[:, None]
        guess = np.sum(self.weight[:, None] * place, axis=0) if np.isfinite(want).all() else found
        inside = (guess > x1) & (guess < x2)
        t = np.where(inside, (guess - x1) / np.where(x2 > x1, x2 - x1, 1.0), 0.5)
        for _ in range(200):
            x = x1 + t * (x2 - x1)
            with np.errstate(divide="ignore"):
                f = np.clip(special.ndtri(part.cdf(x)), -9.0, 9.0) - want
            found[:, busy] = x
            same = (f < 0) == (f1 < 0)
            x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
            x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
            x1, f1 = x, f
            open_ = ((np.abs(x2 - x1) > fine) & (np.abs(f) > tolerance)).any(axis=0)
            if not open_.all():
                if not open_.any():
                    break
                x1, x2, x3, f1, f2, f3 = (v[:, open_] for v in (x1, x2, x3, f1, f2, f3))
                busy, fine = busy[open_], fine[open_]
                part = self.take(busy)
            t = _step(x1, x2, x3, f1, f2, f3)
        return found

    def _bracket(self) -> tuple[Floats, Floats]:
        """Below and above every quantile, shape (n,)."""
        low = np.where(np.isfinite(self.low), self.low, self._reach(-1))
        return low, np.where(np.isfinite(self.high), self.high, self._reach(1))

    def _rule(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation, by Gauss–Legendre over the levels of quantiles."""
        knots = np.array([1e-6, 1e-3, 0.05, 0.5, 0.95, 0.999, 1 - 1e-6])
        half = np.diff(knots) / 2
        levels = ((knots[1:] + knots[:-1]) / 2)[:, None] + half[:, None] * _NODES
        share = (half[:, None] * _WEIGHTS).ravel()[:, None]
        values = self._invert(levels.ravel(), 1e-4)
        mean = (share * values).sum(axis=0) / share.sum()
        variance = (share * (values - mean) ** 2).sum(axis=0) / share.sum()
        return mean, np.sqrt(variance)

    def _reach(self, sign: int) -> Floats:
        far = self.spread * np.where(self.df < 5, 1e4, 60.0)
        edge = self.location + sign * far
        return np.asarray(edge.min(axis=0) if sign < 0 else edge.max(axis=0))


def mixed(parts: Sequence[Predictive], weight: Floats) -> Predictive:
    """One mixture of several forecasts of the same scores.

    Args:
        parts: of the same n scores with the same limits.
        weight: shape (parts,) or (parts, n); summing to 1 over the parts.
    """
    n = len(parts[0])
    share = np.asarray(weight, dtype=float)
    share = np.broadcast_to(share[:, None], (len(parts), n)) if share.ndim == 1 else share
    return Predictive(
        np.vstack([p.location for p in parts]),
        np.vstack([p.spread for p in parts]),
        np.vstack([p.df for p in parts]),
        np.vstack([p.weight * s for p, s in zip(parts, share, strict=True)]),
        parts[0].low,
        parts[0].high,
    )


def joined(parts: Sequence[Predictive], at: Sequence[NDArray[np.int64]], n: int) -> Predictive:
    """Forecasts of different scores, side by side, as one of n.

    Args:
        parts: each of some of the scores; with fewer components than the most they get empty ones.
        at: the places of each part's scores; together every place from 0 to n - 1, once.
    """
    k = max((p.location.shape[0] for p in parts), default=1)
    location, spread, df = np.zeros((k, n)), np.ones((k, n)), np.full((k, n), np.inf)
    weight, low, high = np.zeros((k, n)), np.zeros(n), np.ones(n)
    for part, where in zip(parts, at, strict=True):
        own = part.location.shape[0]
        for array, filled in ((location, part.location), (spread, part.spread), (df, part.df)):
            array[:own, where] = filled
            array[own:, where] = filled[:1]
        weight[:own, where] = part.weight
        low[where], high[where] = part.low, part.high
    return Predictive(location, spread, df, weight, low, high)


_GRADES = 60


def _whole_df(heavy: Floats) -> Floats:
    """Degrees of freedom from their inverses, of few kinds: distribution functions are tabled."""
    steps = np.minimum(np.round(heavy * _GRADES), _GRADES)
    return np.where(steps > 0, _GRADES / np.maximum(steps, 1.0), np.inf)


def _step(x1: Floats, x2: Floats, x3: Floats, f1: Floats, f2: Floats, f3: Floats) -> Floats:
    """How far from x1 to x2 the root is sought next, as a share: Chandrupatla's rule."""
    with np.errstate(all="ignore"):
        xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        far = (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        t = np.where(safe, f1 / (f2 - f1) * f3 / (f2 - f3) + far, 0.5)
    # No shorter steps than the bracket's last digits, or it would never close.
    return np.where(np.isfinite(t), np.clip(t, 1e-9, 1 - 1e-9), 0.5)


def _parted(
    values: Floats, group: NDArray[np.int64], weight: Floats, count: int
) -> NDArray[np.int64]:
    """Which of `count` parts of like weight of its column's group a value belongs to, in order."""
    order = np.lexsort((values, group), axis=0)
    in_order = np.take_along_axis(weight, order, 0)
    group_of = np.take_along_axis(group, order, 0)
    below = np.cumsum(in_order, axis=0) - in_order / 2
    start = np.stack([np.sum(weight * (group < g), axis=0) for g in range(group.max() + 1)])
    whole = np.stack([np.sum(weight * (group == g), axis=0) for g in range(group.max() + 1)])
    start, whole = (np.take_along_axis(a, group_of, 0) for a in (start, whole))
    part = np.floor((below - start) / np.where(whole > 0, whole, 1.0) * count)
    found = np.empty_like(order)
    np.put_along_axis(found, order, np.clip(part, 0, count - 1).astype(np.int64), 0)
    return found


def _plain(x: np.float64) -> float | None:
    return float(x) if np.isfinite(x) else None
