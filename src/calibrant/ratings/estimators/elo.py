"""What is the Elo of each subject, as people know it, and how much of it is the order of games?

Elo forgets: only the last hundred games or so of a subject weigh. Shuffling the rows shows how far
its ratings depend on the order alone (Boubdir et al., 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]

POINTS = np.array([1.0, 0.0, 0.5])
"""What left scores by outcome: left, right, tie."""


@dataclass(frozen=True, repr=False)
class Elo:
    """Elo ratings after the last row, and what they would be had the rows come otherwise.

    Attributes:
        ratings: shape (subjects,), in the order given.
        shuffled: shape (permutations, subjects), in random orders.
        rows: rows each permutation used; fewer than all where there are very many.
    """

    ratings: Floats
    shuffled: Floats
    rows: int

    @property
    def noise(self) -> Floats:
        """Shape (subjects,): standard deviation over orders."""
        return np.asarray(self.shuffled.std(axis=0, ddof=1))

    def __repr__(self) -> str:
        return (
            f"Elo of {self.ratings.size} subjects; the order of rows alone moves a rating by "
            f"{np.median(self.noise):.1f} points (median standard deviation)"
        )


def elo(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    subjects: int,
    k: float = 4.0,
    initial: float = 1000.0,
    scale: float = 400.0,
    permutations: int = 100,
    most_rows: int = 100_000,
    seed: int = 0,
) -> Elo:
    """Elo in the order of the rows, and in random orders.

    Args:
        left, right: shape (n,), indices of subjects.
        outcome: shape (n,), 0 left, 1 right, 2 tie (half a point each, as is the custom).
        subjects: how many.
        k: points at stake in a game (arenas use 4, chess 10 to 40); initial: rating before
            the first; scale: points of odds 10.
        permutations: random orders, at least 2.
        most_rows: with more rows than this, orders are drawn of a random part.
        seed: of the orders.

    Raises:
        InputError: for options that make no sense.
    """
    if permutations < 2 or subjects < 2:
        raise InputError("elo: wanted at least 2 subjects and 2 permutations")
    if not (k > 0 and scale > 0):
        raise InputError(f"elo: wanted k and scale above 0, got {k} and {scale}")
    a, b, o = (np.asarray(x, dtype=np.int64) for x in (left, right, outcome))
    ratings = _in_order(a, b, POINTS[o], subjects, k, initial, scale)
    rng = np.random.default_rng(seed)
    rows = min(a.size, most_rows)
    state = np.full((subjects, permutations), float(initial))
    orders = np.stack([rng.permutation(a.size)[:rows] for _ in range(permutations)], axis=1)
    lanes = np.arange(permutations)
    power = np.log(10.0) / scale
    points = POINTS[o]
    for row in range(rows):
        at = orders[row]
        i, j = a[at], b[at]
        gain = k * (points[at] - 1 / (1 + np.exp(power * (state[j, lanes] - state[i, lanes]))))
        state[i, lanes] += gain
        state[j, lanes] -= gain
    return Elo(ratings, state.T.copy(), rows)


def _in_order(
    a: NDArray[np.int64], b: NDArray[np.int64], points: Floats, subjects: int, k: float,
    initial: float, scale: float,
) -> Floats:  # fmt: skip
    # One game follows from the last, so this is a loop; plain floats make it fast.
    state = [float(initial)] * subjects
    for i, j, score in zip(a.tolist(), b.tolist(), points.tolist(), strict=True):
        gain = k * (score - 1 / (1 + 10 ** ((state[j] - state[i]) / scale)))
        state[i] += gain
        state[j] -= gain
    return np.array(state)
