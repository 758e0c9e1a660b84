"""Whose scores on which items? From trials to one mean score a subject and item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records import SCHEMA, Reading, read, validate

Floats = NDArray[np.float64]

Families = str | Mapping[str, str] | None
"""A regular expression whose first group is a subject's family, families by subject, or none."""


def trials_of(source: Any, score: str | None) -> pl.DataFrame:
    """The trials of one score in a path, a table, or what `read` gave.

    Raises:
        InputError: if there are none, or of several scores and none was named.
    """
    if isinstance(source, Reading):
        trials = source.trials
    elif isinstance(source, pl.DataFrame) and set(SCHEMA) <= set(source.columns):
        trials = validate(source)
    else:
        trials = read(source, strict=True).trials
    if trials.is_empty():
        raise InputError("trials: wanted at least one, got none")
    known = sorted(set(trials["grader"].to_list()))
    if score is None:
        if len(known) > 1:
            raise InputError(f"score: wanted one named of {_some(known)}")
        return trials
    if score not in known:
        raise InputError(f"score: wanted one of {_some(known)}, got {score!r}")
    return trials.filter(pl.col("grader") == score)


@dataclass(frozen=True, eq=False)
class Answers:
    """Mean scores of one instrument's items.

    Attributes:
        instrument: one name, or several joined with " + ".
        frame: a row a subject and item that has a score: subject, item, cluster, score.
        missing: failed trials by subject.
        counted: trials by subject.
    """

    instrument: str
    frame: pl.DataFrame
    missing: Mapping[str, int]
    counted: Mapping[str, int]

    def of(self, subject: str) -> pl.DataFrame:
        """The items of one subject, sorted by item.

        Raises:
            InputError: if it has none.
        """
        found = self.frame.filter(pl.col("subject") == subject).sort("item")
        if found.is_empty():
            known = sorted(set(self.frame["subject"].to_list()))
            raise InputError(
                f"subject: no scores of {one_line(repr(subject), 80)} on {self.instrument}; there "
                f"are {_some(known)}"
            )
        return found

    def lost(self, subject: str) -> tuple[str, ...]:
        """A note on failed trials, if there are any."""
        gone, all_ = self.missing.get(subject, 0), self.counted.get(subject, 0)
        if not gone:
            return ()
        return (
            f"{gone:,} of {all_:,} trials on {self.instrument} failed and are left out; their "
            f"outcomes could move the score by up to {gone / all_:.3g}.",
        )


def answers_on(trials: pl.DataFrame, instruments: str | Sequence[str]) -> Answers:
    """The answers on one instrument, or on several taken together.

    Raises:
        InputError: for an unknown instrument, or scores outside 0–1.
    """
    names = [instruments] if isinstance(instruments, str) else list(instruments)
    known = sorted(set(trials["instrument"].to_list()))
    for name in names:
        if name not in known:
            raise InputError(
                f"instrument: wanted one of {_some(known)}, got {one_line(repr(name), 80)}"
            )
    part = trials.filter(pl.col("instrument").is_in(names))
    outside = part.filter((pl.col("score") < 0) | (pl.col("score") > 1))
    if outside.height:
        raise InputError(
            f"{names[0]}: wanted scores in 0–1, got {outside['score'][0]:g} for item "
            f"{one_line(str(outside['item'][0]), 60)!r}"
        )
    item = pl.col("item")
    if len(names) > 1:  # items of two instruments may share their names
        item = pl.col("instrument") + "\x1f" + pl.col("item")
    y = pl.col("score")
    counts = part.group_by("subject").agg(y.null_count().alias("lost"), pl.len().alias("all"))
    frame = (
        part.filter(y.is_not_null())
        .group_by("subject", item.alias("item"), maintain_order=True)
        .agg(pl.col("cluster").first(), y.mean())
    )
    return Answers(
        " + ".join(names),
        frame.select("subject", "item", "cluster", "score"),
        dict(zip(counts["subject"], counts["lost"], strict=True)),
        dict(zip(counts["subject"], counts["all"], strict=True)),
    )


def families_of(names: Sequence[str], families: Families) -> tuple[str, ...]:
    """Each subject's family; its own name where it has none.

    Raises:
        InputError: for a pattern that is none, or has no group.
    """
    if families is None:
        return tuple(names)
    if isinstance(families, Mapping):
        return tuple(families.get(name, name) for name in names)
    try:
        pattern = re.compile(families)
    except re.error as e:
        raise InputError(f"families: not a regular expression ({e}): {families!r}") from e
    if pattern.groups < 1:
        raise InputError(f"families: wanted a group in parentheses, got {families!r}")
    found = [pattern.search(name) for name in names]
    return tuple(m[1] if m and m[1] else name for m, name in zip(found, names, strict=True))


def matrix(frame: pl.DataFrame, subjects: Sequence[str], items: Sequence[str]) -> Floats:
    """Scores of shape (subjects, items); NaN where there is none."""
    at = {name: i for i, name in enumerate(subjects)}
    where = {item: i for i, item in enumerate(items)}
    found = np.full((len(at), len(where)), np.nan)
    part = frame.filter(pl.col("subject").is_in(list(at)) & pl.col("item").is_in(list(where)))
    rows = np.array([at[s] for s in part["subject"]], np.int64)
    columns = np.array([where[i] for i in part["item"]], np.int64)
    found[rows, columns] = part["score"].to_numpy()
    return found


def _some(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(one_line(n, 60) for n in every[:8])
    return shown + (f" and {len(every) - 8} more" if len(every) > 8 else "")
