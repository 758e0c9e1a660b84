"""Does a model beat another? Paired differences of log scores, in families.

Such differences are skewed: a model that is too narrow is a little better most of the time, and now
and then far worse. Student's t then calls it better too often, so the interval is a bootstrap t of
whole families (Davison and Hinkley, Bootstrap Methods and their Application, 1997, sections 2.4 and
3.8), which looks at how lopsided they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.scaling.scores import Floats, Names
from calibrant.stats.estimates.bootstrap import bootstrap_mean

LEAST, DRAWS = 5, 999
"""Families below which nothing is concluded; draws of the bootstrap."""

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
        level: of the two-sided interval. A model as good as its rival beats it with a chance of
            about (1 - level) / 2; more, with few families, if it is too narrow (the certificate).
    """
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    d = np.maximum(ours[both], FLOOR) - np.maximum(theirs[both], FLOOR)
    mean = float(d.mean()) if d.size else None
    groups = family[both]
    if np.unique(groups).size < LEAST:
        return Against(name, mean, None, None, int(d.size), False)
    try:
        found = bootstrap_mean(
            d, clusters=groups, level=level, method="student", draws=DRAWS, workers=1
        )
    except InputError:
        return Against(name, mean, None, None, int(d.size), False)
    low, high = float(found.low), float(found.high)
    return Against(name, mean, low, high, int(d.size), bool(low > 0))


def each_against(
    ours: Floats, log_density: Floats, names: Sequence[str], family: Names, *, level: float = 0.9
) -> tuple[Against, ...]:
    """One forecast against every model, on the outcomes of which both spoke.

    Args:
        ours: shape (n,); its log scores.
        log_density: shape (models, n); theirs, NaN where one said nothing.
        names: theirs; level, family: as in `against`. Each interval is for one comparison alone.
    """
    return tuple(
        against(name, ours, theirs, family, level=level)
        for name, theirs in zip(names, log_density, strict=True)
    )
