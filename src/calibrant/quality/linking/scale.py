"""How do two calibrations of the same items differ in scale? One slope and one shift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats

Method = Literal["stocking-lord", "haebara", "mean-sigma", "mean-mean"]
METHODS: tuple[Method, ...] = ("stocking-lord", "haebara", "mean-sigma", "mean-mean")
_NODES = 31
_STEPS = 100


@dataclass(frozen=True, eq=False)
class Points:
    """Abilities at which curves are compared, and their weights, on each of the two scales."""

    old: Floats
    old_weights: Floats
    new: Floats
    new_weights: Floats


def points_of(old: Bank, new: Bank) -> Points:
    """Normal abilities of the subjects with whom each bank was calibrated."""
    z = np.linspace(-4.0, 4.0, _NODES)
    w = np.exp(-0.5 * z**2)
    w /= w.sum()
    return Points(old.mean + old.sd * z, w, new.mean + new.sd * z, w)


def on_scale(bank: Bank, slope: float, shift: float) -> Bank:
    """The bank with abilities told on the scale slope · θ + shift."""
    steps = bank.intercepts.shape[1]
    k = np.arange(1.0, steps + 1) if bank.model in ("pcm", "gpcm") else np.ones(steps)
    a = bank.discrimination / slope
    covariance = bank.covariance
    if covariance is not None:
        turn = np.eye(covariance.shape[1])
        turn[0, 0] = 1.0 / slope
        turn[1 : 1 + steps, 0] = -k * shift / slope
        known = np.where(np.isnan(covariance), 0.0, covariance)
        covariance = np.where(np.isnan(covariance), np.nan, turn @ known @ turn.T)
    return replace(
        bank, discrimination=a, intercepts=bank.intercepts - a[:, None] * k * shift,
        covariance=covariance, mean=slope * bank.mean + shift, sd=abs(slope) * bank.sd,
    )  # fmt: skip


def fixed_slope(old: Bank, new: Bank) -> float | None:
    """The slope, where the model tells it: both banks have one discrimination for all items."""
    a, b = np.abs(old.discrimination), np.abs(new.discrimination)
    if a.min() > 0 < b.min() and np.ptp(a) <= 1e-9 * a.max() and np.ptp(b) <= 1e-9 * b.max():
        return float(b[0] / a[0])
    return None


def constants(
    old: Bank, new: Bank, method: Method, *, points: Points | None = None,
    start: tuple[float, float] | None = None, slope: float | None = None,
) -> tuple[float, float]:  # fmt: skip
    """Slope A and shift B: an ability θ on the new scale is Aθ + B on the old.

    - "mean-mean" (Loyd and Hoover, J. Educ. Meas. 17 (1980) 179) and "mean-sigma" (Marco, J. Educ.
      Meas. 14 (1977) 139): from means of discriminations and means and sds of difficulties.
    - "haebara" (Jpn. Psychol. Res. 22 (1980) 144), "stocking-lord" (Appl. Psychol. Meas. 7 (1983)
      201): from the curves of items, or of the whole set, on both scales in turn.

    Args:
        old, new: the same items in the same order.
        start: where to begin.
        slope: A where it is known.

    Raises:
        InputError: if the difficulties do not tell the constants.
    """
    if method in ("mean-mean", "mean-sigma"):
        return _moments(old, new, method, slope)
    if start is None:
        start = _moments(old, new, "mean-mean", slope)
    around = points if points is not None else points_of(old, new)
    whole = method == "stocking-lord"

    def residuals(x: tuple[float, float]) -> Floats:
        apart = gaps(old, new, x, around, whole)
        return apart.sum(axis=1) if whole else apart.ravel()

    return _least_squares(residuals, start, slope)


def _moments(old: Bank, new: Bank, method: str, slope: float | None) -> tuple[float, float]:
    b_old, b_new = old.difficulty, new.difficulty
    both = np.isfinite(b_old) & np.isfinite(b_new)
    b_old, b_new = b_old[both], b_new[both]
    if slope is not None:
        a = slope
    elif not (np.abs(old.discrimination).sum() > 0 < np.abs(new.discrimination).sum()):
        raise InputError("anchors: wanted items with a discrimination that is not 0")
    elif method == "mean-mean":
        a = float(np.abs(new.discrimination).mean() / np.abs(old.discrimination).mean())
    else:
        spread = float(np.std(b_new)) if b_new.size else 0.0
        if spread <= 1e-9:
            raise InputError("anchors: wanted difficulties that differ, for mean-sigma")
        a = float(np.std(b_old)) / spread
    if not (b_old.size and a > 0 and np.isfinite(a)):
        raise InputError("anchors: wanted items with a discrimination that is not 0")
    return a, float(b_old.mean() - a * b_new.mean())


def gaps(old: Bank, new: Bank, x: tuple[float, float], points: Points, whole: bool) -> Floats:
    """Shape (rows, items): differences of curves, weighted, on the old scale and on the new.

    Of expected scores if `whole`, which add up to those of the set; else of every category.
    """
    moved = on_scale(new, *x)
    back = on_scale(old, 1.0 / x[0], -x[1] / x[0])
    parts = []
    for one, other, at, w in (
        (old, moved, points.old, points.old_weights), (back, new, points.new, points.new_weights)
    ):  # fmt: skip
        if whole:
            parts.append(np.sqrt(w)[:, None] * (one.expected(at) - other.expected(at)))
        else:
            apart = one.probabilities(at) - other.probabilities(at)
            weighted = np.sqrt(w)[:, None, None] * apart
            parts.append(weighted.transpose(0, 2, 1).reshape(-1, apart.shape[1]))
    return np.concatenate(parts)


def _least_squares(
    residuals: Callable[[tuple[float, float]], Floats], start: tuple[float, float],
    slope: float | None,
) -> tuple[float, float]:  # fmt: skip
    """Levenberg and Marquardt's method in log A and B."""
    x = np.array([np.log(start[0]), start[1]])
    free = [0, 1] if slope is None else [1]

    def at(x: Floats) -> Floats:
        return residuals((float(np.exp(x[0])), float(x[1])))

    r, damp, h = at(x), 1e-4, 1e-6
    for _ in range(_STEPS):
        ways = np.eye(2)[free] * h
        turn = np.stack([(at(x + w) - at(x - w)) / (2 * h) for w in ways], axis=1)
        square, pull = turn.T @ turn, turn.T @ r
        if not np.all(np.diag(square) > 1e-300):
            raise InputError("anchors: their curves do not tell the scale")
        move = np.zeros(2)
        move[free] = -np.linalg.solve(square + damp * np.diag(np.diag(square)), pull)
        tried = at(x + np.clip(move, -1.0, 1.0))
        if tried @ tried <= r @ r:
            x, r, damp = x + np.clip(move, -1.0, 1.0), tried, damp / 10
            if np.abs(move).max() < 1e-8:
                break
        else:
            damp *= 10
            if damp > 1e10:
                break
    return float(np.exp(x[0])), float(x[1])
