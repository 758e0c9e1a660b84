"""How do true scores lie, as far as observed ones tell? Four-parameter beta true scores.

Strong true score theory: a true score has a beta distribution between two limits, and the observed
one a binomial, or Lord's two-term compound binomial, distribution around it (Lord, Psychometrika 30
(1965) 239; Hanson, *Method of moments estimates for the four-parameter beta compound binomial
model*, ACT Research Report 91-5, 1991).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc, betaincc, roots_jacobi

from calibrant.errors import InputError

Floats = NDArray[np.float64]

_NODES = 80


@dataclass(frozen=True)
class TrueScores:
    """A beta distribution on `low` to `high`, within 0–1.

    Attributes:
        alpha, beta: its shape, above 0.
        moments: how many moments of the observed scores it has: 4, 3 or 2.
        rule: why fewer than 4, in words; empty for 4.
    """

    alpha: float
    beta: float
    low: float
    high: float
    moments: int
    rule: str = ""

    def above(self, cut: float) -> float:
        """The share of true scores at or above a cut."""
        x = (cut - self.low) / (self.high - self.low)
        return float(betaincc(self.alpha, self.beta, min(1.0, max(0.0, x))))

    def nodes(self, cut: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """True scores, weights that sum to 1, and whether each is at or above the cut.

        Gauss and Jacobi's rule on both sides of the cut, with the ends of the distribution, where
        its density may be infinite, in the weights.
        """
        x = (cut - self.low) / (self.high - self.low)
        if x <= 0 or x >= 1:
            t, w = _piece(self.alpha, self.beta, 0.0, 1.0)
            scores = self.low + (self.high - self.low) * t
            return scores, w / w.sum(), np.full(t.size, x <= 0)
        left, right = _piece(self.alpha, self.beta, 0.0, x), _piece(self.alpha, self.beta, x, 1.0)
        # Each side's mass is known exactly; nodes only say where in it.
        mass = float(betainc(self.alpha, self.beta, x))
        weights = np.concatenate([
            left[1] * (mass / left[1].sum()), right[1] * ((1 - mass) / right[1].sum()),
        ])  # fmt: skip
        t = np.concatenate([left[0], right[0]])
        passes = np.concatenate([np.zeros(left[0].size, bool), np.ones(right[0].size, bool)])
        return self.low + (self.high - self.low) * t, weights, passes


def _piece(alpha: float, beta: float, low: float, high: float) -> tuple[Floats, Floats]:
    """Nodes and weights, up to a factor, of a Beta(α, β) density between two points."""
    # A steep end is smooth: only an exponent near 0 needs to be in the rule.
    a = alpha - 1 if low == 0 and alpha < 20 else 0.0
    b = beta - 1 if high == 1 and beta < 20 else 0.0
    z, w = _plain_nodes() if a == b == 0 else roots_jacobi(_NODES, b, a)
    t = low + (high - low) * (z + 1) / 2
    t = np.clip(t, 1e-300, 1 - 1e-16)
    log = (alpha - 1 - a) * np.log(t) + (beta - 1 - b) * np.log1p(-t)
    log -= log.max()
    found = w * np.exp(log)
    keep = found > 0
    return t[keep], found[keep]


@lru_cache(maxsize=1)
def _plain_nodes() -> tuple[Floats, Floats]:
    z, w = roots_jacobi(_NODES, 0.0, 0.0)
    return z, w


def effective_items(mean: float, variance: float, reliability: float) -> float:
    """Livingston and Lewis's length of a test of like binary items with the same precision.

    Args:
        mean, variance: of observed scores, 0–1 between the possible, not the observed, ends.
    """
    return (mean * (1 - mean) - reliability * variance) / (variance * (1 - reliability))


def lords_k(items: int, mean: float, variance: float, reliability: float) -> float:
    """Lord's k of the two-term compound binomial, at 0 the binomial; moments of right answers."""
    true = reliability * variance
    top = (items - 1) * true - items * variance + mean * (items - mean)
    return items * top / (2 * (mean * (items - mean) - true))


def true_moments(counts: Floats, items: float, k: float = 0.0) -> Floats:
    """Raw moments 1–4 of true scores from those of counts (Lord 1965; Hanson 1991, eq. 12)."""
    found = [1.0]
    factorial = np.ones_like(counts)
    pairs = items * (items - 1)
    down = 1.0 / (items - 1)
    for i in range(1, 5):
        factorial = factorial * (counts - i + 1)
        both = i * (i - 1)
        found.append((float(factorial.mean()) / down + k * both * found[-1]) / (pairs + k * both))
        # (n − 2) falling i − 2, from 1 / (n − 1) at i = 1.
        down *= items - i
    return np.array(found[1:])


def fit(moments: Floats, use: int = 4) -> TrueScores:
    """The beta distribution with these raw moments; with fewer where four give none in 0–1.

    The rule: four moments; else three with the limit that lies outside 0–1 put at its end, the
    upper one first; else two on 0–1.

    Args:
        use: 4, or 2 for two on 0–1 at once.

    Raises:
        InputError: if even the variance allows none.
    """
    m = float(moments[0])
    v = float(moments[1] - m**2)
    if not 0 < m < 1 or v <= 0 or v >= m * (1 - m):
        raise InputError(
            "scores: they vary no more than chance alone makes them, so that nothing is known of "
            "true scores"
        )
    if use == 2:
        return TrueScores(*_two(m, v), 0.0, 1.0, 2)
    third = float(moments[2] - 3 * m * moments[1] + 2 * m**3)
    fourth = float(moments[3] - 4 * m * moments[2] + 6 * m**2 * moments[1] - 3 * m**4)
    skew, kurt = third / v**1.5, fourth / v**2
    four = _four(m, v, skew, kurt)
    if four is not None and 0 <= four.low < four.high <= 1:
        return four
    why = "four moments give no beta distribution"
    if four is not None:
        why = f"four moments put the limits at {four.low:.3f} and {four.high:.3f}"
    order = ("high", "low") if four is None or four.high > 1 else ("low", "high")
    for end in order:
        three = _three(m, v, skew, end, why)
        if three is not None:
            return three
    a, b = _two(m, v)
    return TrueScores(a, b, 0.0, 1.0, 2, f"{why}, and three none: limits 0 and 1, two moments")


def _two(m: float, v: float) -> tuple[float, float]:
    total = m * (1 - m) / v - 1
    return m * total, (1 - m) * total


def _four(m: float, v: float, skew: float, kurt: float) -> TrueScores | None:
    bottom = 6 + 3 * skew**2 - 2 * kurt
    if bottom == 0:
        return None
    total = 6 * (kurt - skew**2 - 1) / bottom
    inner = (total + 2) * (total + 3) * kurt - 3 * (total - 6) * (total + 1)
    if total <= 0 or inner == 0 or not 0 <= 24 * (total + 1) / inner <= 1:
        return None
    half = math.sqrt(1 - 24 * (total + 1) / inner)
    large, small = total / 2 * (1 + half), total / 2 * (1 - half)
    if small <= 0:
        return None
    alpha, beta = (large, small) if skew < 0 else (small, large)
    width = math.sqrt(v) * total * math.sqrt((total + 1) / (alpha * beta))
    low = m - width * alpha / total
    return TrueScores(alpha, beta, low, low + width, 4)


def _three(m: float, v: float, skew: float, end: str, why: str) -> TrueScores | None:
    """With one limit at its end of 0–1, and the other where the skewness puts it."""
    if end == "low":
        turned = _three(1 - m, v, -skew, "high", why)
        if turned is None:
            return None
        rule = f"{why}: lower limit put at 0, three moments"
        return TrueScores(turned.beta, turned.alpha, 0.0, 1 - turned.low, 3, rule)

    def shape(low: float) -> tuple[float, float]:
        width = 1 - low
        return _two((m - low) / width, v / width**2)

    def short(low: float) -> float:
        a, b = shape(low)
        return 2 * (b - a) * math.sqrt(a + b + 1) / ((a + b + 2) * math.sqrt(a * b)) - skew

    # A narrower range leaves no room for the variance: v < (m − l)(1 − m).
    top = m - v / (1 - m)
    if top <= 0:
        return None
    top -= 1e-9 * top
    if short(0.0) * short(top) > 0:
        return None
    low = float(brentq(short, 0.0, top, xtol=1e-13))
    a, b = shape(low)
    if a <= 0 or b <= 0:
        return None
    return TrueScores(a, b, low, 1.0, 3, f"{why}: upper limit put at 1, three moments")


def passing(true: Floats, items: float, from_: float, k: float = 0.0) -> Floats:
    """The chance of `from_` or more right of so many items at each true score.

    Both may be fractions: the incomplete beta function runs through the binomial's sums.
    """

    def tail(n: float, x: float) -> Floats:
        if x <= 0:
            return np.ones_like(true)
        if x >= n + 1:
            return np.zeros_like(true)
        return np.asarray(betainc(x, n - x + 1, true))

    found = tail(items, from_)
    if k:
        n = items - 2
        term = tail(n, from_) - 2 * tail(n, from_ - 1) + tail(n, from_ - 2)
        found = found - k * true * (1 - true) * term
    return np.clip(found, 0.0, 1.0)
