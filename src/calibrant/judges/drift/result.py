"""How a judge's verdicts moved between two versions: the result of `drift`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from calibrant._text import one_line
from calibrant.judges.drift.anchors import Watch
from calibrant.stats.comparisons.multiplicity import Comparison
from calibrant.stats.estimates.intervals import Interval


@dataclass(frozen=True)
class Shift:
    """A change of a mean or rate, after minus before, on the same answers.

    Attributes:
        of: what changed, such as "score", "sensitivity" or a category.
        n: answers.
        before, after: means.
        change, interval: after minus before.
        p_value: of no change; `p_adjusted` is Holm's over the family it belongs to.
        method: of the interval.
    """

    of: str
    n: int
    before: float
    after: float
    change: float
    interval: Interval
    p_value: float
    p_adjusted: float
    method: str

    def __repr__(self) -> str:
        i = self.interval
        return (
            f"{one_line(self.of, 60)}: {self.before:.4g} → {self.after:.4g}, change "
            f"{self.change:+.4g} [{i.low:+.3g}, {i.high:+.3g}] on {self.n:,} answers, "
            f"p = {self.p_value:.2g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Headline:
    """What the change does to a rate that is held against a threshold.

    Attributes:
        threshold: in the units of the score.
        before, after: the mean by each version, with `before_interval` and `after_interval`.
        said_before, said_after: "above", "below" or "undetermined", by the interval.
        crosses: whether the estimate is on the other side of the threshold.
    """

    threshold: float
    before: float
    before_interval: Interval
    after: float
    after_interval: Interval
    said_before: str
    said_after: str
    crosses: bool

    def __repr__(self) -> str:
        a, b = self.before_interval, self.after_interval
        way = "crosses it" if self.crosses else "stays on its side"
        return (
            f"against {self.threshold:g}: before {self.before:.4g} [{a.low:.3g}, {a.high:.3g}] "
            f"({self.said_before}), after {self.after:.4g} [{b.low:.3g}, {b.high:.3g}] "
            f"({self.said_after}); the rate {way}"
        )


@dataclass(frozen=True)
class Drift:
    """Two versions of a judge on the same answers.

    Attributes:
        n, items: answers that both graded, and the items they belong to.
        shift: of the mean score, or the rate of 1.
        up, down: answers whose score rose, fell; `flipped` names up to 200 of their items.
        flip_rate: share of answers whose score changed, with `flip_interval`.
        p_direction: of "up and down are alike often": exact McNemar where answers are
            independent, else by items.
        kappa: Cohen's, of the two versions; None for scores of more than 10 values, or where
            chance alone gives full agreement. `kappa_interval` is that of the flips, with the
            margins taken as known.
        against_gold: changes of sensitivity, specificity and accuracy where there is binary gold.
        strata: changes within categories.
        headline: against a threshold; None without one.
        left_out: counts of answers that could not be compared, by reason.
        notes: what to keep in mind.
        watch: the watch over anchors; None for two versions.
    """

    n: int
    items: int
    shift: Shift
    up: int
    down: int
    flipped: tuple[str, ...]
    flip_rate: float
    flip_interval: Interval
    p_direction: float
    kappa: float | None
    kappa_interval: Interval | None
    against_gold: tuple[Shift, ...]
    strata: tuple[Shift, ...]
    headline: Headline | None
    left_out: dict[str, int]
    level: float
    comparison: Comparison
    notes: tuple[str, ...] = ()
    watch: Watch | None = None

    @property
    def moved(self) -> bool:
        """Whether a change of the mean is shown."""
        return self.shift.p_value <= 1 - self.level + 1e-12

    def __repr__(self) -> str:
        f = self.flip_interval
        text = (
            f"judge before and after on {self.n:,} answers: {self.shift!r}; "
            f"{self.up:,} up, {self.down:,} down, {self.flip_rate:.2%} changed "
            f"[{f.low:.2%}, {f.high:.2%}]"
        )
        if self.kappa is not None:
            text += f", κ = {self.kappa:.3f}"
        return text + ("; the judge has moved" if self.moved else "; no shift shown")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        names = ("n", "items", "up", "down", "flip_rate", "p_direction", "kappa", "left_out",
                 "level", "moved")  # fmt: skip
        return {name: getattr(self, name) for name in names} | {
            "shift": self.shift.to_dict(),
            "flipped": list(self.flipped),
            "flip_interval": asdict(self.flip_interval),
            "kappa_interval": None if self.kappa_interval is None else asdict(self.kappa_interval),
            "against_gold": [s.to_dict() for s in self.against_gold],
            "strata": [s.to_dict() for s in self.strata],
            "headline": None if self.headline is None else asdict(self.headline),
            "mde": self.comparison.mde if math.isfinite(self.comparison.mde) else None,
            "watch": None if self.watch is None else self.watch.to_dict(),
            "notes": list(self.notes),
        }
