"""`calibrant priorities audit TABLE`: can the numbers of a published table be true?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from calibrant.priorities.audit.result import Audit

_STYLE = {"contradiction": "bold red", "condition": "yellow", "note": "dim"}


def _scale(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    from calibrant._text import one_line
    from calibrant.errors import InputError

    found = re.fullmatch(r"\s*(\d{1,4})\s*[-–:]\s*(\d{1,4})\s*", value)
    if found is None:
        raise InputError(f"--scale: wanted lowest-highest, as 1-5, got {one_line(value, 40)!r}")
    return int(found[1]), int(found[2])


@click.command("audit")
@click.argument("table")
@click.option("--against", multiple=True, metavar="FILE",
              help="Another table of the same survey; may be repeated.")  # fmt: skip
@click.option("--rows", type=click.IntRange(1), help="How many rows the text states.")
@click.option("--areas", type=click.IntRange(1), help="How many areas there are.")
@click.option("--excluded", type=click.IntRange(0), help="How many areas the text excludes.")
@click.option("--fewest", "--min-ratings", type=click.IntRange(1),
              help="The fewest ratings of a question, as the text says.")  # fmt: skip
@click.option("--scale", default="1-5", show_default=True, callback=_scale,
              help="Lowest and highest rating.")  # fmt: skip
@click.option("--digits", type=click.IntRange(0, 4),
              help="Decimals of the means; by default the most in each column.")  # fmt: skip
@click.option("--mean", "questions", multiple=True, metavar="COLUMN",
              help="A column of means; by default importance (I) and tractability (T).",
              )  # fmt: skip
@click.option("--n", metavar="COLUMN", help="The column with numbers of respondents.")
@click.option("--product", metavar="COLUMN", help="The column with products, such as promise.")
@click.option("--difference", metavar="COLUMN", help="The column with differences, such as gap.")
@click.option("--taxonomy", metavar="NAME_OR_FILE",
              help="Areas and categories; the 2025 survey's if most areas are of it.",
              )  # fmt: skip
@click.option("--all", "every", is_flag=True, help="Print every row, not only those to look at.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    table: str,
    *,
    against: tuple[str, ...],
    questions: tuple[str, ...],
    every: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Ask of every row of TABLE which whole-number ratings can have its means, and its product.

    TABLE has a row an area, with means and a number of respondents (.csv, .tsv, .jsonl, .parquet).
    Nothing here says that anybody erred on purpose: misprints and unsaid rules look the same.
    """
    from calibrant._text import dumps
    from calibrant.priorities.audit.audit import audit_table

    found = audit_table(table, against, questions=questions or None, **options)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found, every)


def _print(found: Audit, every: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line
    from calibrant.priorities.audit.result import VERDICTS

    console = Console()

    def say(text: str, style: str = "") -> None:
        console.print(Text(one_line(text, 2000), style=style), soft_wrap=True)

    say(repr(found))
    for finding in found.findings:
        say(f"{finding.weight}: {finding.text}", _STYLE[finding.weight])
    rows = [r for r in found.rows if every or r.verdict != "fits"]
    if rows:
        console.print()
        say("rows" if every else "rows that do not fit as they stand")
        table = Table(box=None, padding=(0, 2))
        questions = list(rows[0].sums)
        for head in ("row", "area", *questions, "n", "ratings"):
            table.add_column(Text(one_line(head, 40)), justify="right" if head == "n" else "left")
        for r in rows:
            sums = ("none" if not r.sums[q] else ", ".join(r.sums[q]) for q in questions)
            cells = (str(r.row), one_line(r.area, 40), *sums, str(r.n), VERDICTS[r.verdict])
            table.add_row(*map(Text, cells))
        console.print(table)
        fewest = f"with at least {found.fewest} answers"
        say(f"sums of ratings / numbers of answers that the printed mean allows, {fewest}", "dim")
    for text in found.checked:
        say(f"checked: {text}", "dim")
