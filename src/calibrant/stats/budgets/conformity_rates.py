"""Does a rate meet its requirement? Conformity of rates, where a Gaussian misleads near 0 and 1.

The probability of conformity is that of a beta posterior with a declared prior (JCGM 106:2012,
6 and 7: prior knowledge is part of the decision and must be stated).
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from scipy.special import bdtr, bdtrc, betainc, betaincinv

from calibrant.errors import InputError
from calibrant.stats.budgets.conformity import Limits
from calibrant.stats.variance.terms import Floats

JEFFREYS = (0.5, 0.5)
STEPS = 96
"""Quantiles of each of the grader's two rates that are averaged over."""


def rate_conformance(
    events: float,
    trials: float,
    tolerance: Limits,
    *,
    prior: tuple[float, float] = JEFFREYS,
    gold: tuple[tuple[int, int], tuple[int, int]] | None = None,
    spread: float = 0.0,
) -> float:
    """Probability that a rate lies within the tolerance, given what was counted.

    Args:
        events, trials: 0 ≤ events ≤ trials, trials above 0; effective numbers, which need not be
            whole, where trials are clustered.
        tolerance: the permitted rates.
        prior: parameters of the beta prior, both above 0; of the rate of positive grades if `gold`
            is given.
        gold: right grades and gold labels, of the truly positive and of the truly negative. The
            rate is then the one corrected for the grader's errors, with Jeffreys' priors for its
            sensitivity and specificity, given that the rate lies in 0–1.
        spread: standard deviation of a declared normal error of the rate.

    Raises:
        InputError: for values outside these ranges.
    """
    if not (isfinite(trials) and trials > 0 and 0 <= events <= trials):
        raise InputError(f"counts: wanted 0 ≤ events ≤ trials, got {events!r} of {trials!r}")
    check_prior(prior)
    if not (isfinite(spread) and spread >= 0):
        raise InputError(f"spread: wanted 0 or more, got {spread!r}")
    a, b = prior[0] + events, prior[1] + trials - events
    shift, weight = np.zeros(1), np.ones(1)
    if spread > 0:
        x, w = np.polynomial.hermite_e.hermegauss(41)
        shift, weight = spread * x, w / w.sum()
    total = 0.0
    for move, part in zip(shift, weight, strict=True):
        low, high = (min(max(x - move, 0.0), 1.0) for x in (tolerance.low, tolerance.high))
        total += float(part) * _inside(low, high, a, b, gold)
    return min(max(total, 0.0), 1.0)


def _inside(
    low: float,
    high: float,
    a: float,
    b: float,
    gold: tuple[tuple[int, int], tuple[int, int]] | None,
) -> float:
    if gold is None:
        return float(betainc(a, b, high) - betainc(a, b, low))
    se, sp = _quantiles(*gold[0])[:, None], _quantiles(*gold[1])[None, :]
    # A rate r is graded positive at r se + (1 - r)(1 - sp).
    at = [betainc(a, b, np.clip(r * se + (1 - r) * (1 - sp), 0, 1)) for r in (0.0, low, high, 1.0)]
    useful = se + sp > 1
    whole = float(np.where(useful, at[3] - at[0], 0.0).sum())
    if not whole > 1e-12:
        raise InputError("grader: its gold labels and the rate of positive grades contradict")
    return float(np.where(useful, at[2] - at[1], 0.0).sum()) / whole


def _quantiles(right: int, labels: int) -> Floats:
    middle = (np.arange(STEPS) + 0.5) / STEPS
    found: Floats = betaincinv(right + 0.5, labels - right + 0.5, middle)
    return found


def accepted_counts(trials: int, tolerance: Limits, risk: float) -> tuple[int, int] | None:
    """Least and most events of independent trials whose exact one-sided limits conform.

    Each limit is a Clopper–Pearson limit with error `risk`, so that a rate at or beyond a limit is
    accepted with probability at most `risk`. None if no count is accepted.

    Raises:
        InputError: for fewer than 1 trial or a risk outside 0–½.
    """
    if trials < 1:
        raise InputError(f"trials: wanted at least 1, got {trials}")
    if not 0 < risk < 0.5:
        raise InputError(f"risk: wanted above 0 and below 0.5, got {risk!r}")
    least, most = 0, trials
    if tolerance.low > 0:
        # The chance of so many events at the limit falls with the number.
        chance = bdtrc(np.arange(trials), trials, tolerance.low)  # of 1 … trials events or more
        least = 1 + int((chance > risk).sum())
    if tolerance.high < 1:
        most = int((bdtr(np.arange(trials), trials, tolerance.high) <= risk).sum()) - 1
    return (least, most) if least <= most else None


def check_prior(prior: tuple[float, float]) -> None:
    """Refuse a beta prior without two parameters above 0."""
    if len(prior) != 2 or not all(isfinite(x) and x > 0 for x in prior):
        raise InputError(f"prior: wanted two numbers above 0, got {prior!r}")


__all__ = ["JEFFREYS", "accepted_counts", "check_prior", "rate_conformance"]
