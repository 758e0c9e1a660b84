"""What does evidence of exposure do to a verdict? It lowers what exposure could explain.

Two answers are kept apart: was it there (tests of exposure), and what is the rate without it (an
inflation). A test that found nothing changes nothing; it is shown with its limit of detection.
"""

from __future__ import annotations

from calibrant._text import one_line
from calibrant.assurance.assessment import Estimate, Exposure, Verdict
from calibrant.assurance.estimate import holds, unexposed
from calibrant.assurance.evidence import Evidence
from calibrant.assurance.exposed import ExposureEvidence, ExposureTestShown, InflationShown
from calibrant.assurance.words import percent


def judged(
    evidence: Evidence, found: ExposureEvidence | None, verdict: Verdict
) -> tuple[Verdict, Exposure | None]:
    """The verdict on a claim, with what is known of exposure.

    With an inflation, a verdict stands only if the rate without exposure is wholly on its side of
    the threshold. Without one, but with a test that says "seen", a verdict that exposure helps
    (that the rate is high) is lowered to undetermined.

    Args:
        verdict: on the observed rate.
    """
    if found is None:
        return verdict, None
    claim = evidence.claim
    high = (verdict, claim.relation) in (("supported", "above"), ("refuted", "below"))
    without = None if found.inflation is None else unexposed(evidence, found.inflation)
    lowered: Verdict | None = None
    if without is not None:
        if verdict != "undetermined" and not holds(
            verdict, claim.relation, claim.threshold, without
        ):
            lowered = verdict
    elif found.seen and high:
        lowered = verdict
    said = [_was_it_there(t) for t in found.tests]
    said.append(_without(found.inflation, without))
    if found.seen and without is None and verdict != "undetermined" and not high:
        said.append(
            "Exposure raises a rate, so a verdict that it is low does not owe itself to exposure."
        )
    if lowered:
        said.append(f"The verdict was {lowered} before exposure was reckoned with.")
    return "undetermined" if lowered else verdict, Exposure(
        evidence=found, without=without, lowered_from=lowered, said=said
    )


def _was_it_there(test: ExposureTestShown) -> str:
    what = f"Was it there? {one_line(test.method, 60)} of {test.items:,} items: {test.verdict}"
    p = "" if test.p is None else f" (p = {test.p:.2g}, as {one_line(test.reason, 200)})"
    more = {
        "differs": "; a blind baseline differs as well, so that nothing follows",
        "not found": f"; {one_line(test.detects, 300) or 'its limit of detection is not known'}",
    }.get(test.verdict, "")
    return f"{what}{p}{more.rstrip('.')}."


def _without(inflation: InflationShown | None, rate: Estimate | None) -> str:
    asked = "What is the rate without it?"
    if inflation is None or rate is None or rate.value is None:
        return f"{asked} That was not estimated."
    return (
        f"{asked} {percent(rate.value)} ({100 * rate.level:.0f} % interval {percent(rate.low)} to "
        f"{percent(rate.high)}), as exposure raised the score on "
        f"{one_line(inflation.instrument, 80)} by "
        f"{100 * inflation.value:.3g} points (from {inflation.design})."
    )
