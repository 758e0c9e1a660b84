"""How are numbers and findings said in words? The same way on the page and in the terminal."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from calibrant._text import one_line, shown
from calibrant.assurance.assessment import Assessment, ClaimResult, Estimate, Verdict

SYMBOL: dict[Verdict, str] = {"supported": "✓", "refuted": "✗", "undetermined": "?"}
"""Verdicts are told apart by word and symbol; colour only helps."""

NBSP = "\u00a0"


def line(text: str, limit: int = 300) -> str:
    """Return `text` from a suite or model as one safe line, fit for HTML and XML once escaped."""
    # XML has no U+FFFE and U+FFFF, and U+061C is a direction mark like those `shown` makes visible.
    return one_line(text, limit)


def block(text: str, limit: int = 4000) -> str:
    """Return `text` from a suite or model as safe lines, at most `limit` characters of it."""
    return shown(text, limit)


def percent(rate: float, digits: int = 3) -> str:
    """A rate (0–1) in percent, with `digits` significant digits, or one fewer of what 100 % leaves.

    >>> percent(0.005), percent(0.01571), percent(0.9995)
    ('0.5\\xa0%', '1.57\\xa0%', '99.95\\xa0%')
    """
    if not math.isfinite(rate):
        return "—"
    value = 100 * rate
    # Close to 100 % it is what is left that counts.
    left, digits = (abs(value), digits) if value <= 99 else (abs(100 - value), digits - 1)
    if left < 1e-9:
        return f"{value:.0f}{NBSP}%"
    decimals = min(max(digits - 1 - math.floor(math.log10(left)), 0), 8)
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{NBSP}%"


def chance(probability: float) -> str:
    """A probability in percent, without digits nobody can use.

    >>> chance(0.00000231), chance(0.99999), chance(0.0498)
    ('< 0.01\\xa0%', '> 99.99\\xa0%', '4.98\\xa0%')
    """
    if 0 < probability < 1e-4:
        return f"< 0.01{NBSP}%"
    if 0.9999 < probability < 1:
        return f"> 99.99{NBSP}%"
    return percent(probability)


def count(number: int) -> str:
    """A whole number with a comma between the thousands."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A whole number with its noun.

    >>> plural(1, "trial"), plural(1200, "trial")
    ('1\\xa0trial', '1,200\\xa0trials')
    """
    return f"{count(number)}{NBSP}{one if number == 1 else many or one + 's'}"


def about(number: float) -> str:
    """An expected number of trials: whole from 10 up, one decimal below."""
    if not math.isfinite(number):
        return "—"
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}"


def interval(estimate: Estimate) -> str:
    """The limits of the interval, in percent."""
    return f"{percent(estimate.low)} to {percent(estimate.high)}"


def level(estimate: Estimate) -> str:
    """The confidence level, in percent."""
    return percent(estimate.level, 2)


def moment(text: str) -> str:
    """An ISO 8601 time as a reader writes it; anything else as it stands."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return line(text, 60)
    zone = ""
    if at.tzinfo is not None:
        at, zone = at.astimezone(UTC), " UTC"
    return f"{at.day} {at:%B} {at.year}, {at:%H:%M}{zone}"


def duration(seconds: float) -> str:
    """A span of time in the units a reader expects."""
    if not math.isfinite(seconds) or seconds < 0:
        return "—"
    if seconds < 120:
        return f"{seconds:.0f}{NBSP}s" if seconds >= 10 else f"{seconds:.1f}{NBSP}s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes}{NBSP}min"
    return f"{minutes // 60:,}{NBSP}h {minutes % 60:02d}{NBSP}min"


def overall(assessment: Assessment) -> str:
    """The verdict over all claims, as a sentence."""
    claims = assessment.claims
    n = len(claims)
    if not n:
        return "No claim was made."
    if assessment.verdict == "supported":
        return "The claim is supported." if n == 1 else f"All {n} claims are supported."
    if n == 1:
        return {
            "refuted": "The claim is refuted.",
            "undetermined": "The claim is neither supported nor refuted.",
        }[assessment.verdict]
    parts = []
    for verdict in ("refuted", "undetermined", "supported"):
        some = sum(c.verdict == verdict for c in claims)
        if some:
            parts.append(f"{some} {'is' if some == 1 else 'are'} {verdict}")
    return f"Of {n} claims, {_listed(parts)}."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def saved(result: ClaimResult) -> str | None:
    """How many trials the design saved against a fixed one, in percent; None if that says nothing.

    Only a claim that was decided can have saved trials.
    """
    fixed = result.design.fixed_trials
    if not fixed or result.verdict == "undetermined":
        return None
    return f"{round(100 * (1 - result.trials / fixed))}{NBSP}%".replace("-", "−")


def saving(result: ClaimResult) -> str:
    """The trials used, against the fixed design with the same error rates, as a sentence."""
    fixed = result.design.fixed_trials
    used = plural(result.trials, "trial")
    if fixed is None:
        return (
            f"The verdict rests on {used}. The claim names no alternative, so there is no fixed "
            "design to compare with."
        )
    rival = f"a fixed design with the same error rates needs {count(fixed)}"
    lowered = [x for x in (result.grading, result.exposure) if x is not None and x.lowered_from]
    if lowered:
        return f"The run ended after {used}, as what was observed decided; {rival}."
    if result.verdict == "undetermined":
        return f"The run used {used} without a verdict; {rival}."
    fewer = fixed - result.trials
    if fewer > 0:
        share = percent(fewer / fixed, 2)
        return f"Decided after {used}; {rival}. That is {count(fewer)} fewer ({share} saved)."
    if fewer == 0:
        return f"Decided after {used}, as many as the fixed design with the same error rates needs."
    return (
        f"Decided after {used}; {rival}. This run needed {count(-fewer)} more: a sequential "
        "design saves on average where a claim is clearly true or false, not every time."
    )


def missing(result: ClaimResult) -> str:
    """What the trials without a score could change, as sentences."""
    if result.missing == 0:
        return "No trial is missing: every one that counts has a score."
    e, claim = result.estimate, result.claim
    failed = (
        f"{count(result.missing)} of {plural(result.trials, 'trial')} failed and "
        f"{'has' if result.missing == 1 else 'have'} no score. Had they gone the worst way, the "
        f"interval would reach from {percent(e.low_if_missing)} to {percent(e.high_if_missing)} "
        f"instead of {interval(e)}"
    )
    if result.verdict == "undetermined":
        return f"{failed}."
    below = (result.verdict == "supported") == (claim.relation == "below")
    side = f"wholly {'below' if below else 'above'} the threshold of {percent(claim.threshold, 4)}"

    def clear(low: float, high: float) -> bool:
        return high < claim.threshold if below else low > claim.threshold

    if clear(e.low_if_missing, e.high_if_missing):
        return f"{failed}. It would still lie {side}."
    if clear(e.low, e.high):
        return f"{failed}. It would no longer lie {side}: the verdict leans on the missing trials."
    return f"{failed}."


def event(result: ClaimResult) -> str:
    """What an event is here: an outcome that speaks against the claim."""
    claim = result.claim
    value = "1" if claim.counts is None else f"“{line(claim.counts, 80)}”"
    is_not = "is" if claim.relation == "below" else "is not"
    return f"a trial whose score “{line(claim.score, 80)}” {is_not} {value}"
