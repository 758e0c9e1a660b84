"""`calibrant items datasheet RESPONSES`: one page that says what a benchmark measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.items.options import BANKS, family_options, level_option, seed_option
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options


@click.command("datasheet")
@click.argument("source", metavar="RESPONSES")
@source_options
@click.option("--about", type=click.Path(path_type=Path), metavar="YAML",
              help="What the author says: name, version, purpose, licence, links, …")  # fmt: skip
@click.option("--cut", "cuts", multiple=True, type=click.Path(path_type=Path), metavar="JSON",
              help="A threshold from 'calibrant items cut'; may be repeated.")  # fmt: skip
@click.option("--model", type=click.Choice((*BANKS, "continuous", "none")), default="auto",
              show_default=True,
              help="Of the item responses, as for 'items fit'; 'none' for none.")  # fmt: skip
@family_options
@click.option("--groups", metavar="COLUMN",
              help="What items measure; by default 'category'.")  # fmt: skip
@level_option
@seed_option
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="HTML",
              help="Where the page goes; by default datasheet.html.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="Print one JSON document on stdout; no page unless -o is given.")  # fmt: skip
def cli(source: str, *, out: Path | None, as_json: bool, **options: Any) -> None:
    """Write the datasheet of the benchmark in RESPONSES: one HTML page that opens offline."""
    from calibrant._text import dumps, one_line
    from calibrant.quality.datasheet import datasheet
    from calibrant.report.datasheet import write_datasheet

    tables = {"items": options["items_table"], "subjects": options["subjects_table"]}
    with working("datasheet"):
        sheet = datasheet(
            responses_of(source, options), provenance={"source": source, **tables}, **options
        )
    if out is not None or not as_json:
        path = write_datasheet(sheet, out or Path("datasheet.html"))
        click.echo(one_line(f"page written to {path}", 1000), err=True)
    if as_json:
        click.echo(dumps(sheet.to_dict(), indent=1))
        return
    click.echo(one_line(sheet.name, 200))
    for finding in sheet.findings:
        click.echo(f"- {one_line(finding, 600)}")
