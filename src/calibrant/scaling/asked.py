"""What is known, and what is asked for? Scores split in two, and rows that are in no table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.read import read_scores
from calibrant.scaling.scores import Scores

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_known(
    source: Any, *, target: str | Sequence[str] | None, scale: str | None, **how: Any
) -> Scores:
    """The scores of a table, or those given.

    Args:
        source: `Scores`, or what `read_scores` takes.
        target, scale, how: its other arguments.

    Raises:
        InputError: naming the column, the row or the score outside its limits.
    """
    if isinstance(source, Scores):
        found = source
    elif scale is None and not how.get("given"):
        raise InputError(
            "forecast: wanted the column of the scale (--scale), or else of scores that are given "
            "(--given); none was named"
        )
    else:
        found = read_scores(source, target=target, scale=scale, **how)
    for i in np.flatnonzero((found.score < found.low) | (found.score > found.high)):
        low, high = found.limits[str(found.measure[i])]
        raise InputError(
            f"scores: {one_line(str(found.subject[i]), 60)!r} on "
            f"{one_line(str(found.measure[i]), 60)!r}: wanted {low:g} to {high:g}, got "
            f"{found.score[i]:g}; other limits are named by --limits LOW,HIGH"
        )
    return found


def split(scores: Scores, at: Sequence[str], log: bool) -> tuple[Scores, Scores, list[str]]:
    """What is known, what is asked for, and what must be said of it."""
    notes = list(scores.notes)
    placed = np.isfinite(scores.scale)
    if scores.given is not None:
        placed |= scores.given.has(scores.subject)
    lost = np.unique(scores.subject[~placed]).size
    if not placed.any() and scores.given is not None:
        raise InputError("forecast: no subject has a given score or a scale (compute)")
    if not placed.any():
        raise InputError("forecast: no row has a scale (compute); name its column")
    if lost and not any("have no scale" in w for w in scores.warnings):
        or_given = "" if scores.given is None else " or a given score"
        notes.append(f"{lost} subjects without a scale{or_given} are left out")
    have = np.isfinite(scores.score)
    known = scores.take(placed & have)
    asked = scores.take(placed & ~have)
    if at:
        more = [_asked(text, m, scores, log) for text in at for m in scores.measures]
        asked = joined_rows([asked, *more], scores)
    return known, asked, notes


def _asked(text: str, measure: str, scores: Scores, log: bool) -> Scores:
    """One row of --at, on one measure."""
    parts = text.split(":")
    day = parts.pop() if len(parts) > 1 and _DATE.fullmatch(parts[-1]) else "NaT"
    try:
        value = float(parts[0])
        size = float(np.log10(value)) if log and value > 0 else value
        when = np.array([day], dtype="datetime64[D]")
    except ValueError:
        value = size = np.nan
    if not np.isfinite(size) or (log and value <= 0):
        raise InputError(
            f"--at: wanted SCALE[:FAMILY[:DATE]], such as 1e26:Llama:2027-01-31, got "
            f"{one_line(text, 60)!r}"
        )
    family = ":".join(parts[1:]) or "new family"
    one = scores.take(np.array([0], dtype=np.int64))
    return replace(
        one,
        subject=np.array([text]), family=np.array([family]), measure=np.array([measure]),
        scale=np.array([size]), date=when, score=np.array([np.nan]), se=np.array([np.nan]),
    )  # fmt: skip


def hidden(scores: Scores) -> Scores:
    """The same rows, with no score."""
    return replace(scores, score=np.full(len(scores), np.nan))


def joined_rows(parts: Sequence[Scores], like: Scores) -> Scores:
    """Rows of several, with the limits and notes of one."""
    names = ("subject", "family", "measure", "scale", "date", "score", "se")
    all_: dict[str, Any] = {n: np.concatenate([getattr(p, n) for p in parts]) for n in names}
    return replace(like, **all_)
