"""Who is better at what? Strengths per category, pooled as far as the data ask for it.

Each category's strengths are the overall ones plus deviations from a normal law whose standard
deviation is estimated from all categories (empirical Bayes, by EM with Laplace's approximation):
categories with few votes stay near the board, and none is without a rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from calibrant.errors import InputError
from calibrant.ratings.audit.data import Votes
from calibrant.ratings.audit.lens import Lens
from calibrant.ratings.beyond.hodge import laplacian
from calibrant.ratings.counts import LEFT, TIE, Counts
from calibrant.ratings.fit import RatingError, fit

Floats = NDArray[np.float64]

ROUNDS = 500


@dataclass(frozen=True)
class Categories:
    """Strengths per category.

    Attributes:
        categories, names: rows and columns of the arrays.
        votes: comparisons of each category.
        strengths: shape (categories, subjects), log scale. low, high: their intervals.
        standard_error: shape (categories, subjects).
        overall: shape (subjects,), the common board; adds up to 0.
        spread: standard deviation of true deviations from the board; 0 says one board is enough.
        level: of the intervals.
    """

    categories: tuple[str, ...]
    names: tuple[str, ...]
    votes: tuple[int, ...]
    strengths: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    overall: Floats
    spread: float
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        rows = zip(self.categories, self.votes, self.strengths, self.low, self.high, strict=True)
        return {
            "spread": self.spread,
            "level": self.level,
            "overall": dict(zip(self.names, self.overall.tolist(), strict=True)),
            "categories": [
                {
                    "category": c,
                    "votes": n,
                    "ratings": [
                        {
                            "subject": name,
                            "log_strength": float(x),
                            "interval": [float(a), float(b)],
                        }
                        for name, x, a, b in zip(self.names, s, low, high, strict=True)
                    ],
                }
                for c, n, s, low, high in rows
            ],
        }

    def __repr__(self) -> str:
        if self.spread == 0:
            return f"One board fits all {len(self.categories)} categories: no deviation was found"
        best = {self.names[int(row.argmax())] for row in self.strengths}
        return (
            f"Strengths differ between {len(self.categories)} categories with standard deviation "
            f"{self.spread:.2f}; {len(best)} subjects are first in some category"
        )


def categories(data: Votes, *, prior_sd: float | None = None, level: float = 0.95) -> Categories:
    """Rate subjects in each category, with partial pooling; ties are half wins.

    Args:
        data: comparisons with categories; rows without one count for the board only.
        prior_sd: a prior for the board, where it has no rating of its own.
        level: of the intervals.

    Raises:
        InputError: for fewer than two categories. RatingError: if the board has no rating.
    """
    groups = data.groups("category")
    if data.category is None or len(groups) < 2:
        raise InputError(f"category: wanted at least 2 categories, got {len(groups)}")
    board = Lens(fit(data.counts(), "bt", prior_sd=prior_sd))
    k = len(data.names)
    mean, doubt = board.strengths, board.inverse[:k, :k]
    tables = [data.rows(data.category == g).counts().unordered() for g in groups]
    spread, fits = _spread(tables, mean)
    z = float(ndtri((1 + level) / 2))
    strengths = np.stack([mean + d * (spread > 0) for d, _ in fits])
    errors = np.stack([_error(v, spread, doubt) for _, v in fits])
    return Categories(
        tuple(data.label("category", g) for g in groups), data.names,
        tuple(int(t.total) for t in tables), strengths, errors, strengths - z * errors,
        strengths + z * errors, mean, spread, level,
    )  # fmt: skip


def _error(posterior: Floats, spread: float, doubt: Floats) -> Floats:
    """Standard errors: of the deviation, and of the board as far as the category leans on it."""
    if spread == 0:
        return np.asarray(np.sqrt(np.diag(doubt)))
    lean = posterior / spread**2
    total = posterior + lean @ doubt @ lean.T
    centre = np.eye(lean.shape[0]) - 1 / lean.shape[0]
    return np.asarray(np.sqrt(np.diag(centre @ total @ centre)))


def _spread(tables: list[Counts], mean: Floats) -> tuple[float, list[tuple[Floats, Floats]]]:
    """Standard deviation of deviations by EM, and each category's deviation and covariance."""
    spread = 0.5
    fits = [(np.zeros(mean.size), np.zeros((mean.size, mean.size)))] * len(tables)
    for _ in range(ROUNDS):
        fits = [_deviation(t, mean, spread, d) for t, (d, _) in zip(tables, fits, strict=True)]
        # A deviation that all subjects share has no meaning: one dimension less than subjects.
        free = len(tables) * (mean.size - 1)
        centre = np.eye(mean.size) - 1 / mean.size
        second = sum(float(d @ d) + float(np.trace(centre @ v @ centre)) for d, v in fits) / free
        new = float(np.sqrt(second))
        if new < 1e-3:
            return 0.0, fits
        if abs(new - spread) < 1e-5 * spread:
            return new, fits
        spread = new
    return spread if spread > 0.02 else 0.0, fits


def _deviation(
    table: Counts, mean: Floats, spread: float, start: Floats
) -> tuple[Floats, Floats]:  # fmt: skip
    """Deviation from the board with a normal prior, and its covariance, by Newton's method."""
    k = mean.size
    votes = table.outcomes.sum(axis=1)
    won = table.outcomes[:, LEFT] + table.outcomes[:, TIE] / 2
    x = start
    for _ in range(100):
        d = (mean + x)[table.left] - (mean + x)[table.right]
        p = expit(d)
        push = won - votes * p
        g = np.bincount(table.left, push, k) - np.bincount(table.right, push, k) - x / spread**2
        h = laplacian(table, votes * p * (1 - p)) + np.eye(k) / spread**2
        step = np.linalg.solve(h, g)
        x = x + step / max(1.0, float(np.abs(step).max()) / 2)
        if float(np.abs(step).max()) < 1e-9:
            return np.asarray(x - x.mean()), np.asarray(np.linalg.inv(h))
    raise RatingError("category: strengths did not converge")
