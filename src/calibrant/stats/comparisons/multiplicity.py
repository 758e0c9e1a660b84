"""What may be concluded, from one interval for a difference or from many comparisons at once?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import Interval

Floats = NDArray[np.float64]
Adjustment = Literal["bonferroni", "holm", "hochberg", "benjamini-hochberg", "benjamini-yekutieli"]


def adjust(p: ArrayLike, method: Adjustment = "holm") -> Floats:
    """P-values adjusted for being many; reject those at most alpha.

    - "bonferroni", "holm" (Scand. J. Stat. 6 (1979) 65): the chance of any false rejection is at
      most alpha, however the p-values depend on each other. Holm rejects at least as much.
    - "hochberg" (Biometrika 75 (1988) 800): the same for independent or positively dependent ones.
    - "benjamini-hochberg" (JRSS B 57 (1995) 289): the expected share of false ones among the
      rejected is at most alpha, for independent or positively dependent p-values.
    - "benjamini-yekutieli" (Ann. Stat. 29 (2001) 1165): the same for any dependence.

    Args:
        p: shape (…, m), in 0–1; each row along the last axis is one family of m.

    Returns:
        Same shape and order, in 0–1, as R's `p.adjust`.

    Raises:
        InputError: for no p-values, ones outside 0–1 or not finite, or an unknown method.
    """
    given = np.asarray(p, dtype=float)
    if given.ndim == 0 or given.size == 0:
        raise InputError(f"p-values: wanted at least one in an array, got shape {given.shape}")
    if not bool(np.all((given >= 0) & (given <= 1))):
        bad = given[~((given >= 0) & (given <= 1))][0]
        raise InputError(f"p-values: wanted numbers in 0–1, got {bad!r}")
    m = given.shape[-1]
    order = np.argsort(given, axis=-1, kind="stable")
    rank = np.arange(1, m + 1)
    harmonic = float(np.sum(1 / rank))
    factors = {
        "bonferroni": np.full(m, float(m)),
        "holm": m + 1.0 - rank,
        "hochberg": m + 1.0 - rank,
        "benjamini-hochberg": m / rank,
        "benjamini-yekutieli": harmonic * m / rank,
    }
    if method not in factors:
        raise InputError(f"method: wanted one of {', '.join(factors)}, got {method!r}")
    scaled = np.take_along_axis(given, order, axis=-1) * factors[method]
    if method == "holm":  # step down: from the smallest on
        scaled = np.maximum.accumulate(scaled, axis=-1)
    elif method != "bonferroni":  # step up: from the largest on
        scaled = np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(given)
    np.put_along_axis(adjusted, order, np.minimum(scaled, 1.0), axis=-1)
    return adjusted


@dataclass(frozen=True)
class Simultaneous:
    """Intervals that hold all at once with the given level, in the order of the estimates."""

    intervals: tuple[Interval, ...]
    level: float
    method: str

    @property
    def decided(self) -> tuple[int, ...]:
        """The sign of each effect where it is decided (1 or -1), else 0."""
        return tuple(int(i.low >= 0) - int(i.high <= 0) for i in self.intervals)

    def __repr__(self) -> str:
        n = sum(map(abs, self.decided))
        return (
            f"{len(self.intervals)} intervals that hold together at {self.level:.4g} "
            f"({self.method}); the sign of {n} is decided"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: infinite limits are null."""
        return {
            "level": self.level,
            "method": self.method,
            "decided": list(self.decided),
            "intervals": [{"low": _finite(i.low), "high": _finite(i.high)} for i in self.intervals],
        }


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def simultaneous(
    estimates: ArrayLike,
    standard_uncertainties: ArrayLike,
    *,
    df: float | Sequence[float] = math.inf,
    level: float = 0.95,
    method: Literal["bonferroni", "holm"] = "bonferroni",
) -> Simultaneous:
    """Intervals for m effects that cover all of them at once with chance at least `level`.

    Bonferroni intervals share the error equally. Holm's decide more signs: an effect whose sign
    is decided gets an interval that starts (or ends) at 0, and its share of the error goes to the
    others. They belong to Holm's test of the 2m one-sided hypotheses (Strassburger and Bretz,
    Stat. Med. 27 (2008) 4914; Guilbaud, Biom. J. 50 (2008) 678). Any dependence is allowed.

    Args:
        estimates, standard_uncertainties: shape (m,); uncertainties above 0.
        df: degrees of freedom, one or m, above 0; infinite for normal estimates.

    Raises:
        InputError: for shapes that differ, no or non-finite numbers, uncertainties or degrees of
            freedom not above 0, a level outside 0–1, an unknown method.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    x, u = np.asarray(estimates, dtype=float), np.asarray(standard_uncertainties, dtype=float)
    if x.ndim != 1 or x.size == 0 or x.shape != u.shape:
        raise InputError(
            f"estimates, uncertainties: wanted two rows as long, got {x.shape} and {u.shape}"
        )
    freedom = np.asarray(df, dtype=float)
    if freedom.shape not in ((), x.shape):
        raise InputError(f"df: wanted one number or {x.size}, got shape {freedom.shape}")
    freedom = np.broadcast_to(freedom, x.shape)
    if not (np.isfinite(x).all() and np.isfinite(u).all() and (u > 0).all()):
        raise InputError("estimates, uncertainties: wanted finite, uncertainties above 0")
    if not (freedom > 0).all():
        raise InputError(f"df: wanted above 0, got {float(freedom.min())!r}")
    if method not in ("bonferroni", "holm"):
        raise InputError(f"method: wanted bonferroni or holm, got {method!r}")
    error = 1 - level
    reach = u * _quantile(freedom, error / (2 * x.size))
    low, high = x - reach, x + reach
    if method == "holm":
        # At most one of the two hypotheses of a pair can be rejected, so some always remain.
        tails = np.concatenate([_tail(x / u, freedom), _tail(-x / u, freedom)])
        rejected = adjust(tails, "holm") <= error
        reach = u * _quantile(freedom, error / int((~rejected).sum()))
        up, down = rejected[: x.size], rejected[x.size :]
        low = np.where(up, 0.0, x - reach)
        high = np.where(down, 0.0, x + reach)
    intervals = tuple(
        Interval(float(a), float(b), level, f"simultaneous, {method}")
        for a, b in zip(low, high, strict=True)
    )
    return Simultaneous(intervals, level, method)


def _quantile(df: Floats, tail: float) -> Floats:
    """The upper point of Student's t that is exceeded with chance `tail`."""
    return np.asarray(-stdtrit(np.minimum(df, 1e10), tail), dtype=float)


def _tail(t: Floats, df: Floats) -> Floats:
    return np.asarray(stdtr(np.minimum(df, 1e10), -t), dtype=float)


def tost(
    difference: float, standard_uncertainty: float, margin: float, *, df: float = math.inf
) -> float:
    """The p-value that |true difference| is at least `margin`: small is evidence of equivalence.

    Two one-sided tests (Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657): the larger p.
    At most alpha exactly when the interval of level 1 - 2 alpha lies inside the margin.

    Raises:
        InputError: for a margin, uncertainty or df not above 0, or a non-finite difference.
    """
    for name, x in (("margin", margin), ("standard_uncertainty", standard_uncertainty), ("df", df)):
        if not x > 0:
            raise InputError(f"{name}: wanted above 0, got {x!r}")
    if not math.isfinite(difference):
        raise InputError(f"difference: wanted finite, got {difference!r}")
    return float(stdtr(min(df, 1e10), (abs(difference) - margin) / standard_uncertainty))


@dataclass(frozen=True)
class Paired:
    """A mean paired difference with its uncertainty; `df` is infinite where it has no meaning."""

    difference: float
    standard_uncertainty: float
    df: float
    p_value: float
    interval: Interval
    method: str

    def __repr__(self) -> str:
        return (
            f"difference {self.difference:+.4g}, standard uncertainty "
            f"{self.standard_uncertainty:.2g}, {self.interval!r}, p = {self.p_value:.3g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite df is null."""
        return asdict(self) | {"df": self.df if math.isfinite(self.df) else None}


@dataclass(frozen=True)
class Conclusion:
    """What may be said of A and B; the chance that any part of it is false is at most alpha.

    Attributes:
        better: "A" or "B" if the interval of level 1 - alpha leaves out 0, else None.
        equivalent: whether the interval of level 1 - 2 alpha lies inside the margin.
        a_not_inferior, b_not_inferior: whether that interval rules out that it is worse by the
            margin or more. All three are None without a margin.
    """

    better: Literal["A", "B"] | None
    equivalent: bool | None
    a_not_inferior: bool | None
    b_not_inferior: bool | None
    margin: float | None
    alpha: float

    def __str__(self) -> str:
        if self.better:
            return f"{self.better} is better" + (
                ", by less than the margin" * bool(self.equivalent)
            )
        if self.equivalent:
            return "equivalent within margin"
        for name, held in (("A", self.a_not_inferior), ("B", self.b_not_inferior)):
            if held:
                return f"{name} is not inferior by the margin; no evidence that either is better"
        return "no evidence either way"

    __repr__ = __str__


def conclude(
    interval: Interval, margin: float | None = None, *, narrow: Interval | None = None
) -> Conclusion:
    """Read an interval for A minus B: better, equivalent, not inferior, or no evidence.

    Alpha is 1 - `interval.level`. A is better if the interval lies above 0: the two-sided test at
    alpha. With a margin, `narrow`, of level 1 - 2 alpha and inside `interval`, gives two one-sided
    tests at alpha each. These need no correction: of the statements that a true
    difference makes false, either one includes all others or two exclude each other at alpha / 2.

    Args:
        interval: for the difference.
        margin: the smallest difference that matters, above 0.
        narrow: without it `interval` is used, which halves the alpha of the margin's tests.

    Raises:
        InputError: for a margin not above 0, or a narrow interval of another level or outside.
    """
    if margin is not None and not 0 < margin < math.inf:
        raise InputError(f"margin: wanted finite and above 0, got {margin!r}")
    inner = narrow or interval
    if narrow and abs(1 - narrow.level - 2 * (1 - interval.level)) > 1e-9:
        raise InputError(
            f"narrow: wanted level {2 * interval.level - 1:g}, twice the error of "
            f"{interval.level:g}, got {narrow.level:g}"
        )
    if inner.low < interval.low - 1e-9 or inner.high > interval.high + 1e-9:
        raise InputError(f"narrow: wanted inside {interval!r}, got {inner!r}")
    better: Literal["A", "B"] | None = None
    if interval.low > 0 or interval.high < 0:
        better = "A" if interval.low > 0 else "B"
    alpha = round(1 - interval.level, 12)
    if margin is None:
        return Conclusion(better, None, None, None, None, alpha)
    a, b = inner.low > -margin, inner.high < margin
    return Conclusion(better, a and b, a, b, margin, alpha)


@dataclass(frozen=True)
class Comparison:
    """Subject A against subject B on the same items; differences are A minus B.

    Attributes:
        difference: mean over items; `standard_uncertainty` is its own, for items as a sample.
        interval: at the asked level; `narrow` at twice its error, for the margin.
        p_value: two-sided, of no difference; goes with the interval.
        method: what was done.
        conclusion: see `conclude`.
        mde: the smallest true difference seen with a power of 80 % given the variation found.
        n: items; `clusters`: their number, None for independent items.
        a_higher, b_higher: items (ids or positions) on which A, B scored higher.
    """

    difference: float
    standard_uncertainty: float
    interval: Interval
    narrow: Interval
    p_value: float
    method: str
    conclusion: Conclusion
    mde: float
    n: int
    clusters: int | None
    a_higher: tuple[Hashable, ...]
    b_higher: tuple[Hashable, ...]

    @property
    def identical(self) -> bool:
        """Whether A and B scored the same on every item."""
        return not self.a_higher and not self.b_higher

    def __repr__(self) -> str:
        of = f" in {self.clusters} clusters" if self.clusters else ""
        same = "identical on all items; " * self.identical
        return (
            f"{same}A - B = {self.difference:+.4g} on {self.n} items{of}, {self.interval!r}, "
            f"p = {self.p_value:.3g}: {self.conclusion}; {len(self.a_higher)} items higher for A, "
            f"{len(self.b_higher)} for B"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = asdict(self) | {"conclusion": asdict(self.conclusion), "identical": self.identical}
        return found | {"text": str(self.conclusion)}
