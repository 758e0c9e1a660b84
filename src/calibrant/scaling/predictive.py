"""What is forecast, as distributions: mixtures of Student's t within the limits of the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.errors import InputError

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_LEVELS = np.array([1e-6, 1e-4, 0.003, 0.02, 0.06, 0.12, 0.2, 0.3, 0.4, 0.5])
_LEVELS = np.concatenate([_LEVELS, 1 - _LEVELS[-2::-1]])
"""Quantiles between which the CRPS is integrated, so that narrow forecasts are not stepped over."""


@dataclass(frozen=True, repr=False, eq=False)
class Predictive:
    """Predictive distributions of n scores, each a mixture of k Student's t cut at its limits.

    Attributes:
        location, spread: shape (k, n); of each component on the scale of the score. Spread > 0.
        df: shape (k, n); degrees of freedom, inf for the normal.
        weight: shape (k, n); positive, summing to 1 over k.
        low, high: shape (n,); scores cannot be outside. -inf and inf where there is no limit.
    """

    location: Floats
    spread: Floats
    df: Floats
    weight: Floats
    low: Floats
    high: Floats

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
        below, width = self._cut()
        z = (np.expand_dims(y, -2) - self.location) / self.spread
        inside = (_t_cdf(z, self.df) - below) / width
        found = np.sum(self.weight * np.clip(inside, 0, 1), axis=-2)
        found = np.where(y >= self.high, 1.0, np.where(y < self.low, 0.0, found))
        return np.clip(found, 0.0, 1.0)

    def log_density(self, y: Floats) -> Floats:
        """Natural logarithm of the density at y, shape (n,): the log score. -inf outside limits."""
        y = np.asarray(y, dtype=float)
        _, width = self._cut()
        z = (y - self.location) / self.spread
        log = _t_log_pdf(z, self.df) - np.log(self.spread) - np.log(width)
        found = special.logsumexp(log, axis=0, b=self.weight)
        return np.asarray(np.where((y < self.low) | (y > self.high), -np.inf, found))

    def quantile(self, p: float | Floats) -> Floats:
        """The score below which a share p lies: shape (n,), or (m, n) for m values of p."""
        levels = np.atleast_1d(np.asarray(p, dtype=float))
        low = np.where(np.isfinite(self.low), self.low, self._reach(-1))
        high = np.where(np.isfinite(self.high), self.high, self._reach(1))
        a = np.repeat(low[None], levels.size, axis=0)
        b = np.repeat(high[None], levels.size, axis=0)
        for _ in range(60):
            middle = (a + b) / 2
            short = self.cdf(middle) < levels[:, None]
            a, b = np.where(short, middle, a), np.where(short, b, middle)
        found = (a + b) / 2
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
        knots = np.vstack([self.quantile(_LEVELS), y])
        knots = np.sort(np.vstack([knots, np.maximum(knots[0], self.low), y]), axis=0)
        half = np.diff(knots, axis=0) / 2
        middle = (knots[1:] + knots[:-1]) / 2
        x = middle[:, None, :] + half[:, None, :] * _NODES[None, :, None]
        gap = self.cdf(x.reshape(-1, len(self))).reshape(x.shape) - (x >= y)
        return np.asarray(np.sum(half[:, None, :] * _WEIGHTS[None, :, None] * gap**2, axis=(0, 1)))

    def _cut(self) -> tuple[Floats, Floats]:
        """Each component's probability below its lower limit, and between its limits."""
        below = _t_cdf((self.low - self.location) / self.spread, self.df)
        above = _t_cdf((self.high - self.location) / self.spread, self.df)
        return below, np.maximum(above - below, 1e-300)

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


def _t_cdf(z: Floats, df: Floats) -> Floats:
    finite = np.isfinite(df)
    with np.errstate(invalid="ignore"):
        t = special.stdtr(np.where(finite, df, 1.0), z)
    return np.asarray(np.where(finite, t, special.ndtr(z)))


def _t_log_pdf(z: Floats, df: Floats) -> Floats:
    finite = np.isfinite(df)
    v = np.where(finite, df, 1.0)
    t = (
        special.gammaln((v + 1) / 2)
        - special.gammaln(v / 2)
        - 0.5 * np.log(v * np.pi)
        - (v + 1) / 2 * np.log1p(z * z / v)
    )
    return np.asarray(np.where(finite, t, -0.5 * z * z - 0.5 * np.log(2 * np.pi)))


def _plain(x: np.float64) -> float | None:
    return float(x) if np.isfinite(x) else None
