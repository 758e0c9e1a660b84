"""`calibrant priorities export`: ratings for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.priorities.exchange import Answers
    from calibrant.records.ratings import Ratings

_path = click.Path(path_type=Path)


@click.command("export")
@click.argument("ratings", type=_path)
@click.option("-o", "--out", type=_path, required=True, help="The file to write.")
@click.option("--format", "kind", type=click.Choice(["csv", "parquet", "qualtrics"]),
              help="By default what the file's name ends in.")  # fmt: skip
@click.option("--survey", "survey_file", default="expert-survey-2025", show_default=True,
              help="The survey that was answered; for --format qualtrics.")  # fmt: skip
@click.option("--tables", type=_path, metavar="FOLDER",
              help="Comments and other tables, as `import --tables` wrote them.")  # fmt: skip
@click.option("--numbers", is_flag=True, help="The scale's numbers instead of its labels.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    ratings: Path, out: Path, kind: str | None, survey_file: str, tables: Path | None, *,
    numbers: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write RATINGS (.csv, .tsv, .jsonl, .parquet) for other tools.

    csv and parquet hold the long table of ratings; qualtrics is a CSV with three header rows and
    one row per respondent and round. In CSV nothing is taken for a formula by a spreadsheet.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.records.cells import to_bytes, write_bytes
    from calibrant.records.ratings import as_ratings

    kind = kind or {".csv": "csv", ".parquet": "parquet"}.get(out.suffix.lower())
    if kind is None:
        raise InputError(f"{out}: wanted a name that ends in .csv or .parquet, or --format")
    if kind != "qualtrics" and (tables is not None or numbers):
        raise InputError("--tables and --numbers go with --format qualtrics")
    if out.exists() and ratings.exists() and out.samefile(ratings):
        raise InputError(f"{out}: is the file that is read; wanted another")
    table = as_ratings(ratings)
    data = (
        _qualtrics(table, survey_file, tables, numbers)
        if kind == "qualtrics"
        else to_bytes(table.frame, f".{kind}")
    )
    write_bytes(data, out)
    if as_json:
        document = {"written": str(out), "format": kind, "rows": table.frame.height,
                    "bytes": len(data)}  # fmt: skip
        click.echo(dumps(document, indent=1))
        return
    click.echo(f"{out} written: {table!r}", err=True)


def _qualtrics(table: Ratings, survey_file: str, tables: Path | None, numbers: bool) -> bytes:
    from calibrant.priorities.exchange import qualtrics_csv
    from calibrant.priorities.survey import read_survey, taxonomy_of

    survey = read_survey(survey_file)
    taxonomy = taxonomy_of(survey, Path(survey_file).parent)
    return qualtrics_csv(_answers(table, tables), survey, taxonomy, numbers=numbers)


def _answers(table: Ratings, tables: Path | None) -> Answers:
    from calibrant.errors import InputError
    from calibrant.priorities.exchange import Answers

    found = {}
    for name in ("comments", "demographics", "own-areas", "respondents") if tables else ():
        paths = [Path(f"{tables}/{name}{e}") for e in (".parquet", ".csv")]
        found[name.replace("-", "_")] = next((p for p in paths if p.is_file()), None)
    if tables is not None and not any(found.values()):
        raise InputError(f"{tables}: wanted a folder with tables such as comments.parquet")
    return Answers.of(table, **found)
