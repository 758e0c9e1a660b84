"""Which scores are meant? From tables with one row a subject, or one row a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date as Day
from typing import Any

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.scaling.given import Given, given_of
from calibrant.scaling.reading import columns
from calibrant.scaling.reading.checks import checked
from calibrant.scaling.reading.columns import SUBJECTS as SUBJECTS
from calibrant.scaling.reading.compute import six_times
from calibrant.scaling.reading.tables import joined, limits_of
from calibrant.scaling.scores import Names, Scores


def read_scores(
    source: Any,
    *,
    target: str | Sequence[str] | None = None,
    scale: str | None = None,
    family: str | None = None,
    subject: str | None = None,
    date: str | None = None,
    se: str | None = None,
    limits: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    chance: Mapping[str, float] | None = None,
    log: bool = True,
    joins: Sequence[Any] = (),
    measure: str | None = None,
    score: str | None = None,
    given: Sequence[str] = (),
    today: Day | None = None,
) -> Scores:
    """Read scores of subjects from a table with one row a subject, or with one row a score.

    What a reader of a forecast must know of the data is in `notes` and `warnings` of the result:
    units read from a header or doubtful, few or equal families, scores at chance, rows twice.

    Args:
        source: a path (CSV, TSV, JSON lines, Parquet) or any table narwhals understands.
        target: the column of scores, or several; each is a measure. Empty cells are to be
            forecast. In a long table, the measures that are meant; by default all.
        scale: the column of compute. A unit in its name, as in "FLOPs (1E21)", "Size (B)" or
            "PF-days", is multiplied in.
        family, subject, date, se: columns; subjects are found by `SUBJECTS` if not named. Without
            families every subject is its own.
        limits: the lowest and highest score, one pair or one for each target. By default 0 and 1,
            or where scores are in percent 0 and 100, or none, which is said in `warnings`.
        chance: the score of a guesser on each target; by default the lowest.
        log: whether the scale is yet to be taken the logarithm of; False where it is one already
            (such as log10 of compute).
        joins: more tables, whose columns are joined by subject.
        measure, score: columns of a long table, with the name of a measure and its score.
        given: columns of scores that stay known for every subject, also where the target is to be
            forecast; in a long table, measures.
        today: the day after which no score can be known; by default today.

    Raises:
        InputError: naming the column or row that is wrong.
    """
    notes: list[str] = []
    warnings: list[str] = []
    table = joined(table_of(source, "scores"), joins, subject, notes)
    if not table.height:
        raise InputError("scores: the table has no rows")
    whole = table
    if measure is not None or score is not None:
        table, targets, which = _long(table, target, measure, score)
        cells = [str(score)]
    else:
        targets = [target] if isinstance(target, str) else list(target or ())
        if not targets:
            raise InputError("scores: wanted a target, the column of scores")
        which, cells = np.repeat(np.array(targets, dtype=str), table.height), targets
    columns.there(table, (*cells, scale, family, subject, date, se))
    many = len(cells)
    names = columns.names(table, columns.subjects_of(table, subject), "s")
    groups = names if family is None else columns.names(table, family, "f")
    if scale is None:
        size = np.full(table.height, np.nan)
        notes.append("no column of scale was named: nothing is said of growth with compute")
    else:
        size = columns.scale(columns.numbers(table, scale), scale, log, notes, warnings)
        notes += six_times(table, scale, size) if log else []
    value = np.concatenate([columns.numbers(table, c) for c in cells])
    error = np.full(table.height, np.nan) if se is None else columns.numbers(table, se)
    known = _given(whole, given, targets, subject, measure, score) if given else None
    return checked(
        Scores(
            subject=np.tile(names, many),
            family=np.tile(groups, many),
            measure=which,
            scale=np.tile(size, many),
            date=np.tile(columns.dates(table, date), many),
            score=value,
            se=np.tile(error, many),
            limits=_limits(limits, targets, which, value, warnings),
            chance=_chance(chance or {}, targets),
            notes=tuple(notes),
            warnings=tuple(warnings),
            given=known,
        ),
        today,
    )


def _given(
    table: pl.DataFrame, given: Sequence[str], targets: Sequence[str], subject: str | None,
    measure: str | None, score: str | None,
) -> Given:  # fmt: skip
    """The scores that stay known."""
    twice = [name for name in given if name in targets]
    if twice:
        raise InputError(
            f"--given: {one_line(twice[0], 80)!r} is a target, too: it cannot be known and forecast"
        )
    if measure is not None and score is not None:
        parts = []
        for name in given:
            some, _, _ = _long(table, name, measure, score)
            who = columns.names(some, columns.subjects_of(some, subject), "s")
            parts.append((who, columns.numbers(some, score)))
        rows = np.concatenate([who for who, _ in parts])
        values = np.full((rows.size, len(given)), np.nan)
        start = 0
        for j, (who, value) in enumerate(parts):
            values[start : start + who.size, j] = value
            start += who.size
        return given_of(rows, given, values)
    columns.there(table, tuple(given))
    who = columns.names(table, columns.subjects_of(table, subject), "s")
    return given_of(who, given, np.column_stack([columns.numbers(table, c) for c in given]))


def _long(
    table: pl.DataFrame, target: str | Sequence[str] | None, measure: str | None, score: str | None
) -> tuple[pl.DataFrame, list[str], Names]:
    """The rows of the measures that are meant, their names, and the measure of each row."""
    if measure is None or score is None:
        raise InputError("scores: a long table wants both columns, of measures and of scores")
    columns.there(table, (measure, score))
    which = columns.names(table, measure, "m")
    known = list(dict.fromkeys(map(str, which)))
    targets = known if target is None else [target] if isinstance(target, str) else list(target)
    for name in targets:
        if name not in known:
            found = one_line(", ".join(known[:12]), 160)
            raise InputError(
                f"scores: no measure {one_line(name, 80)!r} in {one_line(measure, 80)!r}; "
                f"there are {found}"
            )
    kept = np.isin(which, targets)
    return table.filter(pl.Series(kept)), targets, which[kept]


def _limits(
    given: tuple[float, float] | Mapping[str, tuple[float, float]] | None,
    targets: Sequence[str],
    which: Names,
    score: Any,
    warnings: list[str],
) -> dict[str, tuple[float, float]]:
    if given is None:
        return {t: limits_of(t, score[which == t], warnings) for t in targets}
    if not isinstance(given, Mapping):
        return {t: (float(given[0]), float(given[1])) for t in targets}
    lost = [t for t in targets if t not in given]
    if lost:
        raise InputError(f"scores: no limits for measure {one_line(lost[0], 80)!r}")
    return {t: (float(given[t][0]), float(given[t][1])) for t in targets}


def _chance(chance: Mapping[str, float], targets: Sequence[str]) -> dict[str, float]:
    wrong = [name for name in chance if name not in targets]
    if wrong:
        raise InputError(f"scores: chance of {one_line(wrong[0], 80)!r}, which is no target")
    return dict(chance)
