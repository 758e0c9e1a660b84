"""Which whole-number ratings have these means? All sums and numbers of answers, row by row.

The test of means is GRIM (Brown and Heathers 2017), done jointly: a row's means, its product and
its difference must come from the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.tables.printed import RULES, Column, Integers, Rule, ends, prints
from calibrant.priorities.tables.read import PublishedTable

Reading = Literal["larger", "shown", "each"]
READINGS: dict[Reading, str] = {
    "larger": "n is taken as the larger of the two questions' numbers of answers",
    "shown": "n is taken as those who were asked; any of them may have answered neither question",
    "each": "every question is taken to have n answers",
}
"""What a table's n means."""

MOST_N = 200
"""Respondents up to which every smaller number of answers is tried."""
MOST_PAIRS = 20_000
"""Combinations of one row's solutions that are tried. With more, its numbers fit something."""


@dataclass(frozen=True, repr=False, eq=False)
class Fits:
    """Every way in which rows come from whole ratings.

    Attributes:
        row: shape (solutions,), rising.
        sums, answers: for each question shape (solutions,): the sum and number of its ratings.
        thinned: shape (rows of the table,): rows with too many respondents or solutions to try
            fewer answers than n; whether they fit is not decided here.
    """

    row: Integers
    sums: dict[str, Integers]
    answers: dict[str, Integers]
    thinned: NDArray[np.bool_]

    def __repr__(self) -> str:
        return f"Fits: {self.row.size:,} solutions of {np.unique(self.row).size:,} rows"


def mean_fits(
    mean: Column,
    n: Integers,
    *,
    fewest: Integers,
    scale: tuple[int, int] = (1, 5),
    rule: Rule = "any",
) -> tuple[Integers, Integers, Integers]:
    """Sums of whole ratings that print as these means.

    Args:
        mean: printed means.
        n: shape (rows,): most answers.
        fewest: shape (rows,): least answers; beyond `MOST_N` only n answers are tried.

    Returns:
        Rows, numbers of answers and sums of all solutions, each shape (solutions,).
    """
    least = np.where(n > MOST_N, n, np.maximum(fewest, 1))
    rows, answers = _ranges(least, n)
    low, high = ends(mean.units[rows], answers, mean.digits, rule)
    low, high = np.maximum(low, scale[0] * answers), np.minimum(high, scale[1] * answers)
    at, sums = _ranges(low, high)
    return rows[at], answers[at], sums


def fits(
    table: PublishedTable,
    *,
    fewest: int | Integers = 1,
    reading: Reading = "larger",
    rule: Rule = "any",
    product: bool | NDArray[np.bool_] = True,
    difference: bool | NDArray[np.bool_] = True,
) -> Fits:
    """Every combination of sums and numbers of answers that gives a row's printed numbers.

    Args:
        fewest: least answers to a question, of all rows or each.
        reading: what n means; a question's own printed number of answers goes before it.
        rule: how halves are rounded; "any" takes both ways.
        product, difference: whether a printed one must come from the same sums, of all rows or
            each.

    Raises:
        InputError: for a reading or rule that is none.
    """
    if reading not in READINGS:
        raise InputError(f"reading: wanted one of {', '.join(READINGS)}, got {reading!r}")
    if rule not in RULES:
        raise InputError(f"rule: wanted one of {', '.join(RULES)}, got {rule!r}")
    least = np.broadcast_to(np.asarray(fewest, dtype=np.int64), table.n.shape)
    given = set(table.means) if reading == "each" else set(table.answers)
    single = {}
    for q, mean in table.means.items():
        most = table.answers.get(q, table.n)
        from_ = most if q in given else least
        single[q] = mean_fits(mean, most, fewest=from_, scale=table.scale, rule=rule)
    thinned = np.prod(
        [np.bincount(row, minlength=table.n.size) for row, _, _ in single.values()], axis=0
    ) > MOST_PAIRS  # fmt: skip
    thinned |= (table.n > MOST_N) & (len(given) < len(single))
    frame: pl.DataFrame | None = None
    for q, (row, n, s) in single.items():
        kept = ~thinned[row] | (n == table.answers.get(q, table.n)[row])
        one = pl.DataFrame({"row": row[kept], f"n {q}": n[kept], f"s {q}": s[kept]})
        frame = one if frame is None else frame.join(one, on="row", how="inner")
    assert frame is not None
    names = list(table.means)
    row = frame["row"].to_numpy()
    sums = {q: frame[f"s {q}"].to_numpy() for q in names}
    answers = {q: frame[f"n {q}"].to_numpy() for q in names}
    keep = np.ones(row.size, dtype=np.bool_)
    free = [q for q in names if q not in table.answers]
    if reading == "larger" and free:
        keep &= np.max([answers[q] for q in names], axis=0) == table.n[row]
    if len(names) > 1:
        a, b = names[:2]
        under = answers[a] * answers[b]
        for column, over, bound in (
            (table.product, sums[a] * sums[b], product),
            (table.difference, sums[a] * answers[b] - sums[b] * answers[a], difference),
        ):
            if column is not None:
                free_rows = ~np.broadcast_to(np.asarray(bound, dtype=np.bool_), table.n.shape)
                agrees = prints(over, under, column.units[row], column.digits, rule)
                keep &= agrees | free_rows[row]
    order = np.lexsort([x[keep] for q in reversed(names) for x in (answers[q],)] + [row[keep]])
    return Fits(
        row[keep][order],
        {q: s[keep][order] for q, s in sums.items()},
        {q: n[keep][order] for q, n in answers.items()},
        thinned,
    )


def _ranges(low: Integers, high: Integers) -> tuple[Integers, Integers]:
    """Every whole number from low to high, place by place: the places and the numbers."""
    size = np.maximum(high - low + 1, 0)
    at = np.repeat(np.arange(size.size), size)
    start = np.repeat(np.cumsum(size) - size, size)
    return at, np.repeat(low, size) + np.arange(at.size) - start
