"""Does a copy of a subject move the others? The clone test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.audit.data import Votes
from calibrant.ratings.audit.elo import MOST, elo
from calibrant.ratings.audit.lens import ELO, Lens, half_wins
from calibrant.ratings.beyond.nash import lottery, margins
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.likelihood import ModelName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_LOTTERY = 100
"""Subjects beyond which the lottery, some seconds of linear programming, is not tested."""

ORDERS = 20
"""Orders over which Elo is averaged, the same with and without the copy."""


@dataclass(frozen=True)
class CloneTest:
    """What a copy of one subject, with the same record, does to the others.

    Attributes:
        method: a model's name, "win rate", "elo" or "nash".
        subject: who is copied: of all tried, the one whose copy moves the others most.
        largest: largest move of another subject, in `unit`.
        moved: who that is. places: other subjects that change places among themselves.
        unit: "Elo points", "win rate" or "probability".
    """

    method: str
    subject: str
    largest: float
    moved: str
    places: int
    unit: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return (
            f"{self.method}: a copy of {self.subject!r} moves the others by up to "
            f"{self.largest:.3g} {self.unit} and {self.places} change places"
        )


def with_clone(counts: Counts, subject: int) -> Counts:
    """The table with a copy of a subject, last: the same record against all others.

    Original and copy meet as often as the subject's busiest pairing, and always tie.
    """
    size = len(counts.names)
    left = np.where(counts.left == subject, size, counts.left)
    right = np.where(counts.right == subject, size, counts.right)
    own = (counts.left == subject) | (counts.right == subject)
    meetings = np.zeros((1, 3))
    meetings[0, TIE] = counts.outcomes[own].sum(axis=1).max() if own.any() else 1
    names = (*counts.names, f"{counts.names[subject]} (copy)")
    copy = Counts(
        names,
        np.concatenate([left[own], [subject]]),
        np.concatenate([right[own], [size]]),
        np.concatenate([counts.outcomes[own], meetings]),
    )
    return Counts(names, counts.left, counts.right, counts.outcomes) + copy


def win_rate(counts: Counts) -> Floats:
    """Shape (subjects,): mean over opponents met of the win rate against each, ties half."""
    wins = half_wins(counts)
    games = wins + wins.T
    met = games > 0
    rates = np.where(met, wins / np.where(met, games, 1), 0.0)
    return np.asarray(rates.sum(axis=1) / np.maximum(met.sum(axis=1), 1))


def clone_test(lens: Lens, data: Votes, *, tried: int = 5, seed: int = 0) -> list[CloneTest]:
    """Copy the `tried` strongest and the weakest subject in turn, and report the worst copy.

    For Elo and Nash the strongest only.

    Args:
        lens: a fit of `data`. seed: of the orders in which Elo replays the votes.
    """
    subjects = [int(i) for i in lens.ranking[:tried]]
    subjects += [int(i) for i in lens.ranking[-1:] if int(i) not in subjects]
    counts, size = lens.counts, lens.strengths.size

    def strengths(changed: Counts) -> Floats:
        return _plain(changed, lens) * ELO

    def lotteries(changed: Counts) -> Floats:
        return lottery(margins(changed)[0])

    model: ModelName = lens.fit.model
    tests = [
        _worst(model, "Elo points", counts, subjects, strengths),
        _worst("win rate", "win rate", counts, subjects, win_rate),
    ]
    if size <= MOST_LOTTERY:
        tests.append(_worst("nash", "probability", counts, subjects[:1], lotteries, order=False))
    rng = np.random.default_rng(seed)
    chosen = rng.choice(data.size, min(data.size, MOST), replace=False)
    orders = np.stack([rng.permutation(chosen) for _ in range(ORDERS)])
    before = elo(data, orders).mean(axis=0)
    after = _replay_with_copy(data, orders, subjects[0])[:size]
    tests.append(_compare("elo", "Elo points", counts.names, subjects[0], before, after, True))
    return tests


def _plain(counts: Counts, lens: Lens) -> Floats:
    from calibrant.ratings.fit import fit

    f = lens.fit
    return fit(
        counts, f.model, order_effect=f.order_effect is not None, prior_sd=f.prior_sd
    ).strengths


def _worst(
    method: str, unit: str, counts: Counts, subjects: list[int],
    rate: Callable[[Counts], Floats], order: bool = True,
) -> CloneTest:  # fmt: skip
    before, size = rate(counts), len(counts.names)
    tests = [
        _compare(method, unit, counts.names, s, before, rate(with_clone(counts, s))[:size], order)
        for s in subjects
    ]
    return max(tests, key=lambda t: t.largest)


def _compare(
    method: str, unit: str, names: tuple[str, ...], subject: int, before: Floats, after: Floats,
    order: bool,
) -> CloneTest:  # fmt: skip
    others = np.flatnonzero(np.arange(len(names)) != subject)
    moves = after[others] - before[others]
    if unit == "Elo points":  # only differences of strengths have a meaning
        moves = moves - np.median(moves)
    most = int(np.abs(moves).argmax())
    places = 0
    if order:
        ranks = [np.argsort(np.argsort(-x[others], kind="stable")) for x in (before, after)]
        places = int((ranks[0] != ranks[1]).sum())
    return CloneTest(
        method, names[subject], float(np.abs(moves[most])), names[others[most]], places, unit
    )


def _replay_with_copy(data: Votes, orders: Ints, subject: int) -> Floats:
    """Elo where each vote on a subject is followed by the same vote on its copy."""
    size = len(data.names)
    own = np.flatnonzero((data.left == subject) | (data.right == subject))
    twin = np.full(data.size, -1)
    twin[own] = data.size + np.arange(own.size)
    grown = Votes(
        (*data.names, f"{data.names[subject]} (copy)"),
        np.concatenate([data.left, np.where(data.left[own] == subject, size, data.left[own])]),
        np.concatenate([data.right, np.where(data.right[own] == subject, size, data.right[own])]),
        np.concatenate([data.outcome, data.outcome[own]]),
    )
    rows = np.stack([orders, twin[orders]], axis=2).reshape(orders.shape[0], -1)
    return np.asarray(elo(grown, np.stack([r[r >= 0] for r in rows])).mean(axis=0))
