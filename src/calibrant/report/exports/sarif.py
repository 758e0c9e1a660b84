"""Claims that did not hold, as SARIF 2.1.0: refuted as errors, undetermined as notes.

The place of a result is the claim in the suite file, where the command that made the run names
one inside the working directory; else it is assessment.json.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

import yaml

from calibrant._text import dumps, one_line
from calibrant._version import __version__
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.records import content_hash
from calibrant.report.exports.facts import facts
from calibrant.report.exports.source import Run, ident

_RULES = [
    {
        "id": "claim-refuted",
        "name": "ClaimRefuted",
        "shortDescription": {"text": "The evidence refutes a claim."},
        "fullDescription": {
            "text": "The sequential test reached the boundary for refutation. A true claim is "
            "refuted with a chance of at most the claim's alpha."
        },
        "defaultConfiguration": {"level": "error"},
    },
    {
        "id": "claim-undetermined",
        "name": "ClaimUndetermined",
        "shortDescription": {"text": "The evidence does not decide a claim."},
        "fullDescription": {
            "text": "The run ended before the evidence supported or refuted the claim."
        },
        "defaultConfiguration": {"level": "note"},
    },
]
_LEVEL = {"refuted": (0, "error"), "undetermined": (1, "note")}


def render(run: Run, file: str) -> dict[str, bytes]:
    """The log of one assessment."""
    return {file: document([run.assessment])}


def document(assessments: Sequence[Assessment]) -> bytes:
    """A SARIF log with one run per assessment."""
    log = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
        "sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [_run(a) for a in assessments],
    }
    return dumps(log, indent=1).encode() + b"\n"


def _run(assessment: Assessment) -> dict[str, Any]:
    place, lines = suite_file(assessment), claim_lines(assessment.provenance.suite_text)
    results = []
    for result in assessment.claims:
        if result.verdict in _LEVEL:
            line = lines.get(result.claim.name) if place else None
            results.append(_result(assessment, result, place or "assessment.json", line))
    p = assessment.provenance
    return {
        "tool": {"driver": {"name": "calibrant", "version": __version__, "rules": _RULES}},
        "automationDetails": {
            "id": f"calibrant/{one_line(assessment.suite)}/",
            "guid": ident(assessment, "sarif"),
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "subject": one_line(assessment.subject),
            "verdict": assessment.verdict,
            "suite_sha256": p.suite_sha256,
            "seed": p.seed,
            "finished": p.finished,
        },
    }


def _result(
    assessment: Assessment, result: ClaimResult, place: str, line: int | None
) -> dict[str, Any]:
    index, level = _LEVEL[result.verdict]
    physical: dict[str, Any] = {"artifactLocation": {"uri": place}}
    if line is not None:
        physical["region"] = {"startLine": line}
    claim = result.claim
    # The same claim about the same subject is the same finding, whatever the numbers were.
    print_ = content_hash([assessment.subject, assessment.suite, claim.name, claim.statement])
    return {
        "ruleId": _RULES[index]["id"],
        "ruleIndex": index,
        "level": level,
        "message": {
            "text": one_line(f"{claim.name}: {result.headline} {result.reason}", 2000),
        },
        "locations": [{"physicalLocation": physical}],
        "partialFingerprints": {"claim/v1": print_},
        "properties": facts(result),
    }


def suite_file(assessment: Assessment) -> str | None:
    """The suite's path as a URI reference, as far as the run's command says where it lies."""
    try:
        parts = shlex.split(assessment.provenance.command)
    except ValueError:
        return None
    for part in parts[1:]:
        if part.startswith("-") or not part.endswith((".yaml", ".yml")):
            continue
        path = PurePosixPath(part)
        if path.is_absolute() or PureWindowsPath(part).is_absolute() or ".." in path.parts:
            return None
        return quote(str(path))
    return None


def claim_lines(text: str) -> dict[str, int]:
    """The line (from 1) at which each claim of a suite's text begins, by the claim's name."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    lines: dict[str, int] = {}
    for claim in _sequence(_value(root, "claims")):
        name = _value(claim, "name")
        if isinstance(name, yaml.ScalarNode):
            lines.setdefault(name.value, claim.start_mark.line + 1)
    return lines


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for k, v in node.value:
            if isinstance(k, yaml.ScalarNode) and k.value == key:
                found: yaml.Node = v
                return found
    return None


def _sequence(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
