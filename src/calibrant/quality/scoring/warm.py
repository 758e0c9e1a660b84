"""How able is a subject if nothing is known of it but its answers? Warm's estimate, and intervals.

The interval holds the abilities at which the answers are not surprising: the locally best
statistic at an ability, the score of the likelihood there, has a distribution that is known to
many digits by saddlepoint. With all items right the upper limit is infinite, and the lower limit
is where all right has a chance of half the error: what Clopper and Pearson do for one rate.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from calibrant.quality.bank import Bank, Floats, Ints
from calibrant.quality.scoring.grids import interpolate, peaks, zoom
from calibrant.quality.scoring.kernel import Kernel, answered_of
from calibrant.quality.scoring.tails import upper_tail

_SCAN = 20
_CELLS = 4_000_000


def bonus_of(grid: Kernel, weights: Floats) -> Floats:
    """Shape (subjects, points): what Warm adds to the log-likelihood.

    The estimate solves l′ + J / 2I = 0; the bonus, whose derivative is J / 2I, is summed up on the
    grid. For rasch, 2pl, pcm and gpcm it is Jeffreys' prior.
    """
    answered = answered_of(weights)
    information = answered @ grid.curves.information.T
    ratio = np.divide(
        answered @ grid.curves.warm.T, 2 * information, out=np.zeros_like(information),
        where=information > 0,
    )  # fmt: skip
    bend = np.gradient(ratio, axis=1)
    parts = (ratio[:, 1:] + ratio[:, :-1]) / 2 - (bend[:, 1:] - bend[:, :-1]) / 12
    summed = np.concatenate([np.zeros((len(ratio), 1)), parts.cumsum(axis=1)], axis=1)
    found: Floats = summed * grid.step
    return found


def weighted_likelihood(grid: Kernel, weights: Floats, log_density: Floats) -> Floats:
    """Shape (2, subjects): Warm's estimate and its standard error; NaN, ∞ where no answer is.

    Args:
        log_density: shape (subjects, points), the log-likelihood and `bonus_of`.
    """
    answered = answered_of(weights)
    information = answered @ grid.curves.information.T
    ability, _ = peaks(*zoom(grid.theta, log_density))
    at = (ability - grid.theta[0])[:, None] / grid.step
    known = np.maximum(interpolate(information, at)[:, 0], 1e-12)
    none = answered.sum(axis=1) == 0
    return np.stack([np.where(none, np.nan, ability), np.where(none, np.inf, known**-0.5)])


def surprise_interval(
    bank: Bank, grid: Kernel, weights: Floats, log_likelihood: Floats, level: float
) -> Floats:
    """Shape (2, subjects): abilities between which the answers are not surprising, at this level.

    An ability is left out if the score of the likelihood there is as high as it is, or as low, with
    a chance of at most half the error. The atom at the value observed counts in full.
    """
    error = 1.0 - level
    reach = (-ndtri(error / 2) + 2.0) ** 2 / 2
    near = log_likelihood >= log_likelihood.max(axis=1, keepdims=True) - reach
    points = grid.theta.size
    best = log_likelihood.argmax(axis=1)
    first = np.maximum(near.argmax(axis=1) - 1, 0)
    last = np.minimum(points - near[:, ::-1].argmax(axis=1), points - 1)
    log_atom_step = _lattice(bank)
    limits = np.empty((2, len(weights)))
    # For many items the tails change evenly with ability: fewer points between do.
    scan = _SCAN if weights.shape[1] <= 60 else _SCAN // 2
    cells = weights.shape[1] * weights.shape[2] * scan
    rows = max(1, _CELLS // max(cells, 1))
    for start in range(0, len(weights), rows):
        part = slice(start, start + rows)
        for side, end in ((0, first), (1, last)):
            positions = _between(end[part], best[part], points, scan)
            tail = _tails(grid, weights[part], log_likelihood[part], positions, side, log_atom_step)
            limits[side, part] = _limit(grid, positions, tail, error / 2, side)
    none = weights.sum(axis=(1, 2)) == 0
    limits[:, none] = [[-np.inf], [np.inf]]
    return limits


def _between(end: Ints, best: Ints, points: int, scan: int) -> Ints:
    """Shape (subjects, scan): grid points from the end of the likelihood past its peak."""
    way = np.where(end <= best, 1, -1)
    # An end at the border of the grid may be the peak itself.
    way = np.where((end == best) & (end > 0), -1, way)
    stride = np.maximum(1, -(-np.abs(best - end) // (scan - 2)))
    found: Ints = np.clip(end[:, None] + (way * stride)[:, None] * np.arange(scan), 0, points - 1)
    return found


def _lattice(bank: Bank) -> float | None:
    """The step of sums of scores times slopes where all slopes are as large; else None."""
    size = np.abs(bank.discrimination)
    if bank.model in ("rasch", "2pl", "pcm", "gpcm") and np.ptp(size) <= 1e-9 * size.max():
        return float(size[0])
    return None


def _tails(
    grid: Kernel, weights: Floats, log_likelihood: Floats, positions: Ints, side: int,
    lattice: float | None,
) -> Floats:  # fmt: skip
    """Shape (subjects, scan): chance of a score of the likelihood as high (side 0) or as low."""
    subjects, scan = positions.shape
    p = grid.curves.p[positions]
    w = grid.curves.slope[positions] * answered_of(weights)[:, None, :, None]
    size = (subjects * scan, *p.shape[2:])
    seen = np.einsum("sqjc,sjc->sq", w, weights)
    top = np.where(p > 0, w, -np.inf).max(axis=3).sum(axis=2)
    bottom = np.where(p > 0, w, np.inf).min(axis=3).sum(axis=2)
    slack: Floats = 1e-9 * np.asarray(top - bottom)
    sign = 1.0 if side == 0 else -1.0
    # Outermost scores have no saddlepoint; they are set right below.
    edge = (seen >= top - slack) | (seen <= bottom + slack)
    held = np.where(edge, np.einsum("sqjc,sqjc->sq", p, w), seen)
    tail, density = upper_tail(p.reshape(size), sign * w.reshape(size), sign * held.ravel())
    atom = np.exp(np.take_along_axis(log_likelihood, positions, axis=1))
    step = atom if lattice is None else np.maximum(atom, lattice * density.reshape(atom.shape))
    tail = np.minimum(tail.reshape(atom.shape) + step / 2, 1.0)
    outermost = seen >= top - slack if side == 0 else seen <= bottom + slack
    innermost = seen <= bottom + slack if side == 0 else seen >= top - slack
    return np.where(outermost, atom, np.where(innermost, 1.0, tail))


def _limit(grid: Kernel, positions: Ints, tail: Floats, error: float, side: int) -> Floats:
    """Where the tail first reaches the error, coming from outside; infinite if it always does."""
    z = ndtri(np.clip(tail, 1e-300, 1 - 1e-16)) - ndtri(error)
    inside = z > 0
    hit = inside.argmax(axis=1)
    left = np.maximum(hit - 1, 0)[:, None]
    a, b = (np.take_along_axis(z, k, axis=1)[:, 0] for k in (left, left + 1))
    from_, to = (
        grid.theta[np.take_along_axis(positions, k, axis=1)[:, 0]] for k in (left, left + 1)
    )
    t = np.divide(-a, b - a, out=np.zeros_like(a), where=b > a)
    found = from_ + np.clip(t, 0.0, 1.0) * (to - from_)
    far = -np.inf if side == 0 else np.inf
    # Nothing surprising at the border of the grid: there is no limit.
    at_border = (hit == 0) & (positions[:, 0] == (0 if side == 0 else grid.theta.size - 1))
    none = ~inside.any(axis=1)
    return np.where(at_border, far, np.where(none, grid.theta[positions[:, -1]], found))
