"""`calibrant priorities report TABLE_OR_RATINGS`: everything on one page that prints."""

from __future__ import annotations

from pathlib import Path

import click

from calibrant.cli.priorities._options import of_areas, own_areas, owned


@click.command("report")
@click.argument("source", metavar="TABLE_OR_RATINGS", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("priorities.html"),
              show_default=True, metavar="HTML", help="Where the page goes.")  # fmt: skip
@click.option("--title", help="Of the page; by default the file's name.")
@click.option("--budget", metavar="MONEY", help="With it, the page has a portfolio: 100M.")
@click.option("--grant", default="10M", show_default=True, metavar="MONEY",
              help="What one grant costs.")  # fmt: skip
@click.option("--long-term", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              metavar="SHARE", help="Share of the budget for the long term.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=10, show_default=True,
              help="Areas to be funded.")  # fmt: skip
@owned
@click.option("--instruments", type=click.Path(path_type=Path), metavar="FILE",
              help="Your own: a table (instrument, area, weight) or YAML.")  # fmt: skip
@click.option("--assessments", type=click.Path(path_type=Path), multiple=True, metavar="PATH",
              help="Assessments or folders of them: their verdicts count.")  # fmt: skip
@click.option("--published", type=click.Path(path_type=Path), metavar="TABLE",
              help="A published table to compare the ranking with.")  # fmt: skip
@of_areas
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Also print one JSON document on stdout.")
def cli(
    source: Path, *, out: Path, title: str | None, budget: str | None, grant: str,
    long_term: float, top: int, own: Path | None, instruments: Path | None,
    assessments: tuple[Path, ...], published: Path | None, survey: Path | None,
    taxonomy: str | None, scale: str | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Write one HTML page: ranks, map, gaps, consensus, integrity, coverage, portfolio, audit.

    It needs nothing from elsewhere, opens offline and prints on A4.
    """
    import shlex
    import sys

    from calibrant._text import dumps, one_line
    from calibrant.errors import InputError
    from calibrant.priorities.portfolio.terms import money
    from calibrant.report.priorities import priority_page, write_priorities

    if not out.parent.is_dir():
        raise InputError(f"{out}: cannot be written: there is no folder {out.parent}")
    page = priority_page(
        source, title=title, budget=None if budget is None else money(budget),
        grant=money(grant), long_term=long_term, top=top,
        own=own_areas(own), instruments=instruments,
        assessments=assessments, published=published, survey=survey, taxonomy=taxonomy,
        scale=scale, seed=seed,
        command=shlex.join(["calibrant", *sys.argv[1:]]),
    )  # fmt: skip
    path = write_priorities(page, out)
    click.echo(one_line(f"page written to {path}", 1000), err=True)
    if as_json:
        click.echo(dumps(page.to_dict(), indent=1))
        return
    for finding in page.findings:
        click.echo(f"- {one_line(finding, 600)}")
