"""`calibrant forecast score REGISTERED.json OUTCOMES.csv`: settle a registered forecast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from calibrant.cli.forecast.chain import chain
from calibrant.cli.pairs import column, pairs

if TYPE_CHECKING:
    from rich.table import Table

    from calibrant.scaling.cards.settle import Settled

MOST = 40
"""Rows printed."""


@click.command("score")
@click.argument("registered", type=click.Path(path_type=Path))
@click.argument("outcomes", type=click.Path(path_type=Path), required=False)
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE",
              help="The log it was registered in; the settlement is added.")  # fmt: skip
@chain
@click.option("--opening", type=click.Path(path_type=Path), metavar="FILE",
              help="Of a hidden forecast.")  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the settlement, for the card.")  # fmt: skip
@click.option("--subject", metavar="COLUMN", help="Found by itself if common.")
@click.option("--family", metavar="COLUMN", help="Checked, if given.")
@click.option("--scale", metavar="COLUMN", help="Checked, if given.")
@click.option("--log-scale", is_flag=True, help="The scale is a base-10 logarithm already.")
@click.option("--date", metavar="COLUMN",
              help="When each was known; none may be before the registration.")  # fmt: skip
@click.option("--same", multiple=True, metavar="FORECAST=OBSERVED",
              callback=pairs(column, "FORECAST=OBSERVED, as 1e26:Llama=Llama-5"),
              help="What a forecast subject is called among the outcomes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    registered: Path, outcomes: Path | None, *, log: Path | None, head: tuple[str, ...],
    anchor: Path | None, opening: Path | None, out: Path | None, subject: str | None,
    family: str | None, scale: str | None, log_scale: bool, date: str | None,
    same: dict[str, str], as_json: bool,
) -> None:  # fmt: skip
    """Score REGISTERED with OUTCOMES (columns subject, measure, score; or a column a measure).

    Refuses a forecast of which a byte was altered, outcomes dated before it was registered,
    subjects of another family or scale, and, with --log, to settle it twice.
    """
    from calibrant._text import dumps, one_line
    from calibrant.scaling.cards.register import read_registered
    from calibrant.scaling.cards.settle import settle

    found = settle(
        read_registered(registered, opening), outcomes, log=log, heads=head, anchor=anchor,
        subject=subject, family=family, scale=scale, date=date, log_scale=log_scale, same=same,
        out=out,
    )  # fmt: skip
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)
    if out is not None:
        click.echo(one_line(f"settlement written to {out}", 600), err=True)


def _print(found: Settled) -> None:
    from rich.console import Console

    from calibrant._text import one_line

    click.echo(one_line(repr(found), 600))
    if found.rows:
        Console(highlight=False).print(_table(found))
    for name, t in found.baselines.items():
        click.echo(one_line(f"against {name}: {t.says} ({_gain(t.gain, t.gain_interval)})", 400))
    if found.log is not None:
        many = found.log["registered"]
        click.echo(
            f"log: {many} forecast{'' if many == 1 else 's'} registered, "
            f"{found.log['settled']} settled; line {found.log['line']} is its head now: "
            f"sha256:{found.log['head']}"
        )
    for line in found.open[:MOST]:
        click.echo(one_line(f"open: {line}", 300))
    for line in found.notes:
        click.echo(one_line(f"note: {line}", 600))


def _gain(gain: float | None, ends: tuple[float, float] | None) -> str:
    said = "" if gain is None else f"log score higher by {gain:.3g}"
    return said if ends is None else f"{said}, 90 % interval {ends[0]:.3g} to {ends[1]:.3g}"


def _table(found: Settled) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    several = len({r.measure for r in found.rows}) > 1
    for name in ("subject", "measure") if several else ("subject",):
        table.add_column(name, overflow="fold")
    for name in ("outcome", "median", f"{found.level:.0%} interval", "held", "log score", "CRPS",
                 "PIT"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for r in found.rows[:MOST]:
        table.add_row(
            Text(one_line(r.subject, 48)),
            *([Text(one_line(r.measure, 24))] if several else []), f"{r.outcome:.3g}",
            f"{r.median:.3g}", f"{r.low:.3g} to {r.high:.3g}", "yes" if r.covered else "no",
            "-inf" if r.log_score is None else f"{r.log_score:.2f}", f"{r.crps:.3g}",
            f"{r.pit:.2f}",
        )  # fmt: skip
    if len(found.rows) > MOST:
        table.caption = f"and {len(found.rows) - MOST} more; --json has all"
    return table
