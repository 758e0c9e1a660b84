"""What would an arena do among subjects of known strength? One simulated run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from calibrant.ratings.pairing.choose import Strategy, choose
from calibrant.ratings.pairing.settle import Goal, Standing, settle

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Simulated:
    """One simulated arena.

    Attributes:
        standing: at the end.
        comparisons: how many were made.
        settled: whether it ended before the budget.
        false: whether any pair was separated the wrong way or though equal.
        watched: whether a Wald interval of any pair, Bonferroni over pairs and watched after each
            round, excluded the truth's side at any time: what the peers would have announced.
    """

    standing: Standing
    comparisons: int
    settled: bool
    false: bool
    watched: bool


def simulate(
    strengths: Floats,
    goal: Goal,
    rng: np.random.Generator,
    *,
    strategy: Strategy = "decision",
    tie_share: float = 0.0,
    budget: int = 1000,
    step: int | None = None,
) -> Simulated:
    """Run an arena on Bradley–Terry subjects.

    Args:
        strengths: shape (subjects,), log-strengths.
        tie_share: chance that a comparison is a tie.
        budget: comparisons at most.
        step: comparisons a round; by default one for each subject.
    """
    size = strengths.size
    p = expit(strengths[:, None] - strengths[None, :])
    wins, asked = np.zeros((size, size)), np.zeros((size, size), dtype=np.int64)
    standing, used, watched = settle(wins, goal), 0, False
    sure = float(-ndtri(goal.alpha / (size * (size - 1))))
    seeds = rng.integers(0, 2**31, 2)
    while used < budget and not standing.settled:
        count = min(step or size, budget - used)
        pairs = choose(standing, asked, size=count, strategy=strategy, seed=int(seeds[0]) + used)
        for a, b in pairs:
            asked[a, b] += 1
            asked[b, a] += 1
            if rng.random() < tie_share:
                continue
            won = rng.random() < p[a, b]
            wins[(a, b) if won else (b, a)] += 1
        used += len(pairs)
        standing = settle(wins.copy(), goal, standing)
        watched |= _wald(wins, p, sure)
    wrong = standing.better & ~(p > 0.5)
    return Simulated(standing, used, standing.settled, bool(wrong.any()), watched)


def _wald(wins: Floats, p: Floats, sure: float) -> bool:
    """Whether a Wald interval puts a pair on the wrong side of 1/2, from 10 games on."""
    n = wins + wins.T
    enough = n >= 10
    n = np.maximum(n, 1)
    share = wins / n
    above = share - 0.5 > sure * np.sqrt(np.maximum(share * (1 - share), 1e-12) / n)
    return bool((enough & above & ~(p > 0.5)).any())
