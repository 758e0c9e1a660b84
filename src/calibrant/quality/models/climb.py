"""At which parameters is the marginal likelihood highest? Accelerated EM, to a proved optimum.

Each step is an expectation with one scoring step per item (Bock & Aitkin 1981), and a step of
location and scale as in parameter-expanded EM (Liu, Rubin & Wu 1998): without it a long test with
its precise abilities would creep along the one direction that only the population ties down.
Steps are extrapolated by Anderson's method; one that lowers the likelihood is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.quality.models.families import Family
from calibrant.quality.models.grid import Grid, grid, grid_for, narrowest
from calibrant.quality.models.kernel import Evaluated, Kernel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MEMORY = 8
"""Steps that an extrapolation looks back on."""

STEEPEST = 20.0
"""A slope beyond this is taken to run away to infinity."""

SUSPECT = 6.0
"""A slope beyond this has its item looked at for perfect separation."""

PRIOR_SLOPE, PRIOR_INTERCEPT = 5.0, 10.0
"""Standard deviations of the weak normal priors of items that have no finite estimate."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Normal priors: centres and precisions of shape (items, p); precision 0 for none."""

    centre: Floats
    precision: Floats

    def value(self, xi: Floats) -> float:
        """Log density, up to a constant."""
        return -0.5 * float(np.sum(self.precision * (xi - self.centre) ** 2))

    def slope(self, xi: Floats) -> Floats:
        """Derivative of the log density."""
        found: Floats = -self.precision * (xi - self.centre)
        return found

    def of_separated(self, separated: Flags, family: Family) -> Prior:
        """With weak priors on the slopes and intercepts of these items."""
        precision = self.precision.copy()
        # A common slope has one prior, of which each item holds a share.
        shares = separated.size if family.common else 1
        precision[separated, 0] = PRIOR_SLOPE**-2 / shares
        precision[separated, 1 : 1 + family.steps] = PRIOR_INTERCEPT**-2
        return replace(self, precision=precision)


@dataclass(frozen=True, eq=False)
class Summit:
    """Where climbing ended.

    Attributes:
        xi: shape (items, p).
        found: the likelihood and its gradient there.
        gradient: the largest derivative of the (penalised) log likelihood by any parameter.
        separated: shape (items,), which items got a weak prior as their slope ran away.
    """

    xi: Floats
    grid: Grid
    prior: Prior
    found: Evaluated
    gradient: float
    iterations: int
    separated: Flags


def climb(
    kernel: Kernel,
    start: Floats,
    prior: Prior,
    *,
    tolerance: float = 1e-9,
    most: int = 500,
    progress: Callable[[int, float, float], None] | None = None,
) -> Summit:
    """Climb until no derivative per subject is beyond `tolerance`, or `most` passes are made.

    Args:
        progress: called after each pass with its number, log likelihood and largest derivative.
    """
    family, people = kernel.family, kernel.data.subjects
    xi, fallback = start, start
    nodes = grid_for(0.3, float(np.abs(xi[:, 0]).max()))
    separated = np.zeros(kernel.data.items, bool)
    memory = _Memory(family.free)
    best, pending = -np.inf, False
    passes = 0
    while True:
        found = kernel.evaluate(xi, nodes)
        passes += 1
        wanted = regrid(found, xi, nodes)
        if wanted is not None and passes < most:
            nodes = wanted
            if passes > 1:
                continue
            found = kernel.evaluate(xi, nodes)
        value = found.log_likelihood + prior.value(xi)
        slope = found.gradient + prior.slope(xi)
        largest = largest_derivative(slope, family)
        if progress is not None:
            progress(passes, found.log_likelihood, largest)
        if pending and not value >= best - 1e-6 - 1e-12 * abs(value) and passes < most:
            xi, pending = fallback, False
            best = -np.inf
            memory.clear()
            continue
        best = value
        fresh = _runaway(kernel, xi, found) & ~separated if passes > 8 else np.zeros(0, bool)
        if fresh.any():
            separated |= fresh
            prior = prior.of_separated(separated, family)
            xi = tamed(xi, fresh)
            memory.clear()
            pending = False
            continue
        if largest <= tolerance * people or passes >= most:
            return Summit(xi, nodes, prior, found, largest, passes, separated)
        fallback = _step(xi, found, slope, prior, family)
        xi = _tame(memory.extrapolate(xi, fallback, found.information), fallback, family)
        pending = xi is not fallback


def tamed(xi: Floats, steep: Flags) -> Floats:
    """With the curves of some items made less steep, where they are."""
    size = np.abs(xi[:, :1])
    factor = 0.5 * SUSPECT / np.maximum(size, 0.5 * SUSPECT)
    found: Floats = np.where(steep[:, None], xi * factor, xi)
    return found


def largest_derivative(slope: Floats, family: Family) -> float:
    """The largest absolute derivative; that of a common slope is the sum over items."""
    if not family.common:
        return float(np.abs(slope[family.free]).max())
    rest = np.abs(slope[:, 1:][family.free[:, 1:]]).max()
    return float(max(abs(slope[:, 0].sum()), rest))


def regrid(found: Evaluated, xi: Floats, now: Grid) -> Grid | None:
    """A better grid, if the present one is too coarse, too narrow, or wastefully fine."""
    sd = np.sqrt(found.variance)
    low = min(float(np.min(found.mean - 8.0 * sd)), -1.0)
    high = max(float(np.max(found.mean + 8.0 * sd)), 1.0)
    wanted = grid_for(
        narrowest(found.ability_information), float(np.abs(xi[:, 0]).max()), low, high
    )
    fits = (
        wanted.spacing * 0.8 < now.spacing <= wanted.spacing * 1.02
        and now.low <= low + 0.3 * sd.min() and now.high >= high - 0.3 * sd.min()
        and (now.high - now.low) < 1.3 * (high - low) + 1
    )  # fmt: skip
    if fits:
        return None
    # A little finer and wider than asked, so as not to come back for every small change.
    room = 0.05 * (high - low)
    return grid(0.9 * wanted.spacing, low - room, high + room)


def _step(xi: Floats, found: Evaluated, slope: Floats, prior: Prior, family: Family) -> Floats:
    """One scoring step per item, then location and scale."""
    free = family.free.copy()
    if family.common:
        free[:, 0] = False
    info = found.information.copy()
    at = np.arange(family.width)
    info[:, at, at] += prior.precision
    info *= free[:, :, None] & free[:, None, :]
    info[:, at, at] += np.where(free, 1e-9 * (1 + info[:, at, at]), 1.0)
    solved = np.linalg.solve(info, np.where(free, slope, 0.0)[..., None])
    move = np.asarray(solved[..., 0], np.float64)
    longest = np.maximum(np.abs(move[:, 0]) / 1.0, np.abs(move[:, 1:]).max(axis=1) / 2.0)
    move = move / np.maximum(longest, 1.0)[:, None]
    new = _in_order(xi, move, family)
    people = found.mean.size
    # Moving all items along with abilities changes the likelihood only through the population:
    # both steps vanish just where the (penalised) likelihood is flat in these two directions.
    pull = prior.slope(new)
    shift = float(found.mean.mean() + np.sum(pull * new[:, :1] * family.shift) / people)
    square = float(
        np.mean(found.variance + found.mean**2) + np.sum(pull[:, 0] * new[:, 0]) / people
    )
    stretch = min(max(square - shift**2, 0.04), 25.0) ** 0.5
    moved = new + new[:, :1] * family.shift * np.where(free[0], shift, 0.0)
    moved[:, 0] *= stretch
    return np.where(family.free, moved, xi)


def _in_order(xi: Floats, move: Floats, family: Family) -> Floats:
    """A step, halved for graded items whose thresholds would cross."""
    if family.model != "grm" or family.steps < 2:
        return xi + move
    size = np.ones((xi.shape[0], 1))
    there = family.free[:, 2:]
    for _ in range(40):
        new: Floats = xi + size * move
        wrong = ((np.diff(new[:, 1:], axis=1) > -1e-4) & there).any(axis=1)
        if not wrong.any():
            break
        size[wrong] *= 0.5
    return new


def _tame(xi: Floats, plain: Floats, family: Family) -> Floats:
    """An extrapolation, or the plain step where it leaves what parameters may be."""
    if xi is plain or not np.isfinite(xi).all() or not ordered(xi, family):
        return plain
    if np.abs(xi[:, 0]).max() > max(1.5 * STEEPEST, 2 * np.abs(plain[:, 0]).max()):
        return plain
    return xi


def ordered(xi: Floats, family: Family) -> bool:
    """Whether the thresholds of graded items are in their order."""
    if family.model != "grm" or family.steps < 2:
        return True
    return not ((np.diff(xi[:, 1:], axis=1) > -1e-4) & family.free[:, 2:]).any()


def _runaway(kernel: Kernel, xi: Floats, found: Evaluated) -> Flags:
    """Items whose slope goes to infinity: ability separates their right from their wrong.

    Ability is taken without the item itself, to first order: a steep item that rules the
    posteriors of a short test would else seem to separate its own answers.
    """
    slope = np.abs(xi[:, 0])
    out: Flags = slope > STEEPEST
    if not kernel.linear or kernel.family.common:
        return out
    sd = float(np.sqrt(found.variance.mean()))
    for j in np.flatnonzero((slope > SUSPECT) & (slope * sd < 1.0) & ~out):
        hits, trials = kernel.data.hits[:, j].astype(np.float64), np.ones(found.mean.size)
        if kernel.data.trials is not None:
            trials = kernel.data.trials[:, j].astype(np.float64)
        there = trials > 0
        right = hits[there] == trials[there]
        if not (right | (hits[there] == 0)).all():
            continue
        own = hits - trials * expit(xi[j, 0] * found.mean + xi[j, 1])
        ability = (found.mean - found.variance * xi[j, 0] * own)[there] * np.sign(xi[j, 0])
        out[j] = bool(ability[right].min() > ability[~right].max())
    return out


class _Memory:
    """Anderson's extrapolation of a fixed-point map, over its last few steps."""

    def __init__(self, free: Flags) -> None:
        self.free = free
        self.points: list[Floats] = []
        self.moves: list[Floats] = []
        self.scale: Floats | None = None

    def clear(self) -> None:
        self.points, self.moves, self.scale = [], [], None

    def extrapolate(self, xi: Floats, plain: Floats, information: Floats) -> Floats:
        """A better point than the plain step; the same object if there is none."""
        if self.scale is None:
            # Moves are measured in standard errors, or one item in thousands would rule.
            at = np.arange(self.free.shape[1])
            self.scale = np.sqrt(np.maximum(information[:, at, at], 1e-6))[self.free]
        self.points.append(xi[self.free])
        self.moves.append((plain - xi)[self.free])
        most = min(MEMORY, xi[self.free].size)
        self.points, self.moves = self.points[-most:], self.moves[-most:]
        if len(self.moves) < 2:
            return plain
        moves, points = np.array(self.moves), np.array(self.points)
        change = (np.diff(moves, axis=0) * self.scale).T
        q, r = np.linalg.qr(change)
        diagonal = np.abs(np.diag(r))
        keep = diagonal > 1e-10 * diagonal.max()
        if not keep.all():
            self.points, self.moves = self.points[-2:], self.moves[-2:]
            return plain
        gamma = np.linalg.solve(r, q.T @ (moves[-1] * self.scale))
        target = points[-1] + moves[-1]
        target = target - (np.diff(points, axis=0) + np.diff(moves, axis=0)).T @ gamma
        out = plain.copy()
        out[self.free] = target
        return out
