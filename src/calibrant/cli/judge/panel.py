"""`calibrant judge panel TABLE`: judges combined by measured error; when to ask a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.pairs import amount, column, names, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.judges.panels import Panel


@click.command("panel")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--judges", required=True, callback=names, metavar="COLUMNS",
              help="Columns of judges, separated by commas.")  # fmt: skip
@click.option("--gold", callback=names, metavar="COLUMN",
              help="The true labels; or columns of people, whose majority it is.")  # fmt: skip
@click.option("--confidence", callback=names, metavar="COLUMNS",
              help="A column for each judge, in their order; empty for none.")  # fmt: skip
@click.option("--item", help="The column that names items.")
@click.option("--cluster", help="The column of what items belong to.")
@click.option("--same", multiple=True, metavar="LABEL=LABEL",
              callback=pairs(column, "LABEL=LABEL, as Tie=0"),
              help="Rename a label, such as Tie=0.")  # fmt: skip
@click.option("--unparsed", multiple=True, metavar="LABEL", help="A label that is no verdict.")
@click.option("--selector", help="Whose verdicts are accepted: panel, majority or a judge.")
@click.option("--target", type=float, default=0.95, show_default=True,
              help="Agreement with gold of accepted verdicts.")  # fmt: skip
@click.option("--delta", type=float, default=0.05, show_default=True,
              help="The chance that the target is missed all the same.")  # fmt: skip
@click.option("--cost", "costs", multiple=True, metavar="NAME=PRICE",
              callback=pairs(amount, "NAME=PRICE with a price of 0 or more"),
              help="Price per item of each judge and of a person; finds a cascade.")  # fmt: skip
@click.option("--share", type=float,
              help="Of gold, to learn weights and thresholds from; by default 0.3.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--verdicts", type=click.Path(path_type=Path),
              help="Also write item, verdict, confidence, accepted: .csv or .parquet.")  # fmt: skip
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    table: Path, *, figure: Path | None, verdicts: Path | None, costs: dict[str, float],
    gold: list[str] | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Combine the judges in TABLE by their errors against gold, and find when to ask a person.

    TABLE has a row per item and a column per judge (.csv, .tsv, .jsonl, .parquet). Without --gold
    the judges' errors are found from their labels alone, and nothing is guaranteed.
    """
    from calibrant._text import dumps, one_line
    from calibrant.judges.panels import panel
    from calibrant.records.keep import write_table

    found = panel(table, gold=gold, costs=costs or None, **options)
    if verdicts is not None:
        write_table(found.verdicts, verdicts)
        click.echo(one_line(f"verdicts written to {verdicts}", 1000), err=True)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(p: Panel, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(text: str) -> None:
        console.print(Text(one_line(text, 600)), soft_wrap=True)

    if p.latent is not None:
        _latent(p, console)
    else:
        say(f"{p.gold:,} of {p.items:,} items have gold")
        _agreements(p, console)
        for than, c in p.versus.items():
            say(f"panel − {than}: {c.difference:+.2%} ({c.interval.low:+.2%} to "
                f"{c.interval.high:+.2%}), p = {c.p_value:.3g}: {_word(p, than)}")  # fmt: skip
        if p.dependence is not None:
            say(repr(p.dependence))
        if p.accept is not None:
            say(f"{p.selector}: {p.accept!r}")
        if p.cascade is not None:
            say(f"cascade: {p.cascade!r}")
    for note in p.notes:
        say(f"note: {note}")


def _word(p: Panel, than: str) -> str:
    better = p.better(than)
    if better:
        return "the panel is better"
    worse = p.versus[than].interval.high < 0
    return "the panel is worse" if worse else f"the panel is not shown to be better than {than}"


def _agreements(p: Panel, console: Console) -> None:
    rows = []
    for a in [*(j.agreement for j in p.judges), *p.rules]:
        low, high = a.interval.low, a.interval.high
        rows.append([a.name, f"{a.agreement:.1%}", f"{low:.1%} to {high:.1%}", f"{a.n:,}", a.how])
    _table(console, ["", "agrees", f"{p.level:.0%} interval", "items", ""], rows)


def _latent(p: Panel, console: Console) -> None:
    assert p.latent is not None
    rows = [[g.grader, repr(g.accuracy), f"{g.labels:,}"] for g in p.latent.graders]
    _table(console, ["judge", "accuracy", "labels"], rows)
    shares = [[c, repr(e)] for c, e in zip(p.latent.classes, p.latent.prevalence, strict=True)]
    _table(console, ["class", "share"], shares)


def _table(console: Console, columns: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 or not name else "right")
    for row in rows:
        table.add_row(*(Text(one_line(cell, 80)) for cell in row))
    console.print(table)
