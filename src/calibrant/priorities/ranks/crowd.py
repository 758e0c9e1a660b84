"""What does the linear model believe of areas, however many raters there are?

The belief of `priorities.linear` for areas alone: raters are independent given everything else, so
their coefficients are eliminated one by one (a Schur complement), and answers are held as a grid of
areas by raters. Its cost grows with the raters' number, not with its cube.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from calibrant.priorities.linear import FLAT, ROUNDS, WEAK, Heard, first_guess, moments, noise_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAIRS = tuple(product(range(2), repeat=2))


@dataclass(frozen=True, eq=False)
class AreasBelief:
    """A joint normal belief about areas' mean ratings.

    Attributes:
        mean: shape (2 × areas,), first question first, about the middle of the scale.
        covariance: of the same.
        noise: shape (2, 2), covariance of one rater's two answers about an area.
    """

    mean: Floats
    covariance: Floats
    noise: Floats

    @property
    def correlation(self) -> float:
        """Of a rater's two answers about an area, everything else taken out."""
        n = self.noise
        return float(n[0, 1] / (n[0, 0] * n[1, 1]) ** 0.5)


@dataclass(frozen=True, eq=False)
class _Grid:
    """Answers by kind of row (an area, worked in or not) and rater.

    Attributes:
        rows: shape (kinds, fixed), each kind's coefficients other than raters'.
        value: shape (2, kinds, raters); 0 where there is no answer.
        there: whether there is one.
    """

    rows: Floats
    value: Floats
    there: NDArray[np.bool_]

    def weights(self, noise: Floats) -> Floats:
        """Precision of each pair of answers, shape (2, 2, kinds, raters)."""
        both = self.there.all(axis=0)
        inverse = np.linalg.inv(noise)
        out = np.empty((2, 2, *both.shape))
        for i, j in PAIRS:
            out[i, j] = both * inverse[i, j]
            if i == j:
                out[i, i] += (self.there[i] & ~both) / noise[i, i]
        return out


@dataclass(frozen=True, eq=False)
class _Equations:
    """Normal equations with raters apart: `fixed` and `tie` against `right`, raters' `own` inverse.

    Attributes:
        fixed: shape (2g, 2g), precision of the fixed coefficients with raters eliminated.
        right: shape (2g,), theirs.
        tie: shape (2g, raters, 2), what binds raters to them.
        alone: shape (raters, 2, 2), covariance of each rater's effects, all else known.
        theirs: shape (raters, 2), the raters' right side.
        weights: shape (2, 2, kinds, raters).
    """

    fixed: Floats
    right: Floats
    tie: Floats
    alone: Floats
    theirs: Floats
    weights: Floats


@dataclass(frozen=True, eq=False)
class _State:
    """Means and covariances of fixed coefficients and of raters, and where they come from."""

    fixed: Floats
    raters: Floats
    covariance: Floats
    cross: Floats
    own: Floats
    equations: _Equations


def believe_areas(
    heard: Heard, category: Ints, raters: int, *, scale: tuple[float, float] = (1.0, 5.0),
    rounds: int = ROUNDS, halo: bool = True,
) -> AreasBelief:  # fmt: skip
    """What `priorities.linear.believe` believes of areas.

    Args:
        heard: at most one row a rater and area.
        category: shape (areas,), each area's category.
        raters: how many.
        scale: least and most of what can be answered.
        rounds: of EM.
        halo: whether a rater's two answers about an area may go together.
    """
    grid, state, noise = _fit(heard, category, raters, scale, rounds, halo)
    pick = _pick(grid, category.size)
    return AreasBelief(pick @ state.fixed, pick @ state.covariance @ pick.T, noise)


def without_each(
    heard: Heard, category: Ints, raters: int, scale: tuple[float, float] = (1.0, 5.0)
) -> tuple[Floats, Iterator[Floats]]:
    """Areas' expected ratings from all, and without each rater in turn, with variances held.

    Args:
        heard, category, raters, scale: as for `believe_areas`.

    Returns:
        Means of shape (2 × areas,), first question first; and one such array for each rater.
    """
    grid, state, _ = _fit(heard, category, raters, scale, ROUNDS, True)
    pick = _pick(grid, category.size)
    middle = sum(scale) / 2

    def others() -> Iterator[Floats]:
        for r in range(raters):
            fixed, right = _less(grid, state.equations, r)
            yield pick @ solve(fixed, right, assume_a="pos") + middle

    return pick @ state.fixed + middle, others()


def _fit(
    heard: Heard, category: Ints, raters: int, scale: tuple[float, float], rounds: int, halo: bool
) -> tuple[_Grid, _State, Floats]:
    edges = np.cumsum([2, int(category.max()) + 1, category.size])
    grid = _grid(heard, category, raters, sum(scale) / 2)
    spread, noise = first_guess(scale, halo=halo)
    first, usual = [s.copy() for s in spread], noise.copy()
    g = grid.rows.shape[1]
    state = _solve(grid, noise, spread, edges)
    for _ in range(rounds):
        noise = noise_of(*_squares(grid, state), usual)
        if not halo:
            noise = np.diag(np.diag(noise))
        for level in range(2):
            at = np.arange(edges[level], edges[level + 1])
            spread[level] = moments(state.fixed, state.covariance, at, g, first[level])
        total = state.raters @ state.raters.T + state.own.sum(axis=0)
        spread[2] = (total + WEAK * first[2]) / (raters + WEAK)
        state = _solve(grid, noise, spread, edges)
    return grid, state, noise


def _pick(grid: _Grid, areas: int) -> Floats:
    """Rows that pick each area's mean rating, first question first."""
    x = np.zeros((2, areas, 2, grid.rows.shape[1]))
    for q in range(2):
        x[q, :, q] = grid.rows[:areas]
    return x.reshape(2 * areas, -1)


def _less(grid: _Grid, all_of: _Equations, rater: int) -> tuple[Floats, Floats]:
    """The fixed coefficients' equations without one rater."""
    g = grid.rows.shape[1]
    fixed, right = all_of.fixed.copy(), all_of.right.copy()
    w = all_of.weights[..., rater]
    kinds = np.flatnonzero(w.any(axis=(0, 1)))
    rows, value = grid.rows[kinds], grid.value[:, kinds, rater]
    for i, j in PAIRS:
        block = slice(i * g, (i + 1) * g)
        fixed[block, j * g : (j + 1) * g] -= rows.T @ (rows * w[i, j, kinds, None])
        right[block] -= rows.T @ (w[i, j, kinds] * value[j])
    tie, alone = all_of.tie[:, rater], all_of.alone[rater]
    return fixed + tie @ alone @ tie.T, right + tie @ alone @ all_of.theirs[rater]


def _grid(heard: Heard, category: Ints, raters: int, middle: float) -> _Grid:
    areas, categories = category.size, int(category.max()) + 1
    rows = np.zeros((2 * areas, 2 + categories + areas))
    at = np.arange(areas)
    for own in range(2):
        part = rows[own * areas : (own + 1) * areas]
        part[:, 0], part[:, 1] = 1, own
        part[at, 2 + category] = 1
        part[at, 2 + categories + at] = 1
    value = np.full((2, 2 * areas, raters), np.nan)
    value[:, heard.area + areas * heard.own, heard.rater] = heard.value.T
    there = ~np.isnan(value)
    return _Grid(rows, np.where(there, value - middle, 0.0), there)


def _solve(grid: _Grid, noise: Floats, spread: list[Floats], edges: Ints) -> _State:
    g = grid.rows.shape[1]
    raters = grid.value.shape[2]
    w = grid.weights(noise)
    precision = np.zeros((2 * g, 2 * g))
    tie = np.zeros((2 * g, raters, 2))
    own = np.zeros((raters, 2, 2))
    right, theirs = np.zeros(2 * g), np.zeros((raters, 2))
    for i, j in PAIRS:
        block = slice(i * g, (i + 1) * g)
        precision[block, j * g : (j + 1) * g] = grid.rows.T @ (
            grid.rows * w[i, j].sum(axis=1)[:, None]
        )
        tie[block, :, j] = grid.rows.T @ w[i, j]
        own[:, i, j] = w[i, j].sum(axis=0)
        answers = w[i, j] * grid.value[j]
        right[block] += grid.rows.T @ answers.sum(axis=1)
        theirs[:, i] += answers.sum(axis=0)
    for i in range(2):
        precision[[i * g, i * g + 1], [i * g, i * g + 1]] += FLAT
    for level in range(2):
        at = np.arange(edges[level], edges[level + 1])
        inverse = np.linalg.inv(spread[level])
        for i, j in PAIRS:
            precision[i * g + at, j * g + at] += inverse[i, j]
    alone = np.linalg.inv(own + np.linalg.inv(spread[2]))
    carried = np.einsum("grj,rjk->grk", tie, alone)
    flat, flat_tie = carried.reshape(2 * g, -1), tie.reshape(2 * g, -1)
    equations = _Equations(
        precision - flat @ flat_tie.T, right - flat @ theirs.reshape(-1), tie, alone, theirs, w
    )
    covariance = np.linalg.inv(equations.fixed)
    covariance = (covariance + covariance.T) / 2
    fixed = covariance @ equations.right
    cross = -(covariance @ flat).reshape(2 * g, raters, 2)
    found = np.einsum("rjk,rk->rj", alone, theirs) - (flat.T @ fixed).reshape(raters, 2)
    own = alone - np.einsum("grj,grk->rjk", carried, cross)
    return _State(fixed, found.T, covariance, cross, own, equations)


def _squares(grid: _Grid, state: _State) -> tuple[Floats, Floats]:
    """Expected products of residuals summed over answers, (2, 2), and how many there are."""
    g = grid.rows.shape[1]
    left = np.stack(
        [
            grid.value[q] - (grid.rows @ state.fixed[q * g : (q + 1) * g])[:, None]
            - state.raters[q]
            for q in range(2)
        ]
    )  # fmt: skip
    total, many = np.zeros((2, 2)), np.zeros((2, 2))
    both = grid.there.all(axis=0)
    cross = [[grid.rows @ state.cross[i * g : (i + 1) * g, :, j] for j in range(2)]
             for i in range(2)]  # fmt: skip
    for i, j in PAIRS:
        block = state.covariance[i * g : (i + 1) * g, j * g : (j + 1) * g]
        each = ((grid.rows @ block) * grid.rows).sum(axis=1)[:, None] + state.own[:, i, j]
        there = grid.there[i] if i == j else both
        more = left[i] * left[j] + each + cross[i][j] + cross[j][i]
        total[i, j] = more[there].sum()
        many[i, j] = there.sum()
    return total, many
