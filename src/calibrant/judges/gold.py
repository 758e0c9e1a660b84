"""How often is a grader right where gold says one thing, and where it says the other?

A validation study: the grader's verdicts beside gold labels of the same answers. What follows from
it for a rate by that grader is said elsewhere; here it is read, counted and bounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from calibrant._text import one_line
from calibrant.errors import InputError

# Assessments hold studies, and are read where no number is computed: what computes is loaded late.
if TYPE_CHECKING:
    import polars as pl

    from calibrant.stats.estimates.intervals import Side

GOLD = "gold"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tally(_Frozen):
    """How often a grader was right where gold says one thing.

    A verdict that could not be read counts as wrong in lower limits and as right in upper ones.
    """

    right: int = Field(ge=0)
    labels: int = Field(ge=0, description="Gold labels with a verdict beside them.")
    unparsed: int = Field(default=0, ge=0, description="Gold labels without one.")
    clusters: list[tuple[int, int, int]] | None = Field(
        default=None,
        description="Right, unparsed and all labels of each cluster; null: independent items.",
    )

    @property
    def rate(self) -> float:
        """The share of right verdicts among those that could be read, 0–1."""
        return self.right / self.labels

    def limit(self, alpha: float, *, upper: bool) -> float:
        """The one-sided limit of the share of right verdicts, wrong with chance `alpha`."""
        import numpy as np

        from calibrant.stats.estimates.clusters import korn_graubard_bounds
        from calibrant.stats.estimates.intervals import clopper_pearson

        side: Side = "upper" if upper else "lower"
        if self.clusters is None:
            right = self.right + (self.unparsed if upper else 0)
            total = self.labels + self.unparsed
            found = clopper_pearson(right, total, level=1 - alpha, side=side)
            return found.high if upper else found.low
        if len(self.clusters) < 2:
            return 1.0 if upper else 0.0
        right, unparsed, sizes = np.array(self.clusters, np.int64).T
        low, high, _ = korn_graubard_bounds(
            right + unparsed * upper, sizes, level=1 - alpha, side=side
        )
        return float(high if upper else low)


class Study(_Frozen):
    """A grader's verdicts beside gold labels; positive is the counted verdict."""

    grader: str
    source: str
    sha256: str
    positives: Tally
    negatives: Tally

    def events(self, relation: str) -> tuple[Tally, Tally]:
        """Of events (what speaks against a claim): right where there is one, and where not."""
        pair = (self.positives, self.negatives)
        return pair if relation == "below" else pair[::-1]


def read_study(path: Path, columns: Sequence[str], counts: str | None, *, said: str) -> Study:
    """Read a validation study: a table with a column `gold` and the grader's verdicts.

    `item` (a row each) and `cluster` are used where they are there.

    Args:
        columns: names the column of verdicts may have; the first that is there is taken.
        counts: the verdict that is positive; None: the number 1, or a word for it.
        said: what the table is called where it came from.

    Raises:
        InputError: naming the file and what is wrong with it.
    """
    import polars as pl

    from calibrant.records.frames import read_table

    table = read_table(path)
    where = str(path)
    name = _verdicts(columns, table, where)
    verdict, truth = (_counted(counts, table[c], f"{where}: {c}") for c in (name, GOLD))
    table = table.with_columns(said=verdict, truth=truth).filter(pl.col("truth").is_not_null())
    if "item" in table.columns:
        table = _once(table, where)
    clusters = "cluster" in table.columns and table["cluster"].n_unique() < table.height
    tallies = []
    for value, words in ((True, "counted"), (False, "not counted")):
        part = table.filter(pl.col("truth") == value)
        parsed = part["said"].drop_nulls()
        if parsed.is_empty():
            raise InputError(
                f"{where}: wanted gold labels of both kinds with a verdict beside them, got none "
                f"that is {words}"
            )
        tallies.append(
            Tally(
                right=int((parsed == value).sum()),
                labels=parsed.len(),
                unparsed=part.height - parsed.len(),
                clusters=_by_cluster(part, value) if clusters else None,
            )
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Study(
        grader=name, source=said, sha256=digest, positives=tallies[0], negatives=tallies[1]
    )


def _verdicts(columns: Sequence[str], table: pl.DataFrame, where: str) -> str:
    found = next((c for c in columns if c in table.columns), None)
    if found is None or GOLD not in table.columns:
        missing = GOLD if GOLD not in table.columns else " or ".join(columns)
        there = ", ".join(one_line(c, 40) for c in table.columns[:12])
        raise InputError(f"{where}: wanted a column {missing}, got {there}")
    return found


def _counted(counts: str | None, column: pl.Series, where: str) -> pl.Series:
    """Whether each value is the counted one; null where there is none."""
    import polars as pl

    from calibrant.records.trials import score_number

    found: list[bool | None] = []
    for row, value in enumerate(column.to_list()):
        text = value.strip() if isinstance(value, str) else value
        number = score_number(text)
        if text is None or text == "":
            found.append(None)
        elif counts is not None:
            wanted = score_number(counts)
            found.append(str(text) == counts or (number is not None and number == wanted))
        elif number in (0.0, 1.0):
            found.append(number == 1.0)
        else:
            raise InputError(
                f"{where}: row {row}: wanted 0, 1 or nothing, got {one_line(repr(value), 60)}"
            )
    return pl.Series(found, dtype=pl.Boolean)


def _once(table: pl.DataFrame, where: str) -> pl.DataFrame:
    """One row per item; rows that say the same again are one."""
    import polars as pl

    kept = table.unique(subset=["item", "said", "truth"], maintain_order=True)
    again = kept.filter(pl.col("item").is_duplicated())
    if again.height:
        raise InputError(
            f"{where}: item {one_line(repr(again['item'][0]), 80)} has contradictory rows"
        )
    return kept


def _by_cluster(part: pl.DataFrame, value: bool) -> list[tuple[int, int, int]]:
    import polars as pl

    sums = part.group_by("cluster", maintain_order=True).agg(
        right=(pl.col("said") == value).sum(), unparsed=pl.col("said").null_count(), size=pl.len()
    )
    return [(int(a), int(b), int(c)) for a, b, c in sums.drop("cluster").iter_rows()]
