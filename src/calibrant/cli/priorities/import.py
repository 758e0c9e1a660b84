"""`calibrant priorities import`: answers of other tools as ratings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.priorities.exchange import Imported

_path = click.Path(path_type=Path)


@click.command("import")
@click.argument("file", type=_path)
@click.option("--survey", "survey_file", default="expert-survey-2025", show_default=True,
              help="The survey that was answered.")  # fmt: skip
@click.option("-o", "--out", type=_path, help="Where the ratings go: a .parquet or .csv file.")
@click.option("--tables", type=_path, metavar="FOLDER",
              help="Where comments, demographics, own areas and respondents go.")  # fmt: skip
@click.option("--map", "map_file", type=_path,
              help="YAML or CSV that says what columns and values mean.")  # fmt: skip
@click.option("--rule", metavar="TEMPLATE",
              help="How columns of ratings are named, such as Q{area}_{question}.")  # fmt: skip
@click.option("--finished-only", is_flag=True, help="Leave out who did not reach the end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, survey_file: str, out: Path | None, tables: Path | None, map_file: Path | None,
    rule: str | None, *, finished_only: bool, as_json: bool,
) -> None:  # fmt: skip
    """Read the answers in FILE, an export of Qualtrics (CSV or TSV) or a table like one.

    Columns are told by --map, by --rule, by name or ImportId (importance_4d), or by the text of
    their header. Previews, tests and spam are left out; what leads to persons is not taken over.
    Without -o, says what would be read.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.priorities.exchange import read_answers
    from calibrant.priorities.survey import read_survey, taxonomy_of
    from calibrant.records.cells import write

    if out is not None and out.suffix.lower() not in (".parquet", ".csv"):
        raise InputError(f"{out}: wanted a file that ends in .parquet or .csv")
    if out is not None and out.exists() and file.exists() and out.samefile(file):
        raise InputError(f"{out}: is the file that is read; wanted another")
    survey = read_survey(survey_file)
    taxonomy = taxonomy_of(survey, Path(survey_file).parent)
    found = read_answers(
        file, survey, taxonomy, map=map_file, rule=rule, finished_only=finished_only
    )
    written = []
    if tables is not None:
        try:
            tables.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise InputError(f"{tables}: cannot be a folder of tables ({e.strerror or e})") from e
        for name in ("comments", "demographics", "own-areas", "respondents"):
            table = getattr(found.answers, name.replace("-", "_"))
            path = tables / f"{name}.parquet"
            write(table, path)
            written.append(path)
    if out is not None:
        write(found.answers.ratings.frame, out)
        written.append(out)
    if as_json:
        click.echo(dumps(found.to_dict() | {"written": [str(p) for p in written]}, indent=1))
        return
    _print(found, written)


def _print(found: Imported, written: list[Path]) -> None:
    from calibrant._text import one_line

    plain = found.to_dict()
    click.echo(repr(found))
    states = ", ".join(f"{n:,} {state}" for state, n in plain["states"].items())
    click.echo(f"  cells: {states}")
    if found.left_out:
        gone = ", ".join(f"{n:,} {why}" for why, n in found.left_out.items())
        click.echo(f"  left out: {gone}")
    if found.unused:
        more = f" and {len(found.unused) - 8} more" * (len(found.unused) > 8)
        shown = one_line(", ".join(found.unused[:8]), 400)
        click.echo(f"  columns not used: {shown}{more}")
    for note in found.notes:
        click.echo(f"  note: {one_line(note, 400)}")
    for path in written:
        click.echo(f"{path} written", err=True)
