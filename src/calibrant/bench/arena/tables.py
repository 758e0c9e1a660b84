"""Comparisons of an arena as tables: what was decided on, what each judge said, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from calibrant._text import dumps, storable
from calibrant.bench.arena.judging import Judged, Said
from calibrant.bench.arena.rules import mirror
from calibrant.records.comparisons import COMPARISONS

_SCHEMA = {**COMPARISONS, "round": pl.Int64()}


def decided_on(judged: Sequence[Judged], names: Sequence[str], grader: str) -> pl.DataFrame:
    """One row for each comparison that has an outcome."""
    rows = []
    for j in judged:
        if j.outcome is None:
            continue
        turned = j.unit.turned
        outcome = mirror(j.outcome) if turned else j.outcome
        rows.append(_row(j, names, turned, outcome, grader, _times(j)))
    return pl.DataFrame(rows, schema=_SCHEMA)


def as_said(judged: Sequence[Judged], names: Sequence[str]) -> pl.DataFrame:
    """One row for each verdict of each judge, left and right as shown."""
    rows = [
        _row(j, names, s.b_left, s.outcome, s.judge, s.time, s.margin)
        for j in judged
        for s in j.said
        if s.outcome is not None
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def failures(judged: Sequence[Judged], names: Sequence[str]) -> pl.DataFrame:
    """One row for each verdict that failed, and each comparison without an answer."""
    rows = []
    for j in judged:
        failed: list[Said | None] = [s for s in j.said if s.outcome is None]
        if not j.said and j.outcome is None:
            failed = [None]
        rows += [
            {
                "item": j.item.item,
                "left": names[j.unit.a],
                "right": names[j.unit.b],
                "grader": None if s is None else s.judge,
                "reason": storable((j.reason if s is None else s.reason) or ""),
                "round": j.unit.round,
            }
            for s in failed
        ]
    text = pl.String()
    return pl.DataFrame(rows, schema={"item": text, "left": text, "right": text, "grader": text,
                                      "reason": text, "round": pl.Int64()})  # fmt: skip


def _row(
    j: Judged, names: Sequence[str], b_left: bool, outcome: str | None, grader: str, time: str,
    margin: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    left, right = (j.unit.b, j.unit.a) if b_left else (j.unit.a, j.unit.b)
    return {
        "item": j.item.item,
        "left": names[left],
        "right": names[right],
        "outcome": outcome,
        "order": "swapped" if b_left else "straight",
        "grader": grader,
        "margin": margin,
        "time": _time(time),
        "metadata": dumps({"position": j.unit.position}),
        "round": j.unit.round,
    }


def _times(j: Judged) -> str:
    return max((s.time for s in j.said), default="")


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        # Rules give no time.
        return None
    return found.astimezone(UTC)
