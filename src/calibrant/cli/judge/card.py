"""`calibrant judge card`: a grader's certificate card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path)


@click.command("card")
@click.argument("name")
@click.option("--gold", type=_FILE, metavar="TABLE",
              help="A table with a column gold beside the grader's verdicts.")  # fmt: skip
@click.option("--judge", metavar="COLUMN", help="The column of verdicts, by default judge.")
@click.option("--positive", metavar="VALUE", help="The verdict that counts, by default 1.")
@click.option("--agree", "agreement", type=_FILE, metavar="JSON",
              help="What 'judge agree --json' printed.")  # fmt: skip
@click.option("--probe", "probing", type=_FILE, metavar="JSON|FOLDER",
              help="What 'judge probe --json' printed, or its run folder.")  # fmt: skip
@click.option("--correct", "correction", type=_FILE, metavar="JSON",
              help="What 'judge correct --json' printed.")  # fmt: skip
@click.option("--pressure", type=_FILE, metavar="JSON",
              help="What 'judge pressure --json' printed.")  # fmt: skip
@click.option("--drift", type=_FILE, metavar="JSON", help="What 'judge drift --json' printed.")
@click.option("--model", metavar="VERSION", help="The version the card holds for.")
@click.option("--valid-until", metavar="YYYY-MM-DD", help="The last day it holds.")
@click.option("-o", "--out", type=_FILE, help="Write OUT.json and OUT.html; by default NAME-card.")
@click.option("--json", "as_json", is_flag=True, help="Print the card's JSON on stdout.")
def cli(name: str, *, out: Path | None, as_json: bool, **parts: Any) -> None:
    """Make the certificate card of the grader NAME: its error, biases, limits, and until when.

    A suite names the JSON file under 'graders'; 'assess' then lowers a verdict that the grader's
    errors could flip.
    """
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line
    from calibrant.judges.card.build import make_card
    from calibrant.report.card import write_card

    card = make_card(name, **parts)
    files = write_card(card, out or Path(_stem(name)))
    if as_json:
        click.echo(card.to_json())
        return
    console = Console()
    console.print(Text(f"Card of {one_line(card.name, 120)}", style="bold"))
    for line in card.findings:
        console.print(Text(f"  {one_line(line, 400)}"))
    for line in card.limits:
        console.print(Text(f"  not tested: {one_line(line, 400)}", style="dim"))
    console.print(Text(" and ".join(map(str, files))), soft_wrap=True)


def _stem(name: str) -> str:
    """A file name that begins with the grader's name, whatever that holds."""
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.")[:80]
    return f"{plain or 'grader'}-card"
