"""Does a measured value meet its requirement? Decision rules and their risks (JCGM 106:2012)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isinf
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from calibrant.errors import InputError
from calibrant.stats.variance.terms import Floats, numbers

Outcome = Literal["accept", "reject", "inconclusive"]
Rule = Literal["probability", "guarded", "simple"]


@dataclass(frozen=True)
class Limits:
    """An interval of permitted values; a limit that does not exist is infinite.

    Raises:
        InputError: unless low < high and at least one of them is finite.
    """

    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        if not self.low < self.high or (isinf(self.low) and isinf(self.high)):
            raise InputError(
                f"limits: wanted low < high, one of them finite, got {self.low!r}, {self.high!r}"
            )

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def guarded(self, guard: float) -> Limits:
        """Limits moved inwards by `guard` (outwards if negative); JCGM 106:2012, 8.3.

        Raises:
            InputError: if nothing would be left.
        """
        if not isfinite(guard):
            raise InputError(f"guard: wanted a finite number, got {guard!r}")
        if not self.low + guard < self.high - guard:
            raise InputError(f"guard: {guard:g} leaves nothing of [{self.low:g}, {self.high:g}]")
        return Limits(self.low + guard, self.high - guard)

    def __repr__(self) -> str:
        if isinf(self.low):
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if isinf(self.high) else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Decision:
    """A decision about one value.

    Attributes:
        outcome: "accept", "reject" or "inconclusive".
        conformance: probability that the requirement is met, given the measurement.
        risk: probability that the outcome is wrong: the specific consumer's risk of an
            acceptance, the specific producer's risk of a rejection; None if inconclusive.
        rule: as asked for.
        tolerance: the requirement.
        guard: guard band, in the value's unit; None for rule "probability".
    """

    outcome: Outcome
    conformance: float
    risk: float | None
    rule: Rule
    tolerance: Limits
    guard: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; limits that do not exist are None."""
        return {
            "outcome": self.outcome,
            "conformance": self.conformance,
            "risk": self.risk,
            "rule": self.rule,
            "tolerance": [
                x if isfinite(x) else None for x in (self.tolerance.low, self.tolerance.high)
            ],
            "guard": self.guard,
        }

    def __repr__(self) -> str:
        word = {"accept": "Accept", "reject": "Reject", "inconclusive": "Inconclusive"}
        risk = "" if self.risk is None else f", wrong with probability {self.risk:.3g}"
        return (
            f"{word[self.outcome]}: {self.tolerance!r} is met with probability "
            f"{self.conformance:.4g} (rule: {self.rule}{risk})"
        )


def conformance_probability(value: float, u: float, tolerance: Limits, *, df: float = inf) -> float:
    """Probability that the true value lies within the tolerance (JCGM 106:2012, 7.1–7.4).

    The measurand is taken as value + u × (normal, or Student's t with `df`), that is, without
    further prior knowledge.

    Raises:
        InputError: unless value is finite, u > 0 and df > 0.
    """
    _measured(value, u, df)
    return _between((tolerance.low - value) / u, (tolerance.high - value) / u, df)


def conformance_of_draws(draws: ArrayLike, tolerance: Limits) -> float:
    """Share of posterior draws (any distribution, from Monte Carlo say) within the tolerance.

    Raises:
        InputError: for no draws or draws that are not finite.
    """
    y = numbers("draws", draws)
    if not y.size:
        raise InputError("draws: wanted at least one, got none")
    return float(np.mean((y >= tolerance.low) & (y <= tolerance.high)))


def guard_band(expanded: float, r: float = 1.0) -> float:
    """Guard band r × U (JCGM 106:2012, 8.3.2); r = 1 with k = 2 leaves 2.3 % at one limit.

    Raises:
        InputError: unless U is above 0 and r finite.
    """
    if not (isfinite(expanded) and expanded > 0 and isfinite(r)):
        raise InputError(f"guard: wanted U above 0 and r finite, got {expanded!r}, {r!r}")
    return r * expanded


def guard_for_risk(u: float, risk: float, *, df: float = inf) -> float:
    """Guard band at which an acceptance at one limit is wrong with probability `risk` exactly.

    With two limits the risk at the edge of acceptance is `risk` plus the far tail, which is
    negligible once the tolerance is wider than some 8 u.

    Raises:
        InputError: for u, df not above 0 or a risk outside 0–1.
    """
    _measured(0.0, u, df)
    _chance("risk", risk)
    return u * float(ndtri(1 - risk) if isinf(df) else stdtrit(df, 1 - risk))


def decide(
    value: float,
    u: float,
    tolerance: Limits,
    *,
    rule: Rule = "probability",
    level: float = 0.95,
    guard: float | None = None,
    df: float = inf,
) -> Decision:
    """Accept, reject, or say that the measurement cannot tell.

    Args:
        value, u, df: the measurement.
        tolerance: the requirement.
        rule: "probability": accept if conformance is at least `level`, reject if it is at most
            1 - level. "guarded": accept within the limits moved inwards by `guard`, reject
            beyond the limits moved outwards by it (JCGM 106:2012, 8.3.2 and 8.3.3; the default
            guard is that of `guard_for_risk` at 1 - level). "simple": accept within the limits,
            else reject (8.2), at a risk up to one half.
        level: confidence wanted, strictly between 0.5 and 1.

    Raises:
        InputError: for values outside these ranges or a guard that leaves nothing to accept.
    """
    p = conformance_probability(value, u, tolerance, df=df)
    if not 0.5 < level < 1:
        raise InputError(f"level: wanted strictly between 0.5 and 1, got {level!r}")
    if guard is not None and (rule != "guarded" or not guard >= 0):
        raise InputError(f"guard: wanted 0 or more, with rule 'guarded', got {guard!r}, {rule!r}")
    outcome: Outcome = "inconclusive"
    if rule == "probability":
        outcome = "accept" if p >= level else "reject" if p <= 1 - level else outcome
    elif rule == "guarded":
        guard = guard_for_risk(u, 1 - level, df=df) if guard is None else guard
        if value in tolerance.guarded(guard):
            outcome = "accept"
        elif value not in tolerance.guarded(-guard):
            outcome = "reject"
    elif rule == "simple":
        guard = 0.0
        outcome = "accept" if value in tolerance else "reject"
    else:
        raise InputError(f"rule: wanted 'probability', 'guarded' or 'simple', got {rule!r}")
    risk = {"accept": 1 - p, "reject": p}.get(outcome)
    return Decision(outcome, p, risk, rule, tolerance, guard)


@dataclass(frozen=True)
class GlobalRisk:
    """Risks of a decision rule over a population (JCGM 106:2012, 9.5).

    Attributes:
        consumer: probability that an object does not conform and is accepted.
        producer: probability that an object conforms and is rejected.
        accepted: probability of acceptance.
        conforming: probability of conforming.
    """

    consumer: float
    producer: float
    accepted: float
    conforming: float

    @property
    def false_accepted(self) -> float | None:
        """Probability that an accepted object does not conform; None if none is accepted."""
        return self.consumer / self.accepted if self.accepted > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**self.__dict__, "false_accepted": self.false_accepted}

    def __repr__(self) -> str:
        return (
            f"Accepts {self.accepted:.4g} of all; {self.consumer:.3g} wrongly (consumer's risk), "
            f"and rejects {self.producer:.3g} wrongly (producer's risk)"
        )


def global_risk(
    tolerance: Limits, acceptance: Limits, *, prior_mean: float, prior_sd: float, u: float
) -> GlobalRisk:
    """Risks averaged over a declared normal prior, for a normal measurement with uncertainty u.

    One-dimensional Gauss–Legendre quadrature of JCGM 106:2012, 9.5.2, in panels broken at
    every limit; errors are below 1e-10.

    Raises:
        InputError: unless prior mean and sd and u are finite, sd and u above 0.
    """
    _measured(prior_mean, prior_sd, inf)
    _measured(0.0, u, inf)
    y, weight = _panels(tolerance, acceptance, prior_mean, prior_sd, u)
    z = (y - prior_mean) / prior_sd
    mass = weight * np.exp(-0.5 * z**2) / (prior_sd * np.sqrt(2 * np.pi))
    accept, reject = _accepting(y, acceptance, u)
    inside = (y >= tolerance.low) & (y <= tolerance.high)
    joint = float(np.hypot(prior_sd, u))
    return GlobalRisk(
        float((mass * accept)[~inside].sum()),
        float((mass * reject)[inside].sum()),
        _between(
            (acceptance.low - prior_mean) / joint, (acceptance.high - prior_mean) / joint, inf
        ),
        _between(
            (tolerance.low - prior_mean) / prior_sd, (tolerance.high - prior_mean) / prior_sd, inf
        ),
    )


def global_risk_of_draws(
    tolerance: Limits, acceptance: Limits, draws: ArrayLike, *, u: float
) -> GlobalRisk:
    """Risks averaged over a declared population of any shape, for a normal measurement.

    Args:
        draws: true values, equally likely: a sample, or quantiles at the middles of equal steps of
            probability, whose error falls with their number.
        u: standard uncertainty of the measurement.

    Raises:
        InputError: for no draws, draws that are not finite, or u not above 0.
    """
    y = numbers("draws", draws)
    _measured(0.0, u, inf)
    if not y.size:
        raise InputError("draws: wanted at least one, got none")
    accept, reject = _accepting(y, acceptance, u)
    inside = (y >= tolerance.low) & (y <= tolerance.high)
    return GlobalRisk(
        float(np.where(inside, 0.0, accept).mean()),
        float(np.where(inside, reject, 0.0).mean()),
        float(accept.mean()),
        float(inside.mean()),
    )


def guard_for_global_risk(
    tolerance: Limits, consumer: float, *, prior_mean: float, prior_sd: float, u: float
) -> float:
    """Smallest guard band, 0 or more, that keeps the global consumer's risk at `consumer`.

    Raises:
        InputError: for a risk outside 0–1, bad distributions, or a risk that no guard reaches.
    """
    _chance("consumer", consumer)

    def excess(guard: float) -> float:
        found = global_risk(
            tolerance, tolerance.guarded(guard), prior_mean=prior_mean, prior_sd=prior_sd, u=u
        )
        return found.consumer - consumer

    if excess(0.0) <= 0:
        return 0.0
    widest = 40 * (u + prior_sd) + max(
        abs(x - prior_mean) for x in (tolerance.low, tolerance.high) if isfinite(x)
    )
    if isfinite(tolerance.low) and isfinite(tolerance.high):
        widest = (tolerance.high - tolerance.low) / 2 * (1 - 1e-9)
    if excess(widest) > 0:
        raise InputError(f"consumer: no guard band brings the risk down to {consumer:g}")
    return float(brentq(excess, 0.0, widest, xtol=1e-12 * widest, rtol=1e-12))


def _panels(
    tolerance: Limits, acceptance: Limits, mean: float, sd: float, u: float
) -> tuple[Floats, Floats]:
    """Nodes and weights over the prior, panels short where the integrand turns."""
    low, high = mean - 12 * sd, mean + 12 * sd
    edges = {mean + k * sd for k in range(-12, 13)}
    edges |= {x for x in (tolerance.low, tolerance.high) if isfinite(x)}
    for a in (acceptance.low, acceptance.high):
        if isfinite(a):
            edges |= {a + k * u for k in range(-10, 11)}
    cuts = np.unique([e for e in edges if low <= e <= high])
    x, w = np.polynomial.legendre.leggauss(24)
    half = np.diff(cuts)[:, None] / 2
    middle = (cuts[:-1] + cuts[1:])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()


def _accepting(y: Floats, acceptance: Limits, u: float) -> tuple[Floats, Floats]:
    """Chances of acceptance and of rejection at true values y, neither by subtraction from 1."""
    low, high = (acceptance.low - y) / u, (acceptance.high - y) / u
    flip = low > 0  # work in the tail where the difference is exact
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    return ndtr(b) - ndtr(a), ndtr(low) + ndtr(-high)


def _between(low: float, high: float, df: float) -> float:
    """Probability of an interval of standard scores, accurate in either tail."""
    if low > 0:
        low, high = -high, -low
    if isinf(df):
        return float(ndtr(high) - ndtr(low))
    tails = [0.0 if x == -inf else 1.0 if x == inf else float(stdtr(df, x)) for x in (low, high)]
    return tails[1] - tails[0]


def _measured(value: float, u: float, df: float) -> None:
    if not isfinite(value):
        raise InputError(f"value: wanted a finite number, got {value!r}")
    if not (isfinite(u) and u > 0):
        raise InputError(f"u: wanted a finite number above 0, got {u!r}")
    if not df > 0:
        raise InputError(f"df: wanted above 0, got {df!r}")


def _chance(where: str, p: float) -> None:
    if not 0 < p < 1:
        raise InputError(f"{where}: wanted strictly between 0 and 1, got {p!r}")
