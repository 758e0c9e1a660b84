"""What came of it? Outcomes from a table, each joined to the forecast that it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.scaling.cards.documents import Told
from calibrant.scaling.read import read_scores
from calibrant.scaling.reading.columns import subjects_of
from calibrant.scaling.scores import Scores

NEAR = 0.05
"""Orders of magnitude by which the scale of a subject may differ from the one forecast."""


@dataclass(frozen=True)
class Outcome:
    """An outcome and the number of the forecast that it is of.

    Attributes:
        of: the place of the forecast, from 0.
        subject: its name in the table of outcomes.
        score: what was observed.
        date: when, if that is known.
    """

    of: int
    subject: str
    score: float
    date: str | None


def read_outcomes(
    source: Any,
    told: Sequence[Told],
    *,
    registered: str,
    subject: str | None = None,
    family: str | None = None,
    scale: str | None = None,
    date: str | None = None,
    log: bool = True,
    same: dict[str, str] | None = None,
) -> tuple[list[Outcome], list[str]]:
    """Outcomes of forecasts, and what must be said of how they were joined.

    Args:
        source: a table with columns subject, measure and score, or with one column a measure.
        registered: the time of registration, as ISO 8601 writes it.
        subject, family, scale, date: columns; names that are common are found by themselves.
        same: subjects of forecasts, each with its name in the table of outcomes.

    Raises:
        InputError: if an outcome was known when the forecast was registered, is outside the limits
            of its forecast, is of a subject of another family or scale, or if there is none.
    """
    found = _scores(source, told, subject, family, scale, date, log)
    _late(found, registered)
    names = _renamed(told, same or {})
    joined: list[Outcome] = []
    notes: list[str] = []
    used: dict[int, int] = {}
    for place, t in enumerate(told):
        row = _row(found, t, names.get(t.subject, t.subject), notes)
        if row is None:
            continue
        if row in used:
            raise InputError(
                f"outcomes: {_named(found, row)} would be the outcome of two forecasts, "
                f"{told[used[row]].named} and {t.named}"
            )
        used[row] = place
        when = None if np.isnat(found.date[row]) else str(found.date[row])
        joined.append(Outcome(place, str(found.subject[row]), float(found.score[row]), when))
    if not joined:
        raise InputError(
            f"outcomes: none is of a subject with a forecast; wanted such as {told[0].named}, got "
            f"{_named(found, 0)}; where names differ, say which are the same (--same)"
        )
    left = len(found) - len(used)
    if left:
        notes.append(f"{left} scores in the table are of nothing that was forecast")
    return joined, notes


def _scores(
    source: Any, told: Sequence[Told], subject: str | None, family: str | None, scale: str | None,
    date: str | None, log: bool,
) -> Scores:  # fmt: skip
    table = table_of(source, "outcomes")
    if not table.height:
        raise InputError("outcomes: the table has no rows")
    lower = {c.lower(): c for c in table.columns}
    who = subjects_of(table, subject)
    if who is None:
        raise InputError("outcomes: no column of subjects; name it")
    limits = {t.measure: (float(t.density.low[0]), float(t.density.high[0])) for t in told}
    long = "measure" in lower and "score" in lower
    targets = [m for m in limits if long or m in table.columns]
    if long:
        there = set(map(str, table[lower["measure"]].to_list()))
        targets = [m for m in targets if m in there]
    if not targets:
        raise InputError(
            "outcomes: wanted columns measure and score, or a column for each measure, such as "
            f"{one_line(told[0].measure, 80)!r}; there are "
            f"{one_line(', '.join(table.columns[:12]), 160)}"
        )
    found = read_scores(
        table, target=targets, subject=who, family=family or lower.get("family"),
        scale=scale or lower.get("scale"), date=date or lower.get("date"), log=log,
        limits={m: limits[m] for m in targets},
        measure=lower["measure"] if long else None, score=lower["score"] if long else None,
    )  # fmt: skip
    found = found.take(np.isfinite(found.score))
    if not len(found):
        raise InputError("outcomes: no score is known yet")
    return found


def _late(found: Scores, registered: str) -> None:
    """That nothing was known when the forecast was registered."""
    day = date.fromisoformat(registered[:10])
    early = found.date < np.datetime64(day)
    if early.any():
        row = int(np.flatnonzero(early)[0])
        raise InputError(
            f"outcomes: {_named(found, row)} is dated {found.date[row]}, before the forecast was "
            f"registered ({registered}): it could be known"
        )


def _renamed(told: Sequence[Told], same: dict[str, str]) -> dict[str, str]:
    known = {t.subject for t in told}
    wrong = [name for name in same if name not in known]
    if wrong:
        raise InputError(f"outcomes: no forecast is of {one_line(wrong[0], 80)!r}")
    return same


def _row(found: Scores, t: Told, name: str, notes: list[str]) -> int | None:
    """The row of a forecast's outcome: by name, or by family and scale if only one fits."""
    mine = found.measure == t.measure
    by_name = np.flatnonzero(mine & (found.subject == name))
    if by_name.size > 1:
        near = [r for r in by_name if _near(found, int(r), t)]
        if len(near) != 1:
            raise InputError(f"outcomes: {by_name.size} scores are of {t.named}")
        by_name = np.array(near)
    if by_name.size == 1:
        row = int(by_name[0])
        _fits(found, row, t)
        return row
    if t.scale is None or not t.family:
        return None
    fits = np.flatnonzero(
        mine & (found.family == t.family) & (np.abs(found.scale - t.scale) <= NEAR)
    )
    if fits.size == 1:
        row = int(fits[0])
        notes.append(f"{t.named}: {_named(found, row)} is the only one of its family and scale")
        return row
    return None


def _near(found: Scores, row: int, t: Told) -> bool:
    size = found.scale[row]
    return t.scale is None or bool(np.isnan(size)) or bool(abs(size - t.scale) <= NEAR)


def _fits(found: Scores, row: int, t: Told) -> None:
    """That the subject is the one that was forecast, not another by its name."""
    family = str(found.family[row])
    own = family != str(found.subject[row])
    if own and t.family and family != t.family:
        raise InputError(
            f"outcomes: {_named(found, row)} is of family {one_line(family, 60)!r}, the forecast "
            f"of {one_line(t.family, 60)!r}"
        )
    if not _near(found, row, t):
        raise InputError(
            f"outcomes: {_named(found, row)} has scale {found.scale[row]:.4g}, the forecast "
            f"{t.scale:.4g} (base-10 logarithms): another subject"
        )


def _named(found: Scores, row: int) -> str:
    return f"{one_line(str(found.subject[row]), 80)} on {one_line(str(found.measure[row]), 80)}"
