"""Which verdicts of two versions of a judge are about the same answer? From logs or tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.pressure.table import column_of, numbers_of
from calibrant.records import SCHEMA, content_hash, read
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_KEY = ("subject", "instrument", "item", "variant", "epoch")


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table of verdicts; None for those that it has not.

    Attributes:
        item: what was asked; clusters the answers of one item.
        score: the verdict as a number.
        key: columns that, with the item, name one answer.
        answer: its text, to check that both versions graded the same.
        gold, stratum: the truth, and a category to look at on its own.
    """

    item: str = "item"
    score: str = "score"
    key: tuple[str, ...] = ()
    answer: str | None = None
    gold: str | None = None
    stratum: str | None = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """Verdicts of two versions on the same answers.

    Attributes:
        items: the item of each pair.
        before, after: shape (n,), scores.
        gold: shape (n,), nan where there is none; None without a column.
        stratum: one each, or None.
        only_before, only_after: answers that one version graded alone.
        different: answers whose text differs between the two; left out.
        failed_before, failed_after: answers that a version could not grade; left out.
        checked: whether texts were compared.
    """

    items: list[str]
    before: Floats
    after: Floats
    gold: Floats | None
    stratum: list[str] | None
    only_before: int
    only_after: int
    different: int
    failed_before: int
    failed_after: int
    checked: bool

    @property
    def n(self) -> int:
        """Pairs."""
        return int(self.before.size)


def verdicts(source: Any, grader: str | None, what: str) -> pl.DataFrame:
    """The table of verdicts that a path, a log, or a table of another library is.

    Args:
        grader: of trials by several graders, this one.

    Raises:
        InputError: for none, or trials by several graders without a choice.
    """
    if isinstance(source, str | Path) and Path(source).suffix.lower() not in _TABLES:
        table = read(source, strict=True).trials
    else:
        table = table_of(source, what)
    if table.is_empty():
        raise InputError(f"{what}: wanted at least one verdict, got none")
    if not set(SCHEMA) <= set(table.columns):
        return table
    names = table["grader"].unique().sort().to_list()
    if grader is not None:
        if grader not in names:
            raise InputError(f"{what}: no grader {grader!r}; there are {_some(names)}")
        return table.filter(pl.col("grader") == grader)
    if len(names) > 1:
        raise InputError(f"{what}: wanted one grader, got {_some(names)}; choose one")
    return table


def _some(names: Sequence[Any]) -> str:
    return ", ".join(one_line(str(n), 60) for n in names[:8])


def pair(before: pl.DataFrame, after: pl.DataFrame, columns: Columns) -> Pairs:
    """Join the verdicts of two versions by answer.

    Raises:
        InputError: for missing columns, scores that are no numbers, an answer that occurs twice
            in one version, or no answer in common.
    """
    left, right = (_side(t, columns, w) for t, w in ((before, "before"), (after, "after")))
    keys = [c for c in left.columns if c.startswith("k:") and c in right.columns]
    for table, what in ((left, "before"), (right, "after")):
        twice = table.select(keys).is_duplicated()
        if twice.any():
            row = int(twice.arg_max() or 0)
            raise InputError(
                f"{what} row {row}: item {one_line(table['k:item'][row], 60)!r}: the same answer "
                "occurs twice; name the columns that tell answers apart"
            )
    both = left.join(right, on=keys, how="inner", suffix=":after", nulls_equal=True,
                     maintain_order="left")  # fmt: skip
    if both.is_empty():
        raise InputError("verdicts: the two versions graded no answer in common")
    checked = "text" in left.columns and "text" in right.columns
    same = pl.Series([True] * both.height)
    if checked:
        one, other = both["text"].to_list(), both["text:after"].to_list()
        same = pl.Series(
            [content_hash(a) == content_hash(b) for a, b in zip(one, other, strict=True)]
        )
    kept = both.filter(same)
    x, y = kept["score"].to_numpy(), kept["score:after"].to_numpy()
    bad_x, bad_y = np.isnan(x), np.isnan(y)
    good = ~(bad_x | bad_y)
    if not good.any():
        raise InputError("verdicts: no answer that both versions could grade")
    used = kept.filter(pl.Series(good))
    return Pairs(
        used["k:item"].to_list(),
        x[good],
        y[good],
        used["gold"].to_numpy() if columns.gold else None,
        used["stratum"].to_list() if columns.stratum else None,
        left.height - both.height,
        right.height - both.height,
        both.height - kept.height,
        int(bad_x.sum()),
        int(bad_y.sum()),
        checked,
    )


def _side(table: pl.DataFrame, columns: Columns, what: str) -> pl.DataFrame:
    """One version's verdicts: keys, score, and what else is asked for."""
    item = column_of(table, columns.item, what).cast(pl.String)
    if item.null_count():
        raise InputError(f"{what} row {item.is_null().arg_max()}: no {columns.item!r}")
    found: dict[str, Any] = {"k:item": item}
    trials = set(SCHEMA) <= set(table.columns)
    more = columns.key or (tuple(k for k in _KEY if k != "item") if trials else ())
    for name in more:
        found[f"k:{name}"] = column_of(table, name, what).cast(pl.String)
    found["score"] = numbers_of(table, columns.score, what)
    answer = columns.answer
    if answer is None and "answer" in table.columns and table["answer"].null_count() == 0:
        answer = "answer"
    if answer is not None:
        found["text"] = column_of(table, answer, what).cast(pl.String)
    if columns.gold is not None and (what == "before" or columns.gold in table.columns):
        found["gold"] = numbers_of(table, columns.gold, what)
    if columns.stratum is not None and (what == "before" or columns.stratum in table.columns):
        found["stratum"] = column_of(table, columns.stratum, what).cast(pl.String).fill_null("–")
    return pl.DataFrame(found)
