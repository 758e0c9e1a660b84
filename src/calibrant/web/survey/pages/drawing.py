"""How is a snapshot drawn? Places on a scale, for an SVG in the page without any style in it."""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.priorities.delphi.release import Snapshot
from calibrant.priorities.survey.model import Question

WIDTH, HEIGHT = 340, 92
_EDGE, _BASE, _TALL = 24.0, 62.0, 44.0


@dataclass(frozen=True)
class Bar:
    """Answers of one value: place and size of its bar, and how many."""

    x: float
    y: float
    width: float
    height: float
    count: int


@dataclass(frozen=True)
class Strip:
    """A drawing of one snapshot.

    Attributes:
        ticks: the scale's values and where they stand.
        bars: if counts may be shown.
        low, high, median: where the middle half begins and ends, and the median.
        own: where the respondent's own answer stands; None without one.
    """

    ticks: tuple[tuple[int, float], ...]
    bars: tuple[Bar, ...]
    low: float
    high: float
    median: float
    own: float | None
    width: int = WIDTH
    height: int = HEIGHT
    base: float = _BASE


def strip(seen: Snapshot | None, question: Question, own: int | None) -> Strip | None:
    """The drawing of a snapshot; None if there is nothing to draw."""
    if seen is None or seen.n is None:
        return None
    assert seen.median is not None and seen.low is not None and seen.high is not None
    levels = len(question.labels)
    step = (WIDTH - 2 * _EDGE) / (levels - 1)

    def x(value: float) -> float:
        return round(_EDGE + (value - 1) * step, 1)

    counts = seen.counts or ()
    wide = round(min(step * 0.5, 34), 1)
    tall = [round(c / max(counts) * _TALL, 1) for c in counts]
    bars = tuple(
        Bar(round(x(v) - wide / 2, 1), round(_BASE - t, 1), wide, t, c)
        for v, (c, t) in enumerate(zip(counts, tall, strict=True), 1)
    )
    return Strip(
        tuple((v, x(v)) for v in range(1, levels + 1)), bars,
        round(x(seen.low) - 4, 1), round(x(seen.high) + 4, 1), x(seen.median),
        None if own is None else x(own),
    )  # fmt: skip
