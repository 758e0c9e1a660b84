"""Which trials are meant? From what a caller has (a path or a table) to the trials of one score."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records import SCHEMA, Reading, read, validate
from calibrant.records.trials import constant

Floats = NDArray[np.float64]

_NAMES = ("subject", "instrument", "grader")
_log = logging.getLogger("calibrant")


def as_trials(source: Any) -> pl.DataFrame:
    """The trials that paths, or a table of polars, pandas, pyarrow or duckdb, hold.

    Whatever `read` takes is taken, but nothing may be left out of it unseen.

    Raises:
        InputError: if it holds no valid trials, or something in it cannot be read.
    """
    if isinstance(source, Reading):
        return source.trials
    if isinstance(source, pl.DataFrame) and set(SCHEMA) <= set(source.columns):
        return validate(source)
    found = read(source, strict=True)
    for one in found.sources:
        for note in one.notes:
            _log.warning("%s", one_line(f"{one.path}: {note}", 600))
    if found.trials.is_empty() and found.aggregates.height:
        raise InputError(
            f"{found.sources[0].path}: {found.aggregates.height} aggregates and no trials"
        )
    return found.trials


def of_score(trials: pl.DataFrame, score: str | None) -> pl.DataFrame:
    """The trials of one score; all of them if `score` is None.

    Raises:
        InputError: if there are none.
    """
    if trials.is_empty():
        raise InputError("trials: wanted at least one, got none")
    if score is None:
        return trials
    chosen = trials.filter(pl.col("grader") == score)
    if chosen.is_empty():
        known = ", ".join(sorted(set(trials["grader"].to_list()))[:8])
        raise InputError(f"score: wanted one of {known}, got {score!r}")
    return chosen


@dataclass(frozen=True)
class Group:
    """The trials of one subject on one instrument by one score, summed by cluster.

    Attributes:
        missing: trials without a score.
        rate: whether all scores are 0 or 1.
        sums, sizes, within: shape (clusters,), each cluster's sum of scores, number of them, and
            sum of squares about its own mean; clusters without any score are left out.
    """

    subject: str
    instrument: str
    score: str
    missing: int
    rate: bool
    sums: Floats
    sizes: NDArray[np.int64]
    within: Floats

    @property
    def n(self) -> int:
        """Trials with a score."""
        return int(self.sizes.sum())

    @property
    def mean(self) -> float:
        """Mean score of all trials with one."""
        return float(self.sums.sum()) / self.n


def cluster_label(trials: pl.DataFrame, cluster: str | None) -> pl.Expr:
    """What names a trial's cluster: the column `cluster`, by default "cluster"; else its item."""
    name = cluster or "cluster"
    unnamed = trials[name].null_count()
    if unnamed == trials.height:
        return pl.col("item")
    if unnamed == 0:
        return pl.col(name)
    # A prefix keeps an item from sharing the name of somebody else's cluster.
    return pl.coalesce("c:" + pl.col(name).cast(pl.String), "i:" + pl.col("item"))


def groups(trials: pl.DataFrame, by: pl.Expr) -> Iterator[Group]:
    """Sum the trials by subject, instrument, score and `by`, in one pass; sorted by name."""
    keys = [c for c in _NAMES if not constant(trials[c])]
    y = pl.col("score")
    rate = is_rate(trials["score"])
    sums = [y.sum().alias("sum"), y.count().cast(pl.Int64).alias("size")]
    if trials["score"].null_count():
        sums.append(y.null_count().alias("missing"))
    if not rate:
        sums.append((y.var(ddof=0).fill_null(0.0) * y.count()).alias("within"))
        sums.append(((y == 0) | (y == 1)).all().alias("rate"))
    grouped = trials.lazy().select(*keys, by.alias("label"), y)
    if rate:
        # Whole numbers have the same sum in any order.
        per = grouped.group_by(*keys, "label").agg(sums).collect(engine="streaming")
        per = per.sort(*keys, "label") if per.height < trials.height else per
    else:
        per = grouped.group_by(*keys, "label", maintain_order=True).agg(sums).collect()
    parts = per.partition_by(keys, as_dict=True) if keys else {(): per}
    for values in sorted(parts):
        names = {c: str(trials[c][0]) for c in _NAMES} | dict(zip(keys, values, strict=True))
        yield _group(parts[values], rate, **names)


def _group(part: pl.DataFrame, rate: bool, *, subject: str, instrument: str, grader: str) -> Group:
    missing = int(part["missing"].sum()) if "missing" in part.columns else 0
    scored = part.filter(pl.col("size") > 0) if missing else part
    sums = scored["sum"].to_numpy()
    sizes = scored["size"].to_numpy()
    all_rate = rate or bool(part["rate"].all())
    # Of zeros and ones the squares are the sums.
    within = sums - sums**2 / sizes if rate else scored["within"].to_numpy()
    return Group(subject, instrument, grader, missing, all_rate, sums, sizes, within)


def is_rate(scores: pl.Series) -> bool:
    """Whether all scores are 0 or 1."""
    return bool(((scores == 0) | (scores == 1)).all())
