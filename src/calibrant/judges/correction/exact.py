"""Which rates does a judge's double sample leave, whatever the numbers? Limits of guaranteed level.

The Wald interval of prediction-powered inference is too short for few labels and rates near 0.
These are not: their error is split, before looking, between exact statements about each unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, xlog1py, xlogy

from calibrant.errors import InputError
from calibrant.judges.correction.double import DoubleSample
from calibrant.stats.estimates.intervals import Interval, Side, clopper_pearson, tails
from calibrant.stats.estimates.rates import check_level
from calibrant.stats.tails import log_choose

Floats = NDArray[np.float64]

FOR_RATES = 0.04
"""Part of the error spent on where the two rates of positive gold can be at all."""

MOST_CELLS = 4_000_000
"""Outcomes of the labels up to which two rates are bounded jointly; beyond it, each on its own."""

_CELLS = 24


def exact_limits(sample: DoubleSample, *, level: float = 0.95, side: Side = "two") -> Interval:
    """A rate's limits from a double sample, with at least the stated level for all its numbers.

    Two kinds of verdict with shares q, 1 - q and rates of positive gold a, b: an exact interval
    for q and generous ones for a and b take a part of the error (Berger and Boos, JASA 89 (1994)
    1012); the rest goes to Buehler's limit of q a + (1 - q) b over all a and b in their intervals,
    which is exact whatever orders the data; an approximate limit does (Buehler, JASA 52 (1957)
    482; Kabaila and Lloyd, Australian & New Zealand Journal of Statistics 45 (2003) 113).

    More kinds of verdict, or very many labels: a Clopper–Pearson limit for each rate, splitting the
    error. A verdict without gold labels may be anything: all positive in the upper limit, all
    negative in the lower.

    Args:
        sample: one data set. Labels may be a random sample of all items or of each verdict.

    Raises:
        InputError: for more than one data set, or a level or side that does not exist.
    """
    check_level(level, side)
    if sample.items.ndim != 1:
        raise InputError(f"sample: wanted one data set, got shape {sample.items.shape}")
    there = sample.items > 0
    m, n, x = (c[there] for c in (sample.items, sample.labels, sample.positives))
    if np.all(n == m) or m.size == 1:
        found = clopper_pearson(int(x.sum()), int(n.sum()), level=level, side=side)
        return Interval(found.low, found.high, level, "exact, of the gold labels")
    below, above = tails(level, side)
    two = m.size == 2 and int(np.prod(n + 1)) <= MOST_CELLS
    upper = _joint_upper if two else _split_upper
    low = 0.0 if below == 0 else 1 - upper(m, n, n - x, below)
    high = 1.0 if above == 0 else upper(m, n, x, above)
    return Interval(low, high, level, "exact, two verdicts" if two else "exact, split error")


def _for_shares(labels: int, items: int) -> float:
    """Part of the error spent on the shares of the verdicts; more where most items are labelled.

    By the numbers of labels and items only, which are known before looking.
    """
    root = 1.2 * (labels / items) ** 0.5
    return float(0.8 * root / (1 + root))


def _split_upper(m: NDArray[np.int64], n: NDArray[np.int64], x: NDArray[np.int64],
                 alpha: float) -> float:  # fmt: skip
    """Each rate at its upper limit, shares as bad as their limits allow."""
    part = _for_shares(int(n.sum()), int(m.sum()))
    share = alpha * part / (2 * m.size)
    known = max(int(np.sum(n > 0)), 1)
    rates = np.array(
        [_cp(int(k), int(j), alpha * (1 - part) / known) for k, j in zip(x, n, strict=True)]
    )
    total = int(m.sum())
    low = np.array([1 - _cp(total - int(k), total, share) for k in m])
    high = np.array([_cp(int(k), total, share) for k in m])
    # The least of each share, and what is left to the worst first.
    left, value = 1 - float(low.sum()), float(low @ rates)
    for i in np.argsort(-rates):
        more = min(left, float(high[i] - low[i]))
        value, left = value + more * float(rates[i]), left - more
    return min(1.0, value)


def _cp(k: int, n: int, alpha: float) -> float:
    return 1.0 if n == 0 else clopper_pearson(k, n, level=1 - alpha, side="upper").high


def _joint_upper(m: NDArray[np.int64], n: NDArray[np.int64], x: NDArray[np.int64],
                 alpha: float) -> float:  # fmt: skip
    """The largest q a + (1 - q) b that the test at what is left of the error does not refute."""
    total = int(m.sum())
    part = _for_shares(int(n.sum()), total)
    # If a > b only a share above its interval can hurt, else only one below: each end may use all
    # of this part of the error.
    q = clopper_pearson(int(m[0]), total, level=1 - 2 * alpha * part)
    boxes = [
        (0.0, 1.0) if j == 0 else _ends(clopper_pearson(int(k), int(j),
                                                        level=1 - alpha * FOR_RATES / 2))
        for k, j in zip(x, n, strict=True)
    ]  # fmt: skip
    spent = part + FOR_RATES * float(np.mean(n > 0))
    test = _Test(m / total, n, x, alpha * (1 - spent))
    found = max(_largest(test, boxes, share) for share in (q.low, q.high))
    # The estimate is never refuted; without a point left, the data are in the error already spent.
    return min(1.0, max(found, float((m * np.where(n > 0, x / np.maximum(n, 1), 1)).sum() / total)))


def _ends(found: Interval) -> tuple[float, float]:
    return found.low, found.high


class _Test:
    """P(approximate limit ≤ the one seen) for rates (a, b); falls in both."""

    def __init__(self, share: Floats, n: NDArray[np.int64], x: NDArray[np.int64],
                 alpha: float) -> None:  # fmt: skip
        self.alpha, self.n = alpha, n
        # Shrunk rates, so that a verdict whose labels agree is not taken as certain.
        rates = [(np.arange(j + 1) + 1) / (j + 2) for j in n]
        middle = [w * r * (j > 0) for w, r, j in zip(share, rates, n, strict=True)]
        spread = [
            w**2 * r * (1 - r) / (j + 2) * (j > 0) for w, r, j in zip(share, rates, n, strict=True)
        ]
        limit = np.sqrt(spread[0][:, None] + spread[1]) * -float(ndtri(alpha))
        limit += middle[0][:, None] + middle[1]
        fits = limit <= limit[int(x[0]), int(x[1])] + 1e-12
        most = np.where(fits.any(axis=1), int(n[1]) - fits[:, ::-1].argmax(axis=1), -1)
        # Whatever has no more positives than an outcome that counts, counts: the chance then falls
        # in both rates, and a larger chance is on the safe side.
        most = np.maximum.accumulate(most[::-1])[::-1]
        self.counts = np.flatnonzero(most >= 0)
        self.most = most[most >= 0]
        self.second = np.arange(int(self.most.max()) + 1)
        self.first_ways = log_choose(int(n[0]), self.counts)
        self.second_ways = log_choose(int(n[1]), self.second)

    def refutes(self, first: Floats, b: Floats) -> NDArray[np.bool_]:
        """Whether pairs are refuted; `first` is the chance of each count under a."""
        second = np.exp(
            self.second_ways
            + xlogy(self.second, b[:, None])
            + xlog1py(self.n[1] - self.second, -b[:, None])
        )
        chance = (first * np.cumsum(second, axis=1)[:, self.most]).sum(axis=1)
        return np.asarray(chance <= self.alpha)

    def first(self, a: Floats) -> Floats:
        """The chance of each count of the first verdict's positives, shape (cells, counts)."""
        return np.asarray(
            np.exp(
                self.first_ways
                + xlogy(self.counts, a[:, None])
                + xlog1py(self.n[0] - self.counts, -a[:, None])
            )
        )

    def largest(self, a: Floats, low: float, high: float) -> Floats:
        """Above every b in low–high that is not refuted with a; -inf if all are."""
        first = self.first(a)
        out, inside = np.full(a.size, high), np.full(a.size, low)
        whole = ~self.refutes(first, out)
        empty = self.refutes(first, inside)
        for _ in range(14):
            middle = (out + inside) / 2
            refuted = self.refutes(first, middle)
            out, inside = np.where(refuted, middle, out), np.where(refuted, inside, middle)
        return np.where(empty, -np.inf, np.where(whole, high, out))


def _largest(test: _Test, boxes: Sequence[tuple[float, float]], share: float) -> float:
    """The largest share·a + (1 - share)·b over pairs in the boxes that are not refuted.

    On a cell of a's no b fits that does not fit its lower end, so that a cell's upper end with
    that b is above all in it: the limit is never too low, and cells are cut where it is not sharp.
    """
    (low, high), (b_low, b_high) = boxes
    edges = np.linspace(low, high, _CELLS + 1)
    best = -np.inf
    for _ in range(3):
        at = test.largest(edges[:-1], b_low, b_high)
        above = share * edges[1:] + (1 - share) * at
        reached = share * edges[:-1] + (1 - share) * at
        best, top = max(best, float(reached.max())), float(above.max())
        if not np.isfinite(top):
            return -np.inf
        open_ = np.flatnonzero(above > best)
        if top - best <= 1e-3 * max(top, 1e-12) * 0.1 or open_.size == 0:
            break
        # Cells that may hold the largest lie together or are few: their hull is cut again.
        first, last = int(open_[0]), int(open_[-1]) + 1
        if last - first >= _CELLS - 1:
            break
        edges = np.linspace(edges[first], edges[last], _CELLS + 1)
    return top


def gold_only(positives: int, labels: int, *, level: float = 0.95, side: Side = "two") -> Interval:
    """The exact interval of the gold labels alone."""
    found = clopper_pearson(positives, labels, level=level, side=side)
    return Interval(found.low, found.high, level, "Clopper–Pearson, gold labels alone")
