"""Which items has the judge judged, and of which is the gold label known? A table read into arrays.

Whatever could pair the wrong labels with the wrong verdicts is refused: gold labels of other items,
two gold labels of one item that contradict each other, two vocabularies that share no word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.correction.gold import column_of, item_column, joined, texts
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]
NO_VERDICT = "(no verdict)"
MOST_KINDS = 12
_YES = ("1", "1.0", "yes", "y", "true", "positive")
_NO = ("0", "0.0", "no", "n", "false", "negative")


@dataclass(frozen=True, eq=False)
class Judged:
    """Items with verdicts, some with gold labels.

    Attributes:
        binary: whether the gold labels are yes or no; else numbers.
        positive: the gold label that is counted, if binary.
        kinds, kind: names of the kinds of verdict and each item's, if both are categories;
            without a verdict an item is of the kind "(no verdict)". Empty for a judge's numbers.
        f: shape (items,), the judge's value: 1 if it says positive, or its number; items without
            a verdict have 0, or the mean of the others.
        y: shape (items,), the gold label as a number; NaN if there is none or it is not used.
        parsed: whether there is a verdict.
        lost_at: which items should have a gold label and have none.
        cluster, stratum: codes from 0, or None; strata, their names.
        probability: of being labelled, or None.
        notes: what to keep in mind.
    """

    binary: bool
    positive: str | None
    kinds: tuple[str, ...]
    kind: NDArray[np.int64]
    f: Floats
    y: Floats
    parsed: NDArray[np.bool_]
    lost_at: NDArray[np.bool_]
    cluster: NDArray[np.int64] | None
    stratum: NDArray[np.int64] | None
    strata: tuple[str, ...]
    probability: Floats | None
    notes: tuple[str, ...]

    @property
    def lost(self) -> int:
        """How many those are."""
        return int(self.lost_at.sum())

    @property
    def has_gold(self) -> NDArray[np.bool_]:
        """Which items have a gold label that is used."""
        return ~np.isnan(self.y)


def read(
    source: Any,
    *,
    judge: str,
    gold: Any,
    labelled: str | None = None,
    positive: str | None = None,
    item: str | None = None,
    gold_column: str | None = None,
    cluster: str | None = None,
    strata: str | None = None,
    probability: str | None = None,
) -> Judged:
    """Verdicts and gold labels as arrays; see `correct` for the arguments.

    Raises:
        InputError: for columns that are not there, gold labels that contradict each other or belong
            to other items, none at all, or values that cannot be told apart.
    """
    table = table_of(source, "judged items")
    if table.is_empty():
        raise InputError("judged items: the table has no rows")
    column_of(table, judge, "judge")
    table, name, notes, ids = joined(table, gold, item, gold_column)
    said, true = _tidy(texts(table[judge])), _tidy(texts(table[name]))
    use = _labelled(table, labelled, true)
    lost = np.array([u and t is None for u, t in zip(use, true, strict=True)])
    true = [t if u else None for u, t in zip(use, true, strict=True)]
    if not any(t is not None for t in true):
        raise InputError(f"gold: {one_line(name)!r} has no label on the labelled items")
    if ids is not None and cluster is None and len(set(ids)) < len(ids):
        cluster = item_column(table, item)
        notes = (*notes, f"items recur: {one_line(str(cluster))!r} is taken as the cluster")
    group, _ = _codes(table, cluster, "cluster")
    stratum, strata_names = _codes(table, strata, "strata")
    rest: dict[str, Any] = {
        "lost_at": lost, "cluster": group, "stratum": stratum, "strata": strata_names,
        "probability": _probability(table, probability),
    }  # fmt: skip
    parsed = np.array([s is not None for s in said])
    if not parsed.any():
        raise InputError(f"judge: {one_line(judge)!r} holds no verdict")
    what = _positive(said, true, positive)
    if what is None:
        return _numbers(said, true, parsed, (judge, name), notes, rest)
    y = np.array([np.nan if t is None else float(t == what) for t in true])
    values = _floats(said)
    if values is not None and positive is None and not set(values[parsed]) <= {0.0, 1.0}:
        f = _filled(values, parsed)
        return Judged(True, what, (), np.zeros(len(said), np.int64), f, y, parsed, **rest,
                      notes=notes)  # fmt: skip
    kinds, kind = _kinds(said, what, judge)
    f = np.array([float(s == what) for s in said])
    return Judged(True, what, kinds, kind, f, y, parsed, **rest, notes=notes)


def _numbers(
    said: list[str | None], true: list[str | None], parsed: NDArray[np.bool_],
    names: tuple[str, str], notes: tuple[str, ...], rest: dict[str, Any],
) -> Judged:  # fmt: skip
    f, y = _floats(said), _floats(true)
    if f is None or y is None:
        which, column = ("judge", names[0]) if f is None else ("gold", names[1])
        raise InputError(
            f"{which}: {one_line(column)!r} holds text; say which label is counted (positive)"
        )
    return Judged(False, None, (), np.zeros(len(said), np.int64), _filled(f, parsed), y, parsed,
                  **rest, notes=notes)  # fmt: skip


def _filled(f: Floats, parsed: NDArray[np.bool_]) -> Floats:
    """Any number will do where there is no verdict: the estimate stays one of the gold mean."""
    return np.where(parsed, f, f[parsed].mean())


def _positive(said: list[str | None], true: list[str | None], given: str | None) -> str | None:
    """The label that is counted; None if the labels are numbers."""
    gold, judged = _words(true), _words(said)
    if given is not None:
        if given not in gold | judged:
            found = ", ".join(one_line(w, 30) for w in sorted(gold | judged)[:6])
            raise InputError(f"positive: no label is {one_line(given, 40)!r}; there are {found}")
        _share(gold, judged)
        return given
    small = {w.lower() for w in gold}
    if not small <= {*_YES, *_NO}:
        return None
    numbers = _floats(list(judged))
    if numbers is not None and not set(numbers.tolist()) <= {0.0, 1.0}:
        # Yes and no beside a judge's numbers: a rate, by the numbers as they are.
        return next((w for w in sorted(gold) if w.lower() in _YES), "yes")
    _share(gold, judged)
    yes = sorted(w for w in gold | judged if w.lower() in _YES)
    if len(yes) > 1:
        raise InputError(f"positive: which label is counted, {' or '.join(yes)}?")
    return yes[0] if yes else "1"


def _share(gold: set[str], judged: set[str]) -> None:
    if not gold & judged:
        one, two = (", ".join(one_line(w, 30) for w in sorted(s)[:4]) for s in (gold, judged))
        raise InputError(f"gold: its labels ({one}) and the judge's ({two}) have none in common")


def _tidy(values: list[str | None]) -> list[str | None]:
    """Numbers written alike, if all are numbers: 1.0 is 1."""
    found = _floats(values)
    if found is None:
        return values
    return [None if v is None else repr(x) if x % 1 else str(int(x))
            for v, x in zip(values, found.tolist(), strict=True)]  # fmt: skip


def _words(values: list[str | None]) -> set[str]:
    return {v for v in values if v is not None}


def _floats(values: list[str | None]) -> Floats | None:
    """Numbers, NaN where there is none; None if any is not a finite number."""
    try:
        found = np.array([np.nan if v is None else float(v) for v in values])
    except ValueError:
        return None
    finite = np.isfinite(found) | np.array([v is None for v in values])
    return found if np.all(finite) else None


def _kinds(
    said: list[str | None], positive: str, judge: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:  # fmt: skip
    words = sorted(_words(said) - {positive})
    names = [positive, *words] + [NO_VERDICT] * any(s is None for s in said)
    if len(names) > MOST_KINDS:
        raise InputError(
            f"judge: {one_line(judge)!r} holds {len(names)} kinds of verdict, wanted at most "
            f"{MOST_KINDS}"
        )
    code = {name: i for i, name in enumerate(names)}
    return tuple(names), np.array([code[NO_VERDICT if s is None else s] for s in said], np.int64)


def _labelled(table: pl.DataFrame, labelled: str | None, true: list[str | None]) -> list[bool]:
    """Which items count as labelled: those with gold, the first so many, or those marked."""
    if labelled is None:
        return [t is not None for t in true]
    found = re.fullmatch(r"first\s+(\d+)(?:\s+by\s+(.+))?", labelled.strip())
    if found and labelled not in table.columns:
        many = int(found[1])
        if not 0 < many <= table.height:
            raise InputError(f"labelled: wanted 1–{table.height} items, got {many}")
        place = np.arange(table.height)
        if found[2]:
            keys = texts(column_of(table, found[2], "labelled"))
            numbers = _floats(keys)
            order = (
                np.argsort(numbers, kind="stable") if numbers is not None
                else np.array(sorted(place, key=lambda i: keys[i] or ""))
            )  # fmt: skip
            place = np.empty_like(order)
            place[order] = np.arange(order.size)
        return [bool(p < many) for p in place]
    marks = texts(column_of(table, labelled, "labelled"))
    wrong = {m for m in marks if m is not None and m.lower() not in (*_YES, *_NO)}
    if wrong:
        raise InputError(
            f"labelled: wanted yes or no in {one_line(labelled)!r}, "
            f"got {one_line(min(wrong), 40)!r}"
        )
    return [m is not None and m.lower() in _YES for m in marks]


def _codes(
    table: pl.DataFrame, name: str | None, what: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:  # fmt: skip
    if name is None:
        return None, ()
    values = texts(column_of(table, name, what))
    words = sorted({NO_VERDICT if v is None else v for v in values})
    if what == "cluster" and any(v is None for v in values):
        raise InputError(
            f"cluster: {one_line(name)!r} has no value in row {values.index(None) + 1}"
        )
    code = {w: i for i, w in enumerate(words)}
    return np.array([code[NO_VERDICT if v is None else v] for v in values], np.int64), tuple(words)


def _probability(table: pl.DataFrame, name: str | None) -> Floats | None:
    if name is None:
        return None
    found = _floats(texts(column_of(table, name, "probability")))
    if found is None:
        raise InputError(f"probability: wanted numbers in {one_line(name)!r}")
    return found
