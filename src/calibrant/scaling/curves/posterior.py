"""What do known scores leave open about a curve? Its posterior, by adaptive importance sampling.

score = shape(scale; θ, shift of the family) + noise. A family's shift is a line in scale, of normal
level and slope; noise is normal, and smaller near chance and the highest score. Shifts are
integrated out by Laplace's method, two dimensions a family; θ, the noise and the spread of levels
and slopes by adaptive multiple importance sampling (Cornuet et al. 2012, Scandinavian Journal of
Statistics 39) from Student's t around the best fits of many starts (Levenberg-Marquardt).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from calibrant.errors import UnfitError
from calibrant.scaling.curves.shapes import Shape

Floats = NDArray[np.float64]

DRAWS = 60
"""Draws a round, for each dimension."""
ROUNDS = (3, 14)
"""Fewest and most rounds."""
ENOUGH = 120.0
"""Effective draws at which sampling stops."""
LEAST = 20.0
"""Effective draws below which a fit is refused."""
_NOISE = (np.log(0.08), 1.0)
_SHIFT_SD = 0.8
_SLOPE = 0.5
"""Median spread of families' slopes, in quarters of the range, relative to that of their levels."""
_REST = 0.1
"""Variance of noise at chance and at the highest score, as a share of that half-way."""
_FINE = 0.002
"""Where a best fit leaves less than twice that, scores are held to be no more exact than that."""
_DF = 5.0
_STILL = 0.01
"""The step of shifts, whose spread is about 0.3, at which their mode is found."""


@dataclass(frozen=True)
class Known:
    """Known scores of one measure in a shape's units.

    Attributes:
        z: shape (n,); scale.
        y: shape (n,); score.
        group: shape (n,); the number of each row's family, below `groups`.
        groups: families.
        error: shape (n,); variance of each score that is known beforehand.
        shifts: whether families differ.
        limited: whether scores run from 0, chance, to 1, the highest.
    """

    z: Floats
    y: Floats
    group: NDArray[np.int64]
    groups: int
    error: Floats
    shifts: bool
    limited: bool

    @property
    def member(self) -> Floats:
        """Shape (n, groups): 1 where a row belongs to a family."""
        return np.asarray(self.group[:, None] == np.arange(self.groups), dtype=float)


@dataclass(frozen=True)
class Shifts:
    """Shifts of families: normal, a level and a slope in scale for each draw and family.

    Attributes:
        level, slope: means, shape (m, groups).
        a, b, c: variance of the level, covariance, variance of the slope, shape (m, groups).
    """

    level: Floats
    slope: Floats
    a: Floats
    b: Floats
    c: Floats

    def at(self, z: Floats, group: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the shift at scales (n,) of families (n,): (m, n)."""
        mean = self.level[:, group] + self.slope[:, group] * z
        var = self.a[:, group] + 2 * self.b[:, group] * z + self.c[:, group] * z * z
        return mean, np.sqrt(np.maximum(var, 0.0))

    def take(self, rows: NDArray[np.int64]) -> Shifts:
        """Some of the draws."""
        return Shifts(*(x[rows] for x in (self.level, self.slope, self.a, self.b, self.c)))


@dataclass(frozen=True)
class Posterior:
    """Weighted draws of everything that is not known.

    Attributes:
        theta: shape (m, p).
        noise: shape (m,); standard deviation of noise, half-way where it varies.
        spread: shape (m, 2); standard deviations of families' levels and slopes.
        shifts: of each family.
        weight: shape (m,); summing to 1.
        effective: the number of draws these are worth.
    """

    theta: Floats
    noise: Floats
    spread: Floats
    shifts: Shifts
    weight: Floats
    effective: float

    def chosen(self, count: int, rng: np.random.Generator) -> Posterior:
        """As many draws of equal weight, by systematic resampling."""
        edges = np.cumsum(self.weight)
        rows = np.searchsorted(edges / edges[-1], (rng.random() + np.arange(count)) / count)
        rows = np.minimum(rows, self.weight.size - 1)
        return Posterior(
            self.theta[rows], self.noise[rows], self.spread[rows], self.shifts.take(rows),
            np.full(count, 1 / count), self.effective,
        )  # fmt: skip


def variance(noise: Floats, value: Floats, limited: bool) -> Floats:
    """Variance of noise around values (m, n) of a curve: less near chance and the highest."""
    if not limited:
        return np.broadcast_to(noise[:, None] ** 2, value.shape)
    inside = np.clip(value, 0, 1)
    return np.asarray(noise[:, None] ** 2 * (_REST + (1 - _REST) * 4 * inside * (1 - inside)))


def best(shape: Shape, known: Known, *, rounds: int = 40) -> tuple[Floats, Floats, Floats]:
    """The best parameters from every start, by Levenberg-Marquardt, without shifts of families.

    Returns:
        Parameters (k, p), the noise (k,) and the value of the objective (k,), the best first.
    """
    theta, n = shape.starts.copy(), known.y.size
    damp = np.full(len(theta), 1e-2)
    many, p = theta.shape

    def cost(t: Floats) -> tuple[Floats, Floats, Floats]:
        gap = known.y - shape.curve(t, known.z, 0.0).value
        var = np.maximum(np.sum(gap**2, axis=1) / n, 1e-6)
        prior = np.sum(((t - shape.centre) @ shape.root.T) ** 2, axis=1)
        return n * np.log(var) + prior, gap, var

    value, gap, var = cost(theta)
    precision = shape.root.T @ shape.root
    for _ in range(rounds):
        slope = shape.jacobian(theta, known.z)
        a = np.swapaxes(slope, 1, 2) @ slope / var[:, None, None] + precision
        g = np.einsum("knp,kn->kp", slope, gap) / var[:, None]
        g -= (theta - shape.centre) @ precision
        scaled = a + damp[:, None, None] * np.eye(p) * np.diagonal(a, axis1=1, axis2=2)[:, None, :]
        step = np.linalg.solve(scaled, g[:, :, None])[:, :, 0]
        new = theta + np.clip(step, -3, 3)
        new_value, new_gap, new_var = cost(new)
        better = new_value < value
        moved = np.where(better, value - new_value, np.inf)
        theta = np.where(better[:, None], new, theta)
        gap, var = np.where(better[:, None], new_gap, gap), np.where(better, new_var, var)
        value = np.where(better, new_value, value)
        damp = np.clip(np.where(better, damp / 5, damp * 4), 1e-9, 1e9)
        if (moved < 1e-7).sum() + (damp >= 1e8).sum() >= many:
            break
    order = np.argsort(value, kind="stable")
    return theta[order], np.sqrt(var[order]), value[order]


def marginal(
    shape: Shape, known: Known, theta: Floats, noise: Floats, spread: Floats
) -> tuple[Floats, Shifts]:
    """Log-likelihood of draws with shifts of families integrated out, by Laplace's method.

    Args:
        theta: shape (m, p).
        noise: shape (m,).
        spread: shape (m, 2).

    Returns:
        Log-likelihood (m,), and each family's shift.
    """
    member, z = known.member, known.z
    at = shape.curve(theta, z, 0.0)
    var = variance(noise, at.value, known.limited) + known.error
    log = -0.5 * np.sum(np.log(2 * np.pi * var), axis=1)
    level, slope = np.zeros((2, len(theta), known.groups))
    none = np.zeros_like(level)
    if not known.shifts:
        gap = known.y - at.value
        return log - 0.5 * np.sum(gap**2 / var, axis=1), Shifts(level, slope, none, none, none)
    held = spread[:, :, None] ** -2.0

    def sharp() -> tuple[Floats, Floats, Floats, Floats]:
        w = at.shifted**2 / var
        a, b, c = w @ member + held[:, 0], (w * z) @ member, (w * z * z) @ member + held[:, 1]
        return a, b, c, a * c - b * b

    for _ in range(1 if shape.linear else 6):
        u = level[:, known.group] + slope[:, known.group] * z
        pull = at.shifted * (known.y - at.value + at.shifted * u) / var
        a, b, c, det = sharp()
        p, q = pull @ member, (pull * z) @ member
        # Short steps where a full one would leap over the bend of the curve.
        up = np.clip((c * p - b * q) / det - level, -1.5, 1.5)
        on = np.clip((a * q - b * p) / det - slope, -1.0, 1.0)
        level, slope = level + up, slope + on
        at = shape.curve(theta, z, level[:, known.group] + slope[:, known.group] * z)
        # The rest is of the order of the square of the last step.
        if max(np.abs(up).max(), np.abs(on).max()) < _STILL:
            break
    a, b, c, det = sharp()
    log = log - 0.5 * np.sum((known.y - at.value) ** 2 / var, axis=1)
    log = log - 0.5 * np.sum(level**2 * held[:, 0] + slope**2 * held[:, 1], axis=1)
    log = log - 0.5 * np.sum(np.log(det / (held[:, 0] * held[:, 1])), axis=1)
    return log, Shifts(level, slope, c / det, -b / det, a / det)


def posterior(shape: Shape, known: Known, rng: np.random.Generator) -> Posterior:
    """Draws of a curve's parameters given known scores.

    Raises:
        UnfitError: if draws do not settle (fewer than `LEAST` effective).
    """
    theta, noise, value = best(shape, known)
    fine = _FINE if noise[0] < 2 * _FINE else 0.0
    known, noise = replace(known, error=known.error + fine**2), np.maximum(noise, fine)
    near = value < value[0] + 12
    proposals = [_first(shape, known, theta[k], noise[k]) for k in _apart(theta, near)]
    share = [1 / len(proposals)] * len(proposals)
    draws: list[Floats] = []
    logs: list[Floats] = []
    sides: list[Shifts] = []
    each = DRAWS * proposals[0][0].size
    counts: list[tuple[tuple[Floats, Floats], float]] = []
    # Log densities of every draw under every proposal so far, kept from round to round.
    under: list[Floats] = []
    for turn in range(ROUNDS[1]):
        for (mean, root), s in zip(proposals, share, strict=True):
            some = int(each * s)
            counts.append(((mean, root), some))
            draws.append(_draw(mean, root, some, rng))
        new = np.vstack(draws[len(logs) :])
        found, shifts = _target(shape, known, new)
        at = np.cumsum([len(d) for d in draws[len(logs) :]])[:-1]
        logs += np.split(found, at)
        sides.append(shifts)
        every = np.vstack(draws)
        size = np.array([c for _, c in counts])
        under = [np.append(u, _log_t(new, *q)) for u, (q, _) in zip(under, counts, strict=False)]
        under += [_log_t(every, *q) for q, _ in counts[len(under) :]]
        drawn = _log_sum(np.array(under) + np.log(size / size.sum())[:, None])
        raw = np.concatenate(logs) - drawn
        weight = np.exp(raw - raw.max())
        weight /= weight.sum()
        effective = 1 / np.sum(weight**2)
        if turn + 1 >= ROUNDS[0] and effective >= ENOUGH:
            break
        proposals, share = [_moments(every, raw)], [1.0]
    if effective < LEAST:
        raise UnfitError(f"{shape.name}: its fit does not settle ({effective:.0f} effective draws)")
    p = len(shape.parameters)
    parts = ("level", "slope", "a", "b", "c")
    return Posterior(
        every[:, :p],
        np.hypot(np.exp(every[:, p]), fine),
        np.exp(every[:, p + 1 :]),
        Shifts(*(np.vstack([getattr(s, name) for s in sides]) for name in parts)),
        weight,
        float(effective),
    )


def _target(shape: Shape, known: Known, draws: Floats) -> tuple[Floats, Shifts]:
    """Log posterior density of draws, up to a constant, with the shifts of families."""
    p = len(shape.parameters)
    # Draws of a wide proposal may lie where nothing is held possible; the prior weighs them down.
    width = np.exp(np.clip(draws[:, p:], -12, 6))
    log, shifts = marginal(shape, known, draws[:, :p], width[:, 0], width[:, 1:])
    log = log - 0.5 * np.sum(((draws[:, :p] - shape.centre) @ shape.root.T) ** 2, axis=1)
    middle = np.array([_NOISE[0], np.log(shape.shift), np.log(shape.shift * _SLOPE)])
    away = (draws[:, p:] - middle) / np.array([_NOISE[1], _SHIFT_SD, _SHIFT_SD])
    return log - 0.5 * np.sum(away**2, axis=1), shifts


def _apart(theta: Floats, near: NDArray[np.bool_]) -> list[int]:
    """Up to three of the best fits that differ."""
    found: list[int] = []
    for k in np.flatnonzero(near):
        if all(np.abs(theta[k] - theta[j]).max() > 0.5 for j in found):
            found.append(int(k))
    return found[:3]


def _first(shape: Shape, known: Known, theta: Floats, noise: float) -> tuple[Floats, Floats]:
    """Where to draw from first: around a best fit, wide for what families add to its doubt."""
    slope = shape.jacobian(theta[None], known.z)[0]
    a = slope.T @ slope / noise**2 + shape.root.T @ shape.root
    wide = np.linalg.inv(a) * (3.0 if known.shifts else 1.5)
    p = len(theta)
    cov = np.zeros((p + 3, p + 3))
    cov[:p, :p] = wide
    cov[p, p] = 1 / (2 * known.y.size) + 0.15
    for k in (1, 2):
        cov[p + k, p + k] = _SHIFT_SD**2
    log_noise = np.log(noise) - (0.3 if known.shifts else 0.0) + (0.5 if known.limited else 0.0)
    shift = np.log(shape.shift)
    mean = np.concatenate([theta, [log_noise, shift, shift + np.log(_SLOPE)]])
    return mean, np.asarray(np.linalg.cholesky(cov))


def _moments(draws: Floats, raw: Floats) -> tuple[Floats, Floats]:
    """Mean and root of the covariance under weights, flattened until enough draws carry them."""
    power, least = 1.0, 4.0 * draws.shape[1]
    while True:
        w = np.exp(power * (raw - raw.max()))
        w /= w.sum()
        if 1 / np.sum(w**2) >= least or power < 1e-3:
            break
        power *= 0.7
    mean = np.asarray(w @ draws)
    gap = draws - mean
    cov = (gap * w[:, None]).T @ gap * 1.1
    return mean, np.asarray(np.linalg.cholesky(cov + 1e-6 * np.eye(len(mean))))


def _draw(mean: Floats, root: Floats, count: int, rng: np.random.Generator) -> Floats:
    normal = rng.standard_normal((count, mean.size)) @ root.T
    return np.asarray(mean + normal / np.sqrt(rng.chisquare(_DF, count) / _DF)[:, None])


def _log_sum(parts: Floats) -> Floats:
    """log Σ exp over the first axis; SciPy's spends longer on its checks than on the sum."""
    top = parts.max(axis=0)
    return np.asarray(top + np.log(np.exp(parts - top).sum(axis=0)))


def _log_t(x: Floats, mean: Floats, root: Floats) -> Floats:
    d = mean.size
    white = linalg.solve_triangular(root, (x - mean).T, lower=True, check_finite=False)
    const = special.gammaln((_DF + d) / 2) - special.gammaln(_DF / 2) - d / 2 * np.log(_DF * np.pi)
    log = const - np.sum(np.log(np.diag(root)))
    return np.asarray(log - (_DF + d) / 2 * np.log1p(np.sum(white**2, axis=0) / _DF))
