"""Is the arena settled? Who is better than whom, looked at after every comparison if one likes.

Each pair is judged on its own games, by an e-process that is valid at any time: whatever rule
chose the pairs and whenever one stops, the chance of a false separation stays at most alpha. It
needs only that each pair meets its items in an order fixed beforehand: choosing then decides how
far a pair's sequence of outcomes is read, never which outcomes are in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.uncertainty.live import evidence, share_limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Decision = Literal["top-1", "order", "tiers"]
DECISIONS: tuple[str, ...] = get_args(Decision)

MOST_SUBJECTS = 200


@dataclass(frozen=True)
class Goal:
    """What is to be decided, and how sure.

    Attributes:
        decision: "top-1" (who is best), "order" (everybody separated) or "tiers" (every pair
            separated or shown to be tied).
        alpha: chance of any false separation among all pairs, whenever one stops; and, apart from
            it, of any false tie.
        tied_within: half-width around 1/2 of the share of decided games within which two subjects
            count as tied; None: ties cannot be shown. Not for "order".
        transitive: whether a better than b and b better than c settles a against c, as in every
            model of strengths; else each pair must be separated by its own games.
    """

    decision: Decision = "tiers"
    alpha: float = 0.05
    tied_within: float | None = None
    transitive: bool = True

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise InputError(
                f"decision: wanted one of {', '.join(DECISIONS)}, got {self.decision!r}"
            )
        if not 0 < self.alpha < 0.5:
            raise InputError(f"alpha: wanted an error rate between 0 and 0.5, got {self.alpha!r}")
        if self.tied_within is not None and not 0 < self.tied_within < 0.5:
            raise InputError(f"tied_within: wanted between 0 and 0.5, got {self.tied_within!r}")
        if self.tied_within is not None and self.decision == "order":
            raise InputError("tied_within: an order has no ties; ask for 'tiers'")


@dataclass(frozen=True, repr=False)
class Standing:
    """What the games so far settle; matrices have a row and a column for each subject.

    Attributes:
        wins: of the row over the column.
        log_e: largest evidence so far (natural logarithm) that the row wins more often than the
            column; at least 1/α in e is significant at α for the pair alone.
        direct: separated by the pair's own games: the row is better.
        better: the same, with what follows by transitivity.
        tied: shown to be tied within the goal's margin.
        open: neither, and the decision needs it.
        tiers: shape (subjects,), 1 is best: the length of the longest chain of better ones.
        cyclic: the separations contradict any order.
        settled: nothing is open, and nothing contradicts.
    """

    wins: Floats
    log_e: Floats
    direct: Bools
    better: Bools
    tied: Bools
    open: Bools
    tiers: Ints
    cyclic: bool
    goal: Goal

    @property
    def settled(self) -> bool:
        """Whether the decision is made."""
        return not self.cyclic and not bool(self.open.any())

    @property
    def contenders(self) -> Bools:
        """Shape (subjects,): nobody is better."""
        return np.asarray(~_strict(self.better).any(axis=0))

    def __repr__(self) -> str:
        size = self.tiers.size
        separated = int(_strict(self.better).sum())
        tied = int(np.triu(self.tied & ~self.better & ~self.better.T).sum())
        still = int(np.triu(self.open).sum())
        state = "settled" if self.settled else f"{still} open"
        if self.cyclic:
            state = "not settled: the separations go round in a circle"
        return (
            f"{self.goal.decision} of {size} subjects: {separated} pairs separated, {tied} tied, "
            f"{state}"
        )


def settle(wins: Floats, goal: Goal, before: Standing | None = None) -> Standing:
    """What the games so far settle.

    A pair's evidence is the mixture likelihood ratio of `live.evidence`, halved as the direction
    was picked; 1 over its largest value so far is a p-value at any time (Ville 1939; Ramdas and
    Wang 2025), and Holm's procedure over all pairs holds the family-wise error whatever depends
    on what. Ties within the margin come from the confidence sequences, Bonferroni over all pairs.

    Args:
        wins: shape (subjects, subjects), decided games the row won over the column; whole numbers.
        goal: what is to be decided.
        before: what was settled with fewer of the same games; it stays settled.

    Raises:
        InputError: for a table that is not square, or counts that are no whole numbers from 0.
    """
    size = _check(wins)
    log_e = _log_evidence(wins)
    if before is not None:
        log_e = np.maximum(log_e, before.log_e)
    direct = _holm(log_e, goal.alpha)
    tied = np.zeros((size, size), dtype=bool) if before is None else before.tied.copy()
    if goal.tied_within is not None:
        tied |= _within(wins, goal.tied_within, 1 - goal.alpha / _pairs(size))
    chain = _closure(direct)
    cyclic = bool((chain & chain.T).any())
    better = direct if cyclic or not goal.transitive else chain
    open_pairs = ~better & ~better.T & ~tied & ~np.eye(size, dtype=bool)
    if goal.decision == "top-1":
        first: Bools = np.asarray(~better.any(axis=0))
        open_pairs &= first[:, None] & first[None, :]
    return Standing(wins, log_e, direct, better, tied, open_pairs, _tiers(chain), cyclic, goal)


def threshold(size: int, alpha: float) -> float:
    """Log evidence at which a pair is separated for sure, whatever the others do."""
    return float(np.log(_pairs(size) / alpha))


def _check(wins: Floats) -> int:
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or wins.shape[0] < 2:
        raise InputError(f"wins: wanted a square table of at least 2 subjects, got {wins.shape}")
    if wins.shape[0] > MOST_SUBJECTS:
        raise InputError(f"wins: wanted at most {MOST_SUBJECTS} subjects, got {wins.shape[0]}")
    if not (np.isfinite(wins).all() and (wins >= 0).all() and (wins == np.rint(wins)).all()):
        raise InputError("wins: wanted counts of games, whole numbers from 0")
    if np.diag(wins).any():
        raise InputError("wins: a subject against itself")
    return int(wins.shape[0])


def _pairs(size: int) -> int:
    return size * (size - 1) // 2


def _log_evidence(wins: Floats) -> Floats:
    log_e: Floats = evidence(wins.ravel(), wins.T.ravel()).reshape(wins.shape) - np.log(2)
    np.fill_diagonal(log_e, -np.inf)
    return log_e


def _holm(log_e: Floats, alpha: float) -> Bools:
    """Holm's step-down on 1/e, of the better direction of each pair."""
    size = log_e.shape[0]
    i, j = np.triu_indices(size, 1)
    turn = log_e[j, i] > log_e[i, j]
    best = np.where(turn, log_e[j, i], log_e[i, j])
    order = np.argsort(-best, kind="stable")
    passed = best[order] >= np.log((best.size - np.arange(best.size)) / alpha)
    chosen = order[: best.size if passed.all() else int(np.argmin(passed))]
    direct = np.zeros((size, size), dtype=bool)
    a, b = np.where(turn, j, i)[chosen], np.where(turn, i, j)[chosen]
    direct[a, b] = True
    return direct


def _within(wins: Floats, margin: float, level: float) -> Bools:
    size = wins.shape[0]
    i, j = np.triu_indices(size, 1)
    low, high = share_limits(wins[i, j], wins[j, i], level)
    inside = (low >= 0.5 - margin) & (high <= 0.5 + margin)
    tied = np.zeros((size, size), dtype=bool)
    tied[i, j] = tied[j, i] = inside
    return tied


def _closure(better: Bools) -> Bools:
    """Everything that follows by transitivity (Warshall 1962)."""
    chain: Bools = better.copy()
    for k in range(chain.shape[0]):
        chain |= chain[:, k, None] & chain[k]
    return chain


def _strict(better: Bools) -> Bools:
    return better & ~better.T


def _tiers(chain: Bools) -> Ints:
    """One more than the lowest tier among those better; subjects on a circle count as tied."""
    above: Bools = np.asarray(_strict(chain))
    tiers = np.ones(chain.shape[0], dtype=np.int64)
    # Those with fewer above them come first: a chain's members are then in order.
    for k in np.argsort(above.sum(axis=0), kind="stable"):
        if above[:, k].any():
            tiers[k] = 1 + int(tiers[above[:, k]].max())
    return tiers
