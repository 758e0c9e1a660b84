"""How good were the forecasts of the past, and how sure is that? Means with clustered intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calibrant._figure import Figure, Shown
from calibrant.scaling.backtests.gate import judge
from calibrant.scaling.backtests.horizons import Horizon
from calibrant.scaling.backtests.outcomes import Outcomes
from calibrant.scaling.backtests.peers import Peer
from calibrant.scaling.backtests.run import Failure
from calibrant.scaling.families import mean_interval, share_interval
from calibrant.scaling.scores import Floats, Names
from calibrant.scaling.stacking.against import FLOOR

BINS = 10
DRAWS = 500
"""Of the calibration of each interval of a share: there is one for each measure."""
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class BackTest(Shown):
    """What the stacked forecast did on the past.

    Attributes:
        rule, level: how the past was cut, the promised share.
        n: judged forecasts, each outcome once at each horizon.
        outcomes, subjects, families: how many distinct ones they are of.
        effective: independent outcomes that would be worth as much.
        coverage, crps, log_score, width: means, with intervals at 90 % that respect families;
            crps and width in units of the score, log score in nats, higher is better.
        pit: the histogram of P(score ≤ outcome), its mean with its interval; 0.5 is unbiased.
        by_horizon: the verdict of each measure at each horizon.
        peers: what others' intervals did.
        cuts: each with how much was known, and the weights learnt by then.
        failures: models that could say nothing, where and why.
    """

    rule: str
    level: float
    n: int
    outcomes: int
    subjects: int
    families: int
    effective: float
    coverage: float | None
    coverage_interval: Interval
    crps: float | None
    crps_interval: Interval
    log_score: float | None
    log_score_interval: Interval
    width: float | None
    pit: dict[str, Any]
    by_horizon: tuple[Horizon, ...]
    by_measure: tuple[dict[str, Any], ...]
    peers: tuple[Peer, ...]
    cuts: tuple[dict[str, Any], ...]
    failures: tuple[Failure, ...]

    def __repr__(self) -> str:
        if self.coverage is None:
            return f"BackTest ({self.rule}): nothing was judged"
        ends = self.coverage_interval
        sure = "" if ends is None else f" ({ends[0]:.2f} to {ends[1]:.2f})"
        return (
            f"BackTest ({self.rule}): {self.level:.0%} intervals held {self.coverage:.1%}{sure} "
            f"of {self.n} outcomes of {self.subjects} subjects in {self.families} families"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        flat = {
            k: getattr(self, k)
            for k in self.__dataclass_fields__
            if k not in ("by_horizon", "peers", "failures", "by_measure", "cuts")
        }
        return flat | {
            "by_horizon": [h.to_dict() for h in self.by_horizon],
            "by_measure": list(self.by_measure),
            "peers": [p.to_dict() for p in self.peers],
            "cuts": list(self.cuts),
            "failures": [asdict(f) for f in self.failures],
        }

    def plot(self) -> Figure:
        """The share that intervals held at each distance, beside the promise.

        Raises:
            InputError: if nothing was judged.
        """
        from calibrant.scaling.figures import horizon_figure

        return horizon_figure({"backtest": self.to_dict()})


def summarise(
    once: Outcomes, *, rule: str, level: float, horizons: Sequence[Horizon],
    peers: Sequence[Peer], cuts: Sequence[dict[str, Any]], failures: Sequence[Failure],
) -> BackTest:  # fmt: skip
    """The back-test of outcomes, each once at each horizon."""
    log = np.maximum(once.log_score, FLOOR)
    some = len(once) > 0
    gate = judge(once.covered, once.transform, once.family, level)
    return BackTest(
        rule=rule,
        level=level,
        n=len(once),
        outcomes=int(np.unique(once.row).size),
        subjects=int(np.unique(once.subject).size),
        families=int(np.unique(once.family).size),
        effective=gate.effective,
        coverage=float(once.covered.mean()) if some else None,
        coverage_interval=share_interval(once.covered, once.family, draws=DRAWS),
        crps=float(once.crps.mean()) if some else None,
        crps_interval=mean_interval(once.crps, once.family, low=0.0),
        log_score=float(log.mean()) if some else None,
        log_score_interval=mean_interval(log, once.family),
        width=float((once.high - once.low).mean()) if some else None,
        pit=pit(once.transform, once.family),
        by_horizon=tuple(horizons),
        by_measure=tuple(_measure(once, m) for m in np.unique(once.measure)),
        peers=tuple(peers),
        cuts=tuple(cuts),
        failures=tuple(failures),
    )


def pit(transform: Floats, family: Names) -> dict[str, Any]:
    """The histogram of transforms in ten bins, and their mean with its interval."""
    counts, edges = np.histogram(transform, bins=BINS, range=(0, 1))
    return {
        "edges": [round(float(e), 12) for e in edges],
        "share": [float(c) / max(transform.size, 1) for c in counts],
        "mean": float(transform.mean()) if transform.size else None,
        "mean_interval": mean_interval(transform, family),
    }


def _measure(once: Outcomes, name: str) -> dict[str, Any]:
    mine = once.take(once.measure == name)
    return {
        "measure": str(name),
        "n": len(mine),
        "coverage": float(mine.covered.mean()),
        "coverage_interval": share_interval(mine.covered, mine.family, draws=DRAWS),
        "crps": float(mine.crps.mean()),
        "log_score": float(np.maximum(mine.log_score, FLOOR).mean()),
        "width": float((mine.high - mine.low).mean()),
    }
