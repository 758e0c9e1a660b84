"""How often does it really happen, if the grader errs? Rates corrected for grader error."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Literal

from scipy.special import ndtri

from calibrant.errors import InputError
from calibrant.stats.budgets.budget import Budget, Component, combine
from calibrant.stats.budgets.rare_rates import check_counts
from calibrant.stats.estimates.betting import check_level, check_side
from calibrant.stats.estimates.intervals import Side, clopper_pearson

GraderMethod = Literal["alpha-split", "lang-reiczigel"]
Known = float | tuple[int, int]
"""A rate known exactly, or (successes, trials) of a validation study."""


@dataclass(frozen=True)
class CorrectedRate:
    """A rate corrected for grader error.

    Attributes:
        value: the estimate, within 0–1.
        raw: the estimate before it was put within 0–1.
        low, high: limits, within 0–1.
        level, method: of the limits.
        apparent: the rate of positive grades among scored trials.
        sensitivity, specificity: estimates used.
    """

    value: float
    raw: float
    low: float
    high: float
    level: float
    method: str
    apparent: float
    sensitivity: float
    specificity: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return (
            f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}, {self.method}; "
            f"graded {self.apparent:.4g}, sensitivity {self.sensitivity:.3g}, "
            f"specificity {self.specificity:.3g})"
        )


def rogan_gladen(
    events: int,
    trials: int,
    sensitivity: Known,
    specificity: Known,
    *,
    level: float = 0.95,
    side: Side = "two",
    method: GraderMethod = "alpha-split",
    missing: int = 0,
    shares: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> CorrectedRate:
    """A true rate from the grades of an imperfect grader.

    The estimate is (apparent + specificity - 1) / (sensitivity + specificity - 1) (Rogan and
    Gladen, American Journal of Epidemiology 107 (1978) 71).

    Args:
        events, trials: positive grades among scored trials.
        sensitivity: known value in 0–1, or (positive grades, true positives) from validation.
        specificity: known value in 0–1, or (negative grades, true negatives) from validation.
        side: "two", or all the error to the "upper" or "lower" limit.
        method: "alpha-split": exact limits for the three rates at once, combined in the worst
            way; it covers always, and widely. "lang-reiczigel": Lang and Reiczigel (Preventive
            Veterinary Medicine 113 (2014) 13), about nominal for moderate counts; needs counts
            for both rates.
        missing: trials without a grade; "alpha-split" takes them at their worst, the other
            method refuses them.
        shares: of the error, for apparent rate, sensitivity and specificity, under "alpha-split";
            0 leaves out what needs no data (then that rate may be anything). Known rates get none.

    Raises:
        InputError: for impossible counts or rates, a useless grader, or options that clash.
    """
    check_level(level)
    check_side(side)
    check_counts("counts", events, trials)
    se, sp = _rate("sensitivity", sensitivity), _rate("specificity", specificity)
    youden = usable(sensitivity, specificity)
    raw = (events / trials + sp - 1) / youden
    if method == "alpha-split":
        low, high = _split_limits(
            events, trials, missing, sensitivity, specificity, level, side, shares
        )
    elif method == "lang-reiczigel":
        if isinstance(sensitivity, float | int) or isinstance(specificity, float | int) or missing:
            raise InputError(
                "method: 'lang-reiczigel' wants validation counts for both rates and no "
                "missing trials"
            )
        low, high = _lang_reiczigel(events, trials, sensitivity, specificity, level, side)
    else:
        raise InputError(f"method: wanted 'alpha-split' or 'lang-reiczigel', got {method!r}")
    value = min(1.0, max(0.0, raw))
    return CorrectedRate(value, raw, low, high, level, method, events / trials, se, sp)


def _split_limits(
    events: int,
    trials: int,
    missing: int,
    sensitivity: Known,
    specificity: Known,
    level: float,
    side: Side,
    shares: tuple[float, float, float],
) -> tuple[float, float]:
    if missing < 0:
        raise InputError(f"missing: wanted 0 or more, got {missing}")
    if not all(isfinite(s) and s >= 0 for s in shares) or shares[0] <= 0:
        raise InputError(f"shares: wanted three, the first above 0, got {shares}")
    used = [
        shares[0],
        0.0 if isinstance(sensitivity, float | int) else shares[1],
        0.0 if isinstance(specificity, float | int) else shares[2],
    ]
    error = (1 - level) / (2 if side == "two" else 1)
    alphas = [error * s / sum(used) for s in used]
    total = trials + missing
    low, high = 0.0, 1.0
    # apparent = rate·se + (1 - rate)(1 - sp): worst case of each term, then solved for the rate.
    if side != "lower":
        p = clopper_pearson(events + missing, total, level=1 - alphas[0], side="upper").high
        se = _limit(sensitivity, alphas[1], upper=False)
        sp = _limit(specificity, alphas[2], upper=True)
        if se + sp > 1:
            high = (p + sp - 1) / (se + sp - 1)
    if side != "upper":
        p = clopper_pearson(events, total, level=1 - alphas[0], side="lower").low
        se = _limit(sensitivity, alphas[1], upper=True)
        sp = _limit(specificity, alphas[2], upper=False)
        if se + sp > 1:
            low = (p + sp - 1) / (se + sp - 1)
    return min(1.0, max(0.0, low)), min(1.0, max(0.0, high))


def _limit(known: Known, alpha: float, *, upper: bool) -> float:
    if isinstance(known, float | int):
        return float(known)
    if alpha == 0:
        return 1.0 if upper else 0.0
    side: Side = "upper" if upper else "lower"
    found = clopper_pearson(known[0], known[1], level=1 - alpha, side=side)
    return found.high if upper else found.low


def corrected_rate(
    apparent: float,
    effective: float,
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    *,
    level: float = 0.95,
    side: Side = "two",
) -> CorrectedRate:
    """A true rate from grades that come in clusters, by their effective sample size.

    Lang and Reiczigel's limits with the apparent rate worth `effective` independent trials, such
    as the effective size of Korn and Graubard, which allows for few clusters too. Coverage is
    measured by the certificate "grader-correction-clusters".

    Args:
        apparent: rate of positive grades, 0–1.
        effective: independent trials that tell as much, above 0; need not be whole.
        sensitivity, specificity: counts of right grades and of gold labels, as in `rogan_gladen`.

    Raises:
        InputError: for values outside these ranges, or a grader whose grades say nothing.
    """
    check_level(level)
    check_side(side)
    if not 0 <= apparent <= 1:
        raise InputError(f"apparent: wanted 0–1, got {apparent!r}")
    if not (isfinite(effective) and effective > 0):
        raise InputError(f"effective: wanted a finite number above 0, got {effective!r}")
    youden = usable(sensitivity, specificity)
    se, sp = _rate("sensitivity", sensitivity), _rate("specificity", specificity)
    raw = (apparent + sp - 1) / youden
    low, high = _lang_reiczigel(
        apparent * effective, effective, sensitivity, specificity, level, side
    )
    value = min(1.0, max(0.0, raw))
    # The limits are about a shrunken rate, which can lie beyond a value at the edge.
    low, high = min(low, value), max(high, value)
    return CorrectedRate(value, raw, low, high, level, "lang-reiczigel", apparent, se, sp)


def usable(sensitivity: Known, specificity: Known) -> float:
    """Sensitivity + specificity - 1, above 0.

    Raises:
        InputError: for impossible counts or rates, or where it is 0 or below: grades of such a
            grader say nothing.
    """
    se, sp = _rate("sensitivity", sensitivity), _rate("specificity", specificity)
    if se + sp <= 1:
        raise InputError(
            f"grader: wanted sensitivity + specificity above 1, got {se:.4g} + {sp:.4g}: "
            "its grades say nothing"
        )
    return se + sp - 1


def grader_terms(
    value: float, sensitivity: tuple[int, int], specificity: tuple[int, int]
) -> list[Component]:
    """What the grader's calibration adds to the budget of a corrected rate, to first order."""
    youden = usable(sensitivity, specificity)
    return [
        Component("grader sensitivity", "A", _posterior_sd(*sensitivity), -value / youden),
        Component("grader specificity", "A", _posterior_sd(*specificity), (1 - value) / youden),
    ]


def _lang_reiczigel(
    events: float, trials: float, se: tuple[int, int], sp: tuple[int, int], level: float, side: Side
) -> tuple[float, float]:
    z = float(ndtri((1 + level) / 2 if side == "two" else level))
    n, n_se, n_sp = trials + z**2, se[1] + 2, sp[1] + 2
    p, s, c = (events + z**2 / 2) / n, (se[0] + 1) / n_se, (sp[0] + 1) / n_sp
    youden = s + c - 1
    if youden <= 0:
        return 0.0, 1.0
    rate = (p + c - 1) / youden
    v_se, v_sp = s * (1 - s) / n_se, c * (1 - c) / n_sp
    shift = 2 * z**2 * (rate * v_se - (1 - rate) * v_sp)
    wide = z * sqrt(p * (1 - p) / n + rate**2 * v_se + (1 - rate) ** 2 * v_sp) / youden
    low = 0.0 if side == "upper" else min(1.0, max(0.0, rate + shift - wide))
    high = 1.0 if side == "lower" else min(1.0, max(0.0, rate + shift + wide))
    return low, high


def grader_budget(events: int, trials: int, sensitivity: Known, specificity: Known) -> Budget:
    """First-order budget of a corrected rate: how much is sampling, how much the grader.

    For reading shares, not for limits near 0 or 1: use `rogan_gladen` there. Uncertainties are
    standard deviations of Jeffreys' posteriors, which are not 0 at counts of 0.

    Raises:
        InputError: as `rogan_gladen`.
    """
    found = rogan_gladen(events, trials, sensitivity, specificity)
    youden = found.sensitivity + found.specificity - 1
    rows = [("trials", (events, trials), 1 / youden)]
    rows += [
        (name, known, c)
        for name, known, c in (
            ("sensitivity", sensitivity, -found.value / youden),
            ("specificity", specificity, (1 - found.value) / youden),
        )
        if not isinstance(known, float | int)
    ]
    return combine(
        found.value,
        [Component(name, "A", _posterior_sd(*known), sensitivity=c) for name, known, c in rows],
    )


def _posterior_sd(k: int, n: int) -> float:
    a, b = k + 0.5, n - k + 0.5
    return sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


def _rate(where: str, known: Known) -> float:
    if isinstance(known, float | int):
        if not 0 <= known <= 1:
            raise InputError(f"{where}: wanted 0–1, got {known!r}")
        return float(known)
    check_counts(where, *known)
    return known[0] / known[1]
