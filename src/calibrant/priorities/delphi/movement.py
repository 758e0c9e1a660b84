"""Did the group come closer between two rounds, or do answers only wander? Paired tests.

People who are far from the median and answer again at random land nearer to it: the share of
revisions towards the median is above half where nobody listens to anybody. What does not change
then is how the two rounds look if each respondent's two answers are exchanged: so the tests here
exchange them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.stats.comparisons.paired import sign_flip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LISTED = 12
"""Respondents up to whom all exchanges are gone through."""


@dataclass(frozen=True)
class Movement:
    """What happened to one question between two rounds, among who answered an area in both.

    Attributes:
        first, second: the rounds.
        respondents, pairs: who answered in both, and how many areas of theirs.
        revised: pairs whose answers differ.
        towards, away: of pairs that began off the area's first median, those that end nearer to
            it, or farther from it.
        towards_by_chance: the share towards (of those nearer or farther) if each respondent's two
            answers are exchanged at random; None if nothing is nearer or farther.
        shift: mean change of an answer, with its interval and p-value (`sign_flip` over
            respondents); both None for fewer than 6 respondents, or where nobody moved.
        narrowing: 1 − (mean distance from the area's median in the second round) / (in the first);
            None if there was none.
        p: of "no narrowing": small means that the group came closer.
        exact: whether all exchanges were gone through.
    """

    first: int
    second: int
    respondents: int
    pairs: int
    revised: int
    towards: int
    away: int
    towards_by_chance: float | None
    shift: float
    shift_interval: tuple[float, float] | None
    shift_p: float | None
    narrowing: float | None
    p: float
    exact: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def movement(
    respondent: Ints, area: Ints, before: Ints, after: Ints, *, levels: int,
    rounds: tuple[int, int] = (1, 2), level: float = 0.95, draws: int = 1999, seed: int = 0,
) -> Movement:  # fmt: skip
    """Stability and convergence between two rounds.

    The test of narrowing exchanges the two rounds of random respondents, all areas of one at
    once, and counts how often the mean distance from the areas' medians falls as much: exact if
    the two answers of a respondent could have come in either order, as they could if each was
    drawn anew. It says nothing of who left: those are not in both rounds.

    Args:
        respondent, area: shape (n,), places; one row a pair of answers.
        before, after: shape (n,), values 1 to `levels`.
        draws: random exchanges, where there are more than 12 respondents.

    Raises:
        InputError: for no pairs, or values off the scale.
    """
    if not before.size:
        raise InputError("movement: nobody answered the same area in both rounds")
    if min(before.min(), after.min()) < 1 or max(before.max(), after.max()) > levels:
        raise InputError(f"movement: wanted values of 1 to {levels}")
    swaps, exact = _swaps(int(respondent.max()) + 1, draws, seed)
    apart = _apart(respondent, area, before, after, levels, swaps)
    fell = apart[:, 0] - apart[:, 1]
    # The first row exchanges nothing: what was seen.
    p = float((fell >= fell[0] - 1e-9).mean())
    towards, away, chance = _towards(respondent, area, before, after, levels, swaps)
    shift, ends, shift_p = _shift(respondent, after - before, level, draws, seed)
    return Movement(
        *rounds, int(np.unique(respondent).size), int(before.size),
        int((before != after).sum()), towards, away, chance, shift, ends, shift_p,
        1 - float(apart[0, 1] / apart[0, 0]) if apart[0, 0] > 0 else None, p, exact,
    )  # fmt: skip


def _swaps(many: int, draws: int, seed: int) -> tuple[Floats, bool]:
    """Which respondents' rounds are exchanged, one exchange a row; the first exchanges none."""
    if many <= LISTED:
        return np.array(list(product((0.0, 1.0), repeat=many))), True
    drawn = np.random.default_rng(seed).integers(0, 2, (draws, many)).astype(np.float64)
    return np.vstack([np.zeros(many), drawn]), False


def _tables(
    respondent: Ints, area: Ints, before: Ints, after: Ints, levels: int, swaps: Floats
) -> tuple[Floats, Floats]:
    """Counts of values by area in both rounds under each exchange, (exchanges, areas, levels)."""
    areas = int(area.max()) + 1
    size = areas * levels
    one, two = area * levels + before - 1, area * levels + after - 1
    change = np.zeros((swaps.shape[1], size))
    np.add.at(change, (respondent, two), 1.0)
    np.add.at(change, (respondent, one), -1.0)
    moved = swaps @ change
    first = np.bincount(one, minlength=size) + moved
    second = np.bincount(two, minlength=size) - moved
    shape = (len(swaps), areas, levels)
    return first.reshape(shape), second.reshape(shape)


def _apart(
    respondent: Ints, area: Ints, before: Ints, after: Ints, levels: int, swaps: Floats
) -> Floats:
    """Sums of distances from the areas' medians in both rounds, shape (exchanges, 2)."""
    found = []
    for counts in _tables(respondent, area, before, after, levels, swaps):
        below = np.cumsum(counts, axis=2)
        # The sum of distances from a median is that of the smaller side at every step.
        found.append(np.minimum(below, below[..., -1:] - below).sum(axis=(1, 2)))
    return np.stack(found, axis=1)


def _towards(
    respondent: Ints, area: Ints, before: Ints, after: Ints, levels: int, swaps: Floats
) -> tuple[int, int, float | None]:
    """Pairs that began off the first median and moved nearer, farther, and the share by chance."""
    counts, _ = _tables(respondent, area, before, after, levels, swaps)
    below = np.cumsum(counts, axis=2)
    total = below[..., -1:]
    middle = (np.argmax(2 * below >= total, axis=2) + np.argmax(2 * below > total, axis=2)) / 2 + 1
    near, far = np.zeros(len(swaps)), np.zeros(len(swaps))
    for i in range(before.size):
        a, b = abs(before[i] - middle[:, area[i]]), abs(after[i] - middle[:, area[i]])
        swapped = swaps[:, respondent[i]] > 0
        nearer, off = np.where(swapped, a - b, b - a), np.where(swapped, b, a) > 0
        near += off & (nearer < 0)
        far += off & (nearer > 0)
    both = near + far
    share = float((near[both > 0] / both[both > 0]).mean()) if (both > 0).any() else None
    return int(near[0]), int(far[0]), share


def _shift(
    respondent: Ints, change: Ints, level: float, draws: int, seed: int
) -> tuple[float, tuple[float, float] | None, float | None]:
    mean = float(change.mean())
    try:
        found = sign_flip(change, respondent, level=level, draws=draws, seed=seed)
    except InputError:
        # Too few respondents, or everybody moved alike: the mean stands alone.
        return mean, None, None
    return mean, (found.interval.low, found.interval.high), found.p_value


def plain_apart(area: Ints, value: Ints) -> float:
    """The sum of distances from the areas' medians, one by one."""
    return float(sum(np.abs(value[area == a] - np.median(value[area == a])).sum()
                     for a in np.unique(area)))  # fmt: skip
