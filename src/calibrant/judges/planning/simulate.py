"""What would the interval be with so many labels? Whole studies simulated from what is assumed.

Each draw takes plausible rates of the strata, the gold labels of all items, the items that a
design chooses, and the interval that the design's estimator gives; many draws at once by counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.judges.calibration.ppi import UNSEEN
from calibrant.judges.planning.designs import main_chances, neyman, phase_weights
from calibrant.judges.planning.estimate import Measurand, grouped_mean, stratified_rate
from calibrant.judges.planning.model import Model
from calibrant.stats.estimates.intervals import Side

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Design = Literal["gold only", "uniform", "stratified", "active"]

DESIGNS: tuple[Design, ...] = ("gold only", "uniform", "stratified", "active")
"""The simplest first."""

FINER = 4
"""Groups that a stratum is cut into by expected spread, for the simulation of active sampling."""


@dataclass(frozen=True, eq=False)
class Studies:
    """Simulated studies: limits of each, and the truth that each was after, shape (draws,)."""

    low: Floats
    high: Floats
    truth: Floats

    @property
    def width(self) -> float:
        """The mean width."""
        return float(np.mean(self.high - self.low))

    @property
    def coverage(self) -> float:
        """The share of intervals that hold their truth."""
        return float(np.mean((self.low <= self.truth) & (self.truth <= self.high)))


@dataclass(frozen=True, eq=False)
class _Case:
    """Simulated worlds before a design's draw: `events` of each group of `sizes` items."""

    model: Model
    n: int
    group: Ints
    sizes: Ints
    events: Ints
    measurand: Measurand
    level: float
    side: Side
    rng: np.random.Generator


def simulate(
    model: Model,
    design: Design,
    n: int,
    *,
    measurand: Measurand,
    level: float,
    side: Side,
    draws: int,
    seed: int,
) -> Studies:
    """Simulate a design with n labels in all; the same seed draws the same worlds for every n."""
    world, chance = (np.random.default_rng([seed, k]) for k in (0, 1))
    group, sizes, base = _groups(model) if design == "active" else _plain(model)
    rates = np.clip(base * model.rates(draws, world)[:, group], 0.0, 1.0)
    events = world.binomial(sizes, rates)
    truth = events.sum(axis=1) / model.items
    if measurand == "population":
        # These items are a sample of a population that has other shares of the strata.
        shares = world.dirichlet(sizes, size=draws)
        truth = (shares * rates).sum(axis=1)
    case = _Case(model, n, group, sizes, events, measurand, level, side, chance)
    low, high = _INTERVAL[design](case)
    return Studies(low, high, truth)


def _plain(model: Model) -> tuple[Ints, Ints, Floats]:
    return np.arange(model.sizes.size), model.sizes, np.ones(model.sizes.size)


def _groups(model: Model) -> tuple[Ints, Ints, Floats]:
    """Strata cut by the expected spread: stratum of each group, items, rate over the stratum's."""
    group, sizes, factor = [], [], []
    for c, at in enumerate(_finer_groups(model)):
        spreads = np.array([float(np.mean(model.finer[items] ** 2)) for items in at])
        half = np.sqrt(np.maximum(0.25 - np.minimum(spreads, 0.25), 0.0))
        p = 0.5 + half if model.rate[c] > 0.5 else 0.5 - half
        count = np.array([items.size for items in at])
        mean = float(count @ p / count.sum())
        factor += (p / max(mean, 1e-9)).tolist()
        sizes += count.tolist()
        group += [c] * count.size
    return np.array(group), np.array(sizes), np.array(factor)


def _finer_groups(model: Model) -> list[list[Ints]]:
    found = []
    for c in range(model.sizes.size):
        items = np.flatnonzero(model.stratum == c)
        edges = np.unique(np.quantile(model.finer[items], np.linspace(0, 1, FINER + 1)[1:-1]))
        which = np.searchsorted(edges, model.finer[items], side="left")
        found.append([items[which == k] for k in np.unique(which)])
    return found


def _hyper(events: Ints, sizes: Ints, n: Ints, rng: np.random.Generator) -> Ints:
    """Events among n items drawn at random from each group."""
    return np.asarray(rng.hypergeometric(events, sizes - events, n), dtype=np.int64)


def _gold_only(c: _Case) -> tuple[Floats, Floats]:
    total = c.events.sum(axis=1)
    items = np.full(total.shape, c.model.items)
    k = _hyper(total, items, np.full(total.shape, c.n), c.rng)
    _, low, high = stratified_rate(
        k[:, None], np.array([c.n]), items[:1],
        measurand=c.measurand, level=c.level, side=c.side,
    )  # fmt: skip
    return low, high


def _uniform(c: _Case) -> tuple[Floats, Floats]:
    """PPI with the weight of least variance, as `calibrated_ppi`; of these items, by strata."""
    n, items, f = c.n, c.model.items, c.model.value
    drawn = c.rng.multivariate_hypergeometric(
        c.sizes, n, size=c.events.shape[0], method="marginals"
    )
    k = _hyper(c.events, np.broadcast_to(c.sizes, drawn.shape), drawn, c.rng)
    if c.measurand == "items":
        _, low, high = stratified_rate(k, drawn, c.sizes, level=c.level, side=c.side)
        return low, high
    my, mf = k.sum(axis=1) / n, drawn @ f / n
    yy, ff, fy = my * (1 - my), drawn @ f**2 / n - mf**2, k @ f / n - my * mf
    every = float(c.model.share @ f)
    spread = float(c.model.share @ (f - every) ** 2)
    lam = fy / spread if spread > 1e-12 else np.zeros(my.shape)
    value = my - lam * (mf - every)
    lam = lam * (1 - n / items)  # now of the difference to the items without labels
    left = np.maximum(yy - 2 * lam * fy + lam**2 * ff, 0.0)
    variance = left / (n - 1) + lam**2 * spread / max(items - n, 1) + UNSEEN / n**2
    tail = (1 - c.level) / (2 if c.side == "two" else 1)
    reach = -float(stdtrit(n - 1, tail)) * np.sqrt(variance)
    low = np.zeros(reach.shape) if c.side == "upper" else np.clip(value - reach, 0, 1)
    high = np.ones(reach.shape) if c.side == "lower" else np.clip(value + reach, 0, 1)
    return low, high


def _stratified(c: _Case) -> tuple[Floats, Floats]:
    labels = neyman(c.n, c.sizes, c.model.spread, already=c.model.pilot_labels())
    k = _hyper(c.events, np.broadcast_to(c.sizes, c.events.shape), labels, c.rng)
    _, low, high = stratified_rate(
        k, labels, c.sizes, measurand=c.measurand, level=c.level, side=c.side
    )
    return low, high


def _active(c: _Case) -> tuple[Floats, Floats]:
    at = [items for groups in _finer_groups(c.model) for items in groups]
    spread = np.array([float(np.mean(c.model.finer[items])) for items in at])
    have, value = int(c.model.pilot.size), c.model.value[c.group]
    p = main_chances(c.n, have, np.repeat(spread, c.sizes))[np.cumsum(c.sizes) - 1]
    one, two = phase_weights(have, max(c.n - have, 1), c.model.items, p)
    sizes = np.broadcast_to(c.sizes, c.events.shape)
    first = np.zeros(c.events.shape, dtype=np.int64)
    if have:
        first = c.rng.multivariate_hypergeometric(
            c.sizes, have, size=c.events.shape[0], method="marginals"
        )
    k_first = _hyper(c.events, sizes, first, c.rng)
    second = c.rng.binomial(sizes - first, p)
    k_second = c.rng.hypergeometric(
        c.events - k_first, sizes - c.events - (first - k_first), second
    )
    both = [np.concatenate(pair, axis=1) for pair in ((k_first, k_second), (first, second))]
    _, low, high = grouped_mean(
        both[0], both[1], np.tile(value, 2),
        np.concatenate([np.full(p.size, max(have, 1) / c.model.items), p]),
        np.concatenate([c.sizes, np.zeros(p.size, dtype=np.int64)]),
        weight=np.concatenate([np.full(p.size, one), two]),
        measurand=c.measurand, level=c.level, side=c.side,
    )  # fmt: skip
    return low, high


_INTERVAL: dict[str, Callable[[_Case], tuple[Floats, Floats]]] = {
    "gold only": _gold_only,
    "uniform": _uniform,
    "stratified": _stratified,
    "active": _active,
}
