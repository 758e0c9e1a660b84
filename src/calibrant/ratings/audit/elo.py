"""How much of an Elo rating is the order in which votes came? Many orders at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.audit.data import Votes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 20_000
"""Votes replayed; of a longer table so many are drawn."""


@dataclass(frozen=True)
class OrderNoise:
    """Elo ratings over random orders of the same votes.

    Attributes:
        names: subjects, best mean first.
        mean, sd: shape (subjects,): Elo over orders.
        low_place, high_place: best and worst place of each subject over the middle 95 % of orders.
        first: share of orders in which each subject is first.
        orders, votes: how many orders, and how many votes were replayed in each.
    """

    names: tuple[str, ...]
    mean: Floats
    sd: Floats
    low_place: Ints
    high_place: Ints
    first: Floats
    orders: int
    votes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            k: v.tolist() if isinstance(v, np.ndarray) else list(v) if k == "names" else v
            for k, v in self.__dict__.items()
        }

    def __repr__(self) -> str:
        changed = int((self.first > 0).sum())
        return (
            f"Over {self.orders} orders of {self.votes:,} votes, Elo ratings vary by a standard "
            f"deviation of up to {self.sd.max():.1f} and {changed} subject"
            f"{' is' if changed == 1 else 's are'} first at least once"
        )


def elo(
    data: Votes, orders: Ints, *, k: float = 4.0, start: float = 1000.0
) -> Floats:  # fmt: skip
    """Shape (orders, subjects): Elo after replaying the votes in each order.

    Args:
        data: comparisons; a tie is half a win.
        orders: shape (orders, votes), rows of `data` in the order of replay.
        k: points at stake in a game; start: rating before the first.
    """
    ratings = np.full((orders.shape[0], len(data.names)), start)
    result = np.array([1.0, 0.0, 0.5])[data.outcome]
    lane = np.arange(orders.shape[0])
    scale = np.log(10) / 400
    for column in orders.T:
        a, b = data.left[column], data.right[column]
        expected = 1 / (1 + np.exp(scale * (ratings[lane, b] - ratings[lane, a])))
        change = k * (result[column] - expected)
        ratings[lane, a] += change
        ratings[lane, b] -= change
    return ratings


def order_noise(data: Votes, *, orders: int = 100, k: float = 4.0, seed: int = 0) -> OrderNoise:
    """Replay the votes in many random orders.

    Args:
        orders: permutations. k: Elo's step. seed: of the permutations.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(data.size)
    if data.size > MOST:
        rows = rng.choice(data.size, MOST, replace=False)
    ratings = elo(data, np.stack([rng.permutation(rows) for _ in range(orders)]), k=k)
    places = np.argsort(np.argsort(-ratings, axis=1, kind="stable"), axis=1) + 1
    best = np.argsort(-ratings.mean(axis=0), kind="stable")
    low, high = np.quantile(places, [0.025, 0.975], axis=0, method="inverted_cdf")[:, best]
    return OrderNoise(
        tuple(data.names[i] for i in best), ratings.mean(axis=0)[best],
        ratings.std(axis=0, ddof=1)[best], low.astype(np.int64), high.astype(np.int64),
        (places == 1).mean(axis=0)[best], orders, rows.size,
    )  # fmt: skip
