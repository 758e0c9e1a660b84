"""Variance components by restricted maximum likelihood, on the mixed-model equations.

Average information (Gilmour, Thompson and Cullis, Biometrics 51 (1995) 1440) with step halving.
The equations are scaled by the square roots of the variance ratios, so that a component may sit at
zero; the largest term and one that it is nested in are absorbed, and the rest is dense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, hstack
from scipy.sparse.linalg import lsqr

from calibrant.errors import InputError
from calibrant.stats.variance.terms import Floats, Ints, Terms

FLOOR = 1e-8
"""Smallest ratio of a component to the residual during the search; reported as 0 there.

At exactly 0 the slope of the likelihood is 0/0 in the scaled equations; this is close enough to
read it off, and too small to matter."""
DENSE_LIMIT = 6000
ITERATIONS = 300
HALVINGS = 6
NO_RESIDUAL = "response: the terms leave no residual; leave one of them out"


@dataclass(frozen=True)
class Fit:
    """What `fit` found; the residual is the last of `values` and `covariance`.

    Covariances of components at 0 are NaN.
    """

    values: Floats
    covariance: Floats
    criterion: float
    mean: float
    mean_se: float


class _Equations:
    """What the mixed-model equations of a table need, at any components.

    Two terms can be absorbed, as eliminating them leaves no more than a diagonal: `big`, the one
    with most levels, and `mid`, the largest of those that `big` is nested in ("item" for
    "item:grader"). Where there is none, one level with a component of 0 stands in.
    """

    def __init__(self, table: Terms) -> None:
        self.table = table
        self.levels = np.array(table.levels, dtype=int)
        order = sorted(range(len(table.levels)), key=lambda i: -table.levels[i])
        self.big = order[0] if order else None
        self.mid = next((i for i in order[1:] if self._nested(i)), None)
        self.small = [i for i in order if i not in (self.big, self.mid)]
        dense = sum(table.levels[i] for i in self.small)
        if dense > DENSE_LIMIT:
            raise InputError(
                f"terms: REML can handle {DENSE_LIMIT} levels beside the largest term and one it "
                f"is nested in, got {dense}; method='anova' can handle more"
            )
        one = np.zeros(table.n, dtype=np.int64)
        big = one if self.big is None else table.codes[self.big]
        mid = one if self.mid is None else table.codes[self.mid]
        self.z_big, self.z_mid = _indicator(big), _indicator(mid)
        self.z_small = hstack(
            [csr_array(np.ones((table.n, 1))), *(_indicator(table.codes[i]) for i in self.small)],
            format="csr",
        )
        self.blocks: dict[int, slice] = {}
        at = 1
        for i in self.small:
            self.blocks[i] = slice(at, at + table.levels[i])
            at += table.levels[i]
        self.w_big = np.bincount(big).astype(float)
        self.w_small = np.asarray((self.z_small.T @ self.z_small).todense())
        self.w_cross = csr_array(self.z_big.T @ self.z_small)
        self.parent = np.zeros(self.w_big.size, dtype=np.int64)
        self.parent[big] = mid
        self.up = csr_array(
            (np.ones(self.parent.size), (self.parent, np.arange(self.parent.size))),
            shape=(int(mid.max()) + 1, self.parent.size),
        )

    def _nested(self, other: int) -> bool:
        """Whether each level of the largest term lies in one level of another."""
        assert self.big is not None
        t = self.table
        pairs = t.codes[self.big] * np.int64(t.levels[other]) + t.codes[other]
        return bool(np.unique(pairs).size == t.levels[self.big])

    def at(self, values: Floats) -> _State:
        """Factorise at these components."""
        # So small a residual leaves nothing but rounding error to factorise.
        if values[-1] > 1e-9 * float(self.table.y @ self.table.y) / self.table.n:
            try:
                return _State(self, values)
            except np.linalg.LinAlgError:
                pass
        raise InputError(NO_RESIDUAL)


def _indicator(codes: Ints) -> Any:
    shape = (codes.size, int(codes.max()) + 1)
    return csr_array((np.ones(codes.size), (np.arange(codes.size), codes)), shape=shape)


class _State:
    """Restricted likelihood, slopes and average information at given components.

    The scaled equations in blocks (small, mid, big), lambda being roots of variance ratios:
    big × big is `d_big`; mid × mid less what big takes away is `d_mid`; `c` (mid × small) and the
    factorised matrix (small × small) likewise.
    """

    def __init__(self, equations: _Equations, values: Floats) -> None:
        e = self.e = equations
        self.values, self.error = values, float(values[-1])
        root = np.sqrt(values[:-1] / self.error)
        self.scale = np.ones(e.w_small.shape[0])
        for i in e.small:
            self.scale[e.blocks[i]] = root[i]
        self.l_big = 0.0 if e.big is None else float(root[e.big])
        self.l_mid = 0.0 if e.mid is None else float(root[e.mid])
        self.d_big = 1.0 + self.l_big**2 * e.w_big
        # 1 - l² w / d is 1 / d: written so, nothing cancels when components are large.
        self.d_mid = 1.0 + self.l_mid**2 * np.asarray(e.up @ (e.w_big / self.d_big))
        cross = csr_array(e.w_cross * (1 / self.d_big)[:, None])
        self.c = self.l_mid * np.asarray((e.up @ cross).todense()) * self.scale
        self.b = csr_array(e.w_cross * self.scale[None, :] * self.l_big)
        self.link = self.l_big * self.l_mid * e.w_big  # big × its parent in mid
        m = e.w_small * self.scale[:, None] * self.scale
        m[np.arange(1, m.shape[0]), np.arange(1, m.shape[0])] += 1.0
        weighted = csr_array(self.b * (1 / np.sqrt(self.d_big))[:, None])
        m -= np.asarray((weighted.T @ weighted).todense())
        m -= self.c.T @ (self.c / self.d_mid[:, None])
        self.factor = cho_factor(m, lower=True, check_finite=False)
        logs = 2 * np.log(np.diag(self.factor[0])).sum() + np.log(self.d_big).sum()
        log_det = float(logs + np.log(self.d_mid).sum())
        y, n = e.table.y, e.table.n
        self.py = self.project(y[:, None])[:, 0]
        scale = float(np.log(2 * np.pi * self.error))
        self.criterion = (n - 1) * scale + log_det + float(y @ self.py)

    def solve(self, v: Floats) -> tuple[Floats, Floats, Floats]:
        """Solve the scaled equations for the right-hand sides that columns of `v` give."""
        e = self.e
        big = self.l_big * np.asarray(e.z_big.T @ v) / self.d_big[:, None]
        mid = self.l_mid * np.asarray(e.z_mid.T @ v) - np.asarray(e.up @ (self.link[:, None] * big))
        mid = mid / self.d_mid[:, None]
        small = self.scale[:, None] * np.asarray(e.z_small.T @ v)
        small = small - np.asarray(self.b.T @ big) - self.c.T @ mid
        x = cho_solve(self.factor, small, check_finite=False)
        mid = mid - self.c @ x / self.d_mid[:, None]
        known = np.asarray(self.b @ x) + self.link[:, None] * mid[e.parent]
        return x, mid, big - known / self.d_big[:, None]

    def project(self, v: Floats) -> Floats:
        """P v, with P of the restricted likelihood, for columns of `v`."""
        e = self.e
        x, mid, big = self.solve(v)
        fitted = np.asarray(e.z_small @ (self.scale[:, None] * x))
        fitted = fitted + self.l_mid * np.asarray(e.z_mid @ mid)
        fitted = fitted + self.l_big * np.asarray(e.z_big @ big)
        found: Floats = (v - fitted) / self.error
        return found

    def slopes(self) -> Floats:
        """Derivatives of `criterion` by each component: tr(P V) - y'P V P y.

        The trace for a term is its levels less the trace of its block in the inverse of the
        scaled equations, over its component.
        """
        e, n = self.e, self.e.table.n
        inverse = cho_solve(self.factor, np.eye(self.scale.size), check_finite=False)
        traces = np.zeros(len(e.levels) + 1)
        for i in e.small:
            inside = float(np.trace(inverse[e.blocks[i], e.blocks[i]]))
            traces[i] = (e.levels[i] - inside) / self.values[i]
        x = self.c / self.d_mid[:, None]
        if e.mid is not None:
            own = float((1 - 1 / self.d_mid).sum())
            traces[e.mid] = (own - float((x @ inverse * x).sum())) / self.values[e.mid]
        if e.big is not None:
            share = self.link / self.d_big
            scaled = csr_array(self.b * (1 / self.d_big)[:, None])
            mixed = np.asarray((e.up @ csr_array(scaled * share[:, None])).todense()).T @ x
            squares = np.asarray(e.up @ share**2)
            gram = np.asarray((scaled.T @ scaled).todense()) - mixed - mixed.T
            gram += x.T @ (squares[:, None] * x)
            own = float((1 - 1 / self.d_big).sum() - (squares / self.d_mid).sum())
            traces[e.big] = (own - float((gram * inverse).sum())) / self.values[e.big]
        traces[-1] = (n - 1 - float(self.values[:-1] @ traces[:-1])) / self.error
        self.work = self.working()
        found: Floats = traces - self.work.T @ self.py
        return found

    def working(self) -> Floats:
        """Columns V_i P y."""
        t = self.e.table
        columns = [
            np.bincount(c, weights=self.py, minlength=q)[c]
            for c, q in zip(t.codes, t.levels, strict=True)
        ]
        return np.column_stack([*columns, self.py])

    def information(self) -> Floats:
        """Average information: half of (V_i P y)' P (V_j P y)."""
        found: Floats = 0.5 * self.work.T @ self.project(self.work)
        return (found + found.T) / 2


def fit(table: Terms, start: Floats) -> Fit:
    """Maximise the restricted likelihood over components of 0 or more.

    Args:
        table: the checked table.
        start: rough components, residual last; those not above 0 are replaced.

    Raises:
        InputError: if the terms leave no residual, there are too many levels, or the search
            does not converge.
    """
    equations = _Equations(table)
    # With fixed effects in place of random ones, is anything left? If not, the likelihood has no
    # maximum.
    left = lsqr(table.indicators(), table.y, atol=1e-13, btol=1e-13, iter_lim=1000)[3]
    if left**2 < 1e-9 * float(table.y @ table.y):
        raise InputError(NO_RESIDUAL)
    total = float(table.y @ table.y) / table.n
    values = np.maximum(start, 0.02 * total)
    state = equations.at(values)
    for _ in range(ITERATIONS):
        slopes = state.slopes()
        floor = FLOOR * state.values[-1]
        held = np.append(state.values[:-1] <= 10 * floor, False) & (slopes > 0)
        if _settled(state, slopes, held, table.n):
            return _finish(state, held)
        state = _step(equations, state, slopes, held, total)
    raise InputError(f"response: REML did not converge in {ITERATIONS} steps")


def _settled(state: _State, slopes: Floats, held: Any, n: int) -> bool:
    """Whether no free component could gain: slopes on the log scale are far below one unit."""
    free = ~held
    at_floor = np.append(state.values[:-1] <= 10 * FLOOR * state.values[-1], False)
    relative = np.abs(slopes * state.values)
    relative[at_floor & free] = np.inf  # wants to leave the floor
    # Small and still falling: on its way to the floor, however little is left to gain.
    error = state.values[-1]
    falling = (state.values < 1e-4 * error) & (slopes * error > 1e-3)
    relative[falling & free] = np.inf
    return bool(np.all(relative[free] < 3e-6 * np.sqrt(n)))


def _step(equations: _Equations, state: _State, slopes: Floats, held: Any, total: float) -> _State:
    """One average-information step that lowers the criterion; an EM step if none does.

    Components that the step would take below the floor are put there, and the step is worked out
    again for the others, so that running into a boundary does not spoil it.
    """
    # A component on its way out goes at once if that helps: near 0 its information says little,
    # and steps towards 0 would take for ever.
    out = (slopes > 0) & (state.values < 0.1 * state.error) & ~held
    out[-1] = False
    if out.any():
        found = equations.at(np.where(out, FLOOR * state.error, state.values))
        if found.criterion < state.criterion:
            return found
    information = state.information()
    held = held.copy()
    goal = state.values.copy()
    for _ in range(len(slopes)):
        free = ~held
        goal[free] = (state.values + _direction(information, slopes, free))[free]
        # At most ten times smaller a step: the likelihood near 0 is not quadratic.
        goal[-1] = max(goal[-1], state.values[-1] / 10)
        low = free & np.append(goal[:-1] < FLOOR * goal[-1], False)
        if not low.any():
            break
        goal[low] = FLOOR * goal[-1]
        held |= low
    allowed = 1e-9 * (1 + abs(state.criterion))
    size = 1.0
    for _ in range(HALVINGS):
        trial = state.values + size * (goal - state.values)
        trial[:-1] = np.maximum(trial[:-1], FLOOR * trial[-1])
        found = equations.at(trial)
        if found.criterion <= state.criterion + allowed:
            return found
        size /= 3
    counts = np.append(equations.levels, equations.table.n)
    quiet = state.values - state.values**2 * slopes / counts
    quiet[-1] = max(quiet[-1], state.values[-1] / 10)
    quiet[:-1] = np.maximum(quiet[:-1], FLOOR * quiet[-1])
    return equations.at(np.minimum(quiet, 100 * total))


def _direction(information: Floats, slopes: Floats, free: Any) -> Floats:
    """The average-information step for the free components; 0 for the others."""
    found = np.zeros_like(slopes)
    part = information[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.diag(part), 1e-30 * np.diag(part).max() + 1e-200))
    scaled = part / np.outer(scale, scale) + 1e-8 * np.eye(scale.size)
    found[free] = -0.5 * np.linalg.lstsq(scaled, slopes[free] / scale)[0] / scale
    return found


def _finish(state: _State, held: Any) -> Fit:
    """Components at the floor become 0, and their covariances unknown: information is no guide."""
    free = np.flatnonzero(~held)
    information = state.information()[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.diag(information), 1e-200))
    covariance = np.full((held.size, held.size), np.nan)
    inverse = np.linalg.pinv(information / np.outer(scale, scale))
    covariance[np.ix_(free, free)] = inverse / np.outer(scale, scale)
    values = np.where(held, 0.0, state.values)
    x, _, _ = state.solve(state.e.table.y[:, None])
    unit = cho_solve(state.factor, np.eye(state.scale.size)[:, :1], check_finite=False)
    mean_se = float(np.sqrt(state.error * unit[0, 0]))
    return Fit(values, covariance, state.criterion, float(x[0, 0]), mean_se)
