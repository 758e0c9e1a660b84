"""Which subjects did experts judge, and what did they score? Tables of judged subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.cuts.judgements import column_named
from calibrant.quality.read import SUBJECTS, read_responses
from calibrant.quality.responses import Responses
from calibrant.records.frames import table_of
from calibrant.stats.variance.components import variance_components
from calibrant.stats.variance.generalizability import g_study

Floats = NDArray[np.float64]

SCORES = ("score", "accuracy", "mean", "value", "total")
GROUPS = ("judgement", "judgment", "group", "acceptable", "label", "verdict")
_YES = ("1", "1.0", "true", "yes", "y", "acceptable", "accept", "pass", "competent", "good")
_NO = ("0", "0.0", "false", "no", "n", "unacceptable", "not acceptable", "fail", "reject",
       "incompetent", "bad")  # fmt: skip
_BORDER = ("borderline", "border", "just", "marginal")


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of subjects, 0–1.

    Attributes:
        scores: shape (subjects,).
        items: how many items each score is of; None if that is not known or differs.
        steps: as `items`, if every item is right or wrong; else None.
        reliability: coefficient α of the scores; None if not every subject has every item.
    """

    scores: Floats
    items: int | None
    steps: int | None
    reliability: float | None


def scored(source: Any, **reading: Any) -> Scored:
    """Scores of all subjects: from answers, or a table with a column of scores.

    Args:
        source: answers, and `reading` how to read them (see `read_responses`); or a table with one
            row a subject and a column named as in `SCORES`.

    Raises:
        InputError: if there are none.
    """
    table = _plain(source)
    if table is not None and "items" not in reading:
        column = column_named(table, SCORES)
        if column is not None and column_named(table, ("item", "item_id", "question_id")) is None:
            return Scored(_column(table, column), None, None, None)
    responses = read_responses(source, **reading)
    return of_responses(responses)


def of_responses(responses: Responses) -> Scored:
    """Each subject's mean over the items it has."""
    unit, seen = responses.unit, responses.observed
    kept = seen.any(axis=1)
    count = seen.sum(axis=1)[kept]
    scores = np.where(seen, unit, 0.0).sum(axis=1)[kept] / count
    items = int(count[0]) if np.all(count == count[0]) else None
    alpha = None
    if responses.complete and unit.shape[0] > 1 and unit.shape[1] > 1:
        alpha = _alpha(unit)
    return Scored(scores, items, items if responses.binary else None, alpha)


def _alpha(unit: Floats) -> float | None:
    """Coefficient α: the generalizability of the mean over these many items."""
    subjects, items = unit.shape
    r, i = np.divmod(np.arange(unit.size), items)
    if np.ptp(unit) == 0:
        return None
    try:
        parts = variance_components(
            {"subject": r, "item": i}, unit.ravel(), ["subject", "item"], method="anova"
        )
    except InputError:
        # Answers without any residual have no coefficient.
        return None
    found = g_study(parts, object="subject", residual="subject:item").d_study({"item": items})
    assert subjects > 1
    return found.generalizability


def judged(
    source: Any,
    *,
    responses: Any = None,
    score: str | None = None,
    judgement: str | None = None,
) -> tuple[Scored, list[str]]:
    """Scores of judged subjects, and what was said of each, in lower case.

    Args:
        source: a table with one row a subject: a judgement, and a score or the subject's name.
        responses: answers of the subjects, for their scores.
        score, judgement: the columns; by default those of `SCORES` and `GROUPS`.

    Raises:
        InputError: if a column or a subject is missing.
    """
    table = table_of(source, "judged subjects")
    if table.is_empty():
        raise InputError("judged subjects: wanted at least one row, got none")
    for given in (score, judgement):
        if given is not None and given not in table.columns:
            raise InputError(f"judged subjects: no column {given!r}")
    told = judgement or column_named(table, GROUPS)
    if told is None:
        raise InputError(
            f"judged subjects: wanted a column such as {GROUPS[0]}, "
            f"got {one_line(', '.join(table.columns[:8]), 120)}"
        )
    labels = [str(t).strip().lower() for t in table[told].cast(pl.String).fill_null("").to_list()]
    if responses is None:
        column = score or column_named(table, SCORES)
        if column is None:
            raise InputError("judged subjects: wanted a column of scores, or responses")
        return Scored(_column(table, column), None, None, None), labels
    who = column_named(table, tuple(s for s in SUBJECTS if s))
    if who is None:
        raise InputError("judged subjects: wanted a column subject, to find their responses")
    read = read_responses(responses)
    at = {name: i for i, name in enumerate(read.subjects)}
    names = table[who].cast(pl.String).to_list()
    lost = next((n for n in names if n not in at), None)
    if lost is not None:
        raise InputError(f"judged subjects: {one_line(str(lost), 60)!r} has no responses")
    return of_responses(read.select(subjects=[at[n] for n in names])), labels


def borderline_group(labels: list[str]) -> NDArray[np.bool_]:
    """Who was judged borderline; everybody, if there is one judgement only.

    Raises:
        InputError: if nobody was.
    """
    found = np.array([label in _BORDER for label in labels])
    if not found.any():
        if len(set(labels)) == 1:
            return np.ones(len(labels), bool)
        raise InputError(f"judged subjects: none is judged {_BORDER[0]}")
    return found


def two_groups(labels: list[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who was judged either way, and of these who is acceptable; borderline ones are neither.

    Raises:
        InputError: naming the first judgement that cannot be read.
    """
    known = (*_YES, *_NO, *_BORDER)
    for row, label in enumerate(labels, 1):
        if label not in known:
            raise InputError(
                f"judged subjects row {row}: wanted acceptable, unacceptable or borderline, "
                f"got {one_line(label, 60)!r}"
            )
    kept = np.array([label not in _BORDER for label in labels])
    good = np.array([label in _YES for label in labels])
    return kept, good[kept]


def _plain(source: Any) -> pl.DataFrame | None:
    if isinstance(source, str) or hasattr(source, "suffix"):
        from pathlib import Path

        path = Path(source)
        if path.suffix.lower() not in (".csv", ".tsv", ".parquet"):
            return None
        return table_of(path, "scores")
    return source if isinstance(source, pl.DataFrame) else None


def _column(table: pl.DataFrame, name: str) -> Floats:
    given = table[name]
    values = given.cast(pl.Float64, strict=False)
    wrong = values.is_null() | values.is_nan()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise InputError(
            f"scores row {row + 1}, column {one_line(name, 60)!r}: wanted a number, "
            f"got {'nothing' if given[row] is None else repr(one_line(str(given[row]), 60))}"
        )
    found: Floats = values.to_numpy()
    return found
