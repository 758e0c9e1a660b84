"""`calibrant report ASSESSMENT`: make the HTML report again, or any other format."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("assessment", type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    metavar="FORMAT",
    help="html (default), junit, sarif, markdown, eee, oscal, croissant, csv, parquet; may repeat.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Where to write: a file; a folder for several formats.",
)
def cli(assessment: Path, formats: tuple[str, ...], out: Path | None) -> None:
    """Make the report of ASSESSMENT, a run folder or an assessment.json, again.

    By default the HTML report is written into the run folder. Other formats are for other tools.
    """
    from calibrant.errors import InputError
    from calibrant.report.exports import FORMATS, export
    from calibrant.report.exports.source import read_run

    names = list(dict.fromkeys(formats)) or ["html"]
    for name in names:
        if name not in FORMATS:
            raise InputError(f"--format: wanted one of {', '.join(FORMATS)}, got {name!r}")
    run = read_run(assessment)
    folder = assessment if assessment.is_dir() else assessment.parent
    for name in names:
        target = _target(out, folder, FORMATS[name].file, several=len(names) > 1)
        for path in export(run, name, target):
            click.echo(path)


def _target(out: Path | None, folder: Path, file: str, *, several: bool) -> Path:
    from calibrant.errors import RunFolderError

    if out is None:
        return folder / file
    if not several and not out.is_dir():
        return out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise RunFolderError(f"{out}: the folder cannot be made ({e.strerror})") from e
    return out / file
