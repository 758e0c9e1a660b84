"""What do all formats say of a claim? Its numbers as plain pairs, and one line."""

from __future__ import annotations

from typing import Any

from calibrant._text import one_line
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report import words


def facts(result: ClaimResult) -> dict[str, Any]:
    """The numbers of one claim by name, as plain data; None where there is none.

    Rates are in 0–1. The same names are used in every format.
    """
    claim, design, e = result.claim, result.design, result.estimate
    return {
        "verdict": result.verdict,
        "instrument": claim.instrument,
        "score": claim.score,
        "counts": claim.counts,
        "relation": claim.relation,
        "threshold": claim.threshold,
        "if_really": claim.if_really,
        "alpha": claim.alpha,
        "beta": claim.beta,
        "trials": result.trials,
        "at_most": claim.at_most,
        "counted": result.counted,
        "missing": result.missing,
        "surplus": result.surplus,
        "rate": e.value,
        "low": e.low,
        "high": e.high,
        "level": e.level,
        "low_if_missing": e.low_if_missing,
        "high_if_missing": e.high_if_missing,
        "standard_uncertainty": e.standard_uncertainty,
        "interval_method": e.method,
        "design": design.method,
        "false_support": design.false_support,
        "false_refutation": design.false_refutation,
        "power": design.power,
        "fixed_trials": design.fixed_trials,
    }


def text(value: Any) -> str:
    """A fact as text: numbers so that they can be read back, absent ones as "none"."""
    if value is None:
        return "none"
    return repr(value) if isinstance(value, float) else one_line(str(value), 500)


def texts(result: ClaimResult) -> dict[str, str]:
    """The facts that are there, as text."""
    return {name: text(v) for name, v in facts(result).items() if v is not None}


def rate_words(result: ClaimResult) -> str:
    """The observed rate and its interval, in percent, without special white space."""
    e = result.estimate
    value = "—" if e.value is None else words.percent(e.value)
    limits = f"[{words.percent(e.low)}, {words.percent(e.high)}]"
    return f"{value} {limits}".replace(words.NBSP, " ")


def claim_line(result: ClaimResult) -> str:
    """One line per claim, for terminals and logs."""
    claim = result.claim
    threshold = words.percent(claim.threshold, 4).replace(words.NBSP, " ")
    missing = f", {result.missing:,} missing" if result.missing else ""
    line = one_line(
        f"{words.SYMBOL[result.verdict]} {result.verdict}  {one_line(claim.name, 80)}: "
        f"{rate_words(result)} {claim.relation} {threshold} claimed, "
        f"{result.trials:,} trials{missing}",
        400,
    )
    # A CI server that reads logs for commands takes this for the start of one, anywhere in a line.
    return line.replace("##[", "# #[")


def checked(assessment: Assessment) -> Assessment:
    """The assessment, if its overall verdict is the one its claims add up to.

    Raises:
        InputError: if it is not; such a file was not written by calibrant.
    """
    from calibrant.errors import InputError

    verdicts = {c.verdict for c in assessment.claims}
    wanted = "undetermined"
    if "refuted" in verdicts:
        wanted = "refuted"
    elif verdicts == {"supported"}:
        wanted = "supported"
    if assessment.verdict != wanted:
        raise InputError(
            f"assessment of {one_line(assessment.suite)!r}: verdict: wanted {wanted!r}, which the "
            f"claims add up to, got {assessment.verdict!r}"
        )
    return assessment
