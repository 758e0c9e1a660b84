"""`calibrant study FILE`: where scores vary, and what to buy next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.pairs import amount, names, natural, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.measurement import Study

SHOWN = 12
"""Subjects in the table for people."""


@click.command("study")
@click.argument("file")
@click.option("--score", help="Study this score only.")
@click.option("--instrument", help="Study this instrument only.")
@click.option("--facets", callback=names, metavar="NAMES",
              help="Some of item,variant,epoch,grader; the first three by default.")  # fmt: skip
@click.option("--cost", "costs", multiple=True, metavar="FACET=PRICE",
              callback=pairs(amount, "FACET=PRICE with a price of 0 or more"),
              help="Price of an item, a variant, an epoch (answer), a grader (grade).")  # fmt: skip
@click.option("--budget", type=float, help="Find the best design for so much more.")
@click.option("--target", type=float, help="Find the cheapest design with this standard error.")
@click.option("--at-most", multiple=True, metavar="FACET=N",
              callback=pairs(natural, "FACET=N with a whole N of 1 or more"),
              help="Highest number of a facet.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Plan from nothing, not on top of what there is.")
@click.option("--error", type=click.Choice(["absolute", "relative"]), default="absolute",
              help="Of a subject's own value, or of differences between subjects.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(file: str, *, as_json: bool, **options: Any) -> None:
    """Find where the spread of scores comes from, and what to buy next to make it smaller.

    FILE is a table of trials (.parquet, .csv), an Inspect log, or a folder of either.
    """
    from calibrant._text import dumps
    from calibrant.measurement import study

    found = study(file, **options)
    if as_json:
        click.echo(dumps([s.to_dict() for s in found], indent=1))
        return
    from rich.console import Console

    console = Console()
    for one in found:
        _print(one, console)


def _print(s: Study, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    console.print(Text(one_line(repr(s), 500)), soft_wrap=True)
    if s.cannot is None:
        places = (
            f"{f.levels:,} {f.name}s" + (f" within {' × '.join(f.within)}" if f.within else "")
            for f in s.facets
            if f.estimated
        )
        subjects = f"{len(s.subjects)} subject" + "s" * (len(s.subjects) != 1)
        console.print(Text(f"  {s.n:,} trials: " + ", ".join([subjects, *places])), soft_wrap=True)
        _sources(s, console)
        _subjects(s, console)
        _marginals(s, console)
    if s.purchase is not None:
        console.print(Text(f"  {_bought(s)}"), soft_wrap=True)
    for note in s.notes:
        console.print(Text(f"  note: {one_line(note, 200)}"), soft_wrap=True)


def _table(console: Console, columns: list[str], rows: list[list[str]], left: int = 1) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i < left or not name else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _bar(share: float) -> str:
    return "█" * round(16 * min(max(share, 0.0), 1.0))


def _sources(s: Study, console: Console) -> None:
    interval = f"{s.level:.0%} interval"
    rows = [
        [
            "  " + source.term.replace(":", " × "),
            f"{source.variance:.4g}",
            f"{source.interval[0]:.2g} to {source.interval[1]:.2g}",
            f"{source.share:.0%}",
            _bar(source.share),
        ]
        for source in s.sources
    ]
    _table(console, ["  source", "variance", interval, "share", ""], rows)


def _subjects(s: Study, console: Console) -> None:
    from calibrant._text import one_line

    rows = [
        ["  " + one_line(m.subject, 40), f"{m.mean:.4g}", f"{m.standard_error:.3g}", f"{m.n:,}"]
        for m in s.subjects[:SHOWN]
    ]
    if len(s.subjects) > SHOWN:
        rows.append([f"  … and {len(s.subjects) - SHOWN} more", "", "", ""])
    _table(console, ["  subject", "mean", "standard error", "trials"], rows)


def _marginals(s: Study, console: Console) -> None:
    most = max((m.ratio for m in s.marginals if math.isfinite(m.ratio)), default=0.0)
    rows = [
        [
            f"  {m.facet}",
            f"{m.reduction:.3g}",
            f"{m.cost:.4g}",
            f"{m.ratio:.3g}" if math.isfinite(m.ratio) else "free",
            _bar(m.ratio / most if most > 0 else 0.0) if math.isfinite(m.ratio) else _bar(1.0),
        ]
        for m in s.marginals
    ]
    if rows:
        header = [
            "  one more",
            "error variance falls by",
            "cost",
            "per unit of cost",
            "",
        ]
        _table(console, header, rows)


def _bought(s: Study) -> str:
    assert s.purchase is not None
    p = s.purchase
    design = " × ".join(f"{n} {f}" + "s" * (n != 1) for f, n in p.n)
    more = "" if s.spent is None else f" (what there is cost {s.spent:.6g})"
    return (
        f"best: {design} for {p.cost:.6g}{more}, with {p.error} standard error "
        f"{p.standard_error:.4g}"
    )
