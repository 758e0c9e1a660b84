"""`calibrant report ASSESSMENT`: make the HTML report again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("assessment", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where to write the report.")
def cli(assessment: Path, out: Path | None) -> None:
    """Make the HTML report of ASSESSMENT, a run folder or an assessment.json, again."""
    from calibrant.assurance.assessment import read_assessment
    from calibrant.report import write_html

    result = read_assessment(assessment)
    folder = assessment if assessment.is_dir() else assessment.parent
    target = out or folder / "report.html"
    write_html(result, target)
    click.echo(target)
