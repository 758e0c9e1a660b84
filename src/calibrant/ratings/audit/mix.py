"""Would another mix of prompts put someone else first? The mildest reweighting that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.audit.data import Votes
from calibrant.ratings.audit.influence import newton_steps
from calibrant.ratings.audit.lens import Lens
from calibrant.ratings.counts import Counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BOUND = 10.0
"""Largest factor tried, up or down."""

RIVALS = 3


@dataclass(frozen=True)
class Mix:
    """The mildest reweighting found that puts someone else first.

    Attributes:
        kind: what is reweighted, such as "category". groups: how many there are.
        factor: every group's votes count at most so many times as much, and at least one part
            in so many; None if no factor up to `BOUND` was found to suffice.
        first, rival: who is first, and who is then.
        more, less: the labels of the groups that count more, and less, most telling first.
    """

    kind: str
    groups: int
    factor: float | None
    first: str
    rival: str | None
    more: tuple[str, ...]
    less: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return self.__dict__ | {"more": list(self.more), "less": list(self.less)}

    def __repr__(self) -> str:
        if self.factor is None:
            many = _many(self.kind)
            return (
                f"No mix of {many} was found, within a factor of {BOUND:g}, that changes the first"
            )
        return (
            f"Weighting {_many(self.kind)} by factors within {self.factor:.2f} puts "
            f"{self.rival!r} ahead of {self.first!r}"
        )


def _many(kind: str) -> str:
    return "categories" if kind == "category" else f"{kind}s"


def mix(lens: Lens, data: Votes, kind: str = "category") -> Mix | None:
    """Reweight items or categories, each within one factor, until someone else is first.

    Every board is refitted before it counts; a milder mix that this search misses may exist.

    Args:
        lens: a fit of `data`. kind: a grouping of the rows; missing codes keep weight 1.

    Returns:
        None if there are fewer than two groups.
    """
    codes, groups = data.codes(kind), data.groups(kind)
    if codes is None or len(groups) < 2:
        return None
    at = np.where(codes >= 0, np.searchsorted(groups, codes), len(groups))
    cell = lens.cells_of(data.left, data.right, data.outcome)
    pull = -newton_steps(lens, at, len(groups) + 1, cell)[:-1]
    first = int(lens.ranking[0])
    gap = lens.strengths[first] - lens.strengths
    towards = pull - pull[:, [first]]  # what one more copy of a group does for each rival
    strength = np.abs(towards).sum(axis=0)
    ease = np.where(strength > 0, gap / np.maximum(strength, 1e-300), np.inf)
    ease[first] = np.inf
    boards = _Boards(lens, at, len(groups) + 1, cell)
    found: tuple[float, int] | None = None
    for rival in np.argsort(ease)[:RIVALS]:
        if np.isfinite(ease[rival]):
            signs = np.sign(towards[:, rival])
            factor = _search(boards, signs, first, BOUND if found is None else found[0])
            if factor is not None:
                found = factor, int(rival)
    names = data.names
    if found is None:
        return Mix(kind, len(groups), None, names[first], None, (), ())
    side = towards[:, found[1]]
    order = np.argsort(-np.abs(side))
    after = boards.board(np.sign(side), found[0])
    return Mix(
        kind, len(groups), found[0], names[first], names[int(after.argmax())],
        tuple(data.label(kind, groups[g]) for g in order if side[g] > 0),
        tuple(data.label(kind, groups[g]) for g in order if side[g] < 0),
    )  # fmt: skip


class _Boards:
    """Boards under weights of groups: rows are summed by group and cell once."""

    def __init__(self, lens: Lens, at: Ints, size: int, cell: Ints) -> None:
        from scipy.sparse import coo_array

        self.lens = lens
        shape = (size, lens.left.size)
        self.votes = coo_array((np.ones(at.size), (at, cell)), shape=shape).tocsr()

    def board(self, signs: Floats, factor: float) -> Floats:
        """Shape (subjects,): strengths where groups count `factor` times, or one in so many."""
        votes = self.votes.T @ np.append(factor**signs, 1.0)
        rows = np.zeros((self.lens.left.size, 3))
        rows[np.arange(rows.shape[0]), self.lens.outcome] = votes
        none = Counts(self.lens.counts.names, *(np.zeros(0, np.int64),) * 2, np.zeros((0, 3)))
        table = none + Counts(none.names, self.lens.left, self.lens.right, rows)
        return self.lens.refit(table).strengths


def _search(boards: _Boards, signs: Floats, first: int, limit: float) -> float | None:
    """The least factor below the limit at which someone else is first, by bisection."""

    def beaten(factor: float) -> bool:
        return int(boards.board(signs, factor).argmax()) != first

    low, high = 0.0, float(np.log(limit))
    if not beaten(limit):
        return None
    while high - low > 0.002:
        middle = (low + high) / 2
        low, high = (low, middle) if beaten(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))
