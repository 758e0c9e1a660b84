"""Does a model beat the plain ones? Paired differences of log scores, in clusters."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.scaling.scores import Floats, Names
from calibrant.stats.comparisons.paired import paired_t

FLOOR = -20.0
"""Log scores are not taken lower: a forecast that called what happened impossible lost enough."""


@dataclass(frozen=True)
class Against:
    """One model against a plain one.

    Attributes:
        rival: the plain one's name.
        difference: mean difference of log scores, nats an outcome; above 0 is better.
        low, high: its interval, robust to families; None where it cannot be said.
        n: outcomes of which both spoke.
        beats: whether the whole interval is above 0.
    """

    rival: str
    difference: float | None
    low: float | None
    high: float | None
    n: int
    beats: bool

    def __repr__(self) -> str:
        if self.low is None or self.high is None or self.difference is None:
            return f"against {self.rival}: too few outcomes"
        word = "beats" if self.beats else "does not beat"
        return (
            f"{word} {self.rival}: {self.difference:+.2f} nats an outcome, "
            f"{self.low:+.2f} to {self.high:+.2f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def against(
    name: str, ours: Floats, theirs: Floats, family: Names, *, level: float = 0.9
) -> Against:
    """Compare log scores of the same outcomes.

    Args:
        name: the rival's.
        ours, theirs: shape (n,); NaN where one said nothing.
        family: shape (n,); outcomes of one family go up and down together.
        level: of the two-sided interval, so that a model as good as its rival beats it with a
            chance of at most about (1 - level) / 2.
    """
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    d = np.maximum(ours[both], FLOOR) - np.maximum(theirs[both], FLOOR)
    mean = float(d.mean()) if d.size else None
    try:
        found = paired_t(d, [str(f) for f in family[both]], level=level)
    except InputError:
        return Against(name, mean, None, None, int(d.size), False)
    low, high = found.interval.low, found.interval.high
    return Against(name, mean, low, high, int(d.size), bool(low > 0))
