"""How few fake votes lift a subject on the board?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.audit.bounds import Reach
from calibrant.ratings.audit.lens import Lens, change
from calibrant.ratings.audit.removal import EVEN
from calibrant.ratings.counts import LEFT

Ints = NDArray[np.int64]

MOST = 100_000
"""Fake votes after which the search gives up."""


@dataclass(frozen=True)
class Rigging:
    """How few added votes lift a subject by some places.

    Attributes:
        subject, places: who is lifted, and how far.
        from_place, to_place: places on the board, from 1.
        votes: fake votes that suffice, by exact refits; None if the search gave up.
        at_least: no fewer votes suffice, wherever they are placed.
        share: votes divided by all honest votes.
        added: (winner, loser, votes) of the fake votes.
    """

    subject: str
    places: int
    from_place: int
    to_place: int
    votes: int | None
    at_least: int
    share: float | None
    added: tuple[tuple[str, str, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        keys = ("winner", "loser", "votes")
        return self.__dict__ | {"added": [dict(zip(keys, r, strict=True)) for r in self.added]}

    def __repr__(self) -> str:
        if self.votes is None:
            return f"No rigging by {MOST:,} votes lifts {self.subject!r} to place {self.to_place}"
        number = f"{self.votes}"
        if self.at_least < self.votes:
            number = f"between {self.at_least} and {self.votes}"
        return (
            f"{number} fake vote{' lifts' if self.votes == 1 else 's lift'} {self.subject!r} from "
            f"place {self.from_place} to {self.to_place}"
        )


def rig(lens: Lens, subject: int, places: int = 1) -> Rigging:
    """Fewest fake wins, each placed where it helps most, that lift a subject.

    A fake vote may be between any two subjects, also such as were never compared.

    Args:
        lens: the fit.
        subject: index.
        places: how far, from 1 to the subject's place less one.

    Raises:
        InputError: if there are not so many places above the subject.
    """
    place = int(np.flatnonzero(lens.ranking == subject)[0]) + 1
    if not 1 <= places < place:
        raise InputError(f"places: wanted 1 to {place - 1} for place {place}, got {places}")
    goal = place - places
    now, used = lens, 0
    added: dict[tuple[int, int], int] = {}
    while _place(now, subject) > goal and used < MOST:
        target = int(now.ranking[now.ranking != subject][goal - 1])
        winner, loser, effect = _best(now, subject, target)
        gap = float(now.strengths[target] - now.strengths[subject])
        size = max(1, int(gap / effect / 3))
        now = _add(now, winner, loser, size)
        added[winner, loser] = added.get((winner, loser), 0) + size
        used += size
    done = _place(now, subject) <= goal
    names = lens.counts.names
    return Rigging(
        names[subject], places, place, goal, used if done else None,
        _lower(lens, subject, lens.ranking[goal - 1 : place - 1]),
        used / lens.counts.total if done else None,
        tuple((names[a], names[b], n) for (a, b), n in added.items()) if done else (),
    )  # fmt: skip


def _place(lens: Lens, subject: int) -> int:
    others = lens.strengths > lens.strengths[subject] - EVEN  # the subject itself is among them
    return int(others.sum())


def _best(lens: Lens, subject: int, target: int) -> tuple[int, int, float]:
    """The win that lifts the subject most against the target, and by how much."""
    k = lens.strengths.size
    v = lens.potential(subject, target)[:k]
    surprise = 1 / (1 + np.exp(lens.strengths[:, None] - lens.strengths[None, :]))
    gain = surprise * (v[:, None] - v[None, :])
    winner, loser = divmod(int(gain.argmax()), k)
    return winner, loser, float(gain[winner, loser])


def _add(lens: Lens, winner: int, loser: int, votes: int) -> Lens:
    one, other, won = (np.array([x]) for x in (winner, loser, LEFT))
    return Lens(lens.refit(change(lens.counts, one, other, won, np.array([float(votes)]))))


def _lower(lens: Lens, subject: int, above: Ints) -> int:
    """Votes below which not all of those above can be passed."""
    k = lens.strengths.size
    if lens.fit.model != "bt" or lens.fit.order_effect is not None:
        return 1
    a, b = (x.ravel() for x in np.nonzero(~np.eye(k, dtype=bool)))
    pair = lens.resistance(a, b)
    residual = 1 / (1 + np.exp(lens.strengths[a] - lens.strengths[b]))
    least = 1
    for target in above:
        gap = float(lens.strengths[target] - lens.strengths[subject])
        if gap <= 0:
            continue
        v = lens.potential(subject, int(target))
        many, no = np.full(a.size, np.inf), np.zeros(a.size, dtype=bool)
        bound = Reach(
            gap, float(v[subject] - v[target]), residual, v[a] - v[b], pair, many, no,
            float(pair.max()),
        )  # fmt: skip
        least = max(least, bound.least())
    return least
