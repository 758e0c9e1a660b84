"""Do respondents put areas in the same order? Kendall's W where each rates areas of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LISTED = 10_000
"""Arrangements that are gone through one by one; more are drawn."""
LEAST = 8
"""Respondents that an interval needs."""


@dataclass(frozen=True)
class Concordance:
    """Kendall's W of one question in one round.

    Attributes:
        w: the share of the variation of ranks within respondents that areas explain; Kendall's
            coefficient with ties where all rate the same areas.
        by_chance: what W is on average if everybody ranks at random; 1 / respondents where all
            rate the same areas, far more where areas have few answers.
        beyond_chance: (w − by_chance) / (1 − by_chance): 0 at random, 1 one order; the mean rank
            correlation of two respondents where all rate the same areas.
        interval: of beyond_chance, over respondents; None for fewer than 8, or if all rank alike.
        p: of ranking at random.
        exact: whether all arrangements were gone through.
        respondents, areas: with something to rank: two areas rated unequally, two respondents.
    """

    w: float
    by_chance: float
    beyond_chance: float
    interval: tuple[float, float] | None
    p: float
    exact: bool
    respondents: int
    areas: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def concordance(
    respondent: Ints, area: Ints, value: Floats, *, level: float = 0.95, draws: int = 999,
    seed: int = 0,
) -> Concordance:  # fmt: skip
    """Kendall's W with ties, for respondents who rated different areas.

    A respondent's ratings become ranks among the areas that respondent rated, with midranks for
    ties, less their mean. W is the sum over areas of (sum of ranks)² / respondents, over the sum
    of all squares; with everybody rating all areas that is Kendall and Babington Smith (Ann. Math.
    Stat. 10 (1939) 275) with the correction for ties. The p-value rearranges each respondent's
    ranks among the areas rated: exact where nobody prefers any area, whoever rated what. The
    interval is by Student's t on the jackknife over respondents, of the inverse hyperbolic tangent.

    Args:
        respondent, area: shape (n,), places; one row an answer.
        value: shape (n,), the answers.
        draws: random arrangements, where there are too many for all.

    Raises:
        InputError: if fewer than two respondents told two areas apart, or no two of them rated
            the same area.
    """
    ranks = _ranks(respondent, area, value)
    if len(ranks) < 2:
        raise InputError(
            f"concordance: wanted 2 or more respondents who rate areas unequally, got {len(ranks)}"
        )
    size = int(area.max()) + 1
    parts = _Parts.of(ranks, size)
    w, chance = parts.w()
    if chance > 1 - 1e-9:
        raise InputError("concordance: no two respondents rated the same area")
    p, exact = _p(ranks, size, parts.totals, parts.many, draws, seed)
    return Concordance(
        w, chance, _beyond(w, chance), _interval(ranks, parts, level), p, exact, len(ranks),
        int((parts.many > 0).sum()),
    )  # fmt: skip


@dataclass(frozen=True)
class _Parts:
    """Sums over respondents: of ranks by area, of answers by area, of chance, of all squares."""

    totals: Floats
    many: Floats
    chance: Floats
    squares: float

    @classmethod
    def of(cls, ranks: Sequence[tuple[Ints, Floats]], size: int) -> _Parts:
        """The sums of some respondents."""
        totals, many, chance = np.zeros((3, size))
        squares = 0.0
        for places, c in ranks:
            totals[places] += c
            many[places] += 1
            chance[places] += float(c @ c) / c.size
            squares += float(c @ c)
        return cls(totals, many, chance, squares)

    def without(self, places: Ints, c: Floats) -> _Parts:
        """The sums less one respondent's."""
        totals, many, chance = self.totals.copy(), self.many.copy(), self.chance.copy()
        totals[places] -= c
        many[places] -= 1
        chance[places] -= float(c @ c) / c.size
        return _Parts(totals, many, chance, self.squares - float(c @ c))

    def w(self) -> tuple[float, float]:
        """W, and what it is by chance."""
        each = np.maximum(self.many, 1)
        seen = float((self.totals**2 / each).sum()) / self.squares
        return seen, float((self.chance / each).sum()) / self.squares


def _ranks(respondent: Ints, area: Ints, value: Floats) -> list[tuple[Ints, Floats]]:
    """For each respondent with something to rank: the areas, and centred midranks."""
    order = np.argsort(respondent, kind="stable")
    cuts = np.flatnonzero(np.diff(respondent[order])) + 1
    found = []
    for rows in np.split(order, cuts):
        x = value[rows]
        if rows.size > 1 and np.ptp(x) > 0:
            rank = (x[:, None] > x).sum(axis=1) + ((x[:, None] == x).sum(axis=1) - 1) / 2
            found.append((area[rows], rank - (rows.size - 1) / 2))
    return found


def _beyond(w: float, chance: float) -> float:
    return (w - chance) / (1 - chance)


def _interval(
    ranks: list[tuple[Ints, Floats]], parts: _Parts, level: float
) -> tuple[float, float] | None:
    m = len(ranks)
    if m < LEAST:
        return None
    left = []
    for places, c in ranks:
        w, chance = parts.without(places, c).w()
        if chance > 1 - 1e-9:
            return None
        left.append(_beyond(w, chance))
    whole = _beyond(*parts.w())
    if max(whole, *left) > 1 - 1e-9 or np.ptp(left) < 1e-12:
        # Everybody ranks alike: how much others might differ cannot be told from that.
        return None
    pseudo = m * math.atanh(whole) - (m - 1) * np.arctanh(left)
    error = float(pseudo.std(ddof=1)) / math.sqrt(m)
    reach = -float(stdtrit(m - 1, (1 - level) / 2)) * error
    middle = float(pseudo.mean())
    return math.tanh(middle - reach), math.tanh(middle + reach)


def _p(
    ranks: list[tuple[Ints, Floats]], size: int, totals: Floats, many: Floats, draws: int,
    seed: int,
) -> tuple[float, bool]:  # fmt: skip
    each = np.maximum(many, 1)
    seen = float((totals**2 / each).sum()) * (1 - 1e-12) - 1e-12
    ways = sum(math.lgamma(c.size + 1) for _, c in ranks)
    if ways <= math.log(LISTED):
        sums = np.zeros((1, size))
        for places, c in ranks:
            every = np.array(list(permutations(c)))
            sums = np.repeat(sums, len(every), axis=0)
            sums[:, places] += np.tile(every, (len(sums) // len(every), 1))
        return float(((sums**2 / each).sum(axis=1) >= seen).mean()), True
    rng = np.random.default_rng(seed)
    sums = np.zeros((draws, size))
    for places, c in ranks:
        sums[:, places] += rng.permuted(np.tile(c, (draws, 1)), axis=1)
    above = int(((sums**2 / each).sum(axis=1) >= seen).sum())
    return (1 + above) / (1 + draws), False


def plain_w(table: Floats) -> float:
    """Kendall's W with ties of a full table (respondents, areas): the textbook, for comparison."""
    m, n = table.shape
    ranks = np.array([[sum(x > y for y in row) + (sum(x == y for y in row) + 1) / 2 for x in row]
                      for row in table])  # fmt: skip
    ties = sum(t**3 - t for row in table for t in np.unique(row, return_counts=True)[1])
    s = ((ranks.sum(axis=0) - m * (n + 1) / 2) ** 2).sum()
    return float(12 * s / (m**2 * (n**3 - n) - m * ties))


def plain_p(table: Floats) -> float:
    """The share of all rearrangements of the rows with at least this W, one by one."""
    seen = plain_w(table)
    every = [plain_w(np.array(t)) for t in product(*(list(permutations(row)) for row in table))]
    return float(np.mean([w >= seen - 1e-12 for w in every]))
