"""What do known scores leave open about a curve? Its posterior, by adaptive importance sampling.

score = shape(scale; θ, shift of the family) + noise. A family's shift is a line in scale, of normal
level and slope; noise is normal, and smaller near chance and the highest score. Shifts are
integrated out by Laplace's method, two dimensions a family; θ, the noise and the spread of levels
and slopes by adaptive multiple importance sampling (Cornuet et al. 2012, Scandinavian Journal of
Statistics 39) from Student's t around the best fits of many starts (Levenberg-Marquardt).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from calibrant.errors import UnfitError
from calibrant.scaling.curves.shapes import Shape

Floats = NDArray[np.float64]
Proposal = tuple[Floats, Floats]

DRAWS = 60
"""Draws a round, for each dimension, times the effort."""
ROUNDS = (3, 14)
"""Fewest and most rounds."""
ENOUGH = 120.0
"""Effective draws at which sampling stops, times the effort."""
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

    def chosen(self, count: int, by: Floats) -> Posterior:
        """As many draws of equal weight, at even steps of weight in the order of `by`, (m,)."""
        order = np.argsort(by, kind="stable")
        edges = np.cumsum(self.weight[order])
        at = np.searchsorted(edges / edges[-1], (0.5 + np.arange(count)) / count)
        rows = order[np.minimum(at, self.weight.size - 1)]
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
        if ((moved < 1e-4) | (damp >= 1e8)).sum() >= many:
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
    along = shape.along(theta, z)
    at = along(0.0)
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

    u: Floats = np.zeros_like(at.value)
    for _ in range(1 if shape.linear else 6):
        pull = at.shifted * (known.y - at.value + at.shifted * u) / var
        a, b, c, det = sharp()
        p, q = pull @ member, (pull * z) @ member
        # Short steps where a full one would leap over the bend of the curve.
        up = np.clip((c * p - b * q) / det - level, -1.5, 1.5)
        on = np.clip((a * q - b * p) / det - slope, -1.0, 1.0)
        level, slope = level + up, slope + on
        u = level[:, known.group] + slope[:, known.group] * z
        at = along(u)
        # The rest is of the order of the square of the last step.
        if max(np.abs(up).max(), np.abs(on).max()) < _STILL:
            break
    a, b, c, det = sharp()
    log = log - 0.5 * np.sum((known.y - at.value) ** 2 / var, axis=1)
    log = log - 0.5 * np.sum(level**2 * held[:, 0] + slope**2 * held[:, 1], axis=1)
    log = log - 0.5 * np.sum(np.log(det / (held[:, 0] * held[:, 1])), axis=1)
    return log, Shifts(level, slope, c / det, -b / det, a / det)


@dataclass(frozen=True)
class _Drawn:
    """Draws so far, of several proposals, and the log posterior density of each.

    Attributes:
        every: shape (m, d).
        log: shape (m,).
        shifts: of each draw.
        under: log density of each draw under each proposal, shape (proposals, m).
        proposals: mean and root of the covariance of each.
        counts: draws from each.
    """

    every: Floats
    log: Floats
    shifts: Shifts
    under: Floats
    proposals: tuple[Proposal, ...]
    counts: tuple[int, ...]

    @property
    def raw(self) -> Floats:
        """Log weights, (m,): each draw counts as one of the mixture of all proposals."""
        size = np.array(self.counts, dtype=float)
        return np.asarray(self.log - _log_sum(self.under + np.log(size / size.sum())[:, None]))

    @property
    def weight(self) -> Floats:
        """Weights, (m,), that sum to 1."""
        raw = self.raw
        found = np.exp(raw - raw.max())
        return np.asarray(found / found.sum())


def posterior(
    shape: Shape, known: Known, rng: np.random.Generator, *, effort: int = 1
) -> Posterior:
    """Draws of a curve's parameters given known scores.

    Args:
        shape, known: what is fitted to what.
        rng: draws.
        effort: so many times as many draws.

    Raises:
        UnfitError: if draws do not settle (fewer than `LEAST` effective).
    """
    theta, noise, value = best(shape, known)
    fine = _FINE if noise[0] < 2 * _FINE else 0.0
    known, noise = replace(known, error=known.error + fine**2), np.maximum(noise, fine)
    near = value < value[0] + 12
    proposals = [_first(shape, known, theta[k], noise[k]) for k in _apart(theta, near)]
    each = effort * DRAWS * proposals[0][0].size
    drawn, effective = None, 0.0
    for turn in range(ROUNDS[1]):
        drawn = _more(shape, known, drawn, proposals, each // len(proposals), rng)
        effective = float(1 / np.sum(drawn.weight**2))
        if turn + 1 >= ROUNDS[0] and effective >= effort * ENOUGH:
            break
        proposals = [_moments(drawn.every, drawn.raw)]
    if drawn is None or effective < LEAST:
        raise UnfitError(f"{shape.name}: its fit does not settle ({effective:.0f} effective draws)")
    p = len(shape.parameters)
    return Posterior(
        drawn.every[:, :p],
        np.hypot(np.exp(drawn.every[:, p]), fine),
        np.exp(drawn.every[:, p + 1 :]),
        drawn.shifts,
        drawn.weight,
        effective,
    )


def _more(
    shape: Shape, known: Known, old: _Drawn | None, proposals: Sequence[Proposal], each: int,
    rng: np.random.Generator,
) -> _Drawn:  # fmt: skip
    """Another round: so many draws from each of the proposals, and what all are worth."""
    new = np.vstack([_draw(*q, each, rng) for q in proposals])
    log, shifts = _target(shape, known, new)
    every, under = new, np.empty((0, len(new)))
    counts: tuple[int, ...] = (each,) * len(proposals)
    tried = tuple(proposals)
    if old is not None:
        every, log = np.vstack([old.every, new]), np.concatenate([old.log, log])
        parts = (f.name for f in fields(Shifts))
        shifts = Shifts(*(np.vstack([getattr(old.shifts, n), getattr(shifts, n)]) for n in parts))
        # Densities under proposals are kept from round to round.
        under = np.hstack([old.under, np.array([_log_t(new, *q) for q in old.proposals])])
        counts, tried = old.counts + counts, old.proposals + tried
    under = np.vstack([under, [_log_t(every, *q) for q in proposals]])
    return _Drawn(every, log, shifts, under, tried, counts)


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


def _first(shape: Shape, known: Known, theta: Floats, noise: float) -> Proposal:
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


def _moments(draws: Floats, raw: Floats) -> Proposal:
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
