"""How good is each subject so far? Bayesian ratings updated game by game, for streams.

Closed-form updates of Weng and Lin (JMLR 12 (2011) 267), as openskill has them: Bradley–Terry with
full pairs, and Plackett–Luce. They depend on the order of games and forget nothing unless `tau`
is set; what they call sigma is an approximation that is too small with many games at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import Block

Floats = NDArray[np.float64]


@dataclass(repr=False)
class Online:
    """The state of a stream of games; `update` it.

    Attributes:
        mu, sigma: shape (subjects,), belief about each subject.
        model: "bradley-terry" (each pair of a game by itself) or "plackett-luce".
        beta: spread of one performance; kappa: least share of variance left after a game; tau:
            added to sigma before each game, in squares, for subjects that change.
    """

    mu: Floats
    sigma: Floats
    model: Literal["bradley-terry", "plackett-luce"] = "plackett-luce"
    beta: float = 25 / 6
    kappa: float = 1e-4
    tau: float = 0.0

    def __repr__(self) -> str:
        return f"online {self.model} ratings of {self.mu.size} subjects"

    def game(self, players: Sequence[int], ranks: Sequence[float]) -> None:
        """Learn from one game.

        Args:
            players: different subjects.
            ranks: of each, 1 is best; equal ranks are ties.

        Raises:
            InputError: for fewer than two players, a player twice, or lengths that differ.
        """
        who = list(players)
        if len(who) < 2 or len(set(who)) != len(who) or len(ranks) != len(who):
            raise InputError(f"game: wanted at least 2 different players with ranks, got {who}")
        mu = self.mu[who]
        variance = self.sigma[who] ** 2 + self.tau**2
        step = _bradley_terry if self.model == "bradley-terry" else _plackett_luce
        omega, delta = step(mu, variance, np.asarray(ranks, dtype=np.float64), self.beta)
        self.mu[who] = mu + omega
        self.sigma[who] = np.sqrt(variance * np.maximum(1 - delta, self.kappa))

    def update(self, blocks: Iterable[Block]) -> None:
        """Learn from comparisons in their order: blocks of left, right, outcome (0 left, 1 right,
        2 tie) and weight (which must be None).

        Raises:
            InputError: for weights, which a game in a stream cannot have.
        """
        # Of two players both models have the same update.
        beta2, tau2, kappa = self.beta**2, self.tau**2, self.kappa
        mu, var = self.mu.tolist(), (self.sigma**2).tolist()
        for left, right, outcome, weight in blocks:
            if weight is not None:
                raise InputError("weight: online ratings have none")
            points = np.array([1.0, 0.0, 0.5])[outcome]
            for i, j, s in zip(left.tolist(), right.tolist(), points.tolist(), strict=True):
                vi, vj = var[i] + tau2, var[j] + tau2
                c2 = vi + vj + 2 * beta2
                c = c2**0.5
                p = 1 / (1 + np.exp((mu[j] - mu[i]) / c))
                mu[i] += vi / c * (s - p)
                mu[j] -= vj / c * (s - p)
                spread = p * (1 - p) / (c2 * c)
                var[i] = vi * max(1 - vi**1.5 * spread, kappa)
                var[j] = vj * max(1 - vj**1.5 * spread, kappa)
        self.mu, self.sigma = np.array(mu), np.sqrt(np.array(var))


def start(
    subjects: int,
    model: Literal["bradley-terry", "plackett-luce"] = "plackett-luce",
    *,
    mu: float = 25.0,
    sigma: float = 25 / 3,
    tau: float = 0.0,
) -> Online:
    """Ratings before the first game, with the customary scale of 25 ± 25/3."""
    if model not in ("bradley-terry", "plackett-luce"):
        raise InputError(f"model: wanted bradley-terry or plackett-luce, got {model!r}")
    return Online(np.full(subjects, mu), np.full(subjects, sigma), model, tau=tau)


def _bradley_terry(
    mu: Floats, variance: Floats, ranks: Floats, beta: float
) -> tuple[Floats, Floats]:
    """Weng and Lin's algorithm 1: each pair of players as one comparison."""
    c2 = variance[:, None] + variance[None, :] + 2 * beta**2
    c = np.sqrt(c2)
    p = 1 / (1 + np.exp((mu[None, :] - mu[:, None]) / c))
    score = np.where(ranks[:, None] < ranks[None, :], 1.0, 0.0)
    score[ranks[:, None] == ranks[None, :]] = 0.5
    omega = variance[:, None] / c * (score - p)
    delta = np.sqrt(variance)[:, None] / c * (variance[:, None] / c2) * p * (1 - p)
    for each in (omega, delta):
        np.fill_diagonal(each, 0.0)
    return omega.sum(axis=1), delta.sum(axis=1)


def _plackett_luce(
    mu: Floats, variance: Floats, ranks: Floats, beta: float
) -> tuple[Floats, Floats]:
    """Weng and Lin's algorithm 4, ties sharing their stages."""
    c = np.sqrt((variance + beta**2).sum())
    strength = np.exp(mu / c)
    # Stage q: those ranked no better than q are in the race; tied players share it.
    racing = ranks[None, :] >= ranks[:, None]
    p = strength[None, :] / (racing * strength).sum(axis=1)[:, None] * racing
    share = 1 / (ranks[:, None] == ranks[None, :]).sum(axis=1)[:, None]
    omega = ((np.eye(mu.size) - p) * share).sum(axis=0) * variance / c
    gamma = np.sqrt(variance) / c
    delta = (p * (1 - p) * share).sum(axis=0) * gamma * variance / c**2
    return omega, delta
