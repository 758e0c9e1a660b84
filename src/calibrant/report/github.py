"""What does a GitHub Actions job show? Annotations on the log and a step summary."""

from __future__ import annotations

import os
from pathlib import Path

from calibrant._text import one_line
from calibrant.assurance.assessment import Assessment
from calibrant.errors import InputError, RunFolderError
from calibrant.report.exports.sarif import claim_lines, suite_file

_LEVEL = {"refuted": "error", "undetermined": "warning"}


def workflow_commands(assessment: Assessment) -> list[str]:
    """One workflow command for each claim that is not supported, at its place in the suite."""
    place = suite_file(assessment)
    lines = claim_lines(assessment.provenance.suite_text)
    commands = []
    for result in assessment.claims:
        if result.verdict not in _LEVEL:
            continue
        values = {"title": f"{result.verdict}: {one_line(result.claim.name, 100)}"}
        if place is not None:
            values = {"file": place, **values}
            if result.claim.name in lines:
                values["line"] = str(lines[result.claim.name])
        given = ",".join(f"{k}={_value(v)}" for k, v in values.items())
        text = one_line(f"{result.headline} {result.reason}", 2000)
        commands.append(f"::{_LEVEL[result.verdict]} {given}::{_data(text)}")
    return commands


def add_step_summary(markdown: str) -> Path:
    """Append Markdown to the summary of the step that is running.

    Raises:
        InputError: outside a GitHub Actions step.
        RunFolderError: if the summary cannot be written.
    """
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        raise InputError("--github: wanted GITHUB_STEP_SUMMARY in the environment, found none")
    path = Path(name)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as e:
        raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
    return path


def _data(text: str) -> str:
    """Text as the message of a workflow command; older runners look for ##[ anywhere in a line."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace("##[", "# #[")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
