"""Does any of k attempts succeed, or do all? pass@k and pass^k without bias, with their intervals.

For an item with c successes in n attempts, C(c, k)/C(n, k) estimates the chance that all of k
attempts succeed without bias, and 1 - C(n - c, k)/C(n, k) the chance that any does (Chen et al.,
arXiv:2107.03374, equation 1). Both are U-statistics: their variance has an unbiased estimate too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainccinv, betaincinv, gammaln, stdtrit

from calibrant._figure import Shown
from calibrant.errors import InputError
from calibrant.scaling.rare.deploy import check_counts
from calibrant.stats.estimates.rates import check_level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Items = Literal["sampled", "fixed"]


@dataclass(frozen=True, repr=False)
class Pass(Shown):
    """The chance that any (pass@k) or all (pass^k) of k attempts at an item succeed.

    Attributes:
        kind: "any" or "all".
        k: attempts.
        value: the mean over items, without bias.
        standard_error: the root of the unbiased variance, None where there is none (fixed items
            with fewer than 2k attempts) or it came out at 0 or below.
        low, high, level: the interval.
        effective: independent items that would be worth as much.
        items: how many; `of` says whether they are "fixed" or "sampled" from a kind of task.
        method: in words.
    """

    kind: Literal["any", "all"]
    k: int
    value: float
    standard_error: float | None
    low: float
    high: float
    level: float
    effective: float
    items: int
    of: Items
    method: str

    def __repr__(self) -> str:
        name = f"pass{'@' if self.kind == 'any' else '^'}{self.k}"
        return (
            f"{name} {self.value:.4g}, [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}, "
            f"{self.items:,} {self.of} items)"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def pass_at_k(
    successes: ArrayLike,
    attempts: ArrayLike,
    k: Sequence[int] = (1,),
    *,
    items: Items = "sampled",
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[Pass, ...]:
    """The mean chance over items that at least one of k attempts succeeds.

    The interval is Clopper and Pearson's at the effective number of items, value(1 - value) /
    variance, as Korn and Graubard take it for surveys (Survey Methodology 24 (1998) 193), shrunk
    by Student's quantiles. An item's first k attempts alone are one trial with this very
    chance, and an average over all choices of k cannot vary more: so the effective number is
    at least the number of items, or of items × n/k for fixed items (Hoeffding, Annals of
    Mathematical Statistics 19 (1948) 293), and at most that of attempts. It is never a point.

    Args:
        successes, attempts: shape (items,).
        k: numbers of attempts, each at most the fewest of any item.
        items: "sampled" if other items of this kind are meant too, "fixed" if these alone are.
        clusters: shape (items,), labels of items that belong together; only if they are sampled.
        level: confidence of two-sided intervals.

    Raises:
        InputError: for impossible counts, a k beyond the attempts, or fewer than two items.
    """
    return _every(successes, attempts, k, "any", items, clusters, level)


def pass_hat_k(
    successes: ArrayLike,
    attempts: ArrayLike,
    k: Sequence[int] = (1,),
    *,
    items: Items = "sampled",
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[Pass, ...]:
    """The mean chance over items that all of k attempts succeed, as `pass_at_k`."""
    return _every(successes, attempts, k, "all", items, clusters, level)


def all_of(counts: ArrayLike, attempts: ArrayLike, k: ArrayLike) -> Floats:
    """C(counts, k)/C(attempts, k): the share of choices of k attempts that lie in `counts`.

    Of one broadcast shape; `attempts` at least k, or the answer is NaN.
    """
    c, n, r = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (counts, attempts, k)))
    some, known = c >= r, n >= r
    x, m = np.where(some, c, n), np.where(known, n, r)
    x = np.where(known, x, r)
    logs = gammaln(x + 1) - gammaln(x - r + 1) - gammaln(m + 1) + gammaln(m - r + 1)
    return np.asarray(np.where(known, np.where(some, np.exp(np.minimum(logs, 0.0)), 0.0), np.nan))


def _every(
    successes: ArrayLike, attempts: ArrayLike, k: Sequence[int],
    kind: Literal["any", "all"], items: Items, clusters: ArrayLike | None, level: float,
) -> tuple[Pass, ...]:  # fmt: skip
    check_level(level, "two")
    c, n = check_counts(successes, attempts)
    if items not in ("sampled", "fixed"):
        raise InputError(f"items: wanted sampled or fixed, got {items!r}")
    if c.size < 2:
        raise InputError(f"pass: wanted at least 2 items, got {c.size}")
    group = None
    if clusters is not None:
        if items == "fixed":
            raise InputError("clusters: wanted sampled items, got fixed ones, which cannot cluster")
        labels = np.asarray(clusters)
        if labels.shape != c.shape:
            raise InputError(f"clusters: wanted a label for each of {c.size} items")
        group = np.unique(labels, return_inverse=True)[1]
        if group.max() < 1:
            raise InputError("clusters: wanted at least 2, got 1")
    for r in k:
        if isinstance(r, bool) or r != int(r) or r < 1:
            raise InputError(f"k: wanted a whole number of at least 1, got {r!r}")
        if r > n.min():
            raise InputError(
                f"k: wanted at most the fewest attempts of an item, {n.min()}, got {r}; beyond "
                "it a law is needed (best of n)"
            )
    # The chance that any succeeds is one minus that all fail.
    hits = c if kind == "all" else n - c
    found = []
    for r in sorted({int(r) for r in k}):
        share = all_of(hits, n, r)
        value = float(share.mean())
        variance, effective, method = _worth(share, value, hits, n, r, items, group)
        low, high = _limits(value, effective, level)
        if kind == "any":
            value, low, high = 1 - value, 1 - high, 1 - low
        error = None if variance is None or variance <= 0 else variance**0.5
        found.append(
            Pass(kind, r, value, error, low, high, level, effective, c.size, items, method)
        )
    return tuple(found)


def _worth(
    share: Floats, value: float, hits: Ints, n: Ints, k: int, items: Items, group: Ints | None
) -> tuple[float | None, float, str]:
    """The unbiased variance of the mean, the effective number of items, and the method."""
    size, most = share.size, float(n.sum())
    if items == "fixed":
        least = size * float(n.min()) / k
        if n.min() < 2 * k:
            return None, least, "Clopper–Pearson at the least effective number, as n < 2k"
        variance = fixed_variance(hits, n, k)
        df, name = most - size, "Clopper–Pearson, unbiased variance within items"
    elif group is None:
        least = float(size)
        variance = float(share.var(ddof=1)) / size
        df, name = size - 1.0, "Clopper–Pearson, unbiased variance between items"
    else:
        sums, sizes = np.bincount(group, share - value), np.bincount(group)
        many = sizes.size
        variance = float((sums**2).sum()) * many / (many - 1) / size**2
        # Clusters may make items worth less; with nothing to tell, each cluster is one item.
        least, most = (float(many),) * 2 if value in (0.0, 1.0) else (1.0, most)
        df, name = many - 1.0, f"Clopper–Pearson, unbiased variance between {many} clusters"
    if value in (0.0, 1.0):
        return variance, least, "exact: no item differs"
    plain = value * (1 - value)
    shrink = float(stdtrit(most, 0.975) / stdtrit(df, 0.975)) ** 2
    effective = plain * shrink / variance if variance > plain / most else most
    return variance, min(max(effective, least), most), name


def fixed_variance(hits: Ints, n: Ints, k: int) -> float:
    """The variance of the mean share over fixed items, without bias; n at least 2k.

    Var(U) = E U² - p^(2k), and C(c, 2k)/C(n, 2k) estimates p^(2k) without bias.
    """
    own = all_of(hits, n, k) ** 2 - all_of(hits, n, 2 * k)
    return float(own.sum()) / hits.size**2


def _limits(value: float, effective: float, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    x, rest = value * effective, (1 - value) * effective
    low = 0.0 if value == 0 else float(betaincinv(x, rest + 1, tail))
    high = 1.0 if value == 1 else float(betainccinv(x + 1, rest, tail))
    return low, high
