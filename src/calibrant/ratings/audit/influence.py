"""How much hangs on one voter, one judge or one item? Leave-one-out, by one Newton step each.

Each group's removal is predicted by one Newton step from the full fit; those that move the board
most are then refitted exactly, and only the exact numbers are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.audit.data import Votes
from calibrant.ratings.audit.lens import ELO, Lens
from calibrant.ratings.counts import Counts, count
from calibrant.ratings.fit import RatingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VERIFIED = 5
"""Groups of each kind that are left out by an exact refit."""


@dataclass(frozen=True)
class Influence:
    """What leaving one group out does.

    Attributes:
        kind, label: such as "voter" and "58".
        votes: comparisons of the group.
        predicted: largest move of a subject by one Newton step, in Elo points.
        moved: largest move by the exact refit, with its sign; None if no rating is left.
        subject: who moves most.
        places_changed: subjects whose place changes. first: who is then first.
    """

    kind: str
    label: str
    votes: int
    predicted: float
    moved: float | None
    subject: str | None
    places_changed: int | None
    first: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        who = f"{self.kind} {self.label!r} ({self.votes} votes)"
        if self.moved is None:
            return f"Without {who} no rating exists"
        return (
            f"Without {who}, {self.subject!r} moves by {self.moved:+.1f} Elo and "
            f"{self.places_changed} subjects change places"
        )


def influence(lens: Lens, data: Votes, kind: str) -> tuple[Influence, ...]:
    """The groups of a kind without which the board changes most, most influential first.

    Args:
        lens: a fit of `data`. kind: "item", "voter", "judge" or "category"; rows whose code is
            missing belong to no group.
    """
    codes = data.codes(kind)
    groups = data.groups(kind)
    if codes is None or len(groups) < 2:
        return ()
    known = np.flatnonzero(codes >= 0)
    at = np.searchsorted(groups, codes[known])
    cell = lens.cells_of(data.left[known], data.right[known], data.outcome[known])
    steps = newton_steps(lens, at, len(groups), cell)
    size = np.abs(steps).max(axis=1) * ELO
    found = [
        _verify(lens, _counts_of(data, known[at == g]), kind, data.label(kind, groups[g]), size[g])
        for g in np.argsort(-size)[:VERIFIED]
    ]
    return tuple(
        sorted(found, key=lambda x: np.inf if x.moved is None else abs(x.moved), reverse=True)
    )


def newton_steps(lens: Lens, groups: Ints, size: int, cell: Ints) -> Floats:
    """Shape (size, subjects): change of the strengths when a group is left out, to first order.

    Args:
        groups, cell: shape (n,), the group and the cell of each row.
        size: groups.
    """
    gradients = lens.gradients(groups, size, cell)
    return np.asarray(-(gradients @ lens.inverse)[:, : lens.strengths.size])


def _counts_of(data: Votes, rows: Ints) -> Counts:
    return count(data.left[rows], data.right[rows], data.outcome[rows], names=data.names)


def _verify(lens: Lens, part: Counts, kind: str, label: str, predicted: float) -> Influence:
    votes = int(part.total)
    if votes == lens.counts.total:
        return Influence(kind, label, votes, float(predicted), None, None, None, None)
    try:
        after = lens.refit(lens.without(part)).strengths
    except RatingError:
        return Influence(kind, label, votes, float(predicted), None, None, None, None)
    moves = (after - lens.strengths) * ELO
    most = int(np.abs(moves).argmax())
    order = np.argsort(-after, kind="stable")
    names = lens.counts.names
    changed = int((np.argsort(order) != np.argsort(lens.ranking)).sum())
    return Influence(
        kind, label, votes, float(predicted), float(moves[most]), names[most], changed,
        names[order[0]],
    )  # fmt: skip
