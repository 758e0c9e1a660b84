"""How sure is a coefficient of reliability? Intervals over subjects; families stay together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import fdtri, stdtrit

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints, alpha, spread
from calibrant.stats.estimates.bootstrap import LEAST_UNITS, resample

BOOTSTRAP_UP_TO = 400
"""Subjects up to which the bootstrap runs; beyond, the large-sample interval is as good."""

PARTS = 40
"""Subjects are left out in at most so many parts by `jackknife`, where they are more."""


@dataclass(frozen=True)
class Estimate:
    """One number with its interval.

    Attributes:
        name, symbol: in words, and short.
        value: at most 1 for coefficients of reliability; None if it cannot be had: see `note`.
        low, high: of the interval at the result's level; None if there is none: see `note`.
        method: of the interval.
        note: what a reader must know of it; may be empty.
    """

    name: str
    symbol: str
    value: float | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    note: str = ""

    def __repr__(self) -> str:
        if self.value is None:
            return f"{self.symbol}: {self.note}"
        text = f"{self.symbol} {self.value:.4f}"
        if self.low is not None and self.high is not None:
            text += f", {self.low:.4f} to {self.high:.4f} ({self.method})"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def feldt(value: float, subjects: int, items: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval for α under normality and equal items.

    (1 − α) / (1 − α̂) has an F distribution with n − 1 and (n − 1)(k − 1) degrees of freedom
    (Feldt, Psychometrika 30 (1965) 357).
    """
    first, second = subjects - 1.0, (subjects - 1.0) * (items - 1.0)
    tail = (1 - level) / 2
    return (
        1.0 - (1.0 - value) * float(fdtri(first, second, 1 - tail)),
        1.0 - (1.0 - value) * float(fdtri(first, second, tail)),
    )


def asymptotic(x: Floats, families: Ints, level: float = 0.95) -> tuple[float, float]:
    """An interval for α that needs no normality, on the scale of log(1 − α).

    The asymptotically distribution-free error of Maydeu-Olivares, Coffman and Hartmann
    (Psychological Methods 12 (2007) 157), with the sums over families in place of subjects and
    Student's t.

    Raises:
        InputError: if α is 1 or there are fewer than 3 families.
    """
    value = alpha(x)
    units = int(families.max()) + 1
    if units < 3:
        raise InputError(f"interval: wanted at least 3 families of subjects, got {units}")
    if value >= 1 - 1e-12:
        raise InputError("interval: items agree perfectly, so nothing varies")
    d = x - x.mean(axis=0)
    own, whole = (d**2).sum(axis=1), d.sum(axis=1) ** 2
    ratio = own.sum() / whole.sum()
    k = x.shape[1]
    influence = k / (k - 1) * (own - ratio * whole) / whole.sum() / (1.0 - value)
    sums = np.bincount(families, weights=influence)
    error = math.sqrt(float((sums**2).sum()) * units / (units - 1))
    return _back(math.log(1.0 - value), error, units - 1, level)


def bootstrap_t(
    x: Floats,
    families: Ints,
    level: float = 0.95,
    *,
    draws: int = 2000,
    seed: int | np.random.SeedSequence = 0,
    workers: int | None = None,
) -> tuple[float, float]:
    """The studentised bootstrap of log(1 − α) over subjects, whole families at a time.

    All that α and its distribution-free error need of a draw are the products of subjects, so
    that a draw costs as much for a thousand items as for ten.

    Args:
        x: shape (subjects, items).
        families: shape (subjects,), 0, 1, …
        draws, seed, workers: as `stats.estimates.bootstrap.resample`.

    Raises:
        InputError: for fewer than 8 families, items that agree perfectly, or draws without
            spread.
    """
    value = alpha(x)
    if value >= 1 - 1e-12:
        raise InputError("interval: items agree perfectly, so nothing varies")
    k, units = x.shape[1], int(families.max()) + 1
    if units < LEAST_UNITS:
        raise InputError(f"interval: wanted at least {LEAST_UNITS} families, got {units}")
    d = x - x.mean(axis=0)
    gram, total, own = d @ d.T, d.sum(axis=1), (d**2).sum(axis=1)
    member = np.zeros((units, x.shape[0]))
    member[families, np.arange(x.shape[0])] = 1.0
    centre = math.log(1.0 - value)

    def pivot(weight: Floats) -> Floats:
        w = np.atleast_2d(weight)
        n = w.sum(axis=1, keepdims=True)
        cross = w @ gram / n  # each subject's product with the draw's mean
        between = (w * cross).sum(axis=1, keepdims=True) / n
        inside = np.maximum(own - 2 * cross + between, 0.0)
        apart = (total - w @ total[:, None] / n) ** 2
        items, whole = (w * inside).sum(axis=1), (w * apart).sum(axis=1)
        flat = whole <= 1e-12 * float((total**2).sum())
        ratio = items / np.where(flat, 1.0, whole)
        lack = 1.0 - k / (k - 1) * (1.0 - ratio)
        flat |= lack <= 1e-12
        scale = np.where(flat, 1.0, whole * lack)
        influence = k / (k - 1) * (inside - ratio[:, None] * apart) / scale[:, None]
        sums = influence @ member.T
        times = w @ (member / member.sum(axis=1, keepdims=True)).T
        error = np.sqrt(np.maximum((times * sums**2).sum(axis=1) * units / (units - 1), 0.0))
        moved = np.log(np.where(flat, 1.0, lack)) - centre
        flat |= error <= 1e-9
        # A draw without spread is as far out as can be: the interval widens, or is refused.
        far = np.where(moved < 0, -1e300, 1e300)
        found = np.where(flat, far, moved / np.where(flat, 1.0, error))
        return np.asarray(found if np.ndim(weight) > 1 else found[0])

    found = resample(member, pivot, draws=draws, seed=seed, workers=workers)
    tail = (1 - level) / 2
    lowest, highest = found.quantile(tail), found.quantile(1 - tail)
    if max(abs(lowest), abs(highest)) > 1e200:
        raise InputError("interval: too many draws of subjects show no spread at all")
    ratio = own.sum() / float((total**2).sum())
    influence = k / (k - 1) * (own - ratio * total**2) / float((total**2).sum()) / (1.0 - value)
    sums = np.bincount(families, weights=influence)
    error = math.sqrt(float((sums**2).sum()) * units / (units - 1))
    return 1.0 - math.exp(centre - lowest * error), 1.0 - math.exp(centre - highest * error)


def jackknife(
    value: float,
    statistic: Callable[[Ints], float],
    families: Ints,
    level: float = 0.95,
    *,
    seed: int = 0,
) -> tuple[float, float]:
    """Leave out one family of subjects after another, on the scale of log(1 − coefficient).

    Miller, Biometrika 61 (1974) 1, with Student's t; many families are left out in `PARTS` parts
    made at random.

    Args:
        value: of all subjects, below 1.
        statistic: of the subjects (by number) that are kept.

    Raises:
        InputError: for fewer than 8 families, or if the statistic cannot be had without one.
    """
    units = int(families.max()) + 1
    if units < LEAST_UNITS:
        raise InputError(f"interval: wanted at least {LEAST_UNITS} families, got {units}")
    if value >= 1 - 1e-12:
        raise InputError("interval: no error is left, so nothing varies")
    parts = min(units, PARTS)
    part = np.random.default_rng(seed).permutation(units) % parts
    which = part[families]
    left = np.array([statistic(np.flatnonzero(which != p)) for p in range(parts)])
    if (left >= 1 - 1e-12).any():
        raise InputError("interval: without some subjects no error is left")
    logs = np.log(1.0 - left)
    pseudo = parts * math.log(1.0 - value) - (parts - 1) * logs
    error = float(pseudo.std(ddof=1)) / math.sqrt(parts)
    return _back(math.log(1.0 - value), error, parts - 1, level)


def _back(centre: float, error: float, free: int, level: float) -> tuple[float, float]:
    """From the scale of log(1 − α)."""
    t = float(stdtrit(free, (1 + level) / 2))
    return 1.0 - math.exp(centre + t * error), 1.0 - math.exp(centre - t * error)


__all__ = [
    "BOOTSTRAP_UP_TO", "Estimate", "asymptotic", "bootstrap_t", "feldt", "jackknife", "spread",
]  # fmt: skip
