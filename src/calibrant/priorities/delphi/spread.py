"""How far apart are the answers about one area? Middle, spread and polarisation, with limits.

Answers are counts of the values of an ordered scale; a respondent's answer is one draw from the
shares that the whole body of experts would give.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from calibrant.errors import InputError
from calibrant.stats.estimates.rates import bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LISTED = 12_000
"""Outcomes that are gone through one by one; more are drawn."""
DRAWN = 1_999
PEAKS = (0.25, 0.5, 0.75)
"""How much more than the others one value has, in the hard cases of one peak."""


@dataclass(frozen=True)
class Spread:
    """The answers about one area and question in one round.

    Attributes:
        n: answers.
        median, low, high: sample median and quartiles, halfway where two values would do.
        median_interval: of the experts' median (the lowest value that half do not exceed).
        iqr: high − low; `iqr_interval`: of the experts' interquartile range.
        consensus: "yes" if the interval of the interquartile range stays within the rule, "no" if
            it stays out, else "undetermined".
        by_rule: what the rule says of the sample alone, as most Delphi papers report it.
        agreement: van der Eijk's A: 1 all the same, 0 as many everywhere, −1 half at either end.
        dispersion: Leik's D: 0 all the same, 1 half at either end; with its interval.
        bimodal: p-value of "the experts' shares rise to one peak and fall"; small: two camps.
    """

    n: int
    median: float
    low: float
    high: float
    median_interval: tuple[int, int]
    iqr: float
    iqr_interval: tuple[int, int]
    consensus: str
    by_rule: bool
    agreement: float
    dispersion: float
    dispersion_interval: tuple[float, float]
    bimodal: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def spread(counts: Ints, *, level: float = 0.95, rule: float | None = None) -> Spread:
    """Middle, spread and polarisation of the answers.

    Args:
        counts: shape (levels,), answers of each value from 1; at least one.
        level: of the intervals, each for itself.
        rule: the widest interquartile range that counts as consensus; by default a quarter of the
            scale, 1 of 1 to 5.

    Raises:
        InputError: for no answers, or a scale of one value.
    """
    if counts.size < 2 or counts.min() < 0 or counts.sum() < 1:
        raise InputError(f"counts: wanted answers on 2 or more values, got {counts.tolist()}")
    rule = (counts.size - 1) / 4 if rule is None else rule
    low, median, high = quartiles(counts)
    least, most = iqr_limits(counts, level)
    known = "yes" if most <= rule else "no" if least > rule else "undetermined"
    return Spread(
        int(counts.sum()), median, low, high, quantile_limits(counts, 0.5, 1 - level),
        high - low, (least, most), known, high - low <= rule, agreement(counts),
        dispersion(counts), dispersion_limits(counts, level), bimodal(counts),
    )  # fmt: skip


def quartiles(counts: Ints) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile; halfway where two values would do (type 2 of
    Hyndman and Fan, American Statistician 50 (1996) 361)."""
    return tuple(_quantile(counts, q) for q in (1, 2, 3))  # type: ignore[return-value]


def _quantile(counts: Ints, quarter: int) -> float:
    up_to = 4 * np.cumsum(counts)
    # In whole numbers, so that no rounding moves a quartile.
    place = quarter * int(counts.sum())
    first = int(np.argmax(up_to >= place))
    beyond = int(np.argmax(up_to > place))
    return 1 + (first + beyond) / 2


def quantile_limits(counts: Ints, at: float, error: float) -> tuple[int, int]:
    """Limits of the experts' quantile, the lowest value up to which a share `at` lies.

    By exact limits of the shares up to each value: covers with chance 1 − error at least.
    """
    n = int(counts.sum())
    below = np.cumsum(counts)[:-1]
    low, high = bounds(below, np.full(below.size, n), level=1 - error)
    # Shares up to the last value are 1.
    return (
        1 + int(np.argmax(np.append(high, 1.0) >= at)),
        1 + int(np.argmax(np.append(low, 1.0) >= at)),
    )


def iqr_limits(counts: Ints, level: float) -> tuple[int, int]:
    """Limits of the experts' interquartile range, from limits of both quartiles."""
    error = (1 - level) / 2
    (a, b), (c, d) = (quantile_limits(counts, at, error) for at in (0.25, 0.75))
    return max(0, c - b), d - a


def agreement(counts: Ints) -> float:
    """Van der Eijk's coefficient of agreement A (Quality and Quantity 35 (2001) 325).

    The counts are cut into layers of equal height; each layer's set of values is scored by how
    few they are and whether they lie side by side, and layers weigh by the answers in them.
    """
    left = counts.astype(np.int64).copy()
    total = int(left.sum())
    found = 0.0
    while left.any():
        used = left > 0
        height = int(left[used].min())
        found += height * int(used.sum()) / total * _layer(tuple(map(bool, used)))
        left[used] -= height
    return found


@lru_cache(maxsize=4096)
def _layer(used: tuple[bool, ...]) -> float:
    size, many = len(used), sum(used)
    if many == 1:
        return 1.0
    if many == size:
        return 0.0
    with_gap = without = 0
    for i, j, k in combinations(used, 3):
        with_gap += i and k and not j
        without += j and i != k
    u = ((size - 2) * without - (size - 1) * with_gap) / ((size - 2) * (without + with_gap))
    return u * (1 - (many - 1) / (size - 1))


def dispersion(counts: Ints) -> float:
    """Leik's D, 0 (all the same) to 1 (half at either end) (Pacific Sociol. Rev. 9 (1966) 85)."""
    share = np.cumsum(counts)[:-1] / counts.sum()
    return float(2 * np.minimum(share, 1 - share).sum() / (counts.size - 1))


def dispersion_limits(counts: Ints, level: float) -> tuple[float, float]:
    """Limits of the experts' D, from exact limits of the shares up to each value at once."""
    below = np.cumsum(counts)[:-1]
    error = (1 - level) / below.size
    low, high = bounds(below, np.full(below.size, int(counts.sum())), level=1 - error)
    least = np.minimum(low, 1 - high)
    either = np.maximum(np.minimum(low, 1 - low), np.minimum(high, 1 - high))
    most = np.where((low <= 0.5) & (high >= 0.5), 0.5, either)
    scale = 2 / below.size
    return float(scale * least.sum()), float(scale * most.sum())


def bimodal(counts: Ints) -> float:
    """The p-value of one peak: the likelihood ratio against the best shares with a single peak.

    Its distribution depends on the shares; the largest p-value is taken over shares that are flat
    but for one value with 0, 25, 50 or 75 % more, wherever that stands: of one-peaked shapes, flat
    stretches beside a peak are the hardest (for a known peak: Robertson, Wright and Dykstra,
    *Order Restricted Statistical Inference*, 1988, chapter 2). Over all outcomes where they are
    few, else over draws, seeded by n and the scale, so that equal counts have equal p. The
    certificate "delphi-one-peak" measures what is left out.
    """
    n, size = int(counts.sum()), counts.size
    if size < 3 or n < 2:
        return 1.0
    seen = _ratio(counts[None, :].astype(np.float64))[0]
    if seen <= 1e-9:
        return 1.0
    return min(max(float(mass[values >= seen - 1e-9].sum()) for values, mass in _nulls(n, size)), 1)


def _ratio(counts: Floats) -> Floats:
    """Twice the log-likelihood lost by having one peak, shape (…,) of (…, levels)."""
    size = counts.shape[-1]
    n = counts.sum(axis=-1)
    free = xlogy(counts, counts).sum(axis=-1)
    best = np.full(n.shape, -np.inf)
    for cut in range(size + 1):
        # Rising up to a cut and falling after it is one peak, and every one-peaked shape is so.
        falling = _rising(counts[..., cut:][..., ::-1])[..., ::-1]
        fitted = np.concatenate([_rising(counts[..., :cut]), falling], axis=-1)
        best = np.maximum(best, xlogy(counts, fitted).sum(axis=-1))
    return np.asarray(np.maximum(2 * (free - best), 0.0))


def _rising(counts: Floats) -> Floats:
    """The non-decreasing fit of counts, by the largest of least averages."""
    size = counts.shape[-1]
    if size < 2:
        return counts
    sums = np.concatenate([np.zeros_like(counts[..., :1]), np.cumsum(counts, axis=-1)], axis=-1)
    fit = np.full_like(counts, -np.inf)
    for j in range(size):
        for a in range(j + 1):
            ends = np.arange(j + 1, size + 1)
            means = (sums[..., ends] - sums[..., a : a + 1]) / (ends - a)
            fit[..., j] = np.maximum(fit[..., j], means.min(axis=-1))
    return fit


@lru_cache(maxsize=256)
def _nulls(n: int, size: int) -> tuple[tuple[Floats, Floats], ...]:
    """The ratio under hard one-peaked shares: its values, and their chances."""
    flat = np.full(size, 1 / size)
    # Read from the other end, the ratio is the same: half of the places do.
    peaks = np.eye(size)[: (size + 1) // 2]
    shares = [flat, *(more * peak + (1 - more) * flat for more in PEAKS for peak in peaks)]
    ways = round(float(np.exp(gammaln(n + size) - gammaln(n + 1) - gammaln(size))))
    if ways <= LISTED:
        bars = np.array(list(combinations(range(n + size - 1), size - 1)))
        edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n + size - 1)))
        every = (np.diff(edges, axis=1) - 1).astype(np.float64)
        values = _ratio(every)
        log = gammaln(n + 1) - gammaln(every + 1).sum(axis=1)
        return tuple((values, np.exp(log + every @ np.log(p))) for p in shares)
    rng = np.random.default_rng([n, size])
    # The observed outcome is one of them: p is never 0.
    mass = np.full(DRAWN + 1, 1 / (DRAWN + 1))
    drawn = [rng.multinomial(n, p, size=DRAWN).astype(np.float64) for p in shares]
    return tuple((np.append(_ratio(x), np.inf), mass) for x in drawn)
