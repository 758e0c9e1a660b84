"""Which rates fit a judge's verdicts on all items and gold labels on some? The likelihood's answer.

Double sampling (Tenenbein, JASA 65 (1970) 1350): of all items the judge's verdict is known, of some
the gold label too. Given the verdicts, the gold labels of each kind of verdict are binomial, so
labels may be a random sample of all items or of each kind of verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, xlogy

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import Side, tails

Floats = NDArray[np.float64]
_STEPS = 120


_CUTS, _ROUNDS = 9, 12
"""Rates tried at a time, and how often, between the estimate and an end."""


@dataclass(frozen=True, eq=False)
class DoubleSample:
    """Counts per kind of verdict; the last axis is the kind, any axes before it are data sets.

    Attributes:
        items: shape (…, kinds), items with each verdict, labelled ones among them.
        labels: gold labels among them, at most `items`.
        positives: positive gold labels among those.
        names: of the kinds, for messages.

    Raises:
        InputError: for impossible counts, or no items.
    """

    items: NDArray[np.int64]
    labels: NDArray[np.int64]
    positives: NDArray[np.int64]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = (self.items, self.labels, self.positives)
        items, labels, positives = (np.atleast_1d(np.asarray(x)) for x in given)
        if not items.shape == labels.shape == positives.shape:
            raise InputError(
                "counts: wanted items, labels and positives of one shape, got "
                f"{items.shape}, {labels.shape} and {positives.shape}"
            )
        if any(x.dtype.kind not in "iu" for x in (items, labels, positives)):
            raise InputError("counts: wanted whole numbers")
        if np.any((positives < 0) | (positives > labels) | (labels > items)):
            raise InputError("counts: wanted 0 ≤ positives ≤ labels ≤ items for each verdict")
        if np.any(items.sum(-1) < 1):
            raise InputError("counts: wanted at least one item, got none")
        for name, x in (("items", items), ("labels", labels), ("positives", positives)):
            object.__setattr__(self, name, x.astype(np.int64))

    @classmethod
    def of(cls, table: ArrayLike, more: ArrayLike) -> DoubleSample:
        """Two verdicts: gold × verdict counts [[n₁₁, n₁₀], [n₀₁, n₀₀]] and more verdicts [m₁, m₀].

        The first row is gold positive, the first column judged positive.
        """
        counts, rest = np.asarray(table), np.asarray(more)
        labels = counts.sum(-2)
        return cls(labels + rest, labels, counts[..., 0, :], ("positive", "negative"))

    @property
    def total(self) -> NDArray[np.int64]:
        """All items."""
        return np.asarray(self.items.sum(-1))

    def estimate(self) -> Floats:
        """The rate of greatest likelihood; NaN where a verdict that occurs has no label."""
        known = self.labels > 0
        rate = np.where(known, self.positives / np.maximum(self.labels, 1), np.nan)
        rate = np.where(self.items > 0, rate, 0.0)
        return np.asarray((self.items * rate).sum(-1) / self.total)

    def variance(self, share: Floats, rate: Floats) -> Floats:
        """Of the estimate, if verdicts have these shares and rates of positive gold."""
        mean = (share * rate).sum(-1, keepdims=True)
        between = (share * (rate - mean) ** 2).sum(-1) / self.total
        within = share**2 * rate * (1 - rate) / np.maximum(self.labels, 1)
        return np.asarray(between + within.sum(-1))

    def plain_variance(self) -> Floats:
        """Of the estimate, at the estimates (the delta method)."""
        rate = self.positives / np.maximum(self.labels, 1)
        return self.variance(self.items / self.total[..., None], rate)


def constrained(sample: DoubleSample, rate: Floats) -> tuple[Floats, Floats]:
    """The likeliest shares of verdicts and rates within them, if the whole rate is `rate`.

    With the log-likelihood concave in the cell probabilities, the one multiplier that remains is
    found in a bracket, and for each of its values the rates are roots of a quadratic.

    Args:
        rate: shape (…), strictly between 0 and 1.

    Returns:
        Shares and rates, shape (…, kinds).
    """
    t = np.broadcast_to(rate, sample.total.shape).astype(np.float64)
    total = sample.total.astype(np.float64)
    low, high = -total / (1 - t), total / t
    far, near = np.ones_like(t), -np.ones_like(t)
    at = np.zeros_like(t)
    for step in range(_STEPS):
        share, within = _given(sample, total, t, at)
        excess = (share * (within - t[..., None])).sum(-1)
        over = excess > 0
        low, far = np.where(over, at, low), np.where(over, excess, far)
        high, near = np.where(over, high, at), np.where(over, near, excess)
        if np.all((np.abs(excess) < 1e-13) | (high - low <= 1e-14 * np.abs(high))):
            break
        # Regula falsi, and every other time the middle, which halves the bracket for sure.
        line = (low * near - high * far) / (near - far)
        at = np.where((step % 2 == 0) & (step > 1) & (line > low) & (line < high),
                      line, (low + high) / 2)  # fmt: skip
    share, within = _given(sample, total, t, at)
    # Where every item is labelled and all agree, nothing says which verdict the rest would have.
    yes = sample.positives.sum(-1)
    alike = np.all(sample.labels == sample.items, axis=-1) & ((yes == 0) | (yes == total))
    share = np.where(alike[..., None], sample.items, share)
    within = np.where(alike[..., None], t[..., None], within)
    return share / share.sum(-1, keepdims=True), within


def _given(sample: DoubleSample, total: Floats, t: Floats, by: Floats) -> tuple[Floats, Floats]:
    """Shares and rates for a multiplier."""
    n, x, m = (np.asarray(c, np.float64) for c in (sample.labels, sample.positives, sample.items))
    t, by, total = t[..., None], by[..., None], total[..., None]
    a = by * (m - n)
    b = x * by - n * total + n * by * t - by * m
    c = x * (total - by * t)
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
    q = -(b + np.where(b < 0, -root, root)) / 2
    steep = np.abs(a) > 1e-200
    one = np.divide(q, a, out=np.full_like(q, np.nan), where=steep)
    two = np.divide(c, q, out=np.full_like(q, np.nan), where=q != 0)
    # Where all labels agree their end is one root, and the likeliest unless the other is inside.
    alike = (x == 0) | (x == n)
    other = np.divide(np.where(x == 0, -b, c), a, out=np.full_like(q, np.nan), where=steep)
    end = np.where(n == 0, np.where(by > 0, 0.0, 1.0), x / np.maximum(n, 1))
    within = np.where((one > 0) & (one < 1), one, two)
    within = np.where(alike, np.where((other > 0) & (other < 1), other, end), within)
    within = np.where((n == 0) & (m > 0), end, within)
    share = np.where(m > 0, m / np.maximum(total + by * (within - t), 1e-12 * total), 0.0)
    return share, within


def log_likelihood(sample: DoubleSample, share: Floats, within: Floats) -> Floats:
    """Of shares of verdicts and rates within them, without constants."""
    x, no = sample.positives, sample.labels - sample.positives
    terms = xlogy(sample.items, share) + xlogy(x, within) + xlogy(no, 1 - within)
    return np.asarray(terms.sum(-1))


def statistic(sample: DoubleSample, rate: Floats, method: str) -> Floats:
    """How far the data are from a rate, in standard errors, signed; above 0 if they are higher."""
    share, within = constrained(sample, rate)
    seen = np.nan_to_num(sample.estimate())
    apart = seen - rate
    if method == "score":
        return np.asarray(apart / np.sqrt(np.maximum(sample.variance(share, within), 1e-300)))
    free = sample.positives / np.maximum(sample.labels, 1)
    best = log_likelihood(sample, sample.items / sample.total[..., None], free)
    drop = np.maximum(best - log_likelihood(sample, share, within), 0.0)
    return np.asarray(np.sign(apart) * np.sqrt(2 * drop))


def likelihood_limits(
    sample: DoubleSample, *, level: float = 0.95, side: Side = "two", method: str = "score"
) -> tuple[Floats, Floats]:
    """Rates that the data do not refute, by inverting a test of each.

    "score" compares the estimate with a rate in standard errors under that rate (as Miettinen and
    Nurminen, Statistics in Medicine 4 (1985) 213, for two rates); "profile" compares likelihoods.
    With no verdict but one both are those of a single rate: Wilson's, and the likelihood's.

    Returns:
        Low and high, shape of the data sets; rates in 0–1; NaN where there is no estimate.
    """
    if method not in ("score", "profile"):
        raise InputError(f"method: wanted 'score' or 'profile', got {method!r}")
    seen = sample.estimate()
    below, above = tails(level, side)
    low, high = np.zeros_like(seen), np.ones_like(seen)
    start = np.nan_to_num(seen)
    if below > 0:
        low = _cross(sample, np.zeros_like(seen), start, -float(ndtri(below)), method)
    if above > 0:
        high = _cross(sample, np.ones_like(seen), start, float(ndtri(above)), method)
    gone = np.isnan(seen)
    return np.where(gone, np.nan, low), np.where(gone, np.nan, high)


def _wide(sample: DoubleSample, times: int) -> DoubleSample:
    """The same data beside themselves, to be asked about several rates at once."""
    items, labels, positives = (
        np.repeat(c[..., None, :], times, axis=-2)
        for c in (sample.items, sample.labels, sample.positives)
    )
    return DoubleSample(items, labels, positives)


def _cross(
    sample: DoubleSample, far: Floats, near: Floats, goal: float, method: str
) -> Floats:  # fmt: skip
    """Between the estimate and an end: where the statistic reaches its quantile."""
    out, inside = far.copy(), near.copy()
    many = _wide(sample, _CUTS - 1)
    parts = np.arange(1, _CUTS) / _CUTS
    for _ in range(_ROUNDS):
        middle = inside[..., None] + (out - inside)[..., None] * parts
        found = statistic(many, np.clip(middle, 1e-15, 1 - 1e-15), method)
        # The statistic grows away from the estimate: the first that is refuted is outside.
        refuted = np.abs(found) > abs(goal)
        first = np.where(refuted.any(-1), refuted.argmax(-1), _CUTS - 1)
        width = (out - inside) / _CUTS
        out, inside = inside + width * (first + 1), inside + width * first
    return np.where(np.abs(inside - far) < 1e-12, far, (out + inside) / 2)
