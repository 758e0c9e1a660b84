"""Who said what about which item? The long table of labels, coded once for the whole room.

A label is one grader's verdict on one item. Where the source is a table of trials or a log, an
item is one answer: item × subject × variant × epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.label_scale import Scale, check_scales, same_but_for_case, scale_of
from calibrant.judges.label_tables import Told, long_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Duplicates = Literal["refuse", "drop"]
LARGEST = 50_000_000
"""Cells of a dense matrix of items by graders or categories."""


@dataclass(frozen=True, eq=False, repr=False)
class Labels:
    """Labels as whole numbers, with what they stand for.

    Attributes:
        items, graders, categories: names; categories in the order of the scale.
        item, grader, code: shape (labels,), which item, which grader, which category; sorted by
            item, then grader, and no grader has two labels of one item.
        values: shape (categories,), the numbers that the categories are; None if not all are.
        ordered: whether the order of the categories means something: they are numbers, or the
            caller named them in order.
        cluster: shape (items,), the cluster of each item; None if every item stands alone.
        clusters: names of the clusters.
        unread_item, unread_grader: shape (unread,), where a grader gave no verdict that is one of
            the categories.
        unread: such texts with their counts, the most frequent first; "" is an empty one.
        contradicted: item and grader pairs left out as the grader said two things about the item.
        anonymous: whether graders are only places in a string of votes.
        notes: what to keep in mind.
    """

    items: tuple[str, ...]
    graders: tuple[str, ...]
    categories: tuple[str, ...]
    item: Ints
    grader: Ints
    code: Ints
    values: Floats | None = None
    ordered: bool = False
    cluster: Ints | None = None
    clusters: tuple[str, ...] = ()
    unread_item: Ints | None = None
    unread_grader: Ints | None = None
    unread: tuple[tuple[str, int], ...] = ()
    contradicted: int = 0
    anonymous: bool = False
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Labels."""
        return int(self.code.size)

    @property
    def unparsed(self) -> int:
        """Verdicts that could not be read."""
        return 0 if self.unread_item is None else int(self.unread_item.size)

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        who = "votes" if self.anonymous else f"{len(self.graders):,} graders"
        text = f"{self.n:,} labels of {len(self.items):,} items by {who}: "
        text += one_line(", ".join(self.categories[:6]), 80)
        text += ", …" if len(self.categories) > 6 else ""
        return text + (f"; {self.unparsed:,} not read" if self.unparsed else "")

    def counts(self) -> Ints:
        """How many graders gave each item each label, shape (items, categories)."""
        return self._tally(self.item * len(self.categories) + self.code, len(self.categories))

    def unread_per_item(self) -> Ints:
        """Verdicts that could not be read, shape (items,)."""
        where = np.zeros(0, np.int64) if self.unread_item is None else self.unread_item
        return np.bincount(where, minlength=len(self.items)).astype(np.int64)

    def matrix(self) -> Ints:
        """The category that each grader gave each item, shape (items, graders); -1 for none."""
        _fits(len(self.items), len(self.graders), "graders")
        found = np.full((len(self.items), len(self.graders)), -1, np.int64)
        found[self.item, self.grader] = self.code
        return found

    def index(self, grader: str) -> int:
        """The number of a grader.

        Raises:
            InputError: if there is none of that name.
        """
        if grader not in self.graders:
            known = one_line(", ".join(map(repr, self.graders[:8])), 200)
            raise InputError(f"grader: wanted one of {known}, got {grader!r}")
        return self.graders.index(grader)

    def of(self, grader: str) -> Ints:
        """The category that one grader gave each item, shape (items,); -1 for none.

        Raises:
            InputError: if there is no grader of that name.
        """
        mine = self.grader == self.index(grader)
        found = np.full(len(self.items), -1, np.int64)
        found[self.item[mine]] = self.code[mine]
        return found

    def pick(self, graders: Sequence[str]) -> Labels:
        """The labels of some graders, in this order; all items and categories stay.

        Raises:
            InputError: if there is no grader of a name.
        """
        place = np.full(len(self.graders), -1, np.int64)
        for new, name in enumerate(graders):
            place[self.index(name)] = new
        keep = place[self.grader] >= 0
        item, grader, code = self.item[keep], place[self.grader[keep]], self.code[keep]
        order = np.lexsort((grader, item))
        unread_item, unread_grader = self.unread_item, self.unread_grader
        if unread_item is not None and unread_grader is not None:
            there = place[unread_grader] >= 0
            unread_item, unread_grader = unread_item[there], place[unread_grader[there]]
        return Labels(
            self.items, tuple(graders), self.categories, item[order], grader[order], code[order],
            self.values, self.ordered, self.cluster, self.clusters, unread_item, unread_grader,
            self.unread, self.contradicted, self.anonymous, self.notes,
        )  # fmt: skip

    def majority(self) -> tuple[Ints, int]:
        """The most frequent label of each item, shape (items,), and how many are tied.

        -1 for items that are tied or have no label.
        """
        counts = self.counts()
        most = counts.max(axis=1)
        tied = ((counts == most[:, None]).sum(axis=1) > 1) & (most > 0)
        return np.where(tied | (most == 0), -1, counts.argmax(axis=1)), int(tied.sum())

    def frame(self) -> pl.DataFrame:
        """The labels as a long table: item, grader, label, and cluster if there is one."""
        names = np.asarray
        columns = {
            "item": names(self.items, object)[self.item],
            "grader": names(self.graders, object)[self.grader],
            "label": names(self.categories, object)[self.code],
        }
        if self.cluster is not None:
            columns["cluster"] = names(self.clusters, object)[self.cluster[self.item]]
        return pl.DataFrame({k: v.tolist() for k, v in columns.items()})

    def _tally(self, cell: Ints, width: int) -> Ints:
        size = len(self.items) * width
        _fits(len(self.items), width, "categories")
        return np.bincount(cell, minlength=size).reshape(len(self.items), width).astype(np.int64)


def _fits(items: int, width: int, what: str) -> None:
    if items * width > LARGEST:
        raise InputError(
            f"labels: {items:,} items by {width:,} {what} are too many for one table of counts "
            f"(at most {LARGEST:,} cells)"
        )


def as_labels(
    source: Any,
    *,
    item: str | None = None,
    grader: str | None = None,
    label: str | None = None,
    graders: Sequence[str] | None = None,
    votes: str | None = None,
    gold: str | None = None,
    cluster: str | None = None,
    categories: Sequence[Any] | None = None,
    unparsed: Sequence[str] = (),
    duplicates: Duplicates = "refuse",
) -> Labels:
    """The labels that a path or a table holds, long, wide or as strings of votes.

    Args:
        source: a path (.csv, .tsv, .jsonl, .parquet, a log or folder that `read` takes), a table
            of polars, pandas, pyarrow or duckdb, a mapping of columns, or `Labels`.
        item, grader, label: the columns of a long table. By default the trials table's (an item
            is then one answer, and the label its score), else "item", "grader" and "label" or
            their usual other names. In a wide table and in one of votes, `item` names the rows.
        graders: the columns of a wide table, one per grader; an empty cell is no label.
        votes: a column of strings with one character per vote, whose graders are not known.
        gold: a column with one label per item, which is read as one more grader of that name; or
            a grader; or "majority", which adds nothing unless there is such a column.
        cluster: a column that says which items belong together.
        categories: the labels there are, in the order of the scale; what is not among them
            could not be read. By default whatever occurs.
        unparsed: texts that mean that no verdict could be read, such as "garbage". In a long
            table an empty label means that too.
        duplicates: where one grader says two things about one item, "refuse", or "drop" both.
            Equal ones are merged.

    Raises:
        InputError: if it is no such table, or graders contradict themselves or seem to use
            different scales while `categories` does not say which there is.
    """
    if isinstance(source, Labels):
        return source
    if duplicates not in ("refuse", "drop"):
        raise InputError(f"duplicates: wanted 'refuse' or 'drop', got {duplicates!r}")
    if isinstance(unparsed, str):
        raise InputError(f"unparsed: wanted a list of texts, got {unparsed!r}")
    told = long_of(
        source, item=item, grader=grader, label=label, graders=graders, votes=votes, gold=gold,
        cluster=cluster,
    )  # fmt: skip
    scale, code = scale_of(told.label, categories, unparsed)
    if not (code >= 0).any():
        raise InputError(
            f"labels: wanted at least one that can be read, got none of {told.label.len():,}"
        )
    coded = pl.DataFrame({"item": told.item, "grader": told.grader, "code": code})
    read, contradicted, notes = _distinct(coded.filter(pl.col("code") >= 0), told, scale,
                                          duplicates)  # fmt: skip
    unread = _unread(coded, read)
    found = Labels(
        told.items,
        told.graders,
        scale.categories,
        item=_ints(read, "item"),
        grader=_ints(read, "grader"),
        code=_ints(read, "code"),
        values=scale.values,
        ordered=scale.ordered,
        cluster=told.cluster,
        clusters=told.clusters,
        unread_item=_ints(unread, "item"),
        unread_grader=_ints(unread, "grader"),
        unread=_texts(told.label, code),
        contradicted=contradicted,
        anonymous=told.anonymous,
        notes=(*told.notes, *notes, *same_but_for_case(scale.categories)),
    )
    if categories is None and not told.anonymous:
        check_scales(found.graders, found.categories, found.values, found.grader, found.code)
    return found


def _distinct(
    read: pl.DataFrame, told: Told, scale: Scale, duplicates: Duplicates
) -> tuple[pl.DataFrame, int, list[str]]:
    """One label per item and grader: equal ones merged, contradictions refused or left out."""
    key = ["item", "grader"]
    notes = []
    once = read.unique()
    if once.height < read.height:
        more = read.height - once.height
        notes.append(f"{more:,} labels repeat what the same grader said of the same item: merged")
    again = once.filter(pl.struct(key).is_duplicated()).sort([*key, "code"])
    if again.height and duplicates == "refuse":
        who, what = told.graders[again["grader"][0]], told.items[again["item"][0]]
        one, two = (scale.categories[again["code"][i]] for i in (0, 1))
        many = again.select(key).n_unique()
        rest = f" ({many:,} such contradictions in all)" if many > 1 else ""
        raise InputError(one_line(
            f"labels: grader {who!r} said both {one!r} and {two!r} of item {what!r}{rest}; "
            "duplicates 'drop' leaves such items out for that grader", 500))  # fmt: skip
    contradicted = again.select(key).n_unique() if again.height else 0
    if contradicted:
        once = once.join(again.select(key).unique(), on=key, how="anti")
        notes.append(
            f"{contradicted:,} item and grader pairs with contradictory labels are left out"
        )
    return once.sort(key), contradicted, notes


def _unread(coded: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """Where a grader's verdict could not be read, and none other of that item could."""
    key = ["item", "grader"]
    failed = coded.filter(pl.col("code") < 0).select(key).unique()
    return failed.join(read.select(key), on=key, how="anti").sort(key)


def _ints(table: pl.DataFrame, column: str) -> Ints:
    return table[column].to_numpy().astype(np.int64)


def _texts(label: pl.Series, code: Ints) -> tuple[tuple[str, int], ...]:
    lost = label.filter(pl.Series(code < 0)).fill_null("").rename("text")
    if not lost.len():
        return ()
    found = lost.value_counts().sort("count", "text", descending=[True, False])
    return tuple((one_line(t, 80), int(n)) for t, n in found.iter_rows())
