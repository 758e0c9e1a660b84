"""How few votes, taken away, change a place on the board?

Votes are taken in order of their influence (Broderick, Giordano and Meager, arXiv 2011.14999) and
the board is fitted again, exactly, before anything is claimed: the number reported suffices. For
Bradley–Terry a second number is certain from below; where both agree the answer is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.audit.bounds import Reach
from calibrant.ratings.audit.lens import Lens, change
from calibrant.ratings.counts import RIGHT, TIE, Counts
from calibrant.ratings.fit import RatingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RIVALS = 3
"""Rivals for whom removal is carried out, after all are ranked by first-order influence."""

EVEN = 1e-9
"""Strengths this close are even, and nobody is ahead."""

TRIES = 60
"""Refits spent on trying every choice of fewer votes, when bounds leave few."""


@dataclass(frozen=True)
class Upset:
    """How few removed votes put the subject at a place behind one below it.

    Attributes:
        place: from 1. holder, rival: who holds the place, and who passes after the removal.
        margin: log-strength of the holder minus that of the rival.
        votes: removed votes that suffice, by an exact refit; None if none was found, as when
            the removal would leave no rating.
        at_least: no choice of fewer votes suffices, for any rival below.
        share: votes divided by all votes.
        removed: (subject, outcome, other, votes) of what is taken away, with outcome "beats" or
            "ties".
    """

    place: int
    holder: str
    rival: str
    margin: float
    votes: int | None
    at_least: int
    share: float | None
    removed: tuple[tuple[str, str, str, int], ...]

    @property
    def exact(self) -> bool:
        """Whether the number of votes is proved to be the least."""
        return self.votes == self.at_least

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        keys = ("subject", "outcome", "other", "votes")
        return self.__dict__ | {
            "exact": self.exact,
            "removed": [dict(zip(keys, row, strict=True)) for row in self.removed],
        }

    def __repr__(self) -> str:
        if self.votes is None:
            return f"No removal was found that puts {self.holder!r} behind (place {self.place})"
        number = f"{self.votes}" if self.exact else f"between {self.at_least} and {self.votes}"
        return (
            f"Place {self.place}: removing {number} vote{'' if self.votes == 1 else 's'} puts "
            f"{self.rival!r} ahead of {self.holder!r}"
        )


@dataclass(frozen=True)
class _Removal:
    rival: int
    cells: Ints
    votes: Floats
    predicted: float


def upset(lens: Lens, place: int = 1) -> Upset:
    """Fewest votes whose removal puts the holder of a place behind some subject below it.

    Args:
        lens: the fit.
        place: from 1 to the number of subjects less one.

    Raises:
        InputError: for a place that is not there.
    """
    size = lens.strengths.size
    if not 1 <= place < size:
        raise InputError(f"place: wanted 1 to {size - 1}, got {place}")
    holder = int(lens.ranking[place - 1])
    rivals = lens.ranking[place:]
    plans = sorted((_plan(lens, holder, int(b)) for b in rivals), key=lambda p: p.predicted)
    best: _Removal | None = None
    for plan in plans[:RIVALS]:
        found = _carry_out(lens, holder, plan.rival, _total(best))
        best = found if found is not None else best
    upper = _total(best)
    lower = _lower(lens, holder, rivals, upper)
    if best is not None and lower < upper:
        best, lower = _try_all(lens, holder, plans, best, lower)
    rival = plans[0].rival if best is None else best.rival
    names, upper = lens.counts.names, _total(best)
    return Upset(
        place, names[holder], names[rival], float(lens.strengths[holder] - lens.strengths[rival]),
        None if best is None else upper, min(lower, upper),
        None if best is None else upper / lens.counts.total,
        () if best is None else _rows(lens, best.cells, best.votes),
    )  # fmt: skip


def _total(found: _Removal | None) -> int:
    return 10_000 if found is None else round(float(found.votes.sum()))


def _rows(lens: Lens, cells: Ints, votes: Floats) -> tuple[tuple[str, str, str, int], ...]:
    names = lens.counts.names
    rows = []
    for c, v in zip(cells.tolist(), votes.tolist(), strict=True):
        one, other = names[lens.left[c]], names[lens.right[c]]
        if lens.outcome[c] == RIGHT:
            one, other = other, one
        rows.append((one, "ties" if lens.outcome[c] == TIE else "beats", other, int(v)))
    return tuple(rows)


def _plan(lens: Lens, holder: int, rival: int) -> _Removal:
    """Cells by influence, taken until the first-order margin is gone."""
    influence = lens.cell_influence(lens.potential(holder, rival))
    gap = float(lens.strengths[holder] - lens.strengths[rival])
    order = np.argsort(-influence)
    order = order[influence[order] > 0]
    if not order.size:
        return _Removal(rival, order, np.zeros(0), np.inf)
    reach = np.cumsum(lens.votes[order] * influence[order])
    last = int(np.searchsorted(reach, gap))
    if last >= order.size:
        return _Removal(rival, order, lens.votes[order], np.inf)
    before = reach[last - 1] if last else 0.0
    need = (gap - before) / influence[order[last]]
    predicted = float(lens.votes[order[:last]].sum() + need)
    return _Removal(rival, order, lens.votes[order], predicted)


def _carry_out(lens: Lens, holder: int, rival: int, limit: int) -> _Removal | None:
    """Remove votes by influence, refitting as the board moves; None if `limit` is not beaten."""
    now, used = lens, 0
    taken: dict[int, float] = {}
    limit = min(limit, round(lens.counts.total))  # one vote has to be left
    while now.strengths[holder] >= now.strengths[rival] - EVEN:
        plan = _plan(now, holder, rival)
        if not plan.cells.size or used + 1 >= limit:
            return None
        # Half of what is missing, then look again: influence grows as votes go.
        some = plan.predicted if np.isfinite(plan.predicted) else float(plan.votes.sum())
        budget = min(max(1.0, np.floor(some / 2)), limit - used - 1)
        take = np.diff(np.minimum(np.cumsum(plan.votes), budget), prepend=0.0)
        cells, take = plan.cells[take > 0], take[take > 0]
        for code, votes in zip(now.cell_codes[cells].tolist(), take.tolist(), strict=True):
            taken[code] = taken.get(code, 0.0) + votes
        used += round(float(take.sum()))
        try:
            now = Lens(now.refit(_without(now, cells, take)))
        except RatingError:
            return None
    place = {code: i for i, code in enumerate(lens.cell_codes.tolist())}
    cells = np.array([place[c] for c in taken], dtype=np.int64)
    return _Removal(rival, cells, np.array(list(taken.values())), float(used))


def _without(lens: Lens, cells: Ints, votes: Floats) -> Counts:
    return change(lens.counts, lens.left[cells], lens.right[cells], lens.outcome[cells], -votes)


def reach(lens: Lens, holder: int, rival: int) -> Reach | None:
    """What bounds the effect of removed votes; None for models without such a bound."""
    gap = float(lens.strengths[holder] - lens.strengths[rival])
    if lens.fit.model != "bt" or lens.fit.order_effect is not None or gap <= 0:
        return None
    potential = lens.potential(holder, rival)
    pair = lens.resistance(lens.left, lens.right)
    drop = np.sign(lens.score) * (potential[lens.left] - potential[lens.right])
    return Reach(
        gap, float(potential[holder] - potential[rival]), np.abs(lens.score), drop, pair,
        lens.votes, lens.outcome == TIE, float(pair.max()),
    )  # fmt: skip


def _lower(lens: Lens, holder: int, rivals: Ints, upper: int) -> int:
    """Votes below which no rival can pass, whatever is removed."""
    least = upper
    for rival in rivals:
        bound = reach(lens, holder, int(rival))
        if bound is None or least <= 1:
            return 1
        least = min(least, bound.least(least))
    return least


def _try_all(
    lens: Lens, holder: int, plans: list[_Removal], best: _Removal, lower: int
) -> tuple[_Removal, int]:
    """Every choice of fewer votes that the bounds leave open, as long as these are few."""
    tries = 0
    while lower < _total(best):
        for plan in plans:
            for chosen in _open_choices(lens, holder, plan.rival, lower):
                tries += 1
                if tries > TRIES:
                    return best, lower
                cells, votes = np.unique(chosen, return_counts=True)
                try:
                    after = lens.refit(_without(lens, cells, votes.astype(np.float64))).strengths
                except RatingError:
                    continue
                if after[holder] < after[plan.rival] - EVEN:
                    return _Removal(plan.rival, cells, votes.astype(np.float64), lower), lower
        lower += 1
    return best, lower


def _open_choices(lens: Lens, holder: int, rival: int, votes: int) -> Iterator[tuple[int, ...]]:
    """Choices of so many votes that the bound does not rule out, most promising first."""
    bound = reach(lens, holder, rival)
    each = np.ones(lens.left.size) if bound is None else bound.each(bound.range_of(votes))
    gap = 0.0 if bound is None else bound.gap
    top = np.argsort(-each)
    best = each[top]

    def extend(chosen: tuple[int, ...], begin: int, sum_: float) -> Iterator[tuple[int, ...]]:
        rest = votes - len(chosen)
        if not rest:
            yield tuple(int(top[i]) for i in chosen)
            return
        for i in range(begin, top.size):
            if sum_ + rest * best[i] < gap:
                return  # neither this cell nor a later one can close the gap
            if chosen.count(i) < lens.votes[top[i]]:
                yield from extend((*chosen, i), i, sum_ + best[i])

    yield from extend((), 0, 0.0)
