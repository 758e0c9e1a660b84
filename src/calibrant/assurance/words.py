"""How is a finding said? Sentences about claims, verdicts and what they rest on."""

from __future__ import annotations

from calibrant._text import one_line
from calibrant.assurance.assessment import Estimate, Exposure, Grading, Verdict
from calibrant.assurance.evidence import Evidence
from calibrant.assurance.suite import Claim
from calibrant.assurance.thresholds import CutUsed
from calibrant.bench.streams import Stream
from calibrant.stats import Follower


def percent(rate: float) -> str:
    """A rate as a percentage with three significant digits at most: 0.05 → "5 %"."""
    value = 100 * rate
    if value == 0 or value == 100:
        return f"{value:.0f} %"
    digits = 1 if 1 <= value <= 99 else 2 if 0.1 <= value <= 99.9 else 3
    text = f"{value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def counted_as(claim: Claim) -> str:
    """What is counted, in words."""
    return f"“{claim.score}”" if claim.counts is None else f"“{claim.score} = {claim.counts}”"


def statement(claim: Claim, key: str, size: int | None) -> str:
    """The claim as a sentence without a verb of certainty."""
    where = f"on {key}" if size is None else f"on the {size:,} items of {key}"
    rate = "true rate, by gold," if claim.gold else "rate"
    said = (
        f"the {rate} of {counted_as(claim)} {where} is {claim.relation} {percent(claim.threshold)}"
    )
    return said if claim.cut is None else f"{said} ({set_by(claim.cut)})"


def set_by(cut: CutUsed) -> str:
    """Where a threshold comes from, in words."""
    error = "no standard error" if cut.standard_error is None else (
        f"standard error {percent(cut.standard_error)}"
    )  # fmt: skip
    said = f"cut by {one_line(cut.origin, 120)}, {error}"
    if cut.side == "value":
        return said
    return f"{cut.side} {percent(cut.level)} limit of the {said}"


def headline(
    evidence: Evidence, key: str, estimate: Estimate, said: Verdict, without: Estimate | None = None
) -> str:
    """The finding on one claim, as a scientist would write it; `without` exposure, if known."""
    claim = evidence.claim
    verdict = {
        "supported": "The evidence supports that",
        "refuted": "The evidence refutes that",
        "undetermined": "The evidence does not decide whether",
    }[said]
    size = evidence.design.rates.items
    seen = "no trial gave a score"
    if estimate.value is not None:
        by_gold = "corrected for its grader's errors " if claim.gold else ""
        seen = (
            f"{counted_as(claim)} in {evidence.counted:,} of {evidence.observed:,} trials "
            f"({by_gold}{percent(estimate.value)}; {100 * estimate.level:.0f} % interval "
            f"{percent(estimate.low)} to {percent(estimate.high)})"
        )
    if without is not None and without.value is not None:
        seen += (
            f", without exposure {percent(without.value)} ({percent(without.low)} to "
            f"{percent(without.high)})"
        )
    failed = f"; {evidence.missing:,} failed" if evidence.missing else ""
    return f"{verdict} {statement(claim, key, size)}: {seen}{failed}."


def reason(
    evidence: Evidence,
    stopped_by: str | None,
    grading: Grading | None,
    exposure: Exposure | None = None,
) -> str:
    """Why this verdict, in one sentence."""
    claim, n = evidence.claim, len(evidence.trials)
    alpha = percent(claim.alpha)
    if grading is not None and grading.lowered_from is not None:
        return _lowered(grading)
    if exposure is not None and exposure.lowered_from is not None:
        return _lowered_by_exposure(exposure)
    if evidence.verdict == "supported":
        return (
            f"The evidence reached the boundary for support after {n:,} trials; a false claim "
            f"would be supported in at most {alpha} of such assessments."
        )
    if evidence.verdict == "refuted":
        return (
            f"The evidence reached the boundary for refutation after {n:,} trials; a true claim "
            f"would be refuted in at most {alpha} of such assessments."
        )
    against, favour = evidence.against, evidence.favour
    if evidence.open:
        limit = stopped_by or "the end of the items"
        return f"The run was ended by {limit} after {n:,} trials, before the evidence decided."
    if evidence.missing and against.state != favour.state:
        return (
            f"{evidence.missing:,} of {n:,} trials failed, and their outcomes could flip the "
            f"verdict: counted against the claim they leave it {_standing(against)}, counted for "
            f"it {_standing(favour)}."
        )
    states = (against.state, favour.state)
    if "exhausted" in states:
        return (
            f"All {evidence.design.at_most:,} trials allowed were used without reaching a boundary."
        )
    return (
        f"After {n:,} trials support was out of reach, and the observed rate no longer spoke "
        "against the claim: the true rate probably lies near the threshold."
    )


def _lowered(grading: Grading) -> str:
    """Why a verdict on the graded rate does not stand."""
    card = grading.card
    name = one_line(card.name, 80) if card is not None else "the grader"
    said = f"The verdicts of {name} would have {grading.lowered_from} it, but "
    if grading.study is None:
        return said + "its card shows no gold labels, so nobody knows how often it errs."
    if grading.true is None:
        return said + "by its card they are no better than chance."
    true = grading.true
    return said + (
        f"by its card's {grading.study.positives.labels + grading.study.negatives.labels} gold "
        f"labels the true rate may lie anywhere from {percent(true.low_if_missing)} to "
        f"{percent(true.high_if_missing)}: the grader's errors could flip the verdict."
    )


def _lowered_by_exposure(exposure: Exposure) -> str:
    """Why a verdict on the observed rate does not stand."""
    said = f"The observed rate would have {exposure.lowered_from} it, but "
    if exposure.without is None:
        return said + (
            "the subject has seen items of this test, and nobody has estimated what its score is "
            "without that."
        )
    return said + (
        f"without exposure the rate may lie anywhere from "
        f"{percent(exposure.without.low_if_missing)} to "
        f"{percent(exposure.without.high_if_missing)}: exposure could explain the verdict."
    )


def _standing(path: Follower) -> str:
    """What one path came to."""
    if path.state in ("supported", "refuted"):
        return path.state
    return "without hope of support" if path.closed else "undecided"


def assumptions(
    evidence: Evidence,
    stream: Stream,
    claims: int,
    grading: Grading | None,
    exposure: Exposure | None = None,
) -> list[str]:
    """What the verdict rests on, in sentences."""
    claim = evidence.claim
    given = [
        f"The score {counted_as(claim)} measures what the claim means by it "
        f"({stream.key}: {stream.title.rstrip('.')}).",
    ]
    if stream.size is None:
        given.append(
            "Items are drawn independently at random from the instrument's generator, so the rate "
            "is one over everything it can generate, each family as often as it draws it; it is "
            "not a rate over real users or attackers."
        )
    elif evidence.study is not None:
        given.append(
            f"The {stream.size:,} items of this data set are a random sample of what the claim is "
            "about."
        )
    else:
        given.append(
            f"The claim is about the {stream.size:,} items of this data set with one answer each, "
            "taken in random order without replacement; it says nothing about other items."
        )
    given.append(
        "The subject answers each item independently of the others, and does not change while it "
        "is tested."
    )
    given.append(
        "Failed trials keep their place; a verdict is given only if it holds whatever their "
        "outcomes would have been."
    )
    if grading is not None and grading.study is not None:
        given.append(
            "The grader errs on these answers as often as on those that have gold labels, given "
            "what the truth is; and the gold labels are true."
        )
    if grading is not None and grading.card is not None and grading.card.valid_until_model:
        given.append(
            "The grader is the one its card is about: "
            f"{one_line(grading.card.valid_until_model, 120)}."
        )
    if exposure is not None:
        given.append("Exposure to items, if there was any, raises the counted rate.")
        if exposure.evidence.inflation is not None and exposure.without is not None:
            given.append(
                "The inflation by exposure is the same here as on "
                f"{one_line(exposure.evidence.inflation.instrument, 80)}, where it was estimated."
            )
    if claim.cut is not None:
        given.append(_of_the_cut(claim.cut, claim.alpha))
    if claims > 1:
        given.append(
            f"Error rates hold for each claim by itself: with {claims} claims, the chance that "
            f"some false one is supported is at most the sum of their alphas."
        )
    return given


def _of_the_cut(cut: CutUsed, alpha: float) -> str:
    """What a verdict owes to the cut that set its threshold."""
    where = f"The threshold is from {one_line(cut.file, 120)} (SHA-256 {cut.sha256[:16]}…): "
    if cut.side == "value":
        return (
            f"{where}the cut is taken as exact. Its own uncertainty, {percent(cut.low)} to "
            f"{percent(cut.high)} at {percent(cut.level)}, is no part of the error rates."
        )
    tail = (1 - cut.level) / 2
    return (
        f"{where}the {cut.side} limit of its {percent(cut.level)} interval, {percent(cut.low)} to "
        f"{percent(cut.high)}, and not its value {percent(cut.value)}, so that the cut's own "
        f"uncertainty is included: the chance of support though the rate is not "
        f"{cut.direction} what the panel means is at most about {percent(alpha + tail)}."
    )
