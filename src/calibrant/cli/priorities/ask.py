"""`calibrant priorities ask`: which area to ask whom next?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.priorities._options import of_areas

if TYPE_CHECKING:
    from calibrant.priorities.asking.ask import AskPlan

STRATEGIES = ("regret", "boundary", "uncertainty", "fewest", "random")


@click.command("ask")
@click.argument("ratings", type=click.Path(path_type=Path))
@click.option("--respondents", "people", required=True, metavar="FILE",
              type=click.Path(path_type=Path),
              help="Who can be asked: columns respondent, categories (ids; empty: those rated "
              "before) and, if known, own (areas they work in).")  # fmt: skip
@click.option("--per", type=int, default=6, show_default=True,
              help="Areas for each respondent at most.")  # fmt: skip
@click.option("--top", type=int, default=10, show_default=True, help="Areas to be funded.")
@click.option("--strategy", type=click.Choice(STRATEGIES), default="regret", show_default=True)
@click.option("--link", type=int, default=2, show_default=True,
              help="Areas that each respondent shares with others, for severity.")  # fmt: skip
@click.option("--explore", type=int, default=1, show_default=True,
              help="Areas of each respondent that go to the least asked.")  # fmt: skip
@of_areas
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(ratings: Path, people: Path, *, as_json: bool, **options: Any) -> None:
    """Choose the areas whose ratings are expected to help the decision most, person by person.

    What is asked stays within each respondent's categories, is never asked twice, and keeps
    respondents linked by areas in common.
    """
    from calibrant._text import dumps
    from calibrant.priorities.asking.ask import ask

    found = ask(ratings, people, **options)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    show(found)


def show(found: AskPlan) -> None:
    """The plan as a table for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._figure import shorten
    from calibrant._text import one_line

    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("respondent", "", "id", "area", "for", "why"):
        table.add_column(head)
    last = None
    for a in found.asks:
        who = "" if a.respondent == last else one_line(a.respondent, 30)
        last = a.respondent
        cells = (who, str(a.order), one_line(a.area, 20), shorten(a.name, 44), a.kind, a.why)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(Text(one_line(repr(found), 400)))
    console.print()
    console.print(table)
    console.print()
    before, after = found.pieces
    console.print(Text(f"groups of respondents without a shared area: {before} now, {after} then"))
    for note in found.notes:
        console.print(Text(one_line(f"note: {note}", 600)))
