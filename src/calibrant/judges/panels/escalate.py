"""Which cascades can these judges form, and which is the cheapest that keeps the promise?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.panels.cascade import Cascade, Stage, path, run
from calibrant.judges.panels.reading import Sheet
from calibrant.judges.panels.verdicts import combined, judged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PERSON = "person"
LONGEST = 3
"""Judges a cascade asks at most."""


def escalate(
    s: Sheet,
    taught: Ints,
    tested: Ints,
    costs: Mapping[str, float],
    *,
    target: float,
    delta: float,
    seed: int,
) -> Cascade:
    """Cascades over judges in order of their price, chosen on one part and tested on another.

    A stage's verdict is the judge's own where it has a confidence, and else the panel's of all
    judges asked so far.

    Args:
        taught, tested: gold items for choosing and for testing.
        costs: per item, of each judge and of a "person".

    Raises:
        InputError: for prices that are missing or not finite numbers of 0 or more.
    """
    _check(s, costs)
    order = sorted(s.judges, key=lambda j: (costs[j], s.judges.index(j)))
    longest = min(len(order), LONGEST)
    # Four judges and more: chains of the cheapest, and of each alone, are enough to search.
    sets = [c for size in range(1, longest + 1) for c in combinations(order, size)]
    chains = [_chain(s, c, taught, taught, inside=True, seed=seed) for c in sets]
    plans = path(chains, costs, costs[PERSON], tested.size, target, delta)
    final = [_chain(s, c, taught, tested, inside=False, seed=seed) for c in sets]
    clusters = None if s.cluster is None else s.cluster[tested]
    found, _ = run(final, plans, costs, costs[PERSON], clusters, target=target, delta=delta)
    return found


def _check(s: Sheet, costs: Mapping[str, float]) -> None:
    wanted = {*s.judges, PERSON}
    if set(costs) != wanted:
        raise InputError(
            f"costs: wanted a price for each of {', '.join((*s.judges, PERSON))}, got "
            f"{', '.join(costs) or 'none'}"
        )
    for name, price in costs.items():
        if not isinstance(price, int | float) or not 0 <= price < math.inf:
            raise InputError(f"costs: wanted finite prices of 0 or more, got {name}={price!r}")


def _chain(
    s: Sheet, judges: tuple[str, ...], taught: Ints, rows: Ints, *, inside: bool, seed: int
) -> list[Stage]:
    stages = []
    for i, judge in enumerate(judges):
        if judge in s.confidence:
            verdict, sure = judged(s, judge, taught, rows, inside=inside, seed=seed)
            name = judge
        else:
            columns = [s.judges.index(j) for j in judges[: i + 1]]
            verdict, sure = combined(s, columns, taught, rows, by_vote=False, inside=inside,
                                     seed=seed)  # fmt: skip
            name = " with ".join(judges[: i + 1])
        # Without a verdict an item goes on, whatever the threshold.
        scores = np.where(verdict < 0, -np.inf, sure)
        stages.append(Stage(name, (judge,), scores, verdict != s.gold[rows]))
    return stages
