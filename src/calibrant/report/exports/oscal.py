"""The assessment as NIST OSCAL 1.1.3 assessment results, for compliance tools.

A claim is an objective: satisfied if it is supported, else not satisfied, with the reason "fail"
for a refuted and "other" for an undetermined one. A refuted claim is also a risk. The suite stands
for the assessment plan; it lies in the back matter.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from calibrant._text import dumps, one_line, shown
from calibrant._version import __version__
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.errors import InputError
from calibrant.records import content_hash
from calibrant.report.exports.facts import texts
from calibrant.report.exports.source import Run, ident

OSCAL_VERSION = "1.1.3"
NS = "https://calibrant.invalid/ns/oscal"
"""The namespace of calibrant's own properties; an identifier, not an address."""

_STATUS = {
    "supported": ("satisfied", "pass"),
    "refuted": ("not-satisfied", "fail"),
    "undetermined": ("not-satisfied", "other"),
}


def render(run: Run, file: str) -> dict[str, bytes]:
    """The OSCAL document of one assessment, as JSON.

    Raises:
        InputError: if the run's times are none.
    """
    return {file: dumps(document(run.assessment), indent=1).encode() + b"\n"}


def document(assessment: Assessment) -> dict[str, Any]:
    """OSCAL assessment results as plain data; every UUID is made from content.

    Raises:
        InputError: if the run's times are none.
    """
    p = assessment.provenance
    start, end = _time(p.started, "started"), _time(p.finished, "finished")
    plan, evidence = ident(assessment, "suite"), ident(assessment, "assessment")
    result = {
        "uuid": ident(assessment, "result"),
        "title": one_line(f"Assessment of {assessment.subject} by {assessment.suite}"),
        "description": one_line(repr(assessment).splitlines()[0]),
        "start": start,
        "end": end,
        "props": _props({"verdict": assessment.verdict, "stopped-by": assessment.stopped_by}),
        "reviewed-controls": {
            "description": "The claims of the suite; no control catalogue is meant.",
            "control-selections": [{"description": "All claims of the suite.", "include-all": {}}],
        },
        "observations": [_observation(assessment, c, evidence, end) for c in assessment.claims],
        "findings": [_finding(assessment, c) for c in assessment.claims],
    }
    risks = [_risk(assessment, c) for c in assessment.claims if c.verdict == "refuted"]
    if risks:
        result["risks"] = risks
    return {
        "assessment-results": {
            "uuid": ident(assessment, "oscal"),
            "metadata": {
                "title": one_line(f"calibrant: {assessment.suite}"),
                "last-modified": end,
                "version": one_line(p.suite_sha256[:12]) or "unknown",
                "oscal-version": OSCAL_VERSION,
                "props": _props({"calibrant-version": __version__}),
            },
            "import-ap": {"href": f"#{plan}"},
            "results": [{k: v for k, v in result.items() if v != []}],
            "back-matter": {"resources": _resources(assessment, plan, evidence)},
        }
    }


def objective(result: ClaimResult) -> str:
    """The identifier of a claim as an objective: an OSCAL token, the same for the same claim."""
    digest = content_hash([result.claim.name, result.claim.statement])
    return f"claim-{digest[:16]}"


def _observation(a: Assessment, c: ClaimResult, evidence: str, end: str) -> dict[str, Any]:
    return {
        "uuid": ident(a, "observation", c.claim.name),
        "title": one_line(c.claim.name),
        "description": one_line(c.headline, 2000),
        "props": _props({k.replace("_", "-"): v for k, v in texts(c).items()}),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "relevant-evidence": [
            {"href": f"#{evidence}", "description": "The assessment with its evidence."}
        ],
        "collected": end,
        "remarks": "\n".join(one_line(s, 1000) for s in [c.population.statement, *c.assumptions]),
    }


def _finding(a: Assessment, c: ClaimResult) -> dict[str, Any]:
    state, reason = _STATUS[c.verdict]
    finding = {
        "uuid": ident(a, "finding", c.claim.name),
        "title": one_line(c.claim.name),
        "description": one_line(c.headline, 2000),
        "target": {
            "type": "objective-id",
            "target-id": objective(c),
            "title": one_line(c.claim.name),
            "description": one_line(c.claim.statement, 1000),
            "status": {"state": state, "reason": reason, "remarks": one_line(c.reason, 1000)},
        },
        "related-observations": [{"observation-uuid": ident(a, "observation", c.claim.name)}],
    }
    if c.verdict == "refuted":
        finding["related-risks"] = [{"risk-uuid": ident(a, "risk", c.claim.name)}]
    return finding


def _risk(a: Assessment, c: ClaimResult) -> dict[str, Any]:
    return {
        "uuid": ident(a, "risk", c.claim.name),
        "title": one_line(f"Refuted: {c.claim.name}"),
        "description": one_line(c.headline, 2000),
        "statement": one_line(f"It is not the case that {c.claim.statement}. {c.reason}", 2000),
        "status": "open",
        "related-observations": [{"observation-uuid": ident(a, "observation", c.claim.name)}],
    }


def _resources(a: Assessment, plan: str, evidence: str) -> list[dict[str, Any]]:
    text = a.provenance.suite_text.encode("utf-8", "replace")
    return [
        {
            "uuid": plan,
            "title": "The suite of claims",
            "description": "What was claimed and how it was tested; it stands for the plan.",
            "props": _props({"sha256": a.provenance.suite_sha256}),
            "base64": {
                "filename": "suite.yaml",
                "media-type": "application/yaml",
                "value": base64.b64encode(text).decode("ascii"),
            },
        },
        {
            "uuid": evidence,
            "title": "The assessment",
            "description": shown(f"Verdicts and evidence of {one_line(a.subject)}.", 400),
            "rlinks": [{"href": "assessment.json", "media-type": "application/json"}],
        },
    ]


def _props(values: dict[str, Any]) -> list[dict[str, str]]:
    pairs = ((name, one_line(str(v), 500)) for name, v in values.items() if v is not None)
    return [{"name": name, "ns": NS, "value": value} for name, value in pairs if value]


def _time(text: str, what: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise InputError(f"provenance: {what}: wanted a time, got {one_line(text, 60)!r}") from e
    if at.tzinfo is None:
        raise InputError(f"provenance: {what}: wanted a time with its zone, got {text!r}")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
