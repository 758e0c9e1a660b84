"""Claims as test cases, in the JUnit XML that CI servers read.

A refuted claim is a failure. An undetermined one is an error: the check could not come to a
result. Where undetermined claims are allowed it is skipped. The file follows the schema of
Surefire and that of the Jenkins xUnit plugin; several suites have one element around them, which
only the latter knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from calibrant._text import one_line, shown
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report.exports.facts import texts
from calibrant.report.exports.source import Run


def render(run: Run, file: str) -> dict[str, bytes]:
    """One test suite with a test case per claim."""
    return {file: document([run.assessment])}


def document(assessments: Sequence[Assessment], *, allow_undetermined: bool = False) -> bytes:
    """JUnit XML of assessments, one test suite each.

    Args:
        assessments: at least one.
        allow_undetermined: count an undetermined claim as skipped, not as an error.
    """
    suites = [_suite(a, allow_undetermined) for a in assessments]
    root = suites[0]
    if len(suites) != 1:
        root = ElementTree.Element("testsuites", name="calibrant")
        for total in ("tests", "failures", "errors"):
            root.set(total, str(sum(int(s.attrib[total]) for s in suites)))
        root.extend(suites)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _suite(assessment: Assessment, allow_undetermined: bool) -> ElementTree.Element:
    verdicts = [c.verdict for c in assessment.claims]
    open_ones = verdicts.count("undetermined")
    suite = ElementTree.Element(
        "testsuite",
        name=one_line(assessment.suite),
        tests=str(len(verdicts)),
        failures=str(verdicts.count("refuted")),
        errors="0" if allow_undetermined else str(open_ones),
        skipped=str(open_ones) if allow_undetermined else "0",
        time=f"{max(assessment.usage.seconds, 0):.3f}",
    )
    properties = ElementTree.SubElement(suite, "properties")
    provenance = assessment.provenance
    for name, value in {
        "subject": assessment.subject,
        "verdict": assessment.verdict,
        "stopped_by": assessment.stopped_by or "none",
        "finished": provenance.finished,
        "seed": str(provenance.seed),
        "suite_sha256": provenance.suite_sha256,
        "command": provenance.command,
        "calibrant": provenance.versions.get("calibrant", "unknown"),
    }.items():
        ElementTree.SubElement(properties, "property", name=name, value=one_line(value, 1000))
    for result in assessment.claims:
        suite.append(_case(assessment, result, allow_undetermined))
    return suite


def _case(
    assessment: Assessment, result: ClaimResult, allow_undetermined: bool
) -> ElementTree.Element:
    claim = result.claim
    # Dots would be read as packages.
    group = f"{assessment.suite}.{claim.instrument.replace('.', '_')}"
    # Claims on one instrument share their trials; the time is known of the suite only.
    case = ElementTree.Element(
        "testcase", name=one_line(claim.name), classname=one_line(group), time="0"
    )
    headline, reason = one_line(result.headline, 1000), one_line(result.reason, 1000)
    if result.verdict == "refuted":
        failure = ElementTree.SubElement(case, "failure", message=headline, type="refuted")
        failure.text = reason
    elif result.verdict == "undetermined" and allow_undetermined:
        ElementTree.SubElement(case, "skipped", message=f"{headline} {reason}")
    elif result.verdict == "undetermined":
        error = ElementTree.SubElement(case, "error", message=headline, type="undetermined")
        error.text = reason
    numbers = [f"{name}: {value}" for name, value in texts(result).items()]
    out = ElementTree.SubElement(case, "system-out")
    out.text = shown("\n".join([headline, reason, *numbers]), 20_000)
    return case
