"""What can so many cases show of a judge, and how many are needed? Power of a probe.

Moved verdicts are modelled as they were seen: so many cases move by chance either way, and an
effect adds cases that move towards the altered answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from calibrant.errors import InputError
from calibrant.stats.comparisons.planning import t_power, units_for
from calibrant.stats.comparisons.power import mcnemar_power

FEWEST = 8
"""Cases that must have moved before their standard deviation is taken for that of all."""


@dataclass(frozen=True)
class Power:
    """What a probe of `cases` cases can show.

    Attributes:
        effect: the shift that would matter.
        power: the chance of seeing it, at `alpha`.
        smallest: the smallest shift seen with a chance of 80 %; None if no shift would be.
        alpha: the error of one probe, its share of the family's.
        method: in words.
    """

    cases: int
    effect: float
    power: float
    smallest: float | None
    alpha: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def probe_power(
    cases: int,
    effect: float,
    *,
    span: float = 1.0,
    moved: float = 0.0,
    sd: float | None = None,
    alpha: float = 0.05,
) -> Power:
    """The power of a probe: of Student's t if `sd` is given, else of the exact McNemar test.

    Args:
        cases: cases, or clusters of cases, that the probe applies to.
        effect: the mean shift that matters, above 0, in units of the verdict.
        span: the verdict's range.
        moved: the share of cases that move the whole range by chance, half of them each way.
        sd: of a case's shift, for verdicts that move by parts of the range.
        alpha: two-sided error of this probe: the family's divided by the probes, for a power that
            holds with Holm's correction too.

    Raises:
        InputError: for values that cannot be.
    """
    if cases < 0:
        raise InputError(f"cases: wanted at least 0, got {cases!r}")
    if not 0 < effect <= span:
        raise InputError(f"effect: wanted above 0 and at most the range {span:g}, got {effect!r}")
    if not 0 <= moved <= 1:
        raise InputError(f"moved: wanted 0–1, got {moved!r}")
    words = "exact McNemar test" if sd is None else "Student's t"
    if cases < 2:
        return Power(cases, effect, 0.0, None, alpha, words)

    def seen(shift: float) -> float:
        if sd is not None:
            return t_power(cases, shift, sd, alpha=alpha)
        part = shift / span
        noise = min(moved, 1 - part) / 2
        return mcnemar_power(cases, min(part + noise, 1 - noise), noise, alpha=alpha)

    smallest = _smallest(seen, span)
    return Power(cases, effect, seen(effect), smallest, alpha, words)


def _smallest(seen: Any, span: float, power: float = 0.8) -> float | None:
    if seen(span) < power:
        return None
    low, high = 0.0, span
    for _ in range(40):
        middle = (low + high) / 2
        if middle <= 0:
            break
        low, high = (low, middle) if seen(middle) >= power else (middle, high)
    return high


def probe_cases(
    effect: float,
    *,
    span: float = 1.0,
    moved: float = 0.0,
    sd: float | None = None,
    alpha: float = 0.05,
    probes: int = 1,
    power: float = 0.8,
) -> int:
    """How many cases show a shift of `effect` with this power, if `probes` share the error.

    Raises:
        InputError: for values that cannot be, or if more than ten million are needed.
    """
    if probes < 1:
        raise InputError(f"probes: wanted at least 1, got {probes!r}")
    return units_for(
        lambda n: probe_power(n, effect, span=span, moved=moved, sd=sd, alpha=alpha / probes).power,
        power,
    )


def moved_by_chance(towards: int, away: int, n: int) -> float:
    """The share of cases that seem to move by chance: those whose moves cancel."""
    return 0.0 if n == 0 else 2 * min(towards, away) / n


def detection_power(cases: int, rate: float, wanted: float, *, alpha: float = 0.05) -> float:
    """The chance that the lower limit of a detection rate reaches `wanted` if it is `rate`.

    Exact: Clopper–Pearson's one-sided lower limit at 1 - alpha.

    Raises:
        InputError: for rates outside 0–1 or no cases.
    """
    from scipy.special import betainc

    if cases < 1 or not 0 <= rate <= 1 or not 0 < wanted < 1:
        raise InputError(
            "cases, rate, wanted: wanted at least 1 and shares, got "
            f"{cases!r}, {rate!r}, {wanted!r}"
        )
    # The fewest k whose lower limit reaches `wanted`: P(X ≥ k | wanted) ≤ alpha.
    k = next(
        (k for k in range(1, cases + 1) if float(betainc(k, cases - k + 1, wanted)) <= alpha), None
    )
    if k is None:
        return 0.0
    if rate in (0.0, 1.0):
        return rate
    return math.fsum([float(betainc(k, cases - k + 1, rate))])
