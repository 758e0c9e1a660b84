"""`calibrant priorities results DB -o FILE`: what respondents said, as tables."""

from __future__ import annotations

from pathlib import Path

import click

from calibrant.cli.priorities._database import JSON, database, opened


@click.command("results")
@database
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True,
              help="A file as .csv or .parquet.")  # fmt: skip
@click.option("--table", default="ratings", show_default=True, metavar="NAME",
              help="ratings, comments, demographics, own-areas, process, respondents "
              "or qualtrics.")  # fmt: skip
@click.option(
    "--while-open", is_flag=True,
    help="Although answers are still taken: two such tables show what came between.",
)  # fmt: skip
@JSON
def cli(
    db: str, people: str | None, *, out: Path, table: str, while_open: bool, as_json: bool
) -> None:
    """Write the answers to a table: every area and question of every respondent, with its state
    (answered, don't know, skipped, not shown).

    \b
    calibrant priorities results survey.db -o ratings.parquet
    calibrant priorities results survey.db -o comments.csv --table comments
    """
    from calibrant._text import dumps, one_line
    from calibrant.errors import InputError, RunFolderError
    from calibrant.report.page import write_whole
    from calibrant.web.survey.organising import take

    if table not in take.FILES:
        raise InputError(f"--table {one_line(table, 40)!r}: wanted one of {', '.join(take.FILES)}")
    with opened(db, people) as store:
        if not while_open and store.window().state != "closed":
            raise InputError(
                f"{one_line(db, 100)}: round {store.window().round} still takes answers: close it "
                "first, or say --while-open"
            )
        ending = out.suffix.lower().removeprefix(".")
        if ending not in take.FILES[table][1]:
            wanted = " or ".join(f".{e}" for e in take.FILES[table][1])
            raise InputError(f"-o {one_line(str(out), 100)}: wanted a file as {wanted}")
        data, _ = take.file(store, f"{table}.{ending}")
        came, taxonomy = len(take.respondents(store)), store.areas.which
    try:
        write_whole(out, data)
    except OSError as e:
        raise RunFolderError(f"{out}: cannot be written ({e.strerror or e})") from e
    if as_json:
        click.echo(dumps({"out": str(out), "table": table, "respondents": came,
                          "taxonomy": taxonomy}, indent=1))  # fmt: skip
        return
    # Not everybody has a row in the other tables.
    whose = f" of {came:,} respondents" if table in ("ratings", "respondents", "qualtrics") else ""
    rated = f" (taxonomy {one_line(taxonomy, 80)})" if taxonomy and table == "ratings" else ""
    click.echo(f"{table}{whose} in {out}{rated}")
