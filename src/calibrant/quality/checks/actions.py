"""What should be done, and what would it change? Each action with its effect on the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.quality.dif.result import Dif, ItemDif

Floats = NDArray[np.float64]
What = Literal["review key", "look at", "keep one of these", "drop", "merge subjects"]

MOST = 1000
"""Subjects among whom changes of order are counted, the best."""


@dataclass(frozen=True)
class Action:
    """Something to do about items (or subjects), and what dropping them would do.

    Attributes:
        what: the deed.
        items: positions of the items it is about; of subjects for "merge subjects".
        reason: a sentence.
        reliability: change of Cronbach's alpha if the items were dropped (all but one of those to
            be kept); NaN where alpha does not exist, or for subjects.
        swaps: pairs of subjects whose order would change.
    """

    what: What
    items: tuple[int, ...]
    reason: str
    reliability: float
    swaps: int


def effect(unit: Floats, dropped: list[int]) -> tuple[float, int]:
    """What dropping items does to alpha, and how many pairs of subjects change order.

    Holes are left out of means; alpha is of the item covariances over the pairs of scores there
    are, each hole counting as the item's mean.

    Args:
        unit: shape (subjects, items), in 0–1, NaN where there is none.
        dropped: positions of items.
    """
    kept = np.ones(unit.shape[1], np.bool_)
    kept[dropped] = False
    if kept.sum() < 2:
        return float("nan"), 0
    before, after = alpha(unit), alpha(unit[:, kept])
    return after - before, swaps(_means(unit), _means(unit[:, kept]))


def unfair_actions(found: Dif, items: tuple[str, ...], unit: Floats) -> list[Action]:
    """A look at each item that treats subjects of equal score unequally, the largest class first.

    Args:
        items: names, in the order of the columns of `unit`.
    """
    where = {name: j for j, name in enumerate(items)}

    def rank(item: ItemDif) -> tuple[str, float]:
        return {"C": "0", "B": "1", "A": "2"}.get(item.ets or "", "1"), -abs(item.odds or 0.0)

    return [
        Action("look at", (where[i.item],), _unfair(found, i), *effect(unit, [where[i.item]]))
        for i in sorted(found.flagged, key=rank)
    ]


def _unfair(found: Dif, item: ItemDif) -> str:
    odds = item.odds or 0.0
    worse, better = (found.focal, found.reference)[:: 1 if odds < 0 else -1]
    sign = 1.0 if odds < 0 else -1.0
    low, high = sorted(sign * (end or 0.0) for end in (item.low, item.high))
    known = "" if item.ets is None else f", class {item.ets}"
    return (
        f"unfair to {one_line(worse, 40)}: at equal score its odds of success are "
        f"{_times(sign * odds)} times those of {one_line(better, 40)} ({found.level:.0%} interval "
        f"{_times(low)} to {_times(high)}){known}, adjusted p {item.adjusted or 0.0:.2g}"
    )


def _times(log: float) -> str:
    return f"{np.exp(np.clip(log, -300.0, 300.0)):.2g}"


def alpha(unit: Floats) -> float:
    """Cronbach's alpha, a hole counting as its item's mean; NaN if nothing varies."""
    seen = ~np.isnan(unit)
    n = np.maximum(seen.sum(axis=0), 1)
    x = np.where(seen, unit - np.where(seen, unit, 0.0).sum(axis=0) / n, 0.0)
    items = unit.shape[1]
    total = float((x.sum(axis=1) ** 2).sum())
    if items < 2 or total <= 1e-12:
        return float("nan")
    return float(items / (items - 1.0) * (1.0 - float((x**2).sum()) / total))


def _means(unit: Floats) -> Floats:
    seen = ~np.isnan(unit)
    count = seen.sum(axis=1)
    found: Floats = np.where(
        count > 0, np.where(seen, unit, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan
    )
    return found


def swaps(before: Floats, after: Floats) -> int:
    """Pairs that stood in one order and stand in the other, among the best by `before`."""
    both = np.flatnonzero(~np.isnan(before) & ~np.isnan(after))
    best = both[np.argsort(-before[both], kind="stable")[:MOST]]
    # A difference in the last digits is none.
    x, y = np.round(before[best], 12), np.round(after[best], 12)
    signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    return int((signs < 0).sum() // 2)
