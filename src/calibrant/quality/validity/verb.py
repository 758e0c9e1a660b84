"""What do the scores of a benchmark mean? All parts of the answer from one table of responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.agreement import agreement
from calibrant.quality.validity.factors import Factors, factors
from calibrant.quality.validity.measures import Measures, measures_of, read_scores
from calibrant.quality.validity.overlap import capability, pairs
from calibrant.quality.validity.prediction import Prediction, predict
from calibrant.quality.validity.redundancy import Redundancy, redundancy
from calibrant.quality.validity.result import About, Validity
from calibrant.quality.validity.traits import discriminant, mtmm
from calibrant.records.frames import table_of
from calibrant.stats.relations.spread import check_level, effective_families

PARTS = ("pairs", "discriminant", "factors", "capability", "redundancy", "agreement")
"""What is computed by default; predictions where there is a criterion."""

MOST_MEASURES = 200

T = TypeVar("T")


def validity(
    source: Any,
    *,
    by: str | None = None,
    method: str | None = None,
    measures: Sequence[str] | None = None,
    reverse: Sequence[str] | None = None,
    family: str | None = None,
    family_pattern: str | None = None,
    ability: Sequence[str] | None = None,
    reference: str | None = None,
    criterion: Any = None,
    criterion_column: str | None = None,
    date: str | None = None,
    parts: Sequence[str] | None = None,
    level: float = 0.95,
    cover: float = 0.9,
    standardize: bool = True,
    draws: int = 200,
    seed: int = 0,
    **reading: Any,
) -> Validity:
    """Find what scores mean: which measures agree, how many things there are, what they predict.

    Args:
        source: responses (as `read_responses`), or a plain table of subjects × benchmark scores.
        by, method: facts about items that make measures of them (see `measures_of`).
        measures: the columns of a plain table that are scores.
        reverse: measures on which less is better.
        family, family_pattern: who is related (see `calibrant.quality.families`).
        ability: measures that general ability is taken from; by default all others.
        reference: the measure that others should agree with; by default the mean of all others.
        criterion: what scores should predict: a measure, or a table (or path) with one number a
            subject.
        criterion_column: its column; by default the only one with numbers.
        date: a fact about subjects by which later ones are told from earlier ones.
        parts: some of `PARTS`; a part that was asked for and cannot be had is an error, else a
            note.
        level: of all intervals of statistics.
        cover: of intervals of predictions.
        standardize: whether means of measures are of standardised scores.
        draws: of each reference of the parallel analysis, and choices of models.
        seed: of whatever is drawn.
        reading: as `read_responses`: items, subjects, layout, subject, item, score, grader, limits.

    Raises:
        InputError: naming what is wrong.
    """
    check_level(level)
    for name in parts or ():
        if name not in PARTS:
            raise InputError(f"parts: wanted some of {', '.join(PARTS)}, got {name!r}")
    responses = read_scores(source, measures=measures, **reading)
    found = measures_of(responses, by=by, method=method, reverse=reverse or (), family=family,
                        family_pattern=family_pattern, date=date)  # fmt: skip
    if len(found.names) > MOST_MEASURES:
        raise InputError(
            f"measures: wanted at most {MOST_MEASURES}, got {len(found.names)}; "
            "group items by a fact about them (by)"
        )
    notes = list(found.notes)
    asked = tuple(PARTS if parts is None else parts)

    def part(name: str, make: Callable[[], T], empty: T) -> T:
        if name not in asked:
            return empty
        try:
            return make()
        except InputError as e:
            if parts is not None:
                raise
            notes.append(f"left out: {e}")
            return empty

    nothing: Factors | None = None
    scree = part("factors", lambda: factors(found, draws=draws, seed=seed), nothing)
    notes += [] if scree is None else [f"factors: {n}" for n in scree.notes]
    # A name that is wrong is an error, not a part that cannot be had.
    for name in (*(ability or ()), *(() if reference is None else (reference,))):
        found.index(name)
    predictions: tuple[Prediction, ...] = ()
    if criterion is not None:
        values, name = _criterion(found, criterion, criterion_column)
        predictions = predict(found, values, name=name, level=level, cover=cover)
    kept: Redundancy | None = None
    return Validity(
        len(found.subjects), found.families, effective_families(found.family), level,
        _about(found),
        part("pairs", lambda: pairs(found, level=level), ()),
        part("discriminant", lambda: discriminant(found, level=level), ()),
        mtmm(found, level=level) if _crossed(found) and "discriminant" in asked else None,
        scree,
        part("capability", lambda: capability(found, of=ability, level=level), ()),
        part("redundancy", lambda: redundancy(found, level=level, standardize=standardize,
                                              seed=seed), kept),
        part("agreement", lambda: agreement(found, reference=reference, level=level, draws=draws,
                                            seed=seed), ()),
        predictions, tuple(notes),
    )  # fmt: skip


def _about(found: Measures) -> tuple[About, ...]:
    return tuple(
        About(
            name, found.parts[j].shape[1] if found.parts else None,
            float(found.values[:, j].mean()), float(found.values[:, j].std(ddof=1)),
            float(found.reliability[j]) if np.isfinite(found.reliability[j]) else None,
        )
        for j, name in enumerate(found.names)
    )  # fmt: skip


def _crossed(found: Measures) -> bool:
    """Whether some trait has two methods."""
    return len(set(found.traits)) < len(found.traits)


def _criterion(found: Measures, criterion: Any, column: str | None) -> tuple[Any, str]:
    """The name of a measure, or numbers in the order of the subjects; and what to call them."""
    if isinstance(criterion, str) and criterion in found.names:
        return criterion, criterion
    table = table_of(criterion, "criterion")
    wanted = set(found.subjects)
    texts = {c: table[c].cast(pl.String, strict=False).to_list() for c in table.columns}
    names = max(table.columns, key=lambda c: len(wanted & set(texts[c])))
    if not wanted & set(texts[names]):
        raise InputError("criterion: no column has the names of any subject")
    told = {c: _numbers(table[c]) for c in table.columns if c != names}
    numeric = [c for c, n in told.items() if n is not None]
    if column is None and len(numeric) != 1:
        raise InputError(
            "criterion: wanted one column of numbers, or its name; there are "
            f"{one_line(', '.join(numeric) or 'none', 120)}"
        )
    chosen = numeric[0] if column is None else column
    if chosen not in numeric:
        raise InputError(
            f"criterion: no column of numbers {one_line(chosen, 60)!r}; "
            f"there are {one_line(', '.join(numeric), 120)}"
        )
    values: dict[str | None, float | None] = {}
    for who, value in zip(texts[names], told[chosen] or (), strict=True):
        if who in values and who in wanted:
            raise InputError(f"criterion: {one_line(str(who), 60)!r} has two rows")
        values[who] = value
    return [values.get(s) for s in found.subjects], chosen


def _numbers(column: pl.Series) -> list[float | None] | None:
    """A column as numbers, None where there is none; None if it holds other text, or nothing."""
    texts = column.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    texts = texts.set(texts.is_in(["", "na", "n/a", "nan", "null", "none", "-"]), None)
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() > texts.null_count() or texts.null_count() == texts.len():
        return None
    return list(numbers.to_list())
