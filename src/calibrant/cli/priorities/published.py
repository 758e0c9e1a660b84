"""`calibrant priorities published RATINGS`: the tables that the paper's own analysis prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from calibrant.priorities.published.result import PublishedTables


@click.command("published")
@click.argument("ratings")
@click.option("--taxonomy", metavar="NAME_OR_FILE",
              help="Names and categories of areas; the 2025 survey's if all areas are of it.",
              )  # fmt: skip
@click.option("--demographics", metavar="FILE",
              help="A table with a column respondent and one a question.")  # fmt: skip
@click.option("--question", "questions", multiple=True, metavar="ID",
              help="The two questions, importance first.")  # fmt: skip
@click.option("--fewest", "--min-ratings", type=click.IntRange(1), default=3, show_default=True,
              help="Ratings that an area needs.")  # fmt: skip
@click.option("--exclude", type=click.Choice(["answers", "respondents"]), default="answers",
              show_default=True, help="What there must be so many of: answers to each question, "
              "or respondents.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=10, show_default=True,
              help="Rows of Table 1.")  # fmt: skip
@click.option("--gaps", type=click.IntRange(0), default=5, show_default=True,
              help="Rows of Table 2.")  # fmt: skip
@click.option("--high", default="4", show_default=True, help="Least importance in Table 2.")
@click.option("--low", default="3.5", show_default=True, help="Most tractability in Table 2.")
@click.option("--digits", type=click.IntRange(0, 4), default=2, show_default=True)
@click.option("--rule", type=click.Choice(["half-up", "half-even"]), default="half-up",
              show_default=True, help="How halves are printed.")  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print the whole ranking as CSV on stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    ratings: str, questions: tuple[str, ...], as_csv: bool, as_json: bool, **options: Any
) -> None:
    """Print the paper's tables from RATINGS, as it made them: exactly, and without uncertainty.

    RATINGS has the columns respondent, area, question and value (.csv, .tsv, .jsonl, .parquet).
    """
    from calibrant._text import dumps, one_line
    from calibrant.errors import InputError
    from calibrant.priorities.published.analysis import published_tables

    if as_csv and as_json:
        raise InputError("--csv and --json: wanted one of them")
    if questions:
        options["questions"] = questions
    found = published_tables(ratings, **options)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
    elif as_csv:
        click.echo(_csv(found), nl=False)
    else:
        _print(found, one_line)


def _csv(found: PublishedTables) -> str:
    import polars as pl

    from calibrant.report.exports.csv import cell

    cells = [(str(r.rank), cell(r.area), cell(row[0]), *row[1:])
             for r, row in zip(found.ranking, found.table3(), strict=True)]  # fmt: skip
    heads = ["rank", "id", "sub_area", *found.questions, "promise", "n"]
    return pl.DataFrame(cells, schema=heads, orient="row").write_csv()


def _print(found: PublishedTables, line: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()

    def say(text: str, style: str = "") -> None:
        console.print(Text(line(text, 1000), style=style), soft_wrap=True)

    say(repr(found))
    share = f"{found.enthusiasts} of {found.respondents} respondents"
    say(f"{share} gave at least one area {found.high} or more on both questions")
    first, second = found.questions
    for heading, last, rows in (
        (f"Table 1: the {len(found.top)} most promising areas", "promise", found.table1()),
        (f"Table 2: the {len(found.gaps)} largest gaps of {found.candidates}", "gap",
         found.table2()),
        (f"Table 3: all {len(found.ranking)} areas by promise", "promise", found.table3()),
    ):  # fmt: skip
        console.print()
        say(heading)
        console.print(_table(("", first, second, last, "n"), rows))
    if found.excluded:
        console.print()
        say(f"excluded, fewer than {found.fewest} ratings")
        rows = [(f"{e.area}  {e.name}", *(str(e.answers[q]) for q in found.questions), str(e.n))
                for e in found.excluded]  # fmt: skip
        console.print(_table(("", f"{first}", f"{second}", "n"), rows))
    if found.categories:
        console.print()
        say("response by category")
        rows = [(f"{c.category}  {c.name}", str(c.respondents), str(c.answers), str(c.dont_know),
                 f"{c.rated} of {c.areas}") for c in found.categories]  # fmt: skip
        console.print(_table(("", "respondents", "ratings", "don't know", "areas rated"), rows))
    if found.demographics:
        console.print()
        say(f"demographics: {found.completed} respondents")
        rows = [(f"{s.question}: {s.option}", f"{s.count} of {s.of}", f"{float(s.share):.1%}",
                 "{:.1%} to {:.1%}".format(*s.interval)) for s in found.demographics]  # fmt: skip
        console.print(_table(("", "", "share", "95% interval"), rows))
    for tie in found.ties:
        say(f"tie: {', '.join(tie)} have exactly the same promise", "dim")
    for note in found.notes:
        say(f"note: {note}", "dim")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=None, padding=(0, 2))
    for i, head in enumerate(heads):
        name = Text(one_line(head, 40))
        table.add_column(name, justify="right" if i else "left", no_wrap=bool(i))
    for row in rows:
        table.add_row(*(Text(one_line(c, 100))
                        for i, c in enumerate(row)))  # fmt: skip
    return table
