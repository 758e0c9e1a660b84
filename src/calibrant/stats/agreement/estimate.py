"""How sure is a coefficient of agreement? Standard errors and intervals from per-item totals."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainccinv, betaincinv, stdtrit

from calibrant.errors import InputError
from calibrant.stats.agreement.ratios import Ratio
from calibrant.stats.estimates.bootstrap import resample
from calibrant.stats.estimates.rates import bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_TINY = 1e-12
LEAST = 10
"""Items that a coefficient's spread must rest on for a bootstrap interval: one over few items
that matter is far too short."""
ONE_CATEGORY = "undefined: all labels are one category"


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of agreement.

    Attributes:
        name: such as "Krippendorff's alpha".
        value: at most 1; None if it is undefined.
        standard_error: linearised, over items or clusters; None where items do not differ.
        interval: by the effective size of the observed disagreement.
        observed: disagreement seen, 0–1 in the units of the scale's distances; `expected`: by
            chance. The value is 1 − observed / expected.
        items, labels: that it rests on.
        rests_on: the number of items or clusters that the standard error effectively rests on,
            low where disagreement or a category is rare; None where nothing varies.
        bootstrap: the BCa interval over items or clusters; None if none was asked for or there is
            none.
        undefined: why there is no value.
        note: why there is no bootstrap interval.
    """

    name: str
    value: float | None = None
    standard_error: float | None = None
    interval: tuple[float, float] | None = None
    observed: float | None = None
    expected: float | None = None
    items: int = 0
    labels: int = 0
    rests_on: float | None = None
    bootstrap: tuple[float, float] | None = None
    undefined: str = ""
    note: str = ""

    def __repr__(self) -> str:
        if self.value is None or self.interval is None:
            return f"{self.name}: {self.undefined}"
        low, high = self.interval
        return f"{self.name} {self.value:.3f} ({low:.3f} to {high:.3f})"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def estimate(
    ratio: Ratio,
    *,
    level: float = 0.95,
    cluster: Ints | None = None,
    times: Floats | None = None,
) -> Coefficient:
    """A coefficient with its standard error and interval.

    The standard error is linearised: the variance over items of the coefficient's derivative
    (Gwet 2014, chapter 5, where items are the only source of error; for nominal labels it is his
    formula). The interval takes the observed disagreement for a rate of an effective number of
    trials, that which gives the coefficient's standard error, and takes its Clopper–Pearson
    limits, as Korn and Graubard (Survey Methodology 24 (1998) 193) do for surveys; it stays
    within what is possible, and is as wide as it must be where graders never disagree. The upper
    end has a t quantile on the number of items that the standard error effectively rests on, as a
    rare category may hang on a few.

    Args:
        level: of the interval.
        cluster: shape (items,), which cluster each item is in; None if items stand alone.
        times: shape (rows,), how often each row occurs (`cohen`).
    """
    bare = Coefficient(ratio.name, items=ratio.items, labels=ratio.labels)
    if ratio.items < 2:
        return replace(bare, undefined=f"undefined: {ratio.items} items with two labels")
    rows = ratio.rows if cluster is None else by_cluster(ratio, cluster)
    weight = np.ones(len(rows)) if times is None else times
    units = float(weight.sum())
    total = weight @ rows
    seen, chance = float(ratio.observed(total)), float(ratio.expected(total))
    if chance <= _TINY:
        return replace(bare, undefined=ONE_CATEGORY)
    known = replace(bare, value=_exact(1 - seen / chance), observed=max(seen, 0.0), expected=chance)
    if units < 2:
        return replace(known, value=None, undefined="undefined: one cluster has no spread")
    pull = rows @ ratio.gradient(total)
    pull = pull - float(weight @ pull) / units
    squares = pull**2
    variance = units / (units - 1) * float(weight @ squares)
    rest = float(weight @ squares**2)
    few = float(weight @ squares) ** 2 / rest if rest > 0 else units - 1
    alone = ratio.items if cluster is None else units
    ends = _limits(seen, chance, variance, units, alone, min(max(few, 1.0), units - 1), ratio,
                   (1 - level) / 2)  # fmt: skip
    error = math.sqrt(variance) if variance > _TINY**2 else None
    return replace(
        known, standard_error=error, interval=ends, rests_on=None if error is None else few
    )


def agreement_rate(
    ratio: Ratio, *, level: float = 0.95, cluster: Ints | None = None
) -> Coefficient:
    """Percent agreement: exact limits where every item has two labels and stands alone."""
    found = estimate(ratio, level=level, cluster=cluster)
    if cluster is not None or found.value is None or ratio.labels != 2 * ratio.items:
        return found
    same = ratio.items - round(float(ratio.rows[:, 0].sum()))
    low, high = bounds(same, ratio.items, level=level)
    return replace(found, interval=(float(low), float(high)))


def bootstrapped(
    found: Coefficient,
    ratio: Ratio,
    *,
    draws: int,
    seed: int | np.random.SeedSequence,
    level: float,
    cluster: Ints | None,
) -> Coefficient:
    """The same with a BCa interval over items or clusters, or a note why there is none."""
    if found.value is None or not draws:
        return found
    if found.rests_on is None or found.rests_on < LEAST:
        few = "no item" if found.rests_on is None else f"effectively {found.rests_on:.1f} items"
        return replace(found, note=f"{found.name}: no bootstrap interval, as its spread rests on "
                       f"{few} (at least {LEAST})")  # fmt: skip
    rows = ratio.rows if cluster is None else by_cluster(ratio, cluster)
    tail = (1 - level) / 2
    try:
        drawn = resample(rows, ratio, draws=draws, seed=seed)
        ends = drawn.bca(tail), drawn.bca(1 - tail)
    except InputError as e:
        # Few items, or draws in which one category is left: the analytic interval stands alone.
        return replace(found, note=f"{found.name}: no bootstrap interval: {e}")
    return replace(found, bootstrap=(float(ends[0]), float(min(ends[1], 1.0))))


def by_cluster(ratio: Ratio, cluster: Ints) -> Floats:
    """The rows summed by cluster, shape (clusters with a row, columns)."""
    which = np.unique(cluster[ratio.used], return_inverse=True)[1]
    many = int(which.max()) + 1 if which.size else 0
    return np.column_stack([np.bincount(which, c, minlength=many) for c in ratio.rows.T])


def _limits(
    seen: float,
    chance: float,
    variance: float,
    units: float,
    alone: float,
    few: float,
    ratio: Ratio,
    tail: float,
) -> tuple[float, float]:
    """Limits of 1 − seen / chance; `alone` counts the units where all agree or none does."""
    if seen <= _TINY:
        # Any disagreement at all in a unit bounds the disagreement, whatever its distribution.
        most = (1 - tail ** (1 / alone)) * ratio.worst
        return _exact(1 - min(most, 1.0) / chance), 1.0
    if seen >= 1 - _TINY:
        return _exact(1 - 1 / chance), _exact(1 - tail ** (1 / alone) / chance)
    size = seen * (1 - seen) / max(variance * chance**2, 1e-300)
    # Never more events than pairs of labels: items that happen to be alike prove little.
    most = ratio.labels / 2 / min(seen, 1 - seen)
    high, low = (min(size * _shrink(ratio.labels, df, tail), most) for df in (units - 1, few))
    return (
        _exact(1 - float(betainccinv(seen * high + 1, (1 - seen) * high, tail)) / chance),
        _exact(1 - float(betaincinv(seen * low, (1 - seen) * low + 1, tail)) / chance),
    )


def _shrink(labels: int, df: float, tail: float) -> float:
    if abs(tail - 0.5) < 1e-9:
        return 1.0
    ratio = float(stdtrit(max(labels - 1, 1), tail) / stdtrit(df, tail))
    return min(ratio, 1.0) ** 2


def _exact(value: float) -> float:
    """Rounding must not leave a coefficient a hair above 1 or beside 0."""
    return 0.0 if abs(value) < 1e-14 else min(value, 1.0)
