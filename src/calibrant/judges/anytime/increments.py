"""What does each gold label say about the mean of all items, given the judge? Unbiased increments.

Items are drawn one by one without replacement, item i of those left with probability q(i). Then

    Z = (sum of labels seen + lam × judge's sum on those left)/N + (y(i) - lam f(i))/(N q(i))

has the mean of all N gold labels as its expectation given the past, whatever the judge's values f
and the weight lam are, as long as both were fixed before the label was seen (predictable). This is
weighted sampling without replacement of Shekhar, Xu, Lipton, Liang and Ramdas ("Risk-limiting
financial audits via weighted sampling without replacement", UAI 2023, section 2) with the judge
as side information.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.calibration.crossfit import Method, calibration_map

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_WEIGHT, PRIOR_LABELS = 0.5, 8.0
"""The judge's weight before any label, and how many labels that opinion is worth."""

FIRST_FIT, NEXT_FIT = 16, 1.4
"""Labels before the first calibration, and the factor from one to the next."""


@dataclass(frozen=True)
class Increments:
    """One unbiased increment per label, its range fixed beforehand, and running estimates.

    Attributes:
        z: shape (n,), in units of labels scaled to 0–1; may lie outside 0–1.
        low, high: shape (n,), the range that z could not leave.
        seen: shape (n,), sums of labels so far, this one included.
        value: shape (n,), the estimate of the mean after each label.
        lam: shape (n,), the judge's weight used.
    """

    z: Floats
    low: Floats
    high: Floats
    seen: Floats
    value: Floats
    lam: Floats


def increments(
    judge: Floats,
    order: Ints,
    y: Floats,
    *,
    weights: Floats | None = None,
    lam: float | None = None,
    calibrate: Method | None = None,
) -> Increments:
    """Increments in the order in which labels came.

    Args:
        judge: shape (N,), values in 0–1, or any numbers if they are calibrated.
        order: shape (n,), positions of the labelled items, as drawn.
        y: shape (n,), labels in 0–1.
        weights: shape (N,), above 0: the next item is drawn from those left in proportion; None
            for equal.
        lam: the judge's weight; None for the regression of past labels on past values, in 0–1,
            drawn in towards 1/2 by 8 labels.
        calibrate: refit the judge's values to the labels of the past, at 16, 22, 31, … labels.
    """
    items, n = judge.size, order.size
    w = np.ones(items) if weights is None else weights
    f = np.zeros(items) if calibrate else judge
    learner = _Weight(f, lam)
    left = np.ones(items, dtype=bool)
    out = {name: np.empty(n) for name in ("z", "low", "high", "seen", "value", "lam")}
    total = gone = residuals = shares = 0.0
    refit = FIRST_FIT
    for t in range(n):
        if calibrate and t == refit:
            past = order[:t]
            # Moving this little: a map of few labels must not claim certainty.
            f = np.clip(calibration_map(judge[past], y[:t], method=calibrate)(judge), 0.01, 0.99)
            learner.reset(f)
            refit = max(t + 1, int(t * NEXT_FIT))
        weight = learner.weight
        i, rest = order[t], f[left]
        w_rest = w[left]
        scale = float(w_rest.sum()) / items
        base = (total + weight * float(rest.sum())) / items
        out["low"][t] = base - scale * float((weight * rest / w_rest).max())
        out["high"][t] = base + scale * float(((1 - weight * rest) / w_rest).max())
        out["z"][t] = base + scale / w[i] * (y[t] - weight * f[i])
        out["lam"][t] = weight
        learner.see(float(f[i]), float(y[t]), 1 / float(w[i]))
        left[i] = False
        total += float(y[t])
        gone += 1
        residuals += (y[t] - weight * f[i]) / w[i]
        shares += 1 / w[i]
        ahead = weight * (float(rest.sum()) - float(f[i])) + (items - gone) * residuals / shares
        out["seen"][t], out["value"][t] = total, (total + ahead) / items
    return Increments(**out)


class _Weight:
    """The judge's weight from the past: a regression slope in 0–1, drawn in."""

    def __init__(self, f: Floats, fixed: float | None) -> None:
        self.fixed = fixed
        self.w = self.y = self.shared = self.squares = 0.0
        self.reset(f)

    def reset(self, f: Floats) -> None:
        """New values of the judge; what was learned of the old ones stays."""
        self.mean, self.spread = float(f.mean()), float(f.var())

    def see(self, f: float, y: float, weight: float) -> None:
        d = f - self.mean
        self.w += weight
        self.y += weight * (y - self.y) / self.w
        self.shared += weight * d * (y - self.y)
        self.squares += weight * d * d
        self.count = getattr(self, "count", 0) + 1

    @property
    def weight(self) -> float:
        if self.fixed is not None:
            return self.fixed
        if self.spread <= 1e-12:
            return 0.0
        per = self.w / self.count if self.w else 1.0
        prior = PRIOR_LABELS * per * self.spread
        slope = (PRIOR_WEIGHT * prior + self.shared) / (prior + self.squares)
        return min(1.0, max(0.0, slope))
