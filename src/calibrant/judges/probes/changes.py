"""How often does a verdict change, and which way? Shares of cases, places, and chance.

All intervals take the cases of one item, where there are several, as one draw that came together.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError
from calibrant.judges.probes.effects import Labels, labels_of
from calibrant.stats.comparisons.paired import paired_t, sign_flip
from calibrant.stats.comparisons.two_rates import check_level
from calibrant.stats.estimates.clusters import Clusters, cluster_interval
from calibrant.stats.estimates.intervals import Side, clopper_pearson

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A share of cases with its interval; `events` of `n`."""

    value: float | None
    low: float
    high: float
    events: int
    n: int
    level: float
    method: str

    def __repr__(self) -> str:
        value = "none" if self.value is None else f"{self.value:.1%}"
        return f"{value} [{self.low:.1%}, {self.high:.1%}] ({self.events} of {self.n})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def share(
    events: ArrayLike, clusters: Labels | None = None, *, level: float = 0.95, side: Side = "two"
) -> Share:
    """The share of cases with an event: Clopper–Pearson, or by clusters (Korn and Graubard).

    Args:
        events: shape (n,), 0/1.
        clusters: n labels; cases of one label came together.
        side: "lower" and "upper" spend the whole error on one end.
    """
    check_level(level)
    e = np.asarray(events, dtype=np.int64)
    labels = labels_of(clusters, e.size)
    k, n = int(e.sum()), int(e.size)
    if labels is None or len(set(labels)) < 2:
        # All of one cluster: one draw, which shows next to nothing.
        few = n if labels is None else min(n, 1)
        cp = clopper_pearson(round(k * few / n) if n else 0, few, level=level, side=side)
        low, high = (cp.low, cp.high) if few == n else (0.0, 1.0)
        return Share(k / n if n else None, low, high, k, n, level, cp.method)
    index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    ids = np.array([index[label] for label in labels])
    found = cluster_interval(Clusters.of(e, ids), method="korn-graubard", level=level, side=side)
    return Share(found.value, found.low, found.high, k, n, level, found.method)


def mean_shift(
    differences: ArrayLike, clusters: Labels | None = None, *, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float] | None:
    """The mean of unbounded differences (log-odds) with its limits; None if too few or all equal.

    Student's t for 20 or more cases (clusters), by clusters if given; sign flips for fewer, where
    there are enough of them for the level.
    """
    d = np.asarray(differences, dtype=float)
    d_labels = labels_of(clusters, d.size)
    units = d.size if d_labels is None else len(set(d_labels))
    if units < 2 or float(np.ptp(d)) <= 1e-12 * float(np.abs(d).max()):
        return None
    few = units < 20 and 2.0 ** (1 - units) <= 1 - level
    found = (
        sign_flip(d, d_labels, level=level, seed=seed)
        if few
        else paired_t(d, d_labels, level=level)
    )
    ends = found.interval
    return found.difference, ends.low, ends.high


def first_place(
    always_first: int, always_second: int, *, level: float = 0.95
) -> tuple[float | None, float, float]:
    """What standing first adds to the log-odds of being preferred, from pairs shown both ways.

    A judge that prefers the first answer with log-odds (quality + b) in one order and
    (-quality + b) in the other says "first" twice, of the times it says one place twice, with
    log-odds 2b, whatever the qualities: conditional logistic regression of matched pairs
    (Breslow and Day, *Statistical Methods in Cancer Research* 1, 1980, section 7.2). The interval
    is exact.

    Returns:
        The estimate of b, None if it is infinite or nothing was seen; and its limits, which may
        be infinite.
    """
    n = always_first + always_second
    found = clopper_pearson(always_first, n, level=level)
    value = None if 0 in (always_first, always_second) else always_first / n
    return (
        None if value is None else _logit(value) / 2,
        _logit(found.low) / 2,
        _logit(found.high) / 2,
    )


def _logit(x: float) -> float:
    if x in (0.0, 1.0):
        return -math.inf if x == 0 else math.inf
    return math.log(x / (1 - x))


def excess_changes(
    base: ArrayLike, altered: ArrayLike, *, draws: int = 9999, seed: int = 0
) -> tuple[float, float] | None:
    """How much oftener a verdict differs from its altered twin than two repeats of one differ.

    With R repeats of each, a case's excess is the share of (base, altered) pairs that differ,
    minus the mean share of pairs of repeats that differ; its mean is 0 if the change does nothing
    and never below. The p-value (one-sided) deals the 2R verdicts of each case anew between base
    and altered: exact (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39, for the
    observed one counted in). It sees changes in either direction that cancel in the shift.

    Args:
        base, altered: shape (cases, R), R ≥ 2; cases with a failed verdict (NaN) are left out.

    Returns:
        (mean excess, p-value), or None for fewer than two repeats or no case.
    """
    x, y = np.asarray(base, dtype=float), np.asarray(altered, dtype=float)
    if x.shape != y.shape or x.ndim != 2:
        raise InputError(f"verdicts: wanted two tables alike, got {x.shape} and {y.shape}")
    whole = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    x, y = x[whole], y[whole]
    n, r = x.shape
    if r < 2 or n == 0:
        return None
    both = np.concatenate([x, y], axis=1)
    differ = (np.abs(both[:, :, None] - both[:, None, :]) > 1e-12).astype(float)

    def excess(part: NDArray[np.float64]) -> Floats:
        # part: (cases, 2R) of ±1; within pairs have the same sign.
        same = part[:, :, None] * part[:, None, :]
        across = (differ * (same < 0)).sum(axis=(1, 2)) / (2 * r * r)
        within = (differ * (same > 0)).sum(axis=(1, 2)) / (2 * r * (r - 1))
        return np.asarray(across - within)

    deals = _deals(r, seed)
    seen = float(excess(np.tile(deals[0], (n, 1))).mean())
    rng = np.random.default_rng(seed)
    table = np.stack([excess(np.tile(deal, (n, 1))) for deal in deals], axis=1)
    total = np.zeros(draws)
    for row in table:
        if np.ptp(row) > 0:
            total += rng.choice(row, draws)
        else:
            total += row[0]
    p = (1 + int((total / n >= seen - 1e-12).sum())) / (draws + 1)
    return seen, p


def _deals(r: int, seed: int) -> list[Floats]:
    """Ways to deal 2r verdicts into two halves as ±1, the observed one first: all, for r ≤ 5."""
    if r <= 5:
        picks = list(combinations(range(2 * r), r))
    else:
        rng = np.random.default_rng([seed, r])
        picks = [tuple(range(r))]
        picks += [tuple(rng.permutation(2 * r)[:r].tolist()) for _ in range(999)]
    return [np.where(np.isin(np.arange(2 * r), pick), 1.0, -1.0) for pick in picks]
