"""What would honest respondents with the same habits have answered? Random tables like this one.

The null: the odds of answer k by respondent r in cell c are exp(a_ck + b_rk), with any a (what the
cell is like, and how much people agree on it) and any b (what r tends to answer). Given how often
each answer was given in each cell and by each respondent, all tables with these counts are equally
likely, whatever a and b are. A chain walks through them by trades between two respondents.

From the table at hand the chain walks some steps back, and from there every random table walks as
many steps forth. Under the null the table at hand is one of them, which makes p-values exact
however well the chain mixes (Besag and Clifford, Biometrika 76 (1989) 633).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.integrity.answers import Answers, Codes, Ints

Keep = Literal["answers", "mean"]
"""What stays of each respondent: how often each answer was given to each question, or only the
mean answer to each question (the null then has b_rk = k times r's severity)."""

STEPS = 80
"""Trades of every respondent between the table at hand and a random one, there and back."""

_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Trades:
    """One pairing of the respondents, and the cells both of a pair answered.

    Attributes:
        first, second: shape (entries,): places in the flat table.
        group: shape (entries,): the pair and the question, as a number.
    """

    first: Ints
    second: Ints
    group: Ints


def pairings(answers: Answers, count: int, rng: np.random.Generator) -> list[Trades]:
    """Random pairings of respondents who answered at least two cells both.

    Who trades may depend on who answered what, which the null takes as given, never on the answers.
    """
    left, right = np.nonzero(np.triu(answers.together >= 2))
    found = []
    for _ in range(count if left.size else 0):
        free = np.ones(len(answers.respondents), bool)
        chosen = []
        for edge in rng.permutation(left.size):
            a, b = left[edge], right[edge]
            if free[a] and free[b]:
                free[a] = free[b] = False
                chosen.append(edge)
        a, b = left[chosen], right[chosen]
        pair, cell = np.nonzero(answers.there[a] & answers.there[b])
        width = answers.codes.shape[1]
        group = pair * len(answers.questions) + answers.question[cell]
        found.append(Trades(a[pair] * width + cell, b[pair] * width + cell, group))
    return found


def trade(
    flat: Codes, trades: Trades, levels: int, keep: Keep, rng: np.random.Generator
) -> None:  # fmt: skip
    """Let every pair of every table trade answers, in place.

    Where two respondents answered a cell differently they may swap, which keeps the cell's counts.
    Two such swaps at once, in opposite directions, keep what is kept of the respondents: in cells
    with the same two answers or, for the mean, with answers as far apart. Which cells are put
    together is drawn anew, so that a trade is as likely as its reverse.

    Args:
        flat: shape (tables, respondents x cells).
    """
    a, b = flat[:, trades.first], flat[:, trades.second]
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    kind = low * levels + high if keep == "answers" else high - low
    group = trades.group * (levels * levels) + kind
    order = np.argsort((group << 24) + rng.integers(0, 1 << 24, group.shape), axis=1)
    # Neighbours in this order go together, from the first or the second on: drawn table by table,
    # as tables that shared a draw would be more alike than the one at hand is to them.
    rows = np.arange(len(flat))[:, None]
    start = rng.integers(0, 2, (len(flat), 1)) + 2 * np.arange(order.shape[1] // 2)
    inside = start + 1 < order.shape[1]
    start = np.where(inside, start, 0)
    ones, twos = order[rows, start], order[rows, np.where(inside, start + 1, 0)]
    up = a > b
    swap = inside & (group[rows, ones] == group[rows, twos]) & (up[rows, ones] != up[rows, twos])
    table, at = np.nonzero(swap)
    for side in (ones, twos):
        entry = side[table, at]
        one, two = trades.first[entry], trades.second[entry]
        flat[table, one], flat[table, two] = flat[table, two], flat[table, one]


def tables(
    answers: Answers, keep: Keep, draws: int, rng: np.random.Generator, steps: int = STEPS
) -> NDArray[np.int8]:
    """Random tables with the same counts, shape (draws, respondents, cells).

    Under the null they and the table at hand are exchangeable.
    """
    path = pairings(answers, steps, rng)
    start = answers.codes.reshape(1, -1).copy()
    for trades in reversed(path):
        trade(start, trades, answers.levels.size, keep, rng)
    every = np.repeat(start, draws, axis=0)
    # Few tables at a time, so that the work of a trade stays in the processor's cache.
    chunk = max(1, min(draws, _CHUNK // max(every.shape[1] * 8, 1)))
    for begin in range(0, draws, chunk):
        part = every[begin : begin + chunk]
        for trades in path:
            trade(part, trades, answers.levels.size, keep, rng)
    return every.reshape(draws, *answers.codes.shape)
