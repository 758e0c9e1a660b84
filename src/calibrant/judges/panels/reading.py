"""What do the judges, the gold and the confidences of a table say, row by row?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.labels import Labels, as_labels
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_ROW = "calibrant row"


@dataclass(frozen=True, eq=False)
class Sheet:
    """Labels of judges beside gold.

    Attributes:
        names: shape (items,), of the items.
        judges, classes: names.
        labels: shape (items, judges), class numbers, -1 for none.
        gold: shape (items,), class numbers, -1 for none.
        confidence: by judge, shape (items,), NaN where missing; only for judges that have one.
        cluster: shape (items,), or None.
        source: the labels as read, with gold as further graders.
    """

    names: tuple[str, ...]
    judges: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Ints
    gold: Ints
    confidence: dict[str, Floats]
    cluster: Ints | None
    source: Labels
    notes: tuple[str, ...]


def sheet(
    source: Any,
    *,
    gold: str | Sequence[str] | None,
    judges: Sequence[str] | None,
    confidence: Sequence[str] | Mapping[str, str] | None,
    item: str | None,
    cluster: str | None,
    same: Mapping[str, str] | None,
    unparsed: Sequence[str],
) -> Sheet:
    """The table as matrices; see `panel`.

    Raises:
        InputError: for columns that are not there, no judges, or no labels.
    """
    golds = [gold] if isinstance(gold, str) else list(gold or ())
    if isinstance(source, Labels):
        if confidence or same or unparsed or cluster or item:
            raise InputError("panel: confidence, same, unparsed, cluster and item need a table, "
                             "not labels")  # fmt: skip
        return _sheet(source, golds, judges, {}, source.items, ())
    if judges is None or isinstance(judges, str) or not list(judges):
        raise InputError("judges: wanted a list of columns, one per judge")
    columns = _confidences(judges, confidence)
    table = table_of(source, "labels")
    if table.is_empty():
        raise InputError("labels: wanted at least one row, got none")
    for name in (*judges, *golds, *columns.values(), *(c for c in (item, cluster) if c)):
        if name not in table.columns:
            there = one_line(", ".join(table.columns), 200)
            raise InputError(f"panel: no column {one_line(name, 60)!r}; there are {there}")
    if overlap := set(judges) & set(golds):
        raise InputError(f"gold: {sorted(overlap)[0]!r} is a judge already")
    rows = table.with_columns(pl.int_range(pl.len()).cast(pl.String).alias(_ROW))
    if same:
        rows = rows.with_columns(
            pl.col(c).cast(pl.String).str.strip_chars().replace(dict(same))
            for c in (*judges, *golds)
        )
    found = as_labels(rows, item=_ROW, graders=[*judges, *golds], cluster=cluster,
                      unparsed=unparsed)  # fmt: skip
    at = [int(i) for i in found.items]
    names = (
        tuple(str(x) for x in table[item].cast(pl.String).fill_null("")[at].to_list())
        if item is not None
        else tuple(f"row {i + 1}" for i in at)
    )
    numbers = {judge: _numbers(table, column)[at] for judge, column in columns.items()}
    lost = table.height - len(at)
    notes = (f"{lost:,} rows hold no label at all and are left out",) if lost else ()
    return _sheet(found, golds, judges, numbers, names, notes)


def _sheet(
    found: Labels,
    golds: Sequence[str],
    judges: Sequence[str] | None,
    confidence: dict[str, Floats],
    names: tuple[str, ...],
    notes: tuple[str, ...],
) -> Sheet:
    matrix = found.matrix()
    panel = tuple(judges) if judges else tuple(g for g in found.graders if g not in golds)
    if not panel:
        raise InputError("judges: wanted at least one beside gold, got none")
    labels = matrix[:, [found.index(j) for j in panel]]
    truth = np.full(len(found.items), -1, np.int64)
    more = list(notes)
    if len(golds) == 1:
        truth = matrix[:, found.index(golds[0])]
    elif golds:
        truth, tied = found.pick(golds).majority()
        more.append(f"gold is the majority of {', '.join(golds)}; {tied:,} items are tied and "
                    "have none")  # fmt: skip
    if found.unparsed:
        what = one_line(", ".join(f"{t!r} {n:,}×" for t, n in found.unread[:4]), 200)
        more.append(f"{found.unparsed:,} labels are no verdict ({what}): taken as missing")
    strange = set(np.unique(labels[labels >= 0])) - set(np.unique(truth[truth >= 0]))
    if strange and np.any(truth >= 0):
        which = one_line(", ".join(repr(found.categories[int(c)]) for c in sorted(strange)), 200)
        more.append(f"labels that gold never has: {which}; rename them if they mean another")
    return Sheet(names, panel, found.categories, labels, truth, confidence, found.cluster, found,
                 tuple(more))  # fmt: skip


def _confidences(
    judges: Sequence[str], confidence: Sequence[str] | Mapping[str, str] | None
) -> dict[str, str]:
    if confidence is None:
        return {}
    if isinstance(confidence, Mapping):
        unknown = sorted(set(confidence) - set(judges))
        if unknown:
            raise InputError(f"confidence: wanted names of judges, got {unknown[0]!r}")
        return dict(confidence)
    if isinstance(confidence, str) or len(confidence) != len(judges):
        raise InputError(
            f"confidence: wanted one column for each of {len(judges)} judges, in their order"
        )
    return {j: c for j, c in zip(judges, confidence, strict=True) if c}


def _numbers(table: pl.DataFrame, column: str) -> Floats:
    texts = table[column]
    found = texts.cast(pl.String).str.strip_chars().replace("", None)
    try:
        numbers = found.cast(pl.Float64)
    except pl.exceptions.PolarsError as e:
        raise InputError(f"confidence: column {one_line(column, 60)!r}: wanted numbers") from e
    values = numbers.to_numpy().astype(float)
    return np.where(np.isfinite(values), values, np.nan)
