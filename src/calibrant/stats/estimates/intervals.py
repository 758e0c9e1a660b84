"""Which rates are compatible with what was counted? Exact intervals for fixed numbers of trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy.special import betainccinv, betaincinv

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


def check_counts(k: int, n: int, level: float) -> None:
    """Refuse impossible counts and levels outside 0–1."""
    if n < 0 or not 0 <= k <= n:
        raise ValueError(f"counts: wanted 0 ≤ events ≤ trials, got {k} of {n}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted strictly between 0 and 1, got {level!r}")


def tails(level: float, side: Side) -> tuple[float, float]:
    """The error allowed below and above."""
    error = 1 - level
    return {"two": (error / 2, error / 2), "lower": (error, 0.0), "upper": (0.0, error)}[side]


def clopper_pearson(k: int, n: int, *, level: float = 0.95, side: Side = "two") -> Interval:
    """The exact interval for a rate from k events in n independent trials of a fixed number.

    Clopper and Pearson, Biometrika 26 (1934) 404. With n = 0 it is [0, 1].

    Raises:
        ValueError: for impossible counts or a level outside 0–1.
    """
    check_counts(k, n, level)
    below, above = tails(level, side)
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
    check_counts(k, n, level)
    if n > items:
        raise ValueError(f"draws: wanted at most the {items} items of the set, got {n}")
    below, above = tails(level, side)
    least, most = k, items - (n - k)
    low, high = least / items, most / items
    if below > 0:
        low = first_rate(
            lambda r: 1 - hypergeometric_cdf(k - 1, n, items, round(r * items)),
            below, least, most, items,
        )  # fmt: skip
    if above > 0:
        high = last_rate(
            lambda r: hypergeometric_cdf(k, n, items, round(r * items)), above, least, most, items
        )
    return Interval(low, high, level, "hypergeometric, exact")


def first_rate(
    tail: Callable[[float], float], allowed: float, least: int, most: int, items: int
) -> float:
    """The smallest rate whose tail exceeds what is allowed; the tail rises with the rate."""
    low, high = least, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tail(middle / items) > allowed else (middle + 1, high)
    return low / items


def last_rate(
    tail: Callable[[float], float], allowed: float, least: int, most: int, items: int
) -> float:
    """The largest rate whose tail exceeds what is allowed; the tail falls with the rate."""
    low, high = least, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tail(middle / items) > allowed else (low, middle - 1)
    return low / items
