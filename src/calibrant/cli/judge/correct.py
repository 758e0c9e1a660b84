"""`calibrant judge correct TABLE`: a rate by a judge, corrected by gold labels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.judges.correction.correct import Correction


@click.command("correct")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--judge", required=True, metavar="COLUMN", help="The judge's verdicts.")
@click.option("--gold", required=True, metavar="COLUMN|FILE",
              help="Gold labels: a column, or a table of their own, joined by item.")  # fmt: skip
@click.option("--labelled", metavar="COLUMN|'first N [by COLUMN]'",
              help="Items whose gold labels are used; by default all that have one.")  # fmt: skip
@click.option("--positive", metavar="VALUE", help="The label whose rate is wanted.")
@click.option("--item", metavar="COLUMN", help="Which item; by default item, id, item_id or idx.")
@click.option("--gold-column", metavar="COLUMN", help="The labels' column in their own table.")
@click.option("--cluster", metavar="COLUMN", help="Items that share it depend.")
@click.option("--strata", metavar="COLUMN",
              help="Labels were drawn within these, such as the judge's verdict.")  # fmt: skip
@click.option("--probability", metavar="COLUMN",
              help="The chance with which each item was drawn for labelling.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--side", type=click.Choice(("two", "upper", "lower")), default="two",
              show_default=True)  # fmt: skip
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only this method; again.")
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    table: Path, *, figure: Path | None, as_json: bool, methods: tuple[str, ...], **options: Any
) -> None:
    """Correct the rate (or mean) that a judge gives on TABLE by gold labels of some of the items.

    TABLE (.csv, .tsv, .jsonl, .parquet) has one row per item. The intervals are for the kind of
    item that these were sampled from.
    """
    from calibrant._text import dumps
    from calibrant.judges.correction.correct import correct

    found = correct(table, methods=methods or None, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(found: Correction, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console.print(Text(one_line(repr(found), 500)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  method")
    table.add_column("value", justify="right")
    table.add_column(f"{found.level:.0%} interval", justify="right")
    table.add_column("")
    naive = found.naive
    table.add_row("  judge alone", f"{naive.value:.4g}", _ends(naive.low, naive.high), "")
    for row in found.corrected:
        mark = "recommended" if row.method == found.recommended else ""
        note = "; ".join(x for x in (mark, row.note and one_line(row.note, 120)) if x)
        table.add_row(
            Text(f"  {row.method}"), _number(row.value), _ends(row.low, row.high), Text(note)
        )
    console.print(table)
    lines = [f"recommended: {found.recommended}: {found.why}", *_facts(found)]
    for line in lines + [f"note: {n}" for n in found.notes]:
        console.print(Text(f"  {one_line(line, 400)}"), soft_wrap=True)


def _facts(found: Correction) -> list[str]:
    lines = [f"gain: {found.worth}"]
    who = found.identification
    if who is not None:
        for name in ("sensitivity", "specificity"):
            low, high = who.intervals[name]
            value = getattr(who, name)
            lines.append(f"{name}: {'unknown' if value is None else f'{value:.3g}'}, "
                         f"{low:.3g} to {high:.3g}")  # fmt: skip
        if who.youden is not None:
            low, high = who.intervals["youden"]
            lines.append(f"Youden's index: {who.youden:.3g}, {low:.3g} to {high:.3g}; "
                         f"F {_number(math.nan if who.f is None else who.f)}")  # fmt: skip
        if who.warning is not None:
            lines.append(f"warning: {who.warning}")
    naive = found.naive
    if naive.missing and naive.least is not None and naive.most is not None:
        lines.append(f"without a verdict: {naive.missing}; the judge's rate is between "
                     f"{naive.least:.4g} and {naive.most:.4g}")  # fmt: skip
    if found.missing is not None:
        lines.append(f"labels lost: {found.missing.items}; at their worst the limits are "
                     f"{_ends(found.missing.low, found.missing.high)}")  # fmt: skip
    return lines


def _number(x: float) -> str:
    return f"{x:.4g}" if math.isfinite(x) else "–"


def _ends(low: float, high: float) -> str:
    if math.isnan(low):
        return "–"
    if low == -math.inf:
        return f"at most {high:.4g}"
    return f"{low:.4g} to {high:.4g}" if high != math.inf else f"at least {low:.4g}"
