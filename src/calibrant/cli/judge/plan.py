"""`calibrant judge plan [TABLE]`: how many gold labels, and on which items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.judges.planning import LabelPlan


@click.command("plan")
@click.argument("table", required=False)
@click.option("--items", type=click.IntRange(10),
              help="Number of items, if there is no table of verdicts yet.")  # fmt: skip
@click.option("--judge", default="judge", show_default=True, metavar="COL",
              help="Column of the judge's verdicts (0/1) or scores.")  # fmt: skip
@click.option("--gold", metavar="COL", help="Column of a pilot's gold labels, empty elsewhere.")
@click.option("--doubt", metavar="COL", help="Column of the judge's doubt, larger for more.")
@click.option("--item", metavar="COL", help="Column of ids; item or id by default.")
@click.option("--positive", metavar="LABEL", help="The label that counts as 1, if they are text.")
@click.option("--width", type=float, help="Reach an interval of this width.")
@click.option("--below", type=float, metavar="T", help="Support the claim: the rate is below T.")
@click.option("--above", type=float, metavar="T", help="Support the claim: the rate is above T.")
@click.option("--sensitivity", type=float, help="Assumed, where there is no pilot.")
@click.option("--specificity", type=float, help="Assumed, where there is no pilot.")
@click.option("--rate", type=float, help="Assumed rate of positive gold labels.")
@click.option("--power", type=float, default=0.8, show_default=True,
              help="Wanted chance of reaching the goal.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--measurand", type=click.Choice(["population", "items"]), default="population",
              show_default=True, help="What the rate is of.")  # fmt: skip
@click.option("--cost-label", type=float, default=1.0, show_default=True,
              help="Of one gold label.")  # fmt: skip
@click.option("--cost-judge", type=float, default=0.0, show_default=True,
              help="Of one verdict, if verdicts are still to be paid.")  # fmt: skip
@click.option("--budget", type=float, help="What may be spent.")
@click.option("--design", type=click.Choice(["gold only", "uniform", "stratified", "active"]),
              help="Plan this design, not the cheapest.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Write the items to label: .csv or .parquet.")  # fmt: skip
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    table: str | None,
    items: int | None,
    below: float | None,
    above: float | None,
    output: Path | None,
    figure: Path | None,
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """Plan gold labels for a wanted width or a claim, and choose the items to label.

    TABLE (.csv, .tsv, .jsonl, .parquet) has a row per item with the judge's verdict or score, and
    perhaps gold labels of a random pilot.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.judges.planning import plan

    if (table is None) == (items is None):
        raise InputError("items: wanted a TABLE or --items N")
    if below is not None and above is not None:
        raise InputError("claim: wanted --below or --above, got both")
    claim = None
    if below is not None or above is not None:
        claim = (below, "below") if below is not None else (above, "above")
    found = plan(table if items is None else items, claim=claim, **options)  # type: ignore[arg-type]
    if output is not None:
        if found.to_label.is_empty():
            raise InputError(f"-o {output}: no items are chosen: {found.reason}")
        found.write(output)
        click.echo(f"{found.to_label.height:,} items written to {output}", err=True)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(found: LabelPlan, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    console.print(Text(one_line(repr(found), 600)), soft_wrap=True)
    _options(found, console)
    _strata(found, console)
    if found.certifying is not None:
        console.print(Text(f"  for other items of the kind: {found.certifying!r}"), soft_wrap=True)
    for note in found.notes:
        console.print(Text(f"  note: {one_line(note, 200)}"), soft_wrap=True)


def _options(found: LabelPlan, console: Console) -> None:
    rows = []
    best = None if found.recommended is None else found.recommended.design
    for o in found.options:
        mark = "→" if o.design == best else ""
        if o.labels is None:
            rows.append(
                [mark, o.design, "–", "–", "–", f"{o.chance:.2f}", f"{o.width:.3g}", o.note]
            )
            continue
        rows.append([
            mark, o.design, f"{o.labels:,}", f"{o.more:,}", f"{o.cost:,.6g}", f"{o.chance:.2f}",
            f"{o.width:.3g}", o.note or ("exact" if o.exact else ""),
        ])  # fmt: skip
    header = ["", "design", "labels", "to buy", "cost", "chance", "mean width", ""]
    _table(console, header, rows, {1, 7})
    if found.limited and found.recommended is not None:
        o = found.recommended
        from rich.text import Text

        console.print(Text(
            f"  within the budget: {o.labels:,} labels, {o.design}, cost {o.cost:,.6g}, chance "
            f"{o.chance:.2f}, mean width {o.width:.3g}"
        ), soft_wrap=True)  # fmt: skip


def _strata(found: LabelPlan, console: Console) -> None:
    rows = [
        ["", s.name, f"{s.items:,}", f"{s.rate:.3g}", f"{s.pilot:,}", f"{s.labels:,.4g}"]
        for s in found.strata
    ]
    header = ["", "items", "number", "expected rate", "pilot labels", "labels"]
    _table(console, header, rows, {1})


def _table(console: Console, columns: list[str], rows: list[list[str]], left: set[int]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i in left else "right", no_wrap=i == 1)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
