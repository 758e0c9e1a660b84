"""Did a judge change between two versions, on the same answers? The verb `drift`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.drift.anchors import Watch, in_order, watch
from calibrant.judges.drift.pairs import Columns, Pairs, pair, verdicts
from calibrant.judges.drift.result import Drift, Headline, Shift
from calibrant.judges.pressure.table import column_of, numbers_of
from calibrant.stats.comparisons.multiplicity import Comparison, adjust
from calibrant.stats.comparisons.paired import compare_items
from calibrant.stats.comparisons.two_rates import mcnemar
from calibrant.stats.estimates.clusters import Clusters, korn_graubard, robust
from calibrant.stats.estimates.intervals import Interval, clopper_pearson
from calibrant.stats.estimates.means import bounded_mean

Floats = NDArray[np.float64]

KAPPA_UP_TO = 10
"""Distinct scores up to which kappa is given."""

FEW_VALUES = 20

NAMED = 200
"""Flipped items that are named."""


def drift(
    before: Any,
    after: Any = None,
    *,
    version: str | None = None,
    versions: tuple[str, str] | None = None,
    grader: str | None = None,
    item: str = "item",
    score: str = "score",
    key: Sequence[str] = (),
    answer: str | None = None,
    gold: str | None = None,
    stratum: str | None = None,
    cut: float | None = None,
    threshold: float | None = None,
    tolerance: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Drift:
    """Compare the verdicts of two versions of a judge on the same answers.

    Several answers to one item count as a cluster. With one table of more than two versions, the
    first and the last are compared, and all are watched over time (`watch`).

    Args:
        before, after: tables, paths to tables, or logs that `read` takes. One table with a
            `version` column will do.
        version: column of the judge's version, or the time of grading, in a single table.
        versions: which two to compare.
        grader: of trials by several graders, this one.
        item, score: columns.
        key: columns that, with the item, name an answer; known for trials.
        answer: column of the texts, by default "answer" where full: pairs that differ are left out.
        gold: column of the truth, 0 or 1.
        stratum: column of a category to look at on its own.
        cut: scores of at least this count as 1, others as 0; gold too if it is not 0 or 1.
        threshold: what the mean score is held against.
        tolerance: accepted share of contradicted anchors, for the watch.
        level: of intervals.
        seed: of sign flips, where they are needed.

    Raises:
        InputError: for sources that cannot be read or hold nothing in common, missing columns, or
            numbers out of range.
    """
    if not 0.5 < level < 1:
        raise InputError(f"level: wanted between 0.5 and 1, got {level!r}")
    columns = Columns(item, score, tuple(key), answer, gold, stratum)
    first = verdicts(before, grader, "before")
    over_time = None
    if after is None:
        first, second, over_time = _split(first, columns, version, versions, tolerance, level, cut)
    else:
        if version is not None or versions is not None:
            raise InputError("version: wanted one table with versions, or two tables, got both")
        second = verdicts(after, grader, "after")
    pairs = pair(first, second, columns)
    if cut is not None:
        pairs = _cut(pairs, cut)
    return drift_of(pairs, threshold, level, seed, over_time)


def _split(
    table: pl.DataFrame,
    columns: Columns,
    version: str | None,
    versions: tuple[str, str] | None,
    tolerance: float | None,
    level: float,
    cut: float | None,
) -> tuple[pl.DataFrame, pl.DataFrame, Watch | None]:
    if version is None:
        raise InputError("drift: wanted two tables, or one and its column of versions")
    which = column_of(table, version, "verdicts").cast(pl.String)
    if which.null_count():
        raise InputError(f"verdicts row {which.is_null().arg_max()}: no {version!r}")
    names = in_order(which.to_list())
    if len(names) < 2:
        raise InputError(f"verdicts: wanted at least two of {version!r}, got {names[0]!r}")
    for name in versions or ():
        if name not in names:
            shown = ", ".join(one_line(n, 40) for n in names[:8])
            raise InputError(f"verdicts: no {version!r} {name!r}; there are {shown}")
    one, other = versions or (names[0], names[-1])
    if one == other:
        raise InputError(f"versions: wanted two, got {one!r} twice")
    found = None
    if len(names) > 2:
        rows, index = [], None
        for name in names:
            part = table.filter(which == name)
            keys = [columns.item, *columns.key]
            ids = list(zip(*(column_of(part, k, "verdicts").cast(pl.String) for k in keys),
                           strict=True))  # fmt: skip
            index = {k: i for i, k in enumerate(ids)} if index is None else index
            row = np.full(len(index), np.nan)
            for k, value in zip(ids, numbers_of(part, columns.score, "verdicts"), strict=True):
                if k in index:
                    row[index[k]] = value
            rows.append(row)
        x = np.stack(rows)
        if cut is not None:
            x = np.where(np.isnan(x), np.nan, (x >= cut).astype(float))
        found = watch(x, times=names, tolerance=tolerance, level=level)
    return table.filter(which == one), table.filter(which == other), found


def _cut(pairs: Pairs, cut: float) -> Pairs:
    gold = pairs.gold
    if gold is not None and not np.isin(gold[~np.isnan(gold)], (0, 1)).all():
        gold = np.where(np.isnan(gold), np.nan, (gold >= cut).astype(float))
    return replace(
        pairs,
        before=(pairs.before >= cut).astype(float),
        after=(pairs.after >= cut).astype(float),
        gold=gold,
    )


def drift_of(
    p: Pairs,
    threshold: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    over_time: Watch | None = None,
) -> Drift:
    """Compare verdicts that are already paired: see `drift`."""
    groups = p.items if len(set(p.items)) < p.n else None
    if groups is not None and len(set(groups)) < 2:
        raise InputError(f"items: wanted at least 2, got 1 of {p.n} answers")
    if p.n < 2:
        raise InputError(f"verdicts: wanted at least 2 answers that both graded, got {p.n}")
    whole = _shift("score", p.before, p.after, groups, level, seed)
    moved = p.after - p.before
    up, down = int((moved > 0).sum()), int((moved < 0).sum())
    flips = (moved != 0).astype(float)
    flip = _rate(flips, groups, level)
    direction = mcnemar(up, down) if groups is None else _shift(
        "direction", (moved < 0).astype(float), (moved > 0).astype(float), groups, level, seed
    )[0].p_value  # fmt: skip
    binary = bool(np.isin(p.before, (0, 1)).all() and np.isin(p.after, (0, 1)).all())
    kappa, around = _kappa(p, flip)
    notes: list[str] = []
    truth = _against_gold(p, binary, groups, level, seed, notes)
    strata = _strata(p, groups, level, seed, notes)
    if not p.checked:
        notes.append("texts of answers were not compared: there is no column of them in both")
    if p.different:
        notes.append(f"{p.different} answers have another text in the second version: left out")
    if groups is not None:
        notes.append(f"{len(set(groups))} items with several answers each count as clusters")
    names = list(dict.fromkeys(i for i, f in zip(p.items, flips, strict=True) if f))
    left_out = {
        "only before": p.only_before, "only after": p.only_after, "different": p.different,
        "failed before": p.failed_before, "failed after": p.failed_after,
    }  # fmt: skip
    return Drift(
        p.n, len(set(p.items)), whole[0], up, down, tuple(names[:NAMED]), float(flips.mean()),
        flip, direction, kappa, around, truth, strata,
        None if threshold is None else _headline(p, threshold, groups, level),
        left_out, level, whole[1], tuple(notes), over_time,
    )  # fmt: skip


def _shift(
    of: str, before: Floats, after: Floats, groups: list[str] | None, level: float, seed: int
) -> tuple[Shift, Comparison]:
    both = np.concatenate([before, after])
    span = float(np.ptp(both)) or 1.0
    # A scale of few values has shown its ends; of others nothing is known but that they agree.
    known = np.unique(both).size <= FEW_VALUES or np.array_equal(before, after)
    found = compare_items(
        after, before, clusters=groups, level=level, score_range=span if known else None, seed=seed
    )
    shift = Shift(
        of, before.size, float(before.mean()), float(after.mean()), found.difference,
        found.interval, found.p_value, found.p_value, found.method,
    )  # fmt: skip
    return shift, found


def _rate(outcomes: Floats, groups: list[str] | None, level: float) -> Interval:
    """The interval of a rate of outcomes of 0 and 1."""
    if groups is None:
        return clopper_pearson(int(outcomes.sum()), outcomes.size, level=level)
    ids = np.unique(groups, return_inverse=True)[1]
    found = korn_graubard(Clusters.of(outcomes.astype(np.int64), ids), level=level)
    return Interval(found.low, found.high, level, found.method)


def _kappa(p: Pairs, flip: Interval) -> tuple[float | None, Interval | None]:
    values = np.unique(np.concatenate([p.before, p.after]))
    if values.size > KAPPA_UP_TO:
        return None, None
    chance = float(sum(np.mean(p.before == v) * np.mean(p.after == v) for v in values))
    if chance >= 1:
        return None, None
    kappa = (float(np.mean(p.before == p.after)) - chance) / (1 - chance)
    low, high = (1 - end / (1 - chance) for end in (flip.high, flip.low))
    return kappa, Interval(low, high, flip.level, f"{flip.method} of the flips, margins as seen")


def _holm(shifts: list[Shift]) -> tuple[Shift, ...]:
    if not shifts:
        return ()
    adjusted = adjust([s.p_value for s in shifts], "holm")
    return tuple(replace(s, p_adjusted=float(q)) for s, q in zip(shifts, adjusted, strict=True))


def _against_gold(
    p: Pairs, binary: bool, groups: list[str] | None, level: float, seed: int, notes: list[str]
) -> tuple[Shift, ...]:
    if p.gold is None:
        return ()
    known = ~np.isnan(p.gold)
    if not binary or not np.isin(p.gold[known], (0, 1)).all():
        notes.append("gold is used for verdicts and gold of 0 and 1 only; give a cut")
        return ()
    if not known.all():
        notes.append(f"{int((~known).sum())} answers have no gold")
    found = []
    right = [(p.before == p.gold).astype(float), (p.after == p.gold).astype(float)]
    parts = [("sensitivity", known & (p.gold == 1)), ("specificity", known & (p.gold == 0))]
    for name, rows in parts:
        one = _part(name, right[0], right[1], rows, groups, level, seed)
        if one is None:
            notes.append(f"{name}: too few answers with that gold")
        else:
            found.append(one)
    both = _part("accuracy", right[0], right[1], known, groups, level, seed)
    return (*_holm(found), *([] if both is None else [both]))


def _part(
    of: str,
    before: Floats,
    after: Floats,
    rows: NDArray[np.bool_],
    groups: list[str] | None,
    level: float,
    seed: int,
) -> Shift | None:
    """The change within some answers; None for fewer than two answers or clusters."""
    chosen = None if groups is None else [g for g, r in zip(groups, rows, strict=True) if r]
    if int(rows.sum()) < 2 or (chosen is not None and len(set(chosen)) < 2):
        return None
    return _shift(of, before[rows], after[rows], chosen, level, seed)[0]


def _strata(
    p: Pairs, groups: list[str] | None, level: float, seed: int, notes: list[str]
) -> tuple[Shift, ...]:
    if p.stratum is None:
        return ()
    names = np.array(p.stratum, dtype=object)
    found = []
    for name in dict.fromkeys(p.stratum):
        one = _part(name, p.before, p.after, names == name, groups, level, seed)
        if one is None:
            notes.append(f"{one_line(name, 60)}: too few answers to look at alone")
        else:
            found.append(one)
    return _holm(found)


def _headline(p: Pairs, threshold: float, groups: list[str] | None, level: float) -> Headline:
    if not np.isfinite(threshold):
        raise InputError(f"threshold: wanted finite, got {threshold!r}")
    ends, said = [], []
    for scores in (p.before, p.after):
        found = _mean(scores, groups, level)
        ends.append(found)
        said.append(
            "above" if found.low > threshold else "below" if found.high < threshold
            else "undetermined"
        )  # fmt: skip
    one, other = float(p.before.mean()), float(p.after.mean())
    crosses = (one > threshold) != (other > threshold)
    return Headline(threshold, one, ends[0], other, ends[1], said[0], said[1], crosses)


def _mean(scores: Floats, groups: list[str] | None, level: float) -> Interval:
    if np.isin(scores, (0, 1)).all():
        return _rate(scores, groups, level)
    if np.ptp(scores) == 0:
        if not 0 <= scores[0] <= 1:
            raise InputError(
                f"threshold: all {scores.size} scores are {scores[0]:g}, which says nothing about "
                "their spread"
            )
        units = scores if groups is None else np.full(len(set(groups)), scores[0])
        exact = bounded_mean(units, level=level)
        return Interval(exact.low, exact.high, level, exact.method)
    ids = np.arange(scores.size) if groups is None else np.unique(groups, return_inverse=True)[1]
    found = robust(Clusters.of(scores, ids), level=level)
    return Interval(found.low, found.high, level, found.method)
