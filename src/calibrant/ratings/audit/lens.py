"""One fit seen closely: what each vote contributes, and how far a removed one moves the strengths.

For Bradley–Terry the Hessian is a weighted graph Laplacian, so that the change of a difference of
strengths is a flow of current: the tools here are potentials and effective resistances.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.fit import Fit, RatingError, fit
from calibrant.ratings.likelihood import MODELS, ModelName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ELO = 400 / float(np.log(10))
"""Elo points per unit of log-strength."""


class Lens:
    """A fit with the inverse of its information and the cells of its count table.

    A cell is an ordered pair and an outcome; the votes of one cell are alike.

    Attributes:
        counts, fit: what was fitted.
        information: shape (P, P), minus the Hessian.
        inverse: shape (P, P), its inverse where strengths add up to 0.
        left, right, outcome, votes: shape (cells,), of the cells that hold votes.
        score: shape (cells,), derivative of a vote's log-likelihood by the difference.
    """

    def __init__(self, found: Fit) -> None:
        self.fit = found
        self.counts = found.counts
        self.information: Floats = -found.hessian
        self.inverse = _inverse(self.information, found.strengths.size, found.prior_sd is None)
        pair, self.outcome = np.nonzero(self.counts.outcomes)
        self.left, self.right = self.counts.left[pair], self.counts.right[pair]
        self.votes: Floats = self.counts.outcomes[pair, self.outcome]
        d = found.strengths[self.left] - found.strengths[self.right]
        if found.order_effect is not None:
            d = d + found.order_effect
        terms = MODELS[found.model](d, self._tie_parameter)
        cell = np.arange(pair.size)
        self.score: Floats = terms.d[cell, self.outcome]
        self.tie_score: Floats = terms.t[cell, self.outcome]

    @property
    def _tie_parameter(self) -> float:
        return 0.0 if self.fit.tie is None else float(self.fit.parameters[-1])

    @property
    def strengths(self) -> Floats:
        """Log-strengths, shape (subjects,)."""
        return self.fit.strengths

    @cached_property
    def ranking(self) -> Ints:
        """Subjects, strongest first."""
        return np.argsort(-self.strengths, kind="stable")

    @cached_property
    def cell_codes(self) -> Ints:
        """Shape (cells,): one whole number for each cell, rising; the same for every table."""
        return (self.left * self.strengths.size + self.right) * 3 + self.outcome

    def gradients(self, groups: Ints, size: int, cell: Ints) -> Floats:
        """Shape (size, P): summed score of each group of rows.

        Args:
            groups: shape (n,), the group of each row, from 0 to size - 1.
            cell: shape (n,), the cell of each row.
        """
        k = self.strengths.size
        out = np.zeros((size, self.information.shape[0]))
        by_d = self.score[cell]
        flat = out[:, :k].copy().ravel()
        flat += np.bincount(groups * k + self.left[cell], by_d, size * k)
        flat -= np.bincount(groups * k + self.right[cell], by_d, size * k)
        out[:, :k] = flat.reshape(size, k)
        if self.fit.order_effect is not None:
            out[:, k] = np.bincount(groups, by_d, size)
        if self.fit.tie is not None:
            out[:, -1] = np.bincount(groups, self.tie_score[cell], size)
        return out

    def cells_of(self, left: Ints, right: Ints, outcome: Ints) -> Ints:
        """The cell of each row; every row must be one of those counted."""
        k = self.strengths.size
        if self.fit.order_effect is None:  # then the table has left < right throughout
            turned = left > right
            left, right = np.where(turned, right, left), np.where(turned, left, right)
            outcome = np.where(turned, np.array([1, 0, 2])[outcome], outcome)
        # Cells come from a sorted table, so that their codes are sorted.
        return np.searchsorted(self.cell_codes, (left * k + right) * 3 + outcome)

    def without(self, part: Counts) -> Counts:
        """The comparisons less some of them."""
        return self.counts - (part.unordered() if self.fit.order_effect is None else part)

    def potential(self, a: int, b: int) -> Floats:
        """Shape (P,): how far each unit of score moves the strength of a minus that of b."""
        return np.asarray(self.inverse[a] - self.inverse[b])

    def cell_influence(self, potential: Floats) -> Floats:
        """Shape (cells,): first-order change of the contrast when one vote of a cell is added."""
        k = self.strengths.size
        moved = self.score * (potential[self.left] - potential[self.right])
        if self.fit.order_effect is not None:
            moved = moved + self.score * potential[k]
        if self.fit.tie is not None:
            moved = moved + self.tie_score * potential[-1]
        return np.asarray(moved)

    def resistance(self, left: Ints, right: Ints) -> Floats:
        """Effective resistance between subjects: variance of the difference of strengths."""
        v = self.inverse
        return np.asarray(v[left, left] + v[right, right] - 2 * v[left, right])

    def covariance(self, gradients: Floats | None = None) -> Floats:
        """Shape (P, P): the sandwich, from summed scores of clusters, or from single votes."""
        if gradients is None:
            k = self.information.shape[0]
            rows = np.arange(self.left.size)
            gradients = np.zeros((rows.size, k))
            gradients[rows, self.left], gradients[rows, self.right] = self.score, -self.score
            if self.fit.order_effect is not None:
                gradients[:, self.strengths.size] = self.score
            if self.fit.tie is not None:
                gradients[:, -1] = self.tie_score
            meat = (gradients * self.votes[:, None]).T @ gradients
        else:
            n = gradients.shape[0]
            meat = gradients.T @ gradients * (n / max(n - 1, 1))
        return np.asarray(self.inverse @ meat @ self.inverse)

    def refit(self, counts: Counts) -> Fit:
        """The same model on changed comparisons, started from here.

        Raises:
            RatingError: if the changed comparisons have no rating.
        """
        f = self.fit
        return fit(
            counts, f.model, order_effect=f.order_effect is not None, prior_sd=f.prior_sd,
            start=f.parameters,
        )  # fmt: skip


def look(
    counts: Counts, model: ModelName = "bt", order_effect: bool = False,
    prior_sd: float | None = None,
) -> Lens:  # fmt: skip
    """Fit and look closely.

    Raises:
        RatingError: if no rating exists.
        InputError: for weighted comparisons: what is removed or added here are whole votes.
    """
    if not np.array_equal(counts.outcomes, counts.outcomes.round()):
        raise InputError("comparisons: an audit wants whole votes, got weights")
    return Lens(fit(counts, model, order_effect=order_effect, prior_sd=prior_sd))


def change(counts: Counts, left: Ints, right: Ints, outcome: Ints, votes: Floats) -> Counts:
    """The table with votes added to cells (taken away where `votes` are below 0)."""
    rows = np.zeros((left.size, 3))
    rows[np.arange(left.size), outcome] = votes
    merged = counts + Counts(counts.names, left, right, rows)
    there = merged.outcomes.sum(axis=1) > 0
    return Counts(merged.names, merged.left[there], merged.right[there], merged.outcomes[there])


def half_wins(counts: Counts) -> Floats:
    """Shape (subjects, subjects): wins of row against column, ties as half a win for each."""
    k = len(counts.names)
    halves = counts.outcomes[:, TIE] / 2
    wins = np.zeros((k, k))
    np.add.at(wins, (counts.left, counts.right), counts.outcomes[:, 0] + halves)
    np.add.at(wins, (counts.right, counts.left), counts.outcomes[:, 1] + halves)
    return wins


def _inverse(information: Floats, subjects: int, free: bool) -> Floats:
    """Inverse of the information; where no prior holds the strengths, on those that add up to 0."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    a = information.copy()
    scale = np.abs(np.diag(a)).max() / subjects if free else 0.0
    a[:subjects, :subjects] += scale
    try:
        inverse = cho_solve(cho_factor(a), np.eye(a.shape[0]))
    except LinAlgError:
        raise RatingError(
            "the comparisons tell nothing of some difference of strengths: no finite rating"
        ) from None
    if not free:
        return np.asarray(inverse)
    inverse[:subjects, :subjects] -= 1 / (scale * subjects**2)
    return np.asarray((inverse + inverse.T) / 2)
