"""What do some settled forecasts say of those who made them? Means, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.scaling.families import Ends, mean_interval, share_interval
from calibrant.scaling.scores import Floats
from calibrant.scaling.stacking.against import FLOOR

LEVEL = 0.9
"""Of the intervals."""
FAMILIES = 10
"""Families below which a mean score has no interval: scores are skewed, and t is too short."""
TOLD = 0.2
"""How far below the promise an interval of coverage may reach and still speak for it."""


@dataclass(frozen=True, repr=False)
class Track:
    """Scores over several settled forecasts.

    Attributes:
        n, families: forecasts, and groups of them that may miss together.
        level: the share that intervals promised.
        covered: how many outcomes they held; None for a baseline.
        coverage, coverage_interval: that as a share; exact if every forecast is of another
            family, else calibrated for rates that vary between families.
        log_score, log_score_interval: mean natural logarithm of densities; higher is better.
        crps, crps_interval: mean continuous ranked probability score; lower is better.
        pit: mean of P(score ≤ outcome); 0.5 if forecasts are neither too high nor too low.
        gain, gain_interval: by how much the forecast's mean log score is above the baseline's.
        says: what may be concluded.

    Intervals are of 90 %, robust to families, and None for fewer than two of them, those of mean
    scores for fewer than `FAMILIES`.
    """

    n: int
    families: int
    level: float
    covered: int | None
    coverage: float | None
    coverage_interval: Ends
    log_score: float
    log_score_interval: Ends
    crps: float
    crps_interval: Ends
    pit: float | None
    gain: float | None
    gain_interval: Ends
    says: str

    def __repr__(self) -> str:
        if self.coverage is None:
            return f"baseline on {self.n}: mean log score {self.log_score:.3g}; {self.says}"
        return (
            f"{self.covered} of {self.n} outcomes in their {self.level:.0%} intervals, mean log "
            f"score {self.log_score:.3g}, CRPS {self.crps:.3g}; {self.says}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self.__dict__.items()}


def track(
    log_score: Sequence[float | None],
    crps: Sequence[float],
    family: Sequence[str],
    level: float,
    *,
    pit: Sequence[float] | None = None,
    inside: Sequence[bool] | None = None,
    over: Sequence[tuple[float | None, float]] | None = None,
) -> Track:
    """Scores over n settled forecasts.

    Args:
        log_score: of each; None for a density of 0, which counts as `FLOOR`.
        crps: of each.
        family: what misses together.
        level: the share that central intervals promised.
        pit, inside: P(score ≤ outcome) of each, and whether its interval held it; None for a
            baseline.
        over: log score and CRPS of the forecast that a baseline is compared with.
    """
    log, groups = _floored(log_score), len(set(family))
    covered, share, ends = None, None, None
    if inside is not None:
        covered, share = sum(inside), float(np.mean(inside))
        ends = share_interval(np.array(inside, dtype=bool), family, level=LEVEL)
    gain, gain_ends = None, None
    if over is not None:
        apart = _floored([o[0] for o in over]) - log
        gain, gain_ends = float(apart.mean()), _mean(apart, family)
        says = _against(gain_ends)
    else:
        says = _verdict(ends, level)
    return Track(
        n=len(log), families=groups, level=level, covered=covered, coverage=share,
        coverage_interval=ends, log_score=float(log.mean()),
        log_score_interval=_mean(log, family), crps=float(np.mean(crps)),
        crps_interval=_mean(np.asarray(crps, dtype=float), family, low=0.0),
        pit=None if pit is None else float(np.mean(pit)), gain=gain, gain_interval=gain_ends,
        says=says,
    )  # fmt: skip


def _mean(values: Floats, family: Sequence[str], *, low: float = -np.inf) -> Ends:
    return mean_interval(values, family, low=low, level=LEVEL, least=FAMILIES)


def _verdict(ends: Ends, level: float) -> str:
    if ends is None:
        return "one family: too few to say whether the promise was kept"
    low, high = ends
    if high < level:
        return f"its intervals held fewer than the promised {level:.0%}"
    if low > level:
        return f"its intervals held more than the promised {level:.0%}: wider than need be"
    if low < level - TOLD:
        return f"too few to say whether the promised {level:.0%} was kept"
    return f"as far as can be told, the promised {level:.0%} was kept"


def _against(ends: Ends) -> str:
    if ends is None or ends[0] <= 0 <= ends[1]:
        return "no difference from the forecast can be told"
    return "the forecast was better" if ends[0] > 0 else "the forecast was worse"


def _floored(scores: Sequence[float | None]) -> Floats:
    return np.array([FLOOR if s is None else max(s, FLOOR) for s in scores], dtype=float)
