"""What may be shown of the answers about one area, and when? Snapshots that give nobody away.

A cell is one area and question; a new round of the Delphi is a moment in its history, not a new
cell, since the difference of two rounds would else show what the first held back. Snapshots of a
cell follow one rule.

- Respondents who were never in a snapshot enter together, at least k of them at once.
- Those in a snapshot stand in groups: people whose answers entered, and changed, in the same
  snapshots. Of a group, changed answers are taken up only if at least k of it changed (revised,
  withdrawn, or came back), and either all of it did or at least k did not: those form two groups.
- What does not fit waits, at the close of the survey too.
- Numbers are shown only while at least k have answered, counts per value from 2k.

So every group has at least k members, whatever comes, and a respondent counts once however often
an answer went back and forth.

Theorem. Let an attacker see the full counts behind every snapshot of every cell, know whose
answers changed in each snapshot, and know all answers of up to k − 2 respondents. For every other
respondent there is another one, of the same group, such that exchanging the two histories of shown
answers changes nothing the attacker sees or knows. So no answer of theirs can be told from
another's, unless all of the group whom the attacker does not know gave the same answers.

Proof. A group has k members, so two at least are unknown. A snapshot depends on the answers by
their counts alone, and both are in the same snapshots and changed in the same ones, so an exchange
leaves counts and changes as they are; other cells do not use these answers. Totals over areas that
are computed from snapshots alone give nothing more. ∎

What it does not protect: a group that is unanimous (the counts say so); from an attacker who
knows k − 1 or more of a group; respondents whose own words give them away; the bare fact that
somebody took part. The usual rule, a new snapshot after every k changes of any kind, protects
less: if one of a snapshot's five changes is a revision, the count that falls by one is what that
one person had said before, and groups that overlap in one person can be intersected. The
certificate "delphi-snapshots" measures both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.delphi.spread import quartiles

DONT_KNOW = 0
NOTHING = -1
"""What a respondent says in a cell: a value from 1, or one of these."""


class Part(NamedTuple):
    """One respondent's part in the last snapshot: what was said, and which group it is in."""

    said: int
    group: int


@dataclass(frozen=True)
class Snapshot:
    """What everybody who may look is shown of one cell.

    Attributes:
        number: of the snapshot, from 1.
        n: respondents who answered, 1 or more; None if fewer than k do now, and all else is None.
        dont_know: respondents who said so.
        median, low, high: the middle and the quartiles of the answers; halfway between two values
            where both would do.
        counts: answers of each value from 1; None below 2k.
    """

    number: int
    n: int | None = None
    dont_know: int | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    counts: tuple[int, ...] | None = None

    def __repr__(self) -> str:
        if self.n is None:
            return f"Snapshot {self.number}: too few answers to show"
        return (
            f"Snapshot {self.number}: median {self.median:g}, middle half {self.low:g} to "
            f"{self.high:g}, of {self.n} answers"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def release(
    said: Mapping[str, int], behind: Mapping[str, Part], *, k: int, levels: int
) -> dict[str, Part] | None:
    """What lies behind the next snapshot; None if nothing new may be shown.

    Args:
        said: what each respondent says now; who is missing says nothing.
        behind: what lies behind the snapshot that is shown; empty before the first.
        k: the fewest that may change at once.
        levels: values of the scale, which begin at 1.

    Raises:
        InputError: for k below 2, or something said that is not on the scale.
    """
    _check(said, k, levels)
    taken = _new(said, behind, k)
    groups: dict[int, list[str]] = {}
    for who, part in behind.items():
        groups.setdefault(part.group, []).append(who)
    for members in groups.values():
        moved = [who for who in members if said.get(who, NOTHING) != behind[who].said]
        stayed = len(members) - len(moved)
        if len(moved) >= k and (stayed == 0 or stayed >= k):
            taken.append(moved)
    if not taken:
        return None
    after = dict(behind)
    fresh = max(groups, default=0) + 1
    for group, members in enumerate(taken, fresh):
        after |= {who: Part(said.get(who, NOTHING), group) for who in members}
    # The first snapshot waits until there is something to see.
    if not behind and _answered(after) < k:
        return None
    return after


def snapshot(behind: Mapping[str, Part], number: int, *, k: int, levels: int) -> Snapshot:
    """What is shown of what lies behind it."""
    n = _answered(behind)
    if n < k:
        return Snapshot(number)
    counts = tally(behind, levels)
    low, median, high = quartiles(counts)
    dont_know = sum(part.said == DONT_KNOW for part in behind.values())
    shown = tuple(map(int, counts)) if n >= 2 * k else None
    return Snapshot(number, n, dont_know, median, low, high, shown)


def tally(behind: Mapping[str, Part], levels: int) -> NDArray[np.int64]:
    """Answers of each value, shape (levels,)."""
    values = [part.said - 1 for part in behind.values() if part.said > 0]
    return np.bincount(np.array(values, np.int64), minlength=levels).astype(np.int64)


def waiting(said: Mapping[str, int], behind: Mapping[str, Part]) -> int:
    """How many respondents' answers differ from what is shown. Not for anybody's eyes."""
    return sum(
        said.get(who, NOTHING) != (behind[who].said if who in behind else NOTHING)
        for who in {*said, *behind}
    )


def _new(said: Mapping[str, int], behind: Mapping[str, Part], k: int) -> list[list[str]]:
    """Respondents who were in no snapshot yet, as one group if they are enough."""
    new = [who for who, value in said.items() if value != NOTHING and who not in behind]
    return [new] if len(new) >= k else []


def _answered(behind: Mapping[str, Part]) -> int:
    return sum(part.said > 0 for part in behind.values())


def _check(said: Mapping[str, int], k: int, levels: int) -> None:
    if k < 2:
        raise InputError(f"k: wanted 2 or more, got {k}; one answer alone is never shown")
    wrong = [v for v in said.values() if not NOTHING <= v <= levels]
    if wrong:
        raise InputError(f"said: wanted {NOTHING} to {levels}, got {wrong[0]}")
