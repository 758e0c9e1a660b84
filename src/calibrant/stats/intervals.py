"""Which rates are compatible with what was counted? Exact intervals, also after early stopping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betainccinv, betaincinv

from calibrant.stats.designs import Design
from calibrant.stats.paths import Stops
from calibrant.stats.tails import hypergeometric_cdf

Side = Literal["two", "upper", "lower"]


@dataclass(frozen=True)
class Interval:
    """An interval for a rate: bounds in 0–1, confidence level, and how it was found."""

    low: float
    high: float
    level: float
    method: str

    def __repr__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}, {self.method})"


def _check(k: int, n: int, level: float) -> None:
    if n < 0 or not 0 <= k <= n:
        raise ValueError(f"counts: wanted 0 ≤ events ≤ trials, got {k} of {n}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted strictly between 0 and 1, got {level!r}")


def _tails(level: float, side: Side) -> tuple[float, float]:
    """The error allowed below and above."""
    error = 1 - level
    return {"two": (error / 2, error / 2), "lower": (error, 0.0), "upper": (0.0, error)}[side]


def clopper_pearson(k: int, n: int, *, level: float = 0.95, side: Side = "two") -> Interval:
    """The exact interval for a rate from k events in n independent trials of a fixed number.

    Clopper and Pearson, Biometrika 26 (1934) 404. With n = 0 it is [0, 1].

    Raises:
        ValueError: for impossible counts or a level outside 0–1.
    """
    _check(k, n, level)
    below, above = _tails(level, side)
    low = 0.0 if k == 0 or below == 0 else float(betaincinv(k, n - k + 1, below))
    high = 1.0 if k == n or above == 0 else float(betainccinv(k + 1, n - k, above))
    return Interval(low, high, level, "Clopper–Pearson")


def hypergeometric(
    k: int, n: int, items: int, *, level: float = 0.95, side: Side = "two"
) -> Interval:
    """The exact interval for the rate in a finite set: k events in n draws without replacement.

    Bounds are rates that `items` allows (multiples of 1/items), found by inverting the two
    one-sided hypergeometric tests.

    Raises:
        ValueError: for impossible counts or a level outside 0–1.
    """
    _check(k, n, level)
    if n > items:
        raise ValueError(f"draws: wanted at most the {items} items of the set, got {n}")
    below, above = _tails(level, side)
    least, most = k, items - (n - k)
    low, high = least / items, most / items
    if below > 0:
        low = _first(
            lambda r: 1 - hypergeometric_cdf(k - 1, n, items, round(r * items)),
            below, least, most, items,
        )  # fmt: skip
    if above > 0:
        high = _last(
            lambda r: hypergeometric_cdf(k, n, items, round(r * items)), above, least, most, items
        )
    return Interval(low, high, level, "hypergeometric, exact")


def after_stopping(
    design: Design, n: int, k: int, *, level: float = 0.95, side: Side = "two"
) -> Interval:
    """The exact interval for the rate of events, given that the design stopped at (n, k).

    The sample space is ordered by the observed rate k/n, and the two one-sided tests are
    inverted over the exact distribution of stopping points (Jennison and Turnbull, *Group
    Sequential Methods*, 2000, section 8.4). The upper limit of a supported claim at one-sided
    level 1 - alpha lies below the threshold. A point where the design does not stop is
    taken as the end of a run cut short, which makes the interval approximate there: the method
    says so.

    Args:
        n, k: trials and events, 0 ≤ k ≤ n ≤ `design.at_most`.

    Raises:
        ValueError: for impossible counts or a level outside 0–1.
    """
    _check(k, n, level)
    if n == 0:
        return Interval(0.0, 1.0, level, "nothing observed")
    below, above = _tails(level, side)

    def at_most(rate: float) -> float:
        return _tail(design.stops(rate), n, k, low=True)

    def at_least(rate: float) -> float:
        return _tail(design.stops(rate), n, k, low=False)

    reached = bool(np.any((_reference(design, n, k).n == n) & (_reference(design, n, k).k == k)))
    method = "exact, for the stopping rule" if reached else "for the stopping rule; run cut short"
    items = design.rates.items
    if items is None:
        low = 0.0 if k == 0 or below == 0 else _cross(at_least, below, 0.0, k / n)
        high = 1.0 if k == n or above == 0 else _cross(lambda r: -at_most(r), -above, k / n, 1.0)
    else:
        least, most = k, items - (n - k)
        low = least / items if below == 0 else _first(at_least, below, least, most, items)
        high = most / items if above == 0 else _last(at_most, above, least, most, items)
    return Interval(low, high, level, method)


def _reference(design: Design, n: int, k: int) -> Stops:
    return design.stops(min(max(k / n, 0.5 / n), 1 - 0.5 / n))


def _tail(stops: Stops, n: int, k: int, *, low: bool) -> float:
    """Chance of stopping at an observed rate at most (or at least) k/n."""
    # Compare k'/n' with k/n in whole numbers: exact, so that ties are ties.
    left, right = stops.k * n, k * stops.n
    return float(stops.mass[left <= right if low else left >= right].sum())


def _cross(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a function that rises from `low` to `high` reaches `target`."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= target else (middle, high)
        if high - low < 1e-10:
            break
    return (low + high) / 2


def _first(
    tail: Callable[[float], float], allowed: float, least: int, most: int, items: int
) -> float:
    """The smallest rate whose tail exceeds what is allowed; the tail rises with the rate."""
    low, high = least, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tail(middle / items) > allowed else (middle + 1, high)
    return low / items


def _last(
    tail: Callable[[float], float], allowed: float, least: int, most: int, items: int
) -> float:
    """The largest rate whose tail exceeds what is allowed; the tail falls with the rate."""
    low, high = least, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tail(middle / items) > allowed else (low, middle - 1)
    return low / items
