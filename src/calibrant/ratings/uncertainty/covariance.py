"""How far may the strengths be off together? Sandwich covariances, plain and clustered.

All parts come from the count table, or from sums of scores by cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import Counts
from calibrant.ratings.fit import Fit, RatingError
from calibrant.ratings.solve import DENSE, Matrix, solver
from calibrant.records.comparisons import Comparisons

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_CLUSTERS = 6
"""Below this many clusters nothing is said of the uncertainty."""

DENSE_SCORES = 1 << 24
"""Largest clusters × parameters that is summed in one dense array."""

_PAIRS_TIMES_SUBJECTS = 1 << 23


@dataclass(frozen=True, repr=False)
class Covariance:
    """Covariance of the log-strengths, each taken as its difference from the mean of all.

    Attributes:
        matrix: shape (subjects, subjects); None for more than `solve.DENSE` subjects.
        variances: shape (subjects,), its diagonal.
        extra: shape (e,), variances of the order effect and the tie parameter, as in the fit.
        df: shape (subjects,), degrees of freedom of t; infinite without clusters.
        method: how it was made, in words.
        clusters: by what and how many, such as {"item": 120}.
    """

    matrix: Floats | None
    variances: Floats
    extra: Floats
    df: Floats
    method: str
    clusters: dict[str, int]

    @property
    def standard_errors(self) -> Floats:
        """Shape (subjects,)."""
        return np.sqrt(self.variances)

    def __repr__(self) -> str:
        se = self.standard_errors
        return f"{self.method}: standard errors {se.min():.3g} to {se.max():.3g}"


def model_based(fit: Fit) -> Covariance:
    """The inverse of the information: right only if the model is, and comparisons independent."""
    return _covariance(fit, _core(fit, fit.hessian, -1.0), "inverse information", {})


def sandwich(fit: Fit) -> Covariance:
    """Right also where the model is wrong, if comparisons are independent (Huber 1967; White,
    Econometrica 50 (1982) 1); from the count table alone.

    With a prior its precision joins the meat, so that what only the prior says stays uncertain.
    """
    terms, problem = fit.terms(), fit.problem
    n = problem.counts.outcomes
    mixed = (n * terms.d * terms.t).sum(axis=1) if problem.ties else None
    meat = problem.quadratic((n * terms.d**2).sum(axis=1), mixed, float((n * terms.t**2).sum()))
    return _covariance(fit, meat, "sandwich", {})


def clustered(fit: Fit, rows: Comparisons, by: Sequence[str]) -> Covariance:
    """Sandwich whose comparisons may depend on each other within clusters.

    One way (Liang and Zeger, Biometrika 73 (1986) 13) or two ways (Cameron, Gelbach and Miller,
    Journal of Business & Economic Statistics 29 (2011) 238; negative eigenvalues set to 0), times
    G / (G - 1) for G clusters. Degrees of freedom are Satterthwaite's under independence: as
    many as clusters of equal information would give, less one.

    Args:
        fit: of the counts of `rows`, or of some of their subjects.
        rows: the comparisons.
        by: one or two columns of `rows`, such as ("item", "voter").

    Raises:
        RatingError: for fewer than `FEWEST_CLUSTERS` clusters.
        InputError: for a column that is not there or incomplete.
    """
    if not 1 <= len(by) <= 2 or len(set(by)) != len(by):
        raise InputError(f"cluster: wanted one or two columns, got {', '.join(by) or 'none'}")
    if len(fit.counts.names) > DENSE:
        raise InputError(f"cluster: wanted at most {DENSE} subjects, got {len(fit.counts.names)}")
    kept = _kept(fit.counts, rows)
    labels = {}
    for name in by:
        codes, _ = rows.labels(name)
        labels[name] = _renumbered(codes[kept.rows])
        if labels[name][1] < FEWEST_CLUSTERS:
            raise RatingError(
                f"cluster: wanted at least {FEWEST_CLUSTERS} of {name}, got {labels[name][1]}"
            )
    scores = Scores(fit)
    total = np.zeros((scores.problem.size, scores.problem.size))
    df = np.full(len(fit.counts.names), np.inf)
    for codes, number in labels.values():
        total += scores.meat(kept, codes, number)
        df = np.minimum(df, scores.degrees(kept, codes, number))
    if len(by) == 2:
        (a, size_a), (b, size_b) = labels.values()
        both, number = _renumbered(a * size_b + b)
        total -= scores.meat(kept, both, number)
        values, vectors = np.linalg.eigh(total)
        total = (vectors * np.maximum(values, 0)) @ vectors.T
        del size_a
    sizes = {name: number for name, (_, number) in labels.items()}
    made = "sandwich clustered by " + " and ".join(by)
    found = _covariance(fit, total, made, sizes)
    return Covariance(found.matrix, found.variances, found.extra, np.maximum(df, 1.0), made, sizes)


@dataclass(frozen=True)
class Kept:
    """Rows whose subjects are both in a fit: their places, subjects by the fit, and weights."""

    rows: Ints
    left: Ints
    right: Ints
    outcome: Ints
    weight: Floats


def _kept(counts: Counts, rows: Comparisons) -> Kept:
    index = {name: i for i, name in enumerate(counts.names)}
    place = np.array([index.get(n, -1) for n in rows.names], dtype=np.int64)
    parts: list[tuple[Ints, ...]] = []
    weights, start = [], 0
    for a, b, o, w in rows.blocks():
        left, right = place[a], place[b]
        there = np.flatnonzero((left >= 0) & (right >= 0))
        parts.append((there + start, left[there], right[there], o[there].astype(np.int64)))
        weights.append(np.ones(there.size) if w is None else w[there])
        start += a.size
    whole = [np.concatenate(x) for x in zip(*parts, strict=True)]
    return Kept(whole[0], whole[1], whole[2], whole[3], np.concatenate(weights))


def _renumbered(codes: Ints) -> tuple[Ints, int]:
    values, at = np.unique(codes, return_inverse=True)
    return at.astype(np.int64), values.size


class Scores:
    """Derivatives of the log-likelihood of each row, looked up in the count table."""

    def __init__(self, fit: Fit) -> None:
        self.fit, self.problem, self.terms = fit, fit.problem, fit.terms()
        c = self.problem.counts
        self.codes = c.left * len(c.names) + c.right

    def of(self, left: Ints, right: Ints, outcome: Ints) -> tuple[Ints, Ints, Floats, Floats]:
        """Pair of the table, outcome as the table sees it, and derivatives by difference (left
        minus right) and tie parameter."""
        turned = np.zeros(left.size, bool) if self.problem.order_effect else left > right
        low, high = np.where(turned, right, left), np.where(turned, left, right)
        pair = np.searchsorted(self.codes, low * self.problem.subjects + high)
        seen = np.where(turned, np.array([1, 0, 2])[outcome], outcome)
        d = self.terms.d[pair, seen]
        return pair, seen, np.where(turned, -d, d), self.terms.t[pair, seen]

    def meat(self, kept: Kept, codes: Ints, number: int) -> Floats:
        """Shape (P, P): sum over clusters of the outer product of summed scores, times G/(G-1)."""
        _, _, d, t = self.of(kept.left, kept.right, kept.outcome)
        d, t = d * kept.weight, t * kept.weight
        size = self.problem.size
        edges = []
        if self.problem.order_effect:
            edges.append((self.problem.subjects, d))
        if self.problem.ties:
            edges.append((size - 1, t))
        if number * size <= DENSE_SCORES:
            base = codes * size
            u: Floats = np.bincount(base + kept.left, d, number * size).astype(np.float64)
            u -= np.bincount(base + kept.right, d, number * size)
            u = u.reshape(number, size)
            for column, values in edges:
                u[:, column] = np.bincount(codes, values, number)
            found = u.T @ u
        else:
            found = _sparse_meat(codes, number, size, kept, d, edges)
        return found * number / (number - 1)

    def degrees(self, kept: Kept, codes: Ints, number: int) -> Floats:
        """Shape (subjects,): Satterthwaite's degrees of freedom of each log-strength."""
        c, k = self.problem.counts, self.problem.subjects
        n = c.outcomes
        information = -(n * self.terms.dd).sum(axis=1) / n.sum(axis=1)
        pair, _, _, _ = self.of(kept.left, kept.right, kept.outcome)
        if c.left.size * k > _PAIRS_TIMES_SUBJECTS:
            share = np.bincount(codes, kept.weight * information[pair], number).astype(np.float64)
            return np.full(k, _effective(share[:, None])[0])
        from scipy.sparse import coo_array

        solve = solver(self.fit.hessian, k, grounded=self.fit.prior_sd is None)
        a = solve(np.eye(self.problem.size, k) - _mean(self.problem.size, k))[:k]
        by_pair = information[:, None] * (a[c.left] - a[c.right]) ** 2
        played = coo_array((kept.weight, (codes, pair)), shape=(number, c.left.size)).tocsr()
        return _effective(played @ by_pair)


def _mean(size: int, subjects: int) -> Floats:
    out = np.zeros((size, subjects))
    out[:subjects] = 1 / subjects
    return out


def _effective(shares: Floats) -> Floats:
    squares = (shares**2).sum(axis=0)
    return np.asarray(shares.sum(axis=0) ** 2 / np.where(squares > 0, squares, 1.0) - 1)


def _sparse_meat(
    codes: Ints, number: int, size: int, kept: Kept, d: Floats, edges: list[tuple[int, Floats]]
) -> Floats:
    from scipy.sparse import coo_array

    rows = np.concatenate([codes, codes, *(codes for _ in edges)])
    columns = [kept.left, kept.right, *(np.full(codes.size, c) for c, _ in edges)]
    values = np.concatenate([d, -d, *(v for _, v in edges)])
    u = coo_array((values, (rows, np.concatenate(columns))), shape=(number, size)).tocsr()
    return np.asarray((u.T @ u).toarray())


def _core(fit: Fit, matrix: Matrix, sign: float) -> Matrix:
    """sign · matrix, less what a prior put on the diagonal (it is added again in `_covariance`)."""
    core = sign * matrix
    if fit.prior_sd is not None:
        core = core - _prior(fit, core)
    return core


def _prior(fit: Fit, like: Matrix) -> Matrix:
    diagonal = np.zeros(like.shape[0])
    if fit.prior_sd is not None:
        diagonal[: len(fit.counts.names)] = 1 / fit.prior_sd**2
    if isinstance(like, np.ndarray):
        return np.diag(diagonal)
    from scipy.sparse import diags_array

    return diags_array(diagonal, format="csr")


def _covariance(fit: Fit, meat: Matrix, method: str, clusters: dict[str, int]) -> Covariance:
    """A⁻¹ (meat + prior precision) A⁻¹ with A the negative Hessian, strengths about their mean."""
    k, size = len(fit.counts.names), fit.parameters.size
    if fit.prior_sd is not None:
        meat = meat + _prior(fit, meat)
        method += f" with a normal prior of sd {fit.prior_sd:g}"
    solve = solver(fit.hessian, k, grounded=fit.prior_sd is None)
    infinite = np.full(k, np.inf)
    if isinstance(meat, np.ndarray):
        right = np.eye(size)
        right[:k, :k] -= 1 / k
        a = solve(right)
        whole = a.T @ meat @ a
        whole = (whole + whole.T) / 2
        found = whole[:k, :k]
        return Covariance(
            found, np.maximum(np.diag(found), 0), np.diag(whole)[k:], infinite, method, clusters
        )
    variances = np.empty(size)
    for start in range(0, size, 128):
        columns = np.arange(start, min(start + 128, size))
        right = np.zeros((size, columns.size))
        right[columns, np.arange(columns.size)] = 1
        right[:k, columns < k] -= 1 / k
        a = solve(right)
        variances[columns] = (a * (meat @ a)).sum(axis=0)
    return Covariance(None, variances[:k], variances[k:], infinite, method, clusters)
