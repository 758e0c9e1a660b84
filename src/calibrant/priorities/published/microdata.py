"""Which ratings could a printed table come from? Microdata made to give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from calibrant.errors import InputError
from calibrant.priorities.tables.fits import Reading, fits
from calibrant.priorities.tables.printed import Integers, Rule
from calibrant.priorities.tables.read import PublishedTable, read_published
from calibrant.records.ratings import RATINGS


@dataclass(frozen=True, repr=False, eq=False)
class Microdata:
    """Ratings that give a printed table; only one of very many that would.

    Attributes:
        frame: a ratings table; who was asked and did not know is in it.
        names: printed names by area.
        unfit: areas whose printed numbers no whole ratings give; they are not in the frame.
    """

    frame: pl.DataFrame
    names: dict[str, str]
    unfit: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"Microdata: {self.frame.height:,} rows on {len(self.names) - len(self.unfit)} areas; "
            f"{len(self.unfit)} fit none"
        )


def microdata_of(
    table: Any,
    *,
    fewest: int = 3,
    reading: Reading = "larger",
    rule: Rule = "half-up",
    respondents: int | None = None,
    seed: int | None = None,
    **columns: Any,
) -> Microdata:
    """Whole-number ratings whose analysis prints a table.

    Each row takes the solution with the most answers. For tests and demonstrations: how the real
    ratings lay within a mean is unknown, see `posterior_of_table`.

    Args:
        table: what `read_published` takes; columns go to it.
        fewest: least ratings of a question; rows that need fewer are named as unfit.
        reading, rule: what n means, and how halves were rounded.
        respondents: how many there are; by default the largest n.
        seed: mix ratings and respondents; without, ratings are as even as possible and each area
            is rated by the first n respondents.

    Raises:
        InputError: if there are too few respondents.
    """
    read = read_published(table, **columns)
    people = int(read.n.max()) if respondents is None else respondents
    if people < int(read.n.max()):
        raise InputError(f"respondents: wanted at least {int(read.n.max())}, got {people}")
    found = fits(read, fewest=fewest, reading=reading, rule=rule)
    rng = None if seed is None else np.random.default_rng(seed)
    total = np.sum(list(found.answers.values()), axis=0)
    rows: list[tuple[str, str, str, float | None, str]] = []
    width = len(str(people))
    for r in range(len(read.areas)):
        here = np.flatnonzero(found.row == r)
        if not here.size:
            continue
        best = int(here[total[here].argmax()])
        who = np.arange(people) if rng is None else rng.permutation(people)
        for q in read.means:
            values = _ratings(int(found.sums[q][best]), int(found.answers[q][best]), read, rng)
            for k in range(int(read.n[r])):
                value = float(values[k]) if k < values.size else None
                rows.append(
                    (f"r{who[k] + 1:0{width}d}", read.areas[r], q, value,
                     "don't know" if value is None else "answered")
                )  # fmt: skip
    kept = set(found.row.tolist())
    schema = {k: RATINGS[k] for k in ("respondent", "area", "question", "value", "state")}
    return Microdata(
        pl.DataFrame(rows, schema=schema, orient="row"),
        dict(zip(read.areas, read.names, strict=True)),
        tuple(a for i, a in enumerate(read.areas) if i not in kept),
    )


def _ratings(
    total: int, number: int, read: PublishedTable, rng: np.random.Generator | None
) -> Integers:
    """So many whole ratings of this sum on the scale."""
    base, more = divmod(total, number)
    values = np.full(number, base, dtype=np.int64)
    values[:more] += 1
    if rng is not None:
        for _ in range(3 * number):
            up, down = rng.integers(number, size=2)
            if up != down and values[up] < read.scale[1] and values[down] > read.scale[0]:
                values[up] += 1
                values[down] -= 1
        rng.shuffle(values)
    return values
