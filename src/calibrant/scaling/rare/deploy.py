"""What do n trials say about m deployments? Rates, the floor, and modes that no trial showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant._figure import Shown
from calibrant.errors import InputError
from calibrant.stats.estimates.clusters import Clusters, cluster_interval
from calibrant.stats.estimates.rates import check_level, interval

Floats = NDArray[np.float64]

POINTS = 41
"""Shares of a hidden mode at which the forecast is given."""
MOST = 1e12
"""Trials of one item."""
SMALL = 0.05
"""The chance of any event in all deployments that is called small."""


@dataclass(frozen=True)
class AtLeastOne:
    """The chance of one event or more in m deployments, with its interval."""

    deployments: float
    value: float
    low: float
    high: float
    expected: float
    expected_high: float


@dataclass(frozen=True, repr=False)
class HiddenMode(Shown):
    """What a mode that no trial showed would do to the forecast.

    A mode is a kind of query that makes up a share of deployment; within it the event is certain
    (where it is not, read "share" as share × chance).

    Attributes:
        units: independent trials (items, where trials share items), none in the mode.
        deployments: m.
        worst_share: the largest share that the units do not rule out, 1 - alpha^(1/units).
        worst_expected: events that a mode of this share would bring in m deployments.
        shares: shape (points,), on a logarithmic grid up to three times the worst.
        unseen: shape (points,), the chance that no unit would have shown the mode.
        from_mode: shape (points,), the chance that the mode itself brings an event in m.
        at_least_one: shape (points,), the chance of one event or more, by the mode or the rate that
            the trials showed.
        worst: that chance at the worst share.
        small_share: the share of a mode that brings an event with a chance of `SMALL` only, and
        small_unseen: the chance that no unit would have shown it.
        level: confidence with which larger shares are ruled out.
    """

    units: int
    deployments: float
    worst_share: float
    worst_expected: float
    shares: tuple[float, ...]
    unseen: tuple[float, ...]
    from_mode: tuple[float, ...]
    at_least_one: tuple[float, ...]
    worst: float
    small_share: float
    small_unseen: float
    level: float

    def __repr__(self) -> str:
        return (
            f"{self.units:,} independent trials leave room for a hidden mode of up to "
            f"{self.worst_share:.3g} of deployment ({self.level:.0%}), which would bring "
            f"{self.worst_expected:,.3g} events in {self.deployments:,.6g} deployments"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class Deployment(Shown):
    """From trials to deployment: the rate of an event, and the chance of meeting it at all.

    Attributes:
        trials, units, events: scored trials; items (or clusters) they share; events among them.
        level: confidence of two-sided intervals.
        rate, low, high: events per deployment, and the interval by `method`.
        floor: the upper limit of the rate had no unit shown an event, 1 - alpha^(1/units), about
            3/units at 95 %: `high` is never below it.
        method: how the interval was found, in words.
        at_least_one: for each number of deployments.
        needed: the trials without any event that would rule out a chance above 5 % in the largest
            number of deployments.
        hidden: a mode that no trial showed, for the largest number of deployments.
    """

    trials: int
    units: int
    events: int
    level: float
    rate: float
    low: float
    high: float
    floor: float
    method: str
    at_least_one: tuple[AtLeastOne, ...]
    needed: float
    hidden: HiddenMode

    def __repr__(self) -> str:
        one = self.at_least_one[-1]
        if self.events == 0:
            return (
                f"no event in {self.trials:,} trials, {self.units:,} of them independent: the rate "
                f"is at most {self.floor:.3g}, about 3/{self.units:,} ({self.level:.0%}); "
                f"{one.deployments:,.6g} deployments may still meet one with chance up to "
                f"{one.high:.3g}, and {self.needed:,.6g} trials without one would be needed to "
                "bring that below 5 %"
            )
        return (
            f"{self.events:,} events in {self.trials:,} trials: rate {self.rate:.4g}, "
            f"[{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}); in {one.deployments:,.6g} "
            f"deployments at least one with chance {one.value:.4g}, [{one.low:.4g}, {one.high:.4g}]"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def deployment(
    events: ArrayLike,
    trials: ArrayLike,
    *,
    deployments: Sequence[float] = (1e6,),
    level: float = 0.95,
    seed: int = 0,
) -> Deployment:
    """Carry the rate of n trials to m deployments, each an attempt at a new query.

    With one trial an item the interval for the rate is Clopper and Pearson's; with several, that
    of `cluster_interval`, with items as clusters. The chance of at least one event,
    1 - (1 - rate)^m, rises with the rate, so its interval is as exact as the rate's. Deployments
    must draw from the same kind of items, independently.

    Args:
        events, trials: shape (items,), events and scored trials of each item (or cluster).
        deployments: numbers of deployments, 1 or more.
        level: confidence; the upper limit is never below the one-sided floor of this level.
        seed: of the simulated test for trials that share items.

    Raises:
        InputError: for counts that are impossible, no trials, or a wrong level.
    """
    check_level(level, "two")
    k, n = check_counts(events, trials)
    many = check_deployments(deployments)
    total, size, units = int(k.sum()), int(n.sum()), n.size
    floor = floor_of(units, level)
    if units == 1 or n.max() == 1:
        found = interval(total, size, level=level)
        low, high, method = found.low, found.high, found.method
        if units == 1 and size > 1:
            raise InputError("deployment: wanted trials of at least 2 items, got 1")
    else:
        # Very long clusters: the exact test's work grows with them.
        name = "beta-binomial" if n.max() <= 200 else "korn-graubard"
        shared = cluster_interval(Clusters(k.astype(float), n), method=name, level=level, seed=seed)  # type: ignore[arg-type]
        low, high, method = shared.low, shared.high, shared.method
    high = max(high, floor)
    rate = total / size
    found_at = tuple(
        AtLeastOne(
            m,
            at_least_one(rate, m),
            at_least_one(low, m),
            at_least_one(high, m),
            m * rate,
            m * high,
        )
        for m in many
    )
    most = max(many)
    return Deployment(
        size, units, total, level, rate, low, high, floor, method, found_at,
        needed_trials(SMALL, most, level), hidden_mode(units, most, level=level, rate=rate),
    )  # fmt: skip


def hidden_mode(
    units: int, deployments: float, *, level: float = 0.95, rate: float = 0.0
) -> HiddenMode:
    """What a mode that none of the trials showed would do, for every share it may have.

    Args:
        units: independent trials, none of which lay in the mode.
        deployments: m, draws of the same kind.
        rate: the rate of the event outside the mode.

    Raises:
        InputError: for fewer than one unit or deployment, or a rate or level outside its range.
    """
    check_level(level, "two")
    (m,) = check_deployments([deployments])
    if units < 1:
        raise InputError(f"units: wanted at least 1, got {units}")
    if not 0 <= rate <= 1:
        raise InputError(f"rate: wanted 0 to 1, got {rate:g}")
    worst = floor_of(units, level)
    low = min(0.01 / m, worst / 100)
    shares = np.geomspace(low, min(3 * worst, 1 - 1e-12), POINTS).tolist()
    chance = [at_least_one(rate + s * (1 - rate), m) for s in (*shares, worst)]
    small = rate_for(SMALL, m)
    return HiddenMode(
        int(units), m, worst, m * worst, tuple(shares), tuple(_none_of(units, s) for s in shares),
        tuple(at_least_one(s, m) for s in shares), tuple(chance[:-1]), chance[-1], small,
        _none_of(units, small), level,
    )  # fmt: skip


def _none_of(units: float, share: float) -> float:
    return float(np.exp(units * np.log1p(-share)))


def rate_for(chance: float, m: float) -> float:
    """The rate at which m independent trials meet an event with a given chance."""
    return float(-np.expm1(np.log1p(-chance) / m))


def at_least_one(rate: float, m: float) -> float:
    """The chance of one event or more in m independent trials, without loss near 0."""
    if rate >= 1:
        return 1.0
    return float(-np.expm1(m * np.log1p(-rate)))


def floor_of(units: int, level: float) -> float:
    """The rate that `units` trials without an event just do not rule out: 1 - alpha^(1/units)."""
    return float(-np.expm1(np.log1p(-level) / units))


def seen_until(units: int, level: float) -> float:
    """The number of queries m up to which the largest of `units` bounds the 1 - 1/m quantile."""
    return 1 / floor_of(units, level)


def needed_trials(chance: float, m: float, level: float) -> float:
    """Trials without an event that rule out a chance above `chance` of any event in m."""
    return float(np.ceil(np.log1p(-level) / np.log1p(-rate_for(chance, m))))


def check_counts(
    events: ArrayLike, trials: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return counts of items as arrays of one shape.

    Raises:
        InputError: for anything else than whole 0 ≤ events ≤ trials, 1 ≤ trials.
    """
    k, n = np.asarray(events), np.asarray(trials)
    if k.ndim != 1 or k.shape != n.shape or k.size == 0:
        raise InputError(
            f"counts: wanted events and trials of each item, got shapes {k.shape} and {n.shape}"
        )
    if k.dtype.kind not in "iufb" or n.dtype.kind not in "iuf":
        raise InputError(f"counts: wanted whole numbers, got {k.dtype} and {n.dtype}")
    wrong = ~((np.floor(k) == k) & (np.floor(n) == n) & (k >= 0) & (k <= n) & (n >= 1))
    wrong |= ~(n <= MOST)
    if np.any(wrong):
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"counts: wanted whole 0 ≤ events ≤ trials, 1 to {MOST:.0e} trials, got "
            f"{k[at]:g} of {n[at]:g} for item {at}"
        )
    return k.astype(np.int64), n.astype(np.int64)


def check_deployments(deployments: Sequence[float]) -> list[float]:
    """Return numbers of deployments, sorted.

    Raises:
        InputError: for none, or one that is not finite or below 1.
    """
    many = sorted({float(m) for m in deployments})
    if not many:
        raise InputError("deployments: wanted at least one number, got none")
    for m in many:
        if not 1 <= m <= 1e15:
            raise InputError(f"deployments: wanted 1 to 1e15, got {m:g}")
    return many
