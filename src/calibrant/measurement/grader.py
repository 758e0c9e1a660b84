"""How often does it really happen, if the grader errs? A measured rate corrected for its grader."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.stats.budgets.budget import Component
from calibrant.stats.budgets.grader import corrected_rate, grader_terms, usable
from calibrant.stats.estimates.clusters import korn_graubard_bounds
from calibrant.stats.estimates.intervals import Side

Gold = tuple[tuple[int, int], tuple[int, int]]
"""Right grades and gold labels: of the truly positive, and of the truly negative."""


def check_gold(grader: Any) -> Gold:
    """The gold counts, if they are some.

    Raises:
        InputError: unless they are two pairs of whole numbers, right ≤ labels, and the grader
            tells positives from negatives at all.
    """
    try:
        (a, m), (b, n) = grader
    except (TypeError, ValueError):
        raise InputError(
            f"grader: wanted ((right, gold positives), (right, gold negatives)), got {grader!r}"
        ) from None
    for name, right, labels in (("positives", a, m), ("negatives", b, n)):
        whole = all(isinstance(x, int) and not isinstance(x, bool) for x in (right, labels))
        if not (whole and labels >= 1 and 0 <= right <= labels):
            raise InputError(
                f"grader: gold {name}: wanted 0 ≤ right ≤ labels, at least 1 label, "
                f"got {right!r} of {labels!r}"
            )
    usable((a, m), (b, n))
    return (a, m), (b, n)


def effective_trials(
    sums: NDArray[np.float64],
    sizes: NDArray[np.int64],
    components: list[Component],
    level: float,
    side: Side,
    *,
    fixed: bool,
) -> float:
    """The independent trials that a rate's trials are worth.

    In clusters the effective size of Korn and Graubard; with the items fixed, the number whose
    binomial variance is that of the mean, allowing for few degrees of freedom likewise.
    """
    n = int(sizes.sum())
    rate = float(sums.sum()) / n
    if fixed:
        u = math.sqrt(sum(c.contribution**2 for c in components))
        p = (1 + level) / 2 if side == "two" else max(level, 1 - level)
        df = min(c.df for c in components)
        if p > 0.5 and math.isfinite(df):
            u *= float(stdtrit(df, p) / ndtri(p))
        return rate * (1 - rate) / u**2
    if sizes.size == n:
        return float(n)
    found = korn_graubard_bounds(sums, sizes, level=level, side=side)
    return float(found[2])


def correct(
    apparent: float,
    effective: float,
    components: list[Component],
    gold: Gold,
    level: float,
    side: Side,
) -> tuple[float, float, float, str, list[Component]]:
    """Value, low, high, method and components of the rate corrected for the grader's errors.

    The sampling terms keep their degrees of freedom and grow by 1 / (sensitivity + specificity
    - 1); those of the grader come from its gold labels.
    """
    found = corrected_rate(apparent, effective, *gold, level=level, side=side)
    slope = 1 / usable(*gold)
    terms = [replace(c, sensitivity=c.sensitivity * slope) for c in components]
    (a, m), (b, n) = gold
    method = (
        f"Rogan–Gladen with Lang–Reiczigel limits, {effective:.4g} effective trials, "
        f"grader right on {a}/{m} positives and {b}/{n} negatives"
    )
    return (
        found.value, found.low, found.high, method,
        [*terms, *grader_terms(found.value, *gold)],
    )  # fmt: skip
