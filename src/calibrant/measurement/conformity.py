"""Does what was measured meet its requirement? Decisions on measurements (JCGM 106:2012)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from calibrant.errors import InputError
from calibrant.measurement.grader import Gold
from calibrant.stats.budgets.conformity import Limits, Outcome, conformance_probability
from calibrant.stats.budgets.conformity_rates import (
    JEFFREYS,
    accepted_counts,
    check_prior,
    rate_conformance,
)

if TYPE_CHECKING:
    from calibrant.measurement.measure import Measurement

ConformityRule = Literal["simple", "guarded"]


@dataclass(frozen=True)
class Requirement:
    """What is required of every value.

    Attributes:
        limits: permitted values.
        rule: "guarded" or "simple".
        risk: of a wrong decision at a limit, above 0 and below ½, under "guarded".
        prior: of rates, the parameters of a beta distribution.
    """

    limits: Limits
    rule: ConformityRule
    risk: float
    prior: tuple[float, float]


def requirement(
    lower: float | None,
    upper: float | None,
    rule: ConformityRule,
    risk: float,
    prior: tuple[float, float] | None,
) -> Requirement | None:
    """The requirement that options state; None without a limit.

    Raises:
        InputError: for limits that cross or are not finite, an unknown rule, a risk outside 0–½, a
            prior without two parameters above 0.
    """
    for name, limit in (("limit_lower", lower), ("limit_upper", upper)):
        if limit is not None and not math.isfinite(limit):
            raise InputError(f"{name}: wanted a finite number, got {limit!r}")
    if rule not in ("simple", "guarded"):
        raise InputError(f"rule: wanted 'simple' or 'guarded', got {rule!r}")
    if not 0 < risk < 0.5:
        raise InputError(f"risk: wanted above 0 and below 0.5, got {risk!r}")
    prior = JEFFREYS if prior is None else (float(prior[0]), float(prior[1]))
    check_prior(prior)
    if lower is None and upper is None:
        return None
    low = -math.inf if lower is None else lower
    high = math.inf if upper is None else upper
    return Requirement(Limits(low, high), rule, risk, prior)


def conformity(
    m: Measurement, below: Measurement, above: Measurement, wanted: Requirement, gold: Gold | None
) -> dict[str, Any]:
    """The decision about a measurement, as plain data.

    Args:
        m: the measurement.
        below, above: the same with one-sided limits of error `wanted.risk`.
        gold: of the grader that it is corrected for.

    Returns:
        decision: "accept", "reject" or "inconclusive". By rule "guarded": accept if both
            one-sided limits lie within the limits, reject if one lies beyond them; this is a
            guard band of the expanded one-sided uncertainty. By "simple": accept if the value
            lies within the limits, else reject. Missing trials of a rate are taken at their worst.
        rule, limits, risk: as asked; a limit that does not exist is None.
        bounds: the one-sided limits used.
        guard_band: distance from the value to the farther of them; None under "simple".
        acceptance_limits: values that would be accepted with this uncertainty: the limits moved
            inwards, or for independent rates the exact ones in whole counts. None if no value
            would be, or where they depend on how events cluster.
        conformance_probability: that the true value lies within the limits.
        consumer_risk: the specific risk run by accepting, 1 - that.
        producer_risk: the specific risk run by rejecting, that itself; with missing trials of a
            rate both are at their worst.
        prior: the distribution assumed before the data.
        reason: why nothing can be decided; None otherwise.
    """
    limits = wanted.limits
    rate = m.effective is not None
    found: dict[str, Any] = {
        "decision": "inconclusive",
        "rule": wanted.rule,
        "limits": _ends(limits),
        "risk": wanted.risk,
        "bounds": None,
        "guard_band": None,
        "acceptance_limits": None,
        "conformance_probability": None,
        "consumer_risk": None,
        "producer_risk": None,
        "prior": _prior(wanted.prior, rate, gold),
        "reason": None,
    }
    if m.value is None or below.interval is None or above.interval is None:
        return {**found, "reason": m.method}
    low, high = below.interval[0], above.interval[1]
    share = m.missing / (m.n + m.missing) if rate else 0.0
    low, high = low * (1 - share), high * (1 - share) + share
    worst = (m.value * (1 - share), m.value * (1 - share) + share)
    chances = _chances(m, wanted, gold) if rate else (_mean_chance(m, limits),) * 2
    found |= {
        "decision": _decide(limits, *((low, high) if wanted.rule == "guarded" else worst)),
        "bounds": [low, high],
        "conformance_probability": chances[0],
        "consumer_risk": 1 - chances[0],
        "producer_risk": chances[1],
    }
    if wanted.rule == "simple":
        return {**found, "acceptance_limits": _ends(limits)}
    return {
        **found,
        "guard_band": max(m.value - low, high - m.value),
        "acceptance_limits": _acceptance(m, limits, wanted.risk, low, high, gold),
    }


def _decide(limits: Limits, low: float, high: float) -> Outcome:
    if low in limits and high in limits:
        return "accept"
    return "reject" if low > limits.high or high < limits.low else "inconclusive"


def _chances(m: Measurement, wanted: Requirement, gold: Gold | None) -> tuple[float, float]:
    """Least and greatest probability of conformity, whatever missing trials would have been."""
    assert m.effective is not None and m.value is not None
    apparent = m.value if m.raw_value is None else m.raw_value
    worth = m.effective / m.n
    trials = (m.n + m.missing) * worth
    # Sampling, missing trials and the grader are in the posterior; declared terms are not.
    spread = math.sqrt(
        sum(r["u"] ** 2 for r in m.budget if r["type"] == "B" and r["source"] != "missing trials")
    )
    both = [
        rate_conformance(
            min((apparent * m.n + extra) * worth, trials), trials, wanted.limits,
            prior=wanted.prior, gold=gold, spread=spread,
        )
        for extra in {0, m.missing}
    ]  # fmt: skip
    return min(both), max(both)


def _mean_chance(m: Measurement, limits: Limits) -> float:
    assert m.value is not None and m.standard_uncertainty is not None
    doubt = sum(r["u"] ** 4 / r["df"] for r in m.budget if r["df"] is not None)
    df = m.standard_uncertainty**4 / doubt if doubt > 0 else math.inf
    return conformance_probability(m.value, m.standard_uncertainty, limits, df=df)


def _acceptance(
    m: Measurement, limits: Limits, risk: float, low: float, high: float, gold: Gold | None
) -> list[float | None] | None:
    assert m.value is not None
    if m.effective is None:
        ends = [limits.low + (m.value - low), limits.high - (high - m.value)]
        return [x if math.isfinite(x) else None for x in ends] if ends[0] <= ends[1] else None
    plain = m.effective == m.n == m.clusters and not m.missing and gold is None
    if not plain or any(r["type"] == "B" for r in m.budget):
        return None
    counts = accepted_counts(m.n, limits, risk)
    if counts is None:
        return None
    return [
        counts[0] / m.n if limits.low > 0 else None,
        counts[1] / m.n if limits.high < 1 else None,
    ]


def _ends(limits: Limits) -> list[float | None]:
    return [x if math.isfinite(x) else None for x in (limits.low, limits.high)]


def _prior(prior: tuple[float, float], rate: bool, gold: Gold | None) -> dict[str, Any]:
    if not rate:
        return {"distribution": "flat", "of": "mean"}
    name = "Jeffreys" if prior == JEFFREYS else "declared"
    of = "rate" if gold is None else "rate of positive grades"
    return {"distribution": "beta", "a": prior[0], "b": prior[1], "name": name, "of": of}
