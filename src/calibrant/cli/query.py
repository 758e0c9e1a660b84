"""`calibrant query SQL [PATH…]`: SQL over trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import polars as pl


@click.command("query")
@click.argument("sql")
@click.argument("paths", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=40, show_default=True,
              help="Rows of the printed table; --json and -o give all.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the answer to FILE (.parquet or .csv).")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(sql: str, paths: tuple[str, ...], *, limit: int, out: Path | None, as_json: bool) -> None:
    """Ask SQL (one SELECT) of the trials in PATHS: a store, or whatever `calibrant read` reads.

    The table is called trials; a store may also hold comparisons and ratings. PATHS is the
    current folder if none is given. Example: calibrant query "select subject, avg(score) from
    trials group by subject" logs/
    """
    from calibrant._text import dumps
    from calibrant.records import read
    from calibrant.records.keep import write_table
    from calibrant.records.store import Store, is_store, query

    where = list(paths) or ["."]
    if len(where) == 1 and is_store(where[0]):
        found = Store(where[0]).query(sql)
    else:
        found = query(read(where).trials, sql)
    if out is not None:
        write_table(found, out)
        click.echo(f"{found.height:,} rows in {out}", err=True)
    if as_json:
        click.echo(dumps(_plain(found), indent=1))
    elif out is None:
        _print(found, limit)


def _plain(found: pl.DataFrame) -> list[dict[str, object]]:
    """Rows as plain data; times and decimals as text, and what is not finite as null."""
    import math

    def value(x: object) -> object:
        if isinstance(x, float):
            return x if math.isfinite(x) else None
        if isinstance(x, list):
            return [value(y) for y in x]
        if isinstance(x, dict):
            return {k: value(v) for k, v in x.items()}
        return x if x is None or isinstance(x, int | str | bool) else str(x)

    return [{k: value(v) for k, v in row.items()} for row in found.iter_rows(named=True)]


def _print(found: pl.DataFrame, limit: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name, dtype in found.schema.items():
        table.add_column(
            Text(one_line(name, 60)), justify="right" if dtype.is_numeric() else "left"
        )
    for row in found.head(limit).iter_rows():
        table.add_row(*(Text("" if x is None else _cell(x)) for x in row))
    console = Console()
    console.print(table)
    if found.height > limit:
        console.print(f"… {found.height - limit:,} more rows", highlight=False)


def _cell(x: object) -> str:
    from calibrant._text import one_line

    return f"{x:.6g}" if isinstance(x, float) else one_line(str(x), 80)
