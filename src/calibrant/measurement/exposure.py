"""What is the score without exposure? A measured value corrected for its inflation.

An inflation comes from other evidence (`calibrant contamination inflation`). What of it was
estimated joins the interval in quadrature, half by half (MOVER); what is only bounded is added in
full, so that coverage does not rest on where within its bounds it lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.stats.budgets.budget import Component
from calibrant.stats.estimates.intervals import Side


class Exposure(Protocol):
    """An inflation, as `calibrant.contamination.inflation.result.Inflation`."""

    @property
    def subject(self) -> str:
        """Whose score is inflated."""

    @property
    def instrument(self) -> str:
        """On what."""

    @property
    def score(self) -> str:
        """Which score."""

    @property
    def design(self) -> str:
        """How it was found."""

    @property
    def value(self) -> float:
        """Observed minus without."""

    @property
    def df(self) -> float | None:
        """Degrees of freedom of its estimated part."""

    @property
    def terms(self) -> Sequence[dict[str, Any]]:
        """Rows with `type`, `u` and `half_width`."""

    def limit(self, tail: float, *, upper: bool) -> float:
        """The limit that is missed with chance `tail`."""


def exposure_for(
    given: Sequence[Exposure], subject: str, instrument: str, score: str
) -> Exposure | None:
    """The inflation of a score, if one is given.

    Raises:
        InputError: if there are two.
    """
    mine = [e for e in given if (e.subject, e.instrument, e.score) == (subject, instrument, score)]
    if len(mine) > 1:
        raise InputError(f"exposure: wanted one inflation of {subject!r} on {instrument!r}, got 2")
    return mine[0] if mine else None


def check_used(given: Sequence[Exposure], measured: set[tuple[str, str, str]]) -> None:
    """Refuse an inflation of what was not measured.

    Raises:
        InputError: naming it.
    """
    for e in given:
        if (e.subject, e.instrument, e.score) not in measured:
            what = f"{e.score} of {e.subject} on {e.instrument}"
            raise InputError(
                f"exposure: the inflation is of {one_line(what, 200)}, which is not measured here"
            )


def without_exposure(
    value: float, low: float, high: float, e: Exposure, level: float, side: Side
) -> tuple[float, float, float, list[Component]]:
    """Value, low, high and further components of a score corrected for its inflation.

    Args:
        value, low, high: as observed; an end that was not asked for is infinite, or of the range.
    """
    tail = (1 - level) / 2 if side == "two" else 1 - level
    fixed = sum(t["half_width"] or 0.0 for t in e.terms)
    more = max(e.limit(tail, upper=True) - e.value - fixed, 0.0)
    less = max(e.value - e.limit(tail, upper=False) - fixed, 0.0)
    found = value - e.value
    new_low = found - math.hypot(value - low, more) - fixed if side != "upper" else low
    new_high = found + math.hypot(high - value, less) + fixed if side != "lower" else high
    estimated = math.hypot(*(t["u"] for t in e.terms if t["type"] == "A"))
    parts = [Component("exposure", "A", estimated, df=e.df or math.inf)] if estimated else []
    if fixed:
        parts.append(Component.from_limits("exposure, bounded", fixed))
    return found, new_low, new_high, parts


def said(e: Exposure, observed: float, level: float, side: Side) -> dict[str, Any]:
    """The inflation for the record of a measurement."""
    tail = (1 - level) / 2 if side == "two" else 1 - level
    return {
        "observed": observed,
        "inflation": e.value,
        "low": e.limit(tail, upper=False),
        "high": e.limit(tail, upper=True),
        "design": e.design,
    }
