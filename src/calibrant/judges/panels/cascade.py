"""Cheap judge, dear judge, person: who should judge which item, with the same promise?

Every item goes to the first stage; a verdict with enough confidence stands, and the rest goes on,
at last to a person. The promise is that verdicts that no person made agree with gold at least
`target` of the time, with confidence 1 - delta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.panels.selective import chance, passes, shrunk
from calibrant.stats.estimates.intervals import Interval
from calibrant.stats.estimates.means import bounded_mean
from calibrant.stats.estimates.rates import interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

GRID = 10
"""Thresholds tried a stage, from the learning part."""
LONGEST_PATH = 40


@dataclass(frozen=True)
class Stage:
    """Judges that a stage asks, and what its verdict is made of.

    Attributes:
        name: shown.
        pays: judges called at this stage, beyond those of earlier stages.
        scores: shape (items,), confidence.
        wrong: shape (items,), whether its verdict disagrees with gold.
    """

    name: str
    pays: tuple[str, ...]
    scores: Floats
    wrong: Bools


@dataclass(frozen=True)
class StageShare:
    """One stage of the chosen cascade.

    Attributes:
        judges: whose labels its verdict is made of.
        threshold: verdicts with at least this confidence stand.
        share: of all calibration items that it settles.
    """

    judges: str
    threshold: float
    share: float


@dataclass(frozen=True)
class Cascade:
    """The cheapest cascade that keeps the promise.

    Attributes:
        stages: in order; none if nothing can be promised, and all items go to a person.
        target, delta: as in `Guarantee`, for all verdicts that no person made.
        cost: mean cost per item, with an interval at level 1 - delta.
        cost_of_people: of a person for every item.
        automatic: share of items settled without a person.
        errors: calibration items settled wrongly without a person.
        calibration: calibration items.
        agreement: observed, of automatic verdicts; None for none.
        whole: observed, of all verdicts, people's taken as gold.
        whole_at_least: what the promise implies for all verdicts.
        tried: cascades tested, the last of which failed unless all passed.
        cannot: why no cascade keeps the promise; None if one does.
    """

    stages: tuple[StageShare, ...]
    target: float
    delta: float
    cost: tuple[float, float, float]
    cost_of_people: float
    automatic: Interval
    errors: int
    calibration: int
    tried: int
    cannot: str | None = None

    @property
    def settled(self) -> int:
        """Calibration items settled without a person."""
        return round(self.calibration * sum(s.share for s in self.stages))

    @property
    def agreement(self) -> float | None:
        """Observed agreement of automatic verdicts; not the promise."""
        return None if not self.settled else 1 - self.errors / self.settled

    @property
    def whole(self) -> float:
        """Observed agreement of all verdicts, people's taken as gold."""
        return 1 - self.errors / self.calibration

    @property
    def whole_at_least(self) -> float:
        """What the promise implies for all verdicts, people's taken as gold."""
        return self.target

    def __repr__(self) -> str:
        if self.cannot is not None:
            return f"every item to a person, {self.cost_of_people:.4g} each: {self.cannot}"
        steps = ", then ".join(f"{s.judges} from {s.threshold:.3g}" for s in self.stages)
        person = 1 - self.settled / self.calibration
        return (
            f"{steps}, then a person ({person:.1%} of items): {self.cost[0]:.4g} per item instead "
            f"of {self.cost_of_people:.4g}; verdicts without a person agree with gold at least "
            f"{self.target:.1%} of the time with confidence {1 - self.delta:.0%}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        more = {"agreement": self.agreement, "whole": self.whole, "text": repr(self),
                "whole_at_least": self.whole_at_least,
                "escalated": 1 - self.settled / self.calibration}  # fmt: skip
        return asdict(self) | more


@dataclass(frozen=True)
class Plan:
    """One cascade: which chain of stages, and their thresholds."""

    chain: int
    thresholds: tuple[float, ...]


def outcome(
    chain: Sequence[Stage], thresholds: Sequence[float], prices: Mapping[str, float], person: float
) -> tuple[Ints, Bools, Floats]:
    """Per item: the stage that settles it (the number of stages for a person), whether wrongly,
    and what it costs."""
    n = chain[0].scores.size
    where = np.full(n, len(chain))
    wrong, cost, open_ = np.zeros(n, bool), np.zeros(n), np.ones(n, bool)
    for at, (stage, threshold) in enumerate(zip(chain, thresholds, strict=True)):
        cost[open_] += sum(prices[j] for j in stage.pays)
        stands = open_ & (stage.scores >= threshold)
        where[stands], wrong[stands] = at, stage.wrong[stands]
        open_ &= ~stands
    cost[open_] += person
    return where, wrong, cost


def path(
    chains: Sequence[Sequence[Stage]], prices: Mapping[str, float], person: float, n: int,
    target: float, delta: float,
) -> list[Plan]:  # fmt: skip
    """Cascades in the order in which they will be tested, from the learning part.

    The first is the likeliest to pass on `n` items; each next one is the likeliest among those
    that cost less than the one before.
    """
    plans: list[Plan] = []
    costs, hopes = [], []
    every = np.concatenate([s.wrong for chain in chains for s in chain])
    overall = (float(every.sum()) + 0.5) / (every.size + 1)
    for c, chain in enumerate(chains):
        for thresholds in product(*(_grid(s.scores) for s in chain)):
            where, wrong, cost = outcome(chain, thresholds, prices, person)
            taken = int((where < len(chain)).sum())
            if not taken:
                continue
            rate = shrunk(float(wrong.sum()), taken, overall)
            size = max(1, round(n * taken / where.size))
            plans.append(Plan(c, thresholds))
            costs.append(float(cost.mean()))
            hopes.append(chance(rate, size, target, delta))
    if not plans:
        return []
    cost, hope = np.array(costs), np.array(hopes)
    at = int(np.lexsort((cost, -hope))[0])
    found = [at]
    lowest = cost.min()
    step = max((cost[at] - lowest) / LONGEST_PATH, 1e-12)
    while True:
        cheaper = np.flatnonzero(cost <= cost[found[-1]] - step)
        if not cheaper.size:
            return [plans[i] for i in found]
        found.append(int(cheaper[np.lexsort((cost[cheaper], -hope[cheaper]))[0]]))


def _grid(scores: Floats) -> list[float]:
    """Thresholds from the lowest score to one that nothing reaches."""
    finite = scores[np.isfinite(scores)]
    if not finite.size:
        return [float("inf")]
    levels = np.unique(np.quantile(finite, np.linspace(0, 1, GRID), method="higher"))
    return [*levels.tolist(), float("inf")]


def run(
    chains: Sequence[Sequence[Stage]],
    plans: Sequence[Plan],
    prices: Mapping[str, float],
    person: float,
    clusters: NDArray[Any] | None,
    *,
    target: float,
    delta: float,
) -> tuple[Cascade, Plan | None]:
    """Test the cascades in order on the calibration part; the last that passes is the cheapest.

    Args:
        chains: the same chains as in `path`, now with the calibration part's scores and errors.
    """
    last: Plan | None = None
    tried = 0
    for plan in plans:
        where, wrong, _ = outcome(chains[plan.chain], plan.thresholds, prices, person)
        taken = where < len(plan.thresholds)
        tried += 1
        groups = None if clusters is None else clusters[taken]
        if not passes(wrong[taken], groups, target, delta):
            break
        last = plan
    n = chains[0][0].scores.size
    if last is None:
        why = "no cascade passed its test" if plans else "nothing to test"
        none = interval(0, n)
        return Cascade((), target, delta, (person, person, person), person, none, 0, n, tried,
                       why), None  # fmt: skip
    chain = chains[last.chain]
    where, wrong, cost = outcome(chain, last.thresholds, prices, person)
    most = person + sum(sum(prices[j] for j in s.pays) for s in chain)
    mean = bounded_mean(cost, low=0.0, high=max(most, 1e-12), level=1 - delta)
    shares = tuple(
        StageShare(s.name, t, float((where == i).mean()))
        for i, (s, t) in enumerate(zip(chain, last.thresholds, strict=True))
        if np.isfinite(t)
    )
    taken = where < len(chain)
    return Cascade(
        shares, target, delta, (float(cost.mean()), mean.low, mean.high), person,
        interval(int(taken.sum()), n), int(wrong.sum()), n, tried,
    ), last  # fmt: skip
