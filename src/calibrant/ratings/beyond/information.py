"""How much does a comparison tell, and which should come next?

Bits that ratings know of outcomes, and bits that one more comparison of a pair would tell of what
has to be decided: the best, the order, or which subjects differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, xlogy

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE
from calibrant.ratings.fit import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Objective = Literal["strengths", "top-1", "order", "tiers"]

LN2 = float(np.log(2))
MOST_CONTRASTS = 300
"""Differences that are still to be decided, beyond which the least certain are kept."""

NODES, MASS = np.polynomial.hermite_e.hermegauss(21)
MASS = MASS / MASS.sum()


@dataclass(frozen=True)
class Information:
    """What comparisons have told, and what the next would.

    Attributes:
        names: subjects. objective: what is to be decided.
        bits: mean bits per comparison that strengths know of the winner beyond a coin.
        bits_new: the same for comparisons not fitted to, less what fitting had flattered.
        left, right: shape (pairs,), left < right: all pairs.
        gain: shape (pairs,), bits that one more comparison is expected to tell.
        uncertain: bits still missing of the decision (summed over its differences); for
            "strengths" None.
    """

    names: tuple[str, ...]
    objective: Objective
    bits: float
    bits_new: float
    left: Ints
    right: Ints
    gain: Floats
    uncertain: float | None

    def best(self, number: int = 1) -> list[tuple[str, str, float]]:
        """The most telling pairs and their bits."""
        order = np.argsort(-self.gain, kind="stable")[:number]
        return [
            (self.names[self.left[i]], self.names[self.right[i]], float(self.gain[i]))
            for i in order
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; of the pairs the ten most telling."""
        keys = ("left", "right", "bits")
        return {
            "objective": self.objective,
            "bits": self.bits,
            "bits_new": self.bits_new,
            "uncertain": self.uncertain,
            "next": [dict(zip(keys, row, strict=True)) for row in self.best(10)],
        }

    def __repr__(self) -> str:
        one, other, gain = self.best()[0]
        return (
            f"A comparison tells {self.bits_new:.3f} bits of its winner in advance; the next of "
            f"{one!r} and {other!r} is worth {gain:.4f} bits ({self.objective})"
        )


def bits(fit: Fit) -> tuple[float, float]:
    """Bits per comparison that strengths know of the winner, in sample and for new comparisons.

    Log-likelihood above that of even strengths, with the same ties; for new comparisons less one
    degree of freedom for each strength estimated (as AIC), which can make it negative.
    """
    terms = fit.terms()
    table = fit.counts if fit.order_effect is not None else fit.counts.unordered()
    outcomes = table.outcomes
    n = float(outcomes.sum())
    ties = float(outcomes[:, TIE].sum())
    if fit.model == "bt":
        even = n * np.log(0.5)
    else:
        share = ties / n
        even = float(xlogy(ties, share) + xlogy(n - ties, (1 - share) / 2))
    value = float((outcomes * terms.value).sum())
    free = len(fit.counts.names) - 1 + (fit.order_effect is not None)
    gained = (value - even) / n / LN2
    return gained, gained - free / n / LN2


def information(
    fit: Fit, covariance: Floats, objective: Objective = "strengths", *, alpha: float = 0.05
) -> Information:
    """Bits that one more comparison of each pair is expected to tell.

    Strengths are taken as normal about the fit. For "strengths" it is the mutual information of
    the outcome and the difference of strengths; else the expected fall of the entropy of who is
    ahead, summed over the differences that decide: of the first against every other ("top-1"),
    of neighbours ("order"), or of all pairs whose order has a probability of error above
    `alpha` ("tiers").

    Args:
        covariance: shape (subjects, subjects) at least, of log-strengths, such as a sandwich.

    Raises:
        InputError: for an unknown objective or a covariance of another shape.
    """
    s = fit.strengths
    k = s.size
    v = np.asarray(covariance, dtype=np.float64)
    if v.ndim != 2 or min(v.shape) < k or not np.isfinite(v).all():
        raise InputError(f"covariance: wanted finite, at least {k} × {k}, got {v.shape}")
    v = v[:k, :k]
    a, b = np.triu_indices(k, 1)
    spread = np.maximum(v[a, a] + v[b, b] - 2 * v[a, b], 0.0)
    d = s[a] - s[b]
    known, new = bits(fit)
    uncertain = None
    if objective == "strengths":
        gain = _mutual(d, spread)
    else:
        one, other = _contrasts(s, v, objective, alpha)
        gain, uncertain = _decisive(s, v, a, b, spread, one, other)
    return Information(fit.counts.names, objective, known, new, a, b, gain, uncertain)


def entropy(p: Floats) -> Floats:
    """Bits of a coin that falls on one side with probability p."""
    return np.asarray(-(xlogy(p, p) + xlogy(1 - p, 1 - p)) / LN2)


def _mutual(d: Floats, spread: Floats) -> Floats:
    p = expit(d[:, None] + np.sqrt(spread)[:, None] * NODES)
    return np.asarray(np.maximum(entropy(p @ MASS) - entropy(p) @ MASS, 0.0))


def _contrasts(s: Floats, v: Floats, objective: str, alpha: float) -> tuple[Ints, Ints]:
    """Differences that decide."""
    order = np.argsort(-s, kind="stable")
    if objective == "top-1":
        return np.repeat(order[:1], s.size - 1), order[1:]
    if objective == "order":
        return order[:-1], order[1:]
    if objective != "tiers":
        raise InputError(f"objective: wanted strengths, top-1, order or tiers, got {objective!r}")
    i, j = np.triu_indices(s.size, 1)
    one, other = order[i], order[j]
    sd = np.sqrt(np.maximum(v[one, one] + v[other, other] - 2 * v[one, other], 1e-300))
    wrong = ndtr(-(s[one] - s[other]) / sd)
    open_ = np.flatnonzero(wrong > alpha)
    # The least certain are also the dearest to decide: those near the level come first.
    open_ = open_[np.argsort(wrong[open_], kind="stable")][:MOST_CONTRASTS]
    if not open_.size:
        open_ = np.array([int(wrong.argmax())])
    return one[open_], other[open_]


def _decisive(
    s: Floats, v: Floats, a: Ints, b: Ints, spread: Floats, one: Ints, other: Ints
) -> tuple[Floats, float]:
    """Expected fall of entropy of the signs of contrasts, for each pair; and what is missing."""
    gap = s[one] - s[other]
    rows = v[one] - v[other]
    width = np.maximum(rows[np.arange(one.size), one] - rows[np.arange(one.size), other], 1e-300)
    now = entropy(ndtr(gap / np.sqrt(width)))
    p = expit(s[a] - s[b])
    weight = p * (1 - p)
    out = np.zeros(a.size)
    for start in range(0, a.size, 2000):
        at = slice(start, start + 2000)
        shared = rows[:, a[at]] - rows[:, b[at]]
        fall = shared**2 * (weight[at] / (1 + weight[at] * spread[at]))
        fall = np.minimum(fall, width[:, None] * (1 - 1e-9))
        after = np.zeros_like(fall)
        for node, mass in zip(NODES, MASS, strict=True):
            mean = gap[:, None] + np.sqrt(fall) * node
            after += mass * entropy(ndtr(mean / np.sqrt(width[:, None] - fall)))
        out[at] = np.maximum((now[:, None] - after).sum(axis=0), 0.0)
    return out, float(now.sum())
