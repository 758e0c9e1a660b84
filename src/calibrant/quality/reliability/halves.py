"""Would one half of the items have ranked subjects as the other half does? All splits, not one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints, spread, totals
from calibrant.quality.reliability.intervals import jackknife


@dataclass(frozen=True)
class Halves:
    """Split-half reliability over many splits.

    Attributes:
        splits: how many; `every` if they are all there are.
        units: what was split: items, or clusters, which stay whole.
        mean, low, high: of the mean coefficient over splits, with its interval over subjects;
            without one, None. For halves of equal size the mean over every split is α.
        least, fifth, middle, ninety_fifth, most: of the coefficient over splits. The largest is
            Guttman's λ4 where every split was made; else it is at most that.
        spearman_brown: mean over splits of 2 r / (1 + r), r the correlation of the halves.
        correlation: mean over splits of r.
    """

    splits: int
    every: bool
    units: str
    mean: float
    low: float | None
    high: float | None
    least: float
    fifth: float
    middle: float
    ninety_fifth: float
    most: float
    spearman_brown: float
    correlation: float

    def __repr__(self) -> str:
        how = "all" if self.every else "random"
        return (
            f"split-half {self.mean:.4f} over {self.splits:,} {how} splits of {self.units}, "
            f"5 % to 95 % {self.fifth:.4f} to {self.ninety_fifth:.4f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def split_halves(
    x: Floats,
    clusters: Ints | None = None,
    *,
    families: Ints | None = None,
    splits: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Halves:
    """Coefficients of halves of whole clusters, brought to full length.

    For halves that hold shares p and q of the items, cov(A, B) / (p q var(A + B)) (Raju 1977;
    for equal halves that of Flanagan and Rulon, 4 cov / var, whose largest is Guttman's λ4).

    Args:
        x: shape (subjects, items), without holes.
        clusters: shape (items,), 0, 1, …; None splits items.
        families: shape (subjects,), for the interval.
        splits: random ones, where there are more than that.

    Raises:
        InputError: for fewer than 4 units, or sums that do not differ.
    """
    _, _total = spread(x)
    units = np.arange(x.shape[1]) if clusters is None else clusters
    count = int(units.max()) + 1
    if count < 4:
        raise InputError(f"halves: wanted at least 4 items or clusters to split, got {count}")
    first, every = _splits(count, splits, seed)
    parts = totals(x, units)
    share = np.bincount(units, minlength=count) @ first / x.shape[1]
    one = parts @ first
    whole = x.sum(axis=1)
    rows = np.arange(x.shape[0])

    def coefficients(kept: Ints) -> tuple[Floats, Floats]:
        a = one[kept] - one[kept].mean(axis=0)
        t = (whole[kept] - whole[kept].mean())[:, None]
        b = t - a
        cross = (a * b).sum(axis=0)
        spreads = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
        r = np.divide(cross, spreads, out=np.zeros_like(cross), where=spreads > 0)
        return cross / (share * (1.0 - share) * float((t**2).sum())), r

    found, r = coefficients(rows)
    low: float | None = None
    high: float | None = None
    try:
        own = rows if families is None else families
        low, high = jackknife(
            float(found.mean()), lambda kept: float(coefficients(kept)[0].mean()), own, level
        )
    except InputError:
        # Too few subjects for an interval; the splits themselves still say how they differ.
        low = high = None
    least, fifth, middle, top, most = np.quantile(found, [0, 0.05, 0.5, 0.95, 1]).tolist()
    stepped = 2 * r / np.where(1 + r > 1e-9, 1 + r, 1e-9)
    return Halves(
        first.shape[1], every, "items" if clusters is None else "clusters", float(found.mean()),
        low, high, least, fifth, middle, top, most, float(stepped.mean()), float(r.mean()),
    )  # fmt: skip


def _splits(units: int, most: int, seed: int) -> tuple[Floats, bool]:
    """Shape (units, splits): 1 for the first half; and whether these are all splits."""
    half = units // 2
    every = comb(units, half) // (2 if units % 2 == 0 else 1)
    if every <= most:
        # With an even number, the unit 0 names the first half, so that no split counts twice.
        chosen = [c for c in combinations(range(units), half) if units % 2 or 0 in c]
        first = np.zeros((units, len(chosen)))
        for s, c in enumerate(chosen):
            first[list(c), s] = 1.0
        return first, True
    rng = np.random.default_rng(seed)
    order = np.argsort(rng.random((units, most)), axis=0)
    return (order < half).astype(np.float64), False
