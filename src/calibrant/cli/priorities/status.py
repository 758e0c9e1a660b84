"""`calibrant priorities status DB`: how many were invited, came, finished, and what is short?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from calibrant.cli.priorities._database import JSON, database, opened

if TYPE_CHECKING:
    from calibrant.web.survey.organising.organise import Status


@click.command("status")
@database
@click.option("--wanted", type=click.IntRange(1), default=5, show_default=True,
              help="Answers that each area should have.")  # fmt: skip
@click.option("--areas", "by_area", is_flag=True, help="List the areas that are short too.")
@JSON
def cli(db: str, people: str | None, *, wanted: int, by_area: bool, as_json: bool) -> None:
    """Response rates by category, and how many answers areas have.

    While the survey is open, answers are counted in batches, and small counts are not shown, so
    that nobody can tell what a single person chose.
    """
    from calibrant._text import dumps
    from calibrant.web.survey.organising import organise

    with opened(db, people) as store:
        found = organise.status(store, wanted=wanted)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found, by_area=by_area)


def _print(found: Status, *, by_area: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    def number(n: int | None) -> str:
        return f"<{found.least}" if n is None else f"{n:,}"

    console = Console(highlight=False)
    console.print(Text(repr(found)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("category", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("invited", "used", "response", "chose it", f"areas short of {found.wanted}"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for c in found.categories:
        i = c.invited
        rate = None if i is None else i.rate
        table.add_row(
            Text(one_line(f"{c.id} {c.name}", 300)), "" if i is None else f"{i.invited:,}",
            "" if i is None else f"{i.used:,}", "" if rate is None else f"{rate:.0%}",
            number(c.chosen), f"{c.short} of {c.areas}",
        )  # fmt: skip
    console.print(table)
    if by_area:
        short = Table(box=None, pad_edge=False, header_style="dim")
        short.add_column("area that is short", no_wrap=True, overflow="ellipsis", ratio=1)
        for question in found.areas[0].answered:
            short.add_column(one_line(question, 30), justify="right", no_wrap=True, min_width=8)
        for a in found.areas:
            if a.short:
                short.add_row(
                    Text(one_line(f"{a.id} {a.name}", 300)), *map(number, a.answered.values())
                )
        console.print(short)
    if found.day is not None and found.least > 1:
        console.print(
            f"answers as of {found.day}, counted again when {found.least} more have begun",
            style="dim",
        )
