"""How often is each grader right, category by category, where labels are taken for truth?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.labels import Labels
from calibrant.stats.estimates.clusters import Clusters, korn_graubard
from calibrant.stats.estimates.rates import bounds

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rate:
    """A share of items with its interval.

    Attributes:
        events, n: counted.
        value: events / n; None if n is 0, and `why` says so.
        interval: Clopper–Pearson, or Korn–Graubard where items come in clusters.
    """

    events: int
    n: int
    value: float | None
    interval: tuple[float, float] | None
    why: str = ""

    def __repr__(self) -> str:
        if self.value is None:
            return self.why
        ends = "" if self.interval is None else " ({:.1%} to {:.1%})".format(*self.interval)
        return f"{self.value:.1%}{ends}, {self.events:,} of {self.n:,}"


@dataclass(frozen=True)
class Category:
    """How a grader deals with one category.

    Attributes:
        name: of the category.
        sensitivity: share of its gold items that the grader calls so.
        specificity: share of other items that it calls otherwise.
        positive, negative: predictive values: share of those called so that are, and of those
            called otherwise that are otherwise.
        gold_rate, grader_rate: share of items that gold and the grader say are so.
    """

    name: str
    sensitivity: Rate
    specificity: Rate
    positive: Rate
    negative: Rate
    gold_rate: Rate
    grader_rate: Rate


@dataclass(frozen=True)
class AgainstGold:
    """One grader against gold.

    Attributes:
        grader: who.
        items: that have both a gold label and the grader's.
        accuracy: share of them with the same label.
        categories: per category of the scale.
        confusion: items by gold label (rows) and the grader's (columns).
        unparsed: items with gold on which the grader's verdict could not be read.
        worst, best: the accuracy if those were all wrong, or all right; None without any.
    """

    grader: str
    items: int
    accuracy: Rate
    categories: tuple[Category, ...]
    confusion: tuple[tuple[int, ...], ...]
    unparsed: int = 0
    worst: float | None = None
    best: float | None = None

    def __repr__(self) -> str:
        return f"{self.grader} against gold: right in {self.accuracy!r}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels taken for truth.

    Attributes:
        name: in words.
        code: shape (items,), or per grader where a grader is left out of its own majority; -1 for
            none.
        judged: numbers of the graders that are judged.
        ties: items without truth as the majority is tied; the largest number over graders.
    """

    name: str
    code: dict[int, Ints]
    judged: tuple[int, ...]
    ties: int = 0


def truth_of(labels: Labels, gold: str | Sequence[str]) -> Truth:
    """What `gold` means: a grader, "majority" (of all others), or names (the majority of those).

    Raises:
        InputError: if there is no such grader, or no grader is left to be judged.
    """
    everyone = range(len(labels.graders))
    if not isinstance(gold, str):
        people = [labels.index(name) for name in dict.fromkeys(gold)]
        if not people:
            raise InputError("gold: wanted names of graders, got none")
        code, ties = labels.pick([labels.graders[i] for i in people]).majority()
        judged = [i for i in everyone if i not in people]
        name = (
            f"majority of {len(people)} graders" if len(people) > 1 else labels.graders[people[0]]
        )
        return _judging(Truth(name, dict.fromkeys(judged, code), tuple(judged), ties))
    if gold == "majority" and gold not in labels.graders:
        found, most = {}, 0
        for i in everyone:
            others = [labels.graders[j] for j in everyone if j != i]
            if not others:
                raise InputError("gold: the majority of the others needs at least two graders")
            found[i], ties = labels.pick(others).majority()
            most = max(most, ties)
        return Truth("majority of the others", found, tuple(everyone), most)
    at = labels.index(gold)
    judged = [i for i in everyone if i != at]
    return _judging(Truth(gold, dict.fromkeys(judged, labels.of(gold)), tuple(judged)))


def _judging(truth: Truth) -> Truth:
    if not truth.judged:
        raise InputError("gold: wanted a grader beside gold to be judged, got none")
    return truth


def against(labels: Labels, truth: Truth, grader: int, level: float) -> AgainstGold:
    """One grader against gold."""
    said = labels.of(labels.graders[grader])
    lost = np.zeros(len(labels.items), np.bool_)
    if labels.unread_item is not None and labels.unread_grader is not None:
        lost[labels.unread_item[labels.unread_grader == grader]] = True
    return compare(
        labels.graders[grader], said, truth.code[grader], lost, labels.categories, labels.cluster,
        level,
    )  # fmt: skip


def compare(
    name: str,
    said: Ints,
    true: Ints,
    lost: Bools,
    categories: Sequence[str],
    cluster: Ints | None,
    level: float,
) -> AgainstGold:
    """A grader's labels against true ones, both of shape (items,), -1 for none.

    Args:
        lost: items on which the grader's verdict could not be read.
        cluster: shape (items,), or None.
    """
    both = (said >= 0) & (true >= 0)
    x, y = said[both], true[both]
    where = None if cluster is None else cluster[both]
    size = len(categories)
    confusion = np.bincount(y * size + x, minlength=size * size).reshape(size, size)

    def rate(event: Bools, among: Bools, why: str) -> Rate:
        return _rate(event[among], None if where is None else where[among], level, why)

    every = np.ones(x.size, np.bool_)
    of = []
    for k, c in enumerate(categories):
        is_, says = y == k, x == k
        none = "no item has a label of both"
        of.append(Category(
            c,
            sensitivity=rate(says, is_, f"no gold labels in category {c!r}"),
            specificity=rate(~says, ~is_, f"no gold labels outside category {c!r}"),
            positive=rate(is_, says, f"{name} never says {c!r}"),
            negative=rate(~is_, ~says, f"{name} always says {c!r}"),
            gold_rate=rate(is_, every, none),
            grader_rate=rate(says, every, none),
        ))  # fmt: skip
    unread = int((lost & (true >= 0)).sum())
    right, n = int((x == y).sum()), int(x.size) + unread
    none = "no item has both a gold label and one of the grader"
    return AgainstGold(
        name,
        int(x.size),
        rate(x == y, every, none),
        tuple(of),
        tuple(tuple(int(v) for v in row) for row in confusion),
        unread,
        right / n if unread else None,
        (right + unread) / n if unread else None,
    )


def _rate(event: Bools, cluster: Ints | None, level: float, why: str) -> Rate:
    k, n = int(event.sum()), int(event.size)
    if not n:
        return Rate(0, 0, None, None, why)
    if cluster is None:
        low, high = bounds(k, n, level=level)
        return Rate(k, n, k / n, (float(low), float(high)))
    if np.unique(cluster).size < 2:
        return Rate(k, n, k / n, None, "one cluster: no interval")
    found = korn_graubard(Clusters.of(event, cluster), level=level)
    return Rate(k, n, k / n, (found.low, found.high))
