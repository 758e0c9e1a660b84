"""Who is better at equal length and style? Comparisons with covariates, in streamed blocks.

Each comparison has its own covariates, so that counts do not suffice: every round of Newton reads
the rows once, block by block. Covariates are differences left minus right, in units of their root
mean square.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.fit import ROUNDS, TOLERANCE, Convergence, RatingError
from calibrant.ratings.likelihood import MODELS, ModelName
from calibrant.ratings.solve import DENSE, laplacian, solver
from calibrant.ratings.uncertainty.covariance import FEWEST_CLUSTERS
from calibrant.records.comparisons import Comparisons

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Part = tuple[slice, Ints, Ints, Floats, Floats, dict[str, Floats]]

ROWS = 1 << 16
"""Rows of a block: derivatives of all outcomes are made at a time."""


@dataclass(frozen=True, repr=False)
class Adjusted:
    """Strengths at equal covariates.

    Attributes:
        parameters: shape (P,): log-strengths (they add up to 0), the order effect if asked,
            coefficients, then the tie parameter if the model has one.
        covariance: shape (P, P), sandwich, clustered if asked.
        names: of the covariates; scales: their root mean squares.
        hessian: shape (P, P).
    """

    model: ModelName
    counts: Counts
    parameters: Floats
    covariance: Floats
    names: tuple[str, ...]
    scales: Floats
    order_effect: bool
    hessian: Floats
    log_likelihood: float
    prior_sd: float | None
    convergence: Convergence
    clusters: dict[str, int]

    @property
    def strengths(self) -> Floats:
        """Shape (subjects,)."""
        return self.parameters[: len(self.counts.names)]

    @property
    def at(self) -> slice:
        """Where the coefficients are among the parameters."""
        first = len(self.counts.names) + self.order_effect
        return slice(first, first + len(self.names))

    def __repr__(self) -> str:
        pairs = zip(self.names, self.parameters[self.at], strict=True)
        said = ", ".join(f"{n} {b:.3g}" for n, b in pairs)
        return f"{self.model} of {self.counts!r} at equal {said} (per root mean square)"


def difference(rows: Comparisons, name: str) -> Floats:
    """The covariate `name` of each row: its column, or left_name minus right_name, or name_left
    minus name_right, or name_a minus name_b.

    Raises:
        InputError: if there is none, or a value is no finite number.
    """
    there = rows.columns.columns
    if name in there:
        return rows.numbers(name)
    for a, b in ((f"left_{name}", f"right_{name}"), (f"{name}_left", f"{name}_right"),
                 (f"{name}_a", f"{name}_b")):  # fmt: skip
        if a in there and b in there:
            return rows.numbers(a) - rows.numbers(b)
    raise InputError(
        f"covariate: no column {name!r}, nor left_{name} and right_{name}; there are "
        f"{', '.join(there[:12]) or 'none'}"
    )


def adjusted(
    rows: Comparisons,
    counts: Counts,
    covariates: Sequence[str],
    model: ModelName = "bt",
    *,
    order_effect: bool = False,
    prior_sd: float | None = None,
    by: Sequence[str] = (),
) -> Adjusted:
    """Maximise the likelihood with covariates (style control).

    Args:
        rows: the comparisons; counts: of them.
        covariates: names, see `difference`.
        model, order_effect: as in `fit`.
        prior_sd: a normal prior on log-strengths and coefficients.
        by: at most one column of clusters.

    Raises:
        RatingError: naming a covariate that separates left wins from right wins perfectly, or
            that only tells subjects apart; if the maximum was not reached; too few clusters.
        InputError: for covariates that are not there or never differ, or too many subjects.
    """
    if len(counts.names) > DENSE:
        raise InputError(f"covariates: wanted at most {DENSE} subjects, got {len(counts.names)}")
    x, scales = _scaled(rows, covariates)
    if prior_sd is None:
        for k, name in enumerate(covariates):
            _refuse_separation(rows, x[:, k], name)
    problem = _Problem(rows, counts, x, tuple(covariates), model, order_effect, prior_sd)
    parameters, value, h, proof = problem.solve()
    solve = solver(h, problem.subjects, grounded=prior_sd is None)
    sizes = {}
    codes, number = None, 0
    if by:
        if len(by) > 1:
            raise InputError("cluster: with covariates wanted at most one column")
        codes, number = rows.labels(by[0])
        sizes[by[0]] = number
        if number < FEWEST_CLUSTERS:
            raise RatingError(
                f"cluster: wanted at least {FEWEST_CLUSTERS} of {by[0]}, got {number}"
            )
    meat = problem.meat(parameters, codes, number) + np.diag(problem.precision())
    right = np.eye(problem.size)
    k = problem.subjects
    right[:k, :k] -= 1 / k
    a = solve(right)
    parameters[:k] -= parameters[:k].mean()
    return Adjusted(
        model, counts, parameters, a.T @ meat @ a, tuple(covariates), scales, order_effect, h,
        value, prior_sd, proof, sizes,
    )  # fmt: skip


def _scaled(rows: Comparisons, covariates: Sequence[str]) -> tuple[Floats, Floats]:
    """Covariates over their root mean squares, shape (n, covariates), and these."""
    if len(set(covariates)) != len(covariates):
        raise InputError("covariates: one is named twice")
    x = np.stack([difference(rows, name) for name in covariates], axis=1)
    scales = np.sqrt((x**2).mean(axis=0))
    for name, scale in zip(covariates, scales, strict=True):
        if scale == 0:
            raise InputError(f"covariate: {name!r} is 0 in every comparison")
    return x / scales, scales


def _refuse_separation(rows: Comparisons, x: Floats, name: str) -> None:
    """Refuse a covariate whose sign alone tells every outcome where it differs."""
    agree = against = unclear = start = 0
    for _, _, outcome, _ in rows.blocks():
        part = np.sign(x[start : start + outcome.size])
        start += outcome.size
        side = np.array([1, -1, 0])[outcome]
        agree += int((part * side > 0).sum())
        against += int((part * side < 0).sum())
        unclear += int(((part != 0) & (side == 0)).sum())
    if unclear == 0 and 0 in (agree, against) and agree + against > 0:
        which = "higher" if agree else "lower"
        raise RatingError(
            f"covariate: {name!r} separates perfectly: in all {agree + against:,} comparisons "
            f"where it differs, the subject with the {which} value won; its effect has no finite "
            "estimate, and strengths cannot be told from it there; leave it out, or state a prior"
        )


class _Problem:
    """The likelihood of rows with covariates."""

    def __init__(
        self, rows: Comparisons, counts: Counts, x: Floats, names: tuple[str, ...],
        model: ModelName, order_effect: bool, prior_sd: float | None,
    ) -> None:  # fmt: skip
        self.rows, self.counts, self.x, self.names = rows, counts, x, names
        self.model: ModelName = model
        self.order_effect, self.prior_sd = order_effect, prior_sd
        self.ties = model != "bt"
        self.subjects = len(counts.names)
        self.edges = int(order_effect) + x.shape[1]
        self.size = self.subjects + self.edges + self.ties

    def precision(self) -> Floats:
        """Of the prior, shape (P,): on strengths and coefficients."""
        out = np.zeros(self.size)
        if self.prior_sd is not None:
            out[: self.subjects] = 1 / self.prior_sd**2
            first = self.subjects + self.order_effect
            out[first : first + len(self.names)] = 1 / self.prior_sd**2
        return out

    def start(self) -> Floats:
        parameters = np.zeros(self.size)
        if self.ties:
            share = self.counts.outcomes[:, TIE].sum() / self.counts.total
            if not 0 < share < 1:
                raise RatingError(f"{self.model}: wanted some ties and some wins")
            parameters[-1] = np.log(2 * share / (1 - share))
        return parameters

    def _blocks(
        self, parameters: Floats
    ) -> Iterator[tuple[slice, Ints, Ints, Floats, Floats, dict[str, Floats]]]:
        """Rows, subjects, edge design, weights, and derivatives of what was seen."""
        k, start = self.subjects, 0
        s, b = parameters[:k], parameters[k : k + self.edges]
        t = float(parameters[-1]) if self.ties else 0.0
        for left, right, outcome, weight in self.rows.blocks(ROWS):
            part = slice(start, start + left.size)
            start += left.size
            e = self.x[part]
            if self.order_effect:
                e = np.concatenate([np.ones((left.size, 1)), e], axis=1)
            terms = MODELS[self.model](s[left] - s[right] + e @ b, t)
            seen = {
                n: np.take_along_axis(getattr(terms, n), outcome[:, None].astype(np.int64), 1)[:, 0]
                for n in ("value", "d", "dd", "t", "tt", "dt")
            }
            w = np.ones(left.size) if weight is None else weight
            yield part, left.astype(np.int64), right.astype(np.int64), e, w, seen

    def derivatives(self, parameters: Floats) -> tuple[float, Floats, Floats]:
        """Penalised log-likelihood, gradient and Hessian, in one pass."""
        k, e = self.subjects, self.edges
        extra = e + self.ties
        value, g = 0.0, np.zeros(self.size)
        cells, border, corner = np.zeros(k * k), np.zeros((k, extra)), np.zeros((extra, extra))
        for _, left, right, x, w, seen in self._blocks(parameters):
            d, dd = w * seen["d"], w * seen["dd"]
            value += float((w * seen["value"]).sum())
            g[:k] += np.bincount(left, d, k) - np.bincount(right, d, k)
            g[k : k + e] += x.T @ d
            cells += np.bincount(left * k + right, dd, k * k)
            for j in range(e):
                across = dd * x[:, j]
                border[:, j] += np.bincount(left, across, k) - np.bincount(right, across, k)
            corner[:e, :e] += (x * dd[:, None]).T @ x
            if self.ties:
                dt = w * seen["dt"]
                g[-1] += float((w * seen["t"]).sum())
                border[:, -1] += np.bincount(left, dt, k) - np.bincount(right, dt, k)
                mixed = x.T @ dt
                corner[:e, -1] += mixed
                corner[-1, :e] += mixed
                corner[-1, -1] += float((w * seen["tt"]).sum())
        there = np.flatnonzero(cells)
        h = laplacian(there // k, there % k, cells[there], k, border, corner, 0.0)
        p = self.precision()
        return (
            value - float((p * parameters**2).sum()) / 2, g - p * parameters, h - np.diag(p)
        )  # fmt: skip

    def meat(self, parameters: Floats, codes: Ints | None, number: int) -> Floats:
        """Sum of outer products of scores, by row or by cluster."""
        k = self.subjects
        out = np.zeros((self.size, self.size))
        sums = np.zeros((number, self.size))
        for part, left, right, x, w, seen in self._blocks(parameters):
            d = w * seen["d"]
            edge = x * d[:, None]
            if self.ties:
                edge = np.concatenate([edge, (w * seen["t"])[:, None]], axis=1)
            if codes is not None:
                at = codes[part]
                np.add.at(sums, (at, left), d)
                np.add.at(sums, (at, right), -d)
                for j in range(edge.shape[1]):
                    sums[:, k + j] += np.bincount(at, edge[:, j], number)
                continue
            dd = d**2
            cells: Floats = np.bincount(left * k + right, dd, k * k).astype(np.float64)
            there = np.flatnonzero(cells)
            border = np.zeros((k, edge.shape[1]))
            for j in range(edge.shape[1]):
                across = d * edge[:, j]
                border[:, j] = np.bincount(left, across, k) - np.bincount(right, across, k)
            out += laplacian(there // k, there % k, cells[there], k, border, edge.T @ edge, 0.0)
        return sums.T @ sums * number / (number - 1) if codes is not None else out

    def solve(self) -> tuple[Floats, float, Floats, Convergence]:
        """Newton with halved steps."""
        parameters = self.start()
        value, g, h = self.derivatives(parameters)
        self._refuse_confounded(h)
        busiest = float(self.counts.wins.sum(axis=1).max())
        for rounds in range(ROUNDS + 1):
            step = self._step(g, h)
            largest, decrement = float(np.abs(g).max()), float(g @ step)
            if largest <= TOLERANCE * busiest:
                penalty = float((self.precision() * parameters**2).sum()) / 2
                return parameters, value + penalty, h, Convergence(largest, rounds, decrement)
            scale = 1.0
            while True:
                tried = parameters + scale * step
                new = self.derivatives(tried)
                if new[0] >= value - 1e-12 * abs(value) or scale < 1e-10:
                    break
                scale /= 2
            parameters, (value, g, h) = tried, new
            self._refuse_divergence(parameters)
        raise RatingError(
            f"{self.model}: not converged after {ROUNDS} rounds (gradient {largest:.3g})"
        )

    def _step(self, g: Floats, h: Floats) -> Floats:
        try:
            return solver(h, self.subjects, grounded=self.prior_sd is None)(g)
        except np.linalg.LinAlgError:
            # Far from the maximum Rao–Kupper need not be concave: climb along the gradient.
            return np.asarray(g / max(float(np.abs(np.diag(h)).max()), 1e-12))

    def _refuse_confounded(self, h: Floats) -> None:
        """Refuse a covariate that the subjects and the other covariates determine."""
        first = self.subjects + self.order_effect
        for j, name in enumerate(self.names):
            at = first + j
            rest = np.r_[0 : self.subjects + self.edges]
            rest = rest[rest != at]
            a = -h[np.ix_(rest, rest)]
            left, *_ = np.linalg.lstsq(a, -h[rest, at], rcond=1e-12)
            free = -h[at, at] - float(-h[rest, at] @ left)
            if free <= 1e-9 * -h[at, at]:
                raise RatingError(
                    f"covariate: {name!r} is determined by the subjects or other covariates: its "
                    "effect cannot be told from theirs; leave it out"
                )

    def _refuse_divergence(self, parameters: Floats) -> None:
        first = self.subjects + self.order_effect
        ends = parameters[self.subjects : first].tolist() + parameters[-1:].tolist() * self.ties
        if max(map(abs, ends), default=0.0) > 30:
            raise RatingError(
                "order effect or ties: no finite estimate; leave the order effect out, or use bt"
            )
        if self.prior_sd is not None:
            return
        b = parameters[first : first + len(self.names)]
        worst = int(np.argmax(np.abs(b)))
        if abs(b[worst]) > 30:
            raise RatingError(
                f"covariate: {self.names[worst]!r} (with the others) separates perfectly: its "
                "effect grows without end; leave it out, or state a prior"
            )
