"""What does a curve that is known on a grid say between its points? Peaks, integrals, quantiles."""

from __future__ import annotations

import numpy as np

from calibrant.quality.bank import Floats, Ints

_REACH = np.arange(-2, 4)
_WINDOW = 161
_DROP = 45.0


def interpolate(y: Floats, position: Floats) -> Floats:
    """Values of rows between grid points, by the polynomial through the six nearest.

    Args:
        y: shape (rows, points), at least six points.
        position: shape (rows, wanted), in grid steps from the first point; held to the grid.
    """
    points = y.shape[1]
    position = np.clip(position, 0.0, points - 1.0)
    base = np.clip(np.floor(position).astype(np.int64), 2, points - 4)
    t = position - base
    found = np.zeros_like(position)
    for k in _REACH:
        term = np.take_along_axis(y, base + k, axis=1)
        for other in _REACH:
            if other != k:
                term = term * ((t - other) / (k - other))
        found += term
    return found


def zoom(theta: Floats, log_y: Floats) -> tuple[Floats, Floats]:
    """Where each curve matters, and its logarithm there, on grids of its own.

    Args:
        theta: shape (points,), even.
        log_y: shape (rows, points).

    Returns:
        Abilities and log values, shape (rows, 161) each: from where the curve rises to e⁻⁴⁵ of its
        peak to where it falls below it again.
    """
    points = theta.size
    high = log_y > log_y.max(axis=1, keepdims=True) - _DROP
    first = np.maximum(high.argmax(axis=1) - 1, 0)
    last = np.minimum(points - high[:, ::-1].argmax(axis=1), points - 1)
    position = first[:, None] + (last - first)[:, None] * np.linspace(0.0, 1.0, _WINDOW)
    step = theta[1] - theta[0]
    return theta[0] + step * position, interpolate(log_y, position)


def peaks(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Where each row is highest, and the second derivative there.

    Newton's method on the quartic through the five points about the highest.

    Args:
        x, y: shape (rows, points), x even in each row.
    """
    centre: Ints = np.clip(y.argmax(axis=1), 2, y.shape[1] - 3)
    five = np.take_along_axis(y, centre[:, None] + np.arange(-2, 3), axis=1)
    quartic = np.linalg.inv(np.vander(np.arange(-2.0, 3.0), increasing=True))
    c = five @ quartic.T
    t = np.zeros(len(y))
    for _ in range(8):
        slope = c[:, 1] + t * (2 * c[:, 2] + t * (3 * c[:, 3] + t * 4 * c[:, 4]))
        bend = 2 * c[:, 2] + t * (6 * c[:, 3] + t * 12 * c[:, 4])
        # At an edge of the grid there may be no peak to find.
        move = np.divide(-slope, bend, out=np.zeros_like(t), where=bend < 0)
        t = np.clip(t + move, -2.0, 2.0)
    step = x[:, 1] - x[:, 0]
    at = np.take_along_axis(x, centre[:, None], axis=1)[:, 0] + t * step
    bend = 2 * c[:, 2] + t * (6 * c[:, 3] + t * 12 * c[:, 4])
    return at, bend / step**2


def moments(x: Floats, log_y: Floats) -> tuple[Floats, Floats]:
    """Mean and sd of each row taken for a log density."""
    w = np.exp(log_y - log_y.max(axis=1, keepdims=True))
    w /= w.sum(axis=1, keepdims=True)
    mean = (w * x).sum(axis=1)
    return mean, np.sqrt((w * (x - mean[:, None]) ** 2).sum(axis=1))


def quantiles(x: Floats, log_y: Floats, share: float) -> Floats:
    """The point of each row below which this share of its mass lies."""
    f = np.exp(log_y - log_y.max(axis=1, keepdims=True))
    step = (x[:, 1] - x[:, 0])[:, None]
    # The trapezoid with its correction by the slopes at both ends of each step.
    slope = np.gradient(f, axis=1)
    parts = (f[:, 1:] + f[:, :-1]) / 2 - (slope[:, 1:] - slope[:, :-1]) / 12
    mass = np.concatenate([np.zeros((len(f), 1)), np.maximum(parts, 0.0).cumsum(axis=1)], axis=1)
    wanted = share * mass[:, -1:]
    left = np.clip((mass < wanted).sum(axis=1, keepdims=True) - 1, 0, f.shape[1] - 2)
    a, b = (np.take_along_axis(f, left + k, axis=1) for k in (0, 1))
    low, high = (np.take_along_axis(mass, left + k, axis=1) for k in (0, 1))
    # Inside the step the density is a line whose area is that of the step.
    line = np.divide(high - low, (a + b) / 2, out=np.ones_like(a), where=a + b > 0)
    a, b, rest = a * line, b * line, wanted - low
    root = np.sqrt(np.maximum(a**2 + 2 * (b - a) * rest, 0.0))
    t = np.divide(2 * rest, a + root, out=np.zeros_like(a), where=a + root > 0)
    found = np.take_along_axis(x, left, axis=1) + np.clip(t, 0.0, 1.0) * step
    return np.asarray(found[:, 0])
