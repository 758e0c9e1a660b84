"""In which order does a panel read the items? The booklet for bookmarks, by difficulty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calibrant.errors import InputError
from calibrant.quality.bank import Bank

_FAR = 8.0


@dataclass(frozen=True)
class Page:
    """A page of the booklet: an item, or one step of an item with more than two scores.

    Attributes:
        number: from 1.
        item: its item.
        category: the score that counts as mastered is this category or higher, from 1.
        location: the ability at which it is mastered with the response probability.
    """

    number: int
    item: str
    category: int
    location: float


def booklet(
    bank: Bank, *, response_probability: float = 0.67
) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    """The pages of a bank in the order of difficulty, and the items that have no place.

    A page is an item with two scores, or a step of an item with more: that its category or a
    higher one is reached. An item has no place if able subjects fail it, or if guessing alone
    reaches the response probability.

    Raises:
        InputError: for a probability that is not between 0 and 1, or fewer than 2 pages.
    """
    if not 0 < response_probability < 1:
        raise InputError(
            f"response_probability: wanted between 0 and 1, got {response_probability!r}"
        )
    found, lost = [], []
    for j, name in enumerate(bank.items):
        for k in range(1, int(bank.categories[j])):
            at = location(bank, j, k, response_probability)
            if at is None:
                lost.append(name)
            else:
                found.append((at, j, k))
    if len(found) < 2:
        raise InputError(
            f"bank: wanted at least 2 pages that are mastered with {response_probability:g} "
            f"somewhere, got {len(found)}"
        )
    found.sort()
    pages = tuple(Page(n, bank.items[j], k, at) for n, (at, j, k) in enumerate(found, 1))
    return pages, tuple(dict.fromkeys(lost))


def location(bank: Bank, item: int, category: int, rp: float) -> float | None:
    """The ability at which a category or a higher one is reached with this probability."""
    one = bank.select([item])
    if one.discrimination[0] <= 0:
        return None
    if bank.model in ("rasch", "2pl", "3pl", "grm"):
        g = float(one.guessing[0])
        p = (rp - g) / (1 - g)
        if p <= 0:
            return None
        d = float(one.intercepts[0, category - 1])
        return (math.log(p / (1 - p)) - d) / float(one.discrimination[0])
    from scipy.optimize import brentq

    def short(theta: float) -> float:
        return float(one.probabilities(np.array([theta]))[0, 0, category:].sum()) - rp

    low, high = -_FAR, _FAR
    while short(low) > 0:
        low *= 2
    while short(high) < 0:
        high *= 2
    return float(brentq(short, low, high, xtol=1e-12))
