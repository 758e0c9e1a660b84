"""`calibrant gate RUN…`: may this change go in? Verdicts of finished runs, for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.assurance.assessment import Assessment


@click.command("gate")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML here.")
@click.option("--sarif", type=click.Path(path_type=Path), help="Write SARIF 2.1.0 here.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write a Markdown summary here.")
@click.option(
    "--github", is_flag=True, help="Add annotations and the step summary of GitHub Actions."
)
@click.option(
    "--allow-undetermined", is_flag=True, help="Exit with 0 if no claim is refuted; JUnit: skipped."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    runs: tuple[Path, ...],
    *,
    junit: Path | None,
    sarif: Path | None,
    markdown: Path | None,
    github: bool,
    allow_undetermined: bool,
    as_json: bool,
) -> None:
    """Print one line per claim of RUNS, run folders or assessment.json files; call no model.

    \b
    Exit codes: 0 all claims supported; 1 one refuted; 3 one undetermined and none refuted;
    2 a run cannot be read.
    """
    from calibrant.assurance.assessment import read_assessment
    from calibrant.report.exports import facts, write_files
    from calibrant.report.exports import junit as as_junit
    from calibrant.report.exports import markdown as as_markdown
    from calibrant.report.exports import sarif as as_sarif

    found = [facts.checked(read_assessment(run)) for run in runs]
    code = max((a.exit_code for a in found), key=[0, 3, 1].index)
    if code == 3 and allow_undetermined:
        code = 0
    if as_json:
        from calibrant._text import dumps

        click.echo(dumps(_summary(runs, found, code), indent=1))
    else:
        _print(runs, found)
    if junit is not None:
        data = as_junit.document(found, allow_undetermined=allow_undetermined)
        write_files({junit.name: data}, junit.parent)
    if sarif is not None:
        write_files({sarif.name: as_sarif.document(found)}, sarif.parent)
    if markdown is not None:
        write_files({markdown.name: as_markdown.document(found).encode("utf-8")}, markdown.parent)
    if github:
        from calibrant.report.github import add_step_summary, workflow_commands

        for command in (c for a in found for c in workflow_commands(a)):
            click.echo(command, err=as_json)
        add_step_summary(as_markdown.document(found))
    raise SystemExit(code)


def _print(runs: tuple[Path, ...], found: list[Assessment]) -> None:
    from calibrant._text import one_line
    from calibrant.report.exports.facts import claim_line

    for run, assessment in zip(runs, found, strict=True):
        head = one_line(f"{run}: {assessment.subject} by {assessment.suite}", 300)
        click.echo(f"calibrant {assessment.verdict}: {head}".replace("##[", "# #["))
        for result in assessment.claims:
            click.echo(f"  {claim_line(result)}")


def _summary(runs: tuple[Path, ...], found: list[Assessment], code: int) -> dict[str, object]:
    from calibrant.report.exports.facts import facts

    return {
        "exit_code": code,
        "runs": [
            {
                "run": str(run),
                "suite": a.suite,
                "subject": a.subject,
                "verdict": a.verdict,
                "claims": [{"name": c.claim.name, **facts(c)} for c in a.claims],
            }
            for run, a in zip(runs, found, strict=True)
        ],
    }
