"""Can this judge's verdicts say anything about the rate? Sensitivity, specificity, and their set.

Rogan and Gladen's rate divides by sensitivity + specificity - 1. Where that may be 0, the rates
that fit the data may be all of them, or all but a middle part: the set is then given as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy.special import ndtri

from calibrant.errors import InputError
from calibrant.judges.correction.double import DoubleSample
from calibrant.stats.comparisons.two_rates import fisher, miettinen_nurminen
from calibrant.stats.estimates.intervals import Side, clopper_pearson
from calibrant.stats.estimates.rates import check_level

Segments = tuple[tuple[float, float], ...]

WEAK = 10.0
"""F below which a judge is called weak, as for instruments (Staiger and Stock, Econometrica 65
(1997) 557)."""


@dataclass(frozen=True)
class Identification:
    """How well a labelled sample tells a judge that knows from one that does not.

    Attributes:
        counts: ((n₁₁, n₁₀), (n₀₁, n₀₀)), gold by verdict, positive first.
        sensitivity, specificity, youden: estimates; None without gold labels of that kind.
        intervals: of each at `level`, exact; Youden's is Miettinen and Nurminen's, being the
            difference of two rates.
        p: Fisher's exact p-value that the judge says positive as often of both kinds of item.
        f: squared distance of Youden's index from 0 in standard errors; None if it has none.
        fit: "good", "weak" (f below 10), "none" (chance is not refuted at `level`), "unknown".
        rates: the Anderson–Rubin (here Fieller) set of Rogan and Gladen's rate, on the whole line,
            not cut to 0–1; infinite ends where it has none; None without an estimate.
        warning: what to keep in mind; None if the judge is clearly better, or worse, than chance.
    """

    counts: tuple[tuple[int, int], tuple[int, int]]
    sensitivity: float | None
    specificity: float | None
    youden: float | None
    intervals: dict[str, tuple[float, float]]
    p: float | None
    f: float | None
    fit: str
    rates: Segments | None
    level: float
    warning: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data; infinite ends are None."""
        return {
            **self.__dict__,
            "counts": [list(row) for row in self.counts],
            "intervals": {k: list(v) for k, v in self.intervals.items()},
            "rates": None if self.rates is None else segments_data(self.rates),
        }


def segments_data(segments: Segments) -> list[list[float | None]]:
    """Segments as plain data; infinite ends are None."""
    return [[x if math.isfinite(x) else None for x in ends] for ends in segments]


def identify(
    counts: tuple[tuple[int, int], tuple[int, int]],
    judged: tuple[int, int],
    *,
    level: float = 0.95,
) -> Identification:
    """Sensitivity, specificity and what they leave of the rate.

    Args:
        counts: ((n₁₁, n₁₀), (n₀₁, n₀₀)), gold positive first, judged positive first, from a random
            sample of items.
        judged: positive verdicts and all verdicts on items without gold.

    Raises:
        InputError: for impossible counts.
    """
    check_level(level, "two")
    (hit, missed), (alarm, right) = counts
    k, n = judged
    if min(hit, missed, alarm, right) < 0 or not 0 <= k <= n:
        raise InputError(f"counts: wanted none below 0, got {counts} and {judged}")
    yes, no = hit + missed, alarm + right
    se = clopper_pearson(hit, yes, level=level)
    sp = clopper_pearson(right, no, level=level)
    intervals = {"sensitivity": (se.low, se.high), "specificity": (sp.low, sp.high)}
    if yes == 0 or no == 0:
        kind = "positive" if yes == 0 else "negative"
        return Identification(
            counts, None if yes == 0 else hit / yes, None if no == 0 else right / no, None,
            intervals, None, None, "unknown", None, level,
            f"no {kind} gold label: nothing is known of the judge on {kind} items",
        )  # fmt: skip
    j = hit / yes + right / no - 1
    f = j * j / (_spread(hit, yes) + _spread(right, no))
    youden = miettinen_nurminen(hit, yes, alarm, no, level=level)
    intervals["youden"] = (youden.low, youden.high)
    p = fisher(hit, yes, alarm, no)
    fit = "none" if p > 1 - level else "weak" if f < WEAK else "good"
    rates = fieller((k, n), (hit, yes), (right, no), level=level) if n else None
    return Identification(
        counts, hit / yes, right / no, j, intervals, p, f, fit, rates, level,
        _warn(fit, j, f, rates),
    )  # fmt: skip


def _warn(fit: str, j: float, f: float, rates: Segments | None) -> str | None:
    if fit == "none":
        return (
            f"the judge cannot be told from chance (index {j:.3g}): its verdicts may say nothing"
            + ("" if rates is None else f"; rates that fit them: {words(rates)}")
        )
    if fit == "weak":
        return f"the judge is only {f**0.5:.2g} standard errors from chance (its index is {j:.3g})"
    return "the judge is worse than chance: its verdicts point the other way" if j < 0 else None


def _spread(k: int, n: int) -> float:
    """Variance of a rate, not 0 where all agree."""
    p = (k + 1) / (n + 2)
    return p * (1 - p) / (n + 2)


def fieller(
    judged: tuple[int, int],
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    *,
    level: float = 0.95,
    side: Side = "two",
) -> Segments:
    """The rates t that p + sp - 1 = t (se + sp - 1) does not refute, on the whole line.

    Anderson and Rubin's set (Annals of Mathematical Statistics 20 (1949) 46) for Rogan and
    Gladen's rate, by Fieller's quadratic: its level does not depend on how good the judge is. It
    is an interval, the outside of one, the whole line, or (one-sided) a half line.

    Args:
        judged, sensitivity, specificity: counts and totals, independent binomials.

    Returns:
        Segments in order; a one-sided set keeps the estimate's side only where it is an interval.
    """
    tail = (1 - level) / (2 if side == "two" else 1)
    z2 = float(ndtri(tail)) ** 2
    p, se, sp = (k / n for k, n in (judged, sensitivity, specificity))
    vp, vs, vc = (_spread(k, n) for k, n in (judged, sensitivity, specificity))
    j, top = se + sp - 1, p + sp - 1
    # (top - t j)² ≤ z² (vp + t² vs + (1 - t)² vc)
    a = j * j - z2 * (vs + vc)
    b = -2 * (top * j - z2 * vc)
    c = top * top - z2 * (vp + vc)
    segments = _at_most_zero(a, b, c)
    if side == "two" or len(segments) != 1:
        return segments
    low, high = segments[0]
    return ((-math.inf, high),) if side == "upper" else ((low, math.inf),)


def _at_most_zero(a: float, b: float, c: float) -> Segments:
    """Where a t² + b t + c ≤ 0; it is so somewhere."""
    below = b * b - 4 * a * c
    if below <= 0:
        return ((-math.inf, math.inf),)
    root = math.sqrt(below)
    q = -(b + math.copysign(root, b)) / 2
    if a == 0:
        end = -c / b
        return ((-math.inf, end),) if b > 0 else ((end, math.inf),)
    low, high = sorted((q / a, c / q if q else 0.0))
    return ((low, high),) if a > 0 else ((-math.inf, low), (high, math.inf))


def words(segments: Segments) -> str:
    """A set in words."""
    if segments == ((-math.inf, math.inf),):
        return "all"
    said = []
    for low, high in segments:
        if low == -math.inf:
            said.append(f"up to {high:.4g}")
        elif high == math.inf:
            said.append(f"{low:.4g} and above")
        else:
            said.append(f"{low:.4g} to {high:.4g}")
    return " or ".join(said)


def identify_by_verdict(sample: DoubleSample, *, level: float = 0.95) -> Identification:
    """What the judge is worth where labels were drawn by verdict.

    Shares of gold labels within a verdict are then its predictive values; sensitivity taken from
    the labelled items alone would be wrong (Begg and Greenes, Biometrics 39 (1983) 207). Limits
    split the error over the three rates that each is made of.

    Args:
        sample: two verdicts, positive first.
    """
    (m1, m0), (n1, n0), (x1, x0) = (
        c.tolist() for c in (sample.items, sample.labels, sample.positives)
    )
    part = 1 - (1 - level) / 3
    q = clopper_pearson(m1, m1 + m0, level=part)
    a, b = clopper_pearson(x1, n1, level=part), clopper_pearson(x0, n0, level=part)
    ppv, npv = clopper_pearson(x1, n1, level=level), clopper_pearson(n0 - x0, n0, level=level)
    se = _part(q.low, a.low, b.high, 0.0), _part(q.high, a.high, b.low, 1.0)
    sp = (
        _part(1 - q.high, 1 - b.high, 1 - a.low, 0.0),
        _part(1 - q.low, 1 - b.low, 1 - a.high, 1.0),
    )
    intervals = {
        "sensitivity": se, "specificity": sp, "youden": (se[0] + sp[0] - 1, se[1] + sp[1] - 1),
        "positive predictive value": (ppv.low, ppv.high),
        "negative predictive value": (npv.low, npv.high),
    }  # fmt: skip
    counts = (x1, x0), (n1 - x1, n0 - x0)
    if not (n1 and n0):
        return Identification(
            counts, None, None, None, intervals, None, None, "unknown", None, level,
            "a verdict has no gold label: nothing is known of the judge there",
        )  # fmt: skip
    seen, yes, no = m1 / (m1 + m0), x1 / n1, x0 / n0
    sensitivity = _part(seen, yes, no, math.nan)
    specificity = _part(1 - seen, 1 - no, 1 - yes, math.nan)
    j = sensitivity + specificity - 1
    p = fisher(x1, n1, x0, n0)
    f = (yes - no) ** 2 / (_spread(x1, n1) + _spread(x0, n0))
    fit = "none" if p > 1 - level else "weak" if f < WEAK else "good"
    return Identification(
        counts, _known(sensitivity), _known(specificity), _known(j), intervals, p, f, fit, None,
        level, _warn(fit, yes - no, f, None),
    )  # fmt: skip


def _known(x: float) -> float | None:
    return None if math.isnan(x) else x


def _part(share: float, one: float, other: float, nothing: float) -> float:
    """The first's part of share·one + (1 - share)·other."""
    whole = share * one + (1 - share) * other
    return share * one / whole if whole > 0 else nothing
