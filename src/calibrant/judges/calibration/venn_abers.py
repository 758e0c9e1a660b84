"""Between which two probabilities does the gold label of a score lie, whatever the label is?

Vovk, Petej and Fedorova, "Large-scale probabilistic predictors with and without guarantees of
validity", NeurIPS 28 (2015) 892. For each score two isotonic fits are made, one with that score
labelled 0 and one with it labelled 1: one of the two is perfectly calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.calibration.isotonic import tied

Floats = NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True)
class VennAbers:
    """Pairs of probabilities of a positive label.

    Attributes:
        low, high: shape (m,): p0 and p1, low ≤ high, in 0–1.
        value: shape (m,): one probability, p1/(1 - p0 + p1), which has the least regret under
            logarithmic loss.
    """

    low: Floats
    high: Floats
    value: Floats

    def __repr__(self) -> str:
        return (
            f"Venn–Abers probabilities of {self.value.size:,} scores, "
            f"mean width {float(np.mean(self.high - self.low)):.3g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "value": self.value.tolist(),
        }


def venn_abers(scores: Floats, y: Floats, new: Floats) -> VennAbers:
    """Inductive Venn–Abers probabilities of new scores from labelled ones.

    Args:
        scores: shape (n,), of labelled items.
        y: shape (n,), their labels, 0 or 1.
        new: shape (m,), scores to judge.

    Raises:
        InputError: for labels other than 0 and 1.
    """
    zero_or_one(y)
    distinct, weight, mean = tied(scores, y)
    up = with_a_one(weight, mean)
    # A 0 added is a 1 added once labels and order are turned round.
    down = 1 - with_a_one(weight[::-1], 1 - mean[::-1])[::-1]
    # A 1 between two scores ends up with the upper one, a 0 with the lower one.
    above = np.searchsorted(distinct, new, side="left")
    below = np.searchsorted(distinct, new, side="right")
    p1 = np.append(up, 1.0)[above]
    p0 = np.append(0.0, down)[below]
    p0 = np.minimum(p0, p1)
    return VennAbers(p0, p1, p1 / (1 - p0 + p1))


def cross_venn_abers(scores: Floats, y: Floats, new: Floats, folds: NDArray[np.int64]) -> VennAbers:
    """Cross Venn–Abers: one pair per fold of labelled items, merged by geometric means.

    The merged value is GM(p1)/(GM(1 - p0) + GM(p1)) (section 4 there); the limits are the
    geometric means, for reading, and no longer carry the exact validity of a single pair.

    Args:
        folds: shape (n,), the fold of each labelled item.
    """
    each = [venn_abers(scores[folds == f], y[folds == f], new) for f in np.unique(folds)]
    with np.errstate(divide="ignore"):
        ones = np.exp(np.mean([np.log(v.high) for v in each], axis=0))
        zeros = np.exp(np.mean([np.log(1 - v.low) for v in each], axis=0))
    return VennAbers(np.minimum(1 - zeros, ones), ones, ones / (zeros + ones))


def zero_or_one(y: Floats) -> None:
    """Raise InputError unless every label is 0 or 1."""
    bad = np.flatnonzero((y != 0) & (y != 1))
    if bad.size:
        raise InputError(f"y: Venn–Abers wants labels 0 and 1, got {y[bad[0]]:g} at {bad[0]}")


def with_a_one(weight: Floats, mean: Floats) -> Floats:
    """The isotonic value at each distinct score if one more label there were 1, O(k).

    Algorithms 1 and 2 of the paper: the cumulative sum diagram gets one more unit step, which
    starts at the far left and moves right by one score at a time; the lower hull to its right
    loses corners and gains one, so each corner is pushed and popped once.

    Args:
        weight: shape (k,), labels at each score, ascending.
        mean: shape (k,), of those labels.
    """
    steps = list(zip(weight.tolist(), (weight * mean).tolist(), strict=True))
    points: list[Point] = [(0.0, 0.0)]
    for w, s in steps:
        points.append((points[-1][0] + w, points[-1][1] + s))
    hull: list[Point] = []
    for p in [(-1.0, -1.0), *points]:
        while len(hull) > 1 and _cross(hull[-2], hull[-1], p) <= 0:
            hull.pop()
        hull.append(p)
    hull.reverse()  # the leftmost corner is on top
    found = np.empty(len(steps))
    for i in range(len(steps)):
        top, after = hull[-1], hull[-2]
        found[i] = (after[1] - top[1]) / (after[0] - top[0])
        # The step passes this score: its left end is now where the score's labels end, less one.
        left = (points[i + 1][0] - 1, points[i + 1][1] - 1)
        if _cross(top, after, left) >= 0:
            continue
        hull.pop()
        while len(hull) > 1 and _cross(left, hull[-1], hull[-2]) <= 0:
            hull.pop()
        hull.append(left)
    return np.clip(found, 0.0, 1.0)


def _cross(a: Point, b: Point, c: Point) -> float:
    """Above 0 if a → b → c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
