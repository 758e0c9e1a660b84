"""`calibrant forecast register FORECAST.json`: seal a forecast before its outcome is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from calibrant.cli.forecast.chain import chain

if TYPE_CHECKING:
    from calibrant.scaling.cards.register import Registered


@click.command("register")
@click.argument("forecast", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="FILE",
              help="By default beside FORECAST, as NAME.registered.json.")  # fmt: skip
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE",
              help="Also add a line to this log, which shows that none is left out.")  # fmt: skip
@chain
@click.option("--data", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="A file it was made from: its hash is sealed. Repeatable.")  # fmt: skip
@click.option("--note", default="", metavar="TEXT", help="Sealed with it.")
@click.option("--hidden", "--salt", "hidden", is_flag=True,
              help="Publish a salted hash only; the rest goes into NAME.opening.json.")  # fmt: skip
@click.option("--reveal", type=click.Path(path_type=Path), metavar="REGISTERED",
              help="FORECAST is the opening of this hidden one: show both.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    forecast: Path, *, out: Path | None, log: Path | None, head: tuple[str, ...],
    anchor: Path | None, data: tuple[Path, ...], note: str, hidden: bool, reveal: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Seal FORECAST (of `calibrant forecast … --json`) before its outcome is known.

    Prints a short line to publish where others date it. A forecast that is withheld is registered
    as such. A known outcome is refused.
    """
    from calibrant._text import dumps, one_line
    from calibrant.scaling.cards.documents import load
    from calibrant.scaling.cards.log import head_line
    from calibrant.scaling.cards.register import opening_of, register

    if reveal is not None:
        made, file = _revealed(reveal, forecast, out)
    else:
        file = out or forecast.with_name(f"{forecast.stem}.registered.json")
        made = register(
            load(forecast, "a forecast"), data=data, note=note, hidden=hidden, log=log, heads=head,
            anchor=anchor, out=file, where=forecast,
        )  # fmt: skip
    opening = opening_of(file) if hidden and reveal is None else None
    if as_json:
        said = made.to_dict()
        if opening is not None:
            said |= {"forecast": None, "salt": None}
        told = said | {
            "file": str(file), "opening": None if opening is None else str(opening),
            "head": None if made.line is None else head_line(made.line),
        }  # fmt: skip
        click.echo(dumps(told, indent=1))
        return
    click.echo(f"{'revealed' if reveal else 'registered'}: {one_line(str(file), 400)}")
    if opening is not None:
        click.echo(f"keep to yourself, and keep: {one_line(str(opening), 400)}")
    if log is not None:
        click.echo(f"logged: {one_line(str(log), 400)}")
    for line in made.warnings:
        click.echo(one_line(f"warning: {line}", 600))
    if made.line is None:
        click.echo("publish this line where others date it:")
        click.echo(made.publish)
        return
    click.echo("publish these lines where others date them, the second so that a cut log shows:")
    click.echo(made.publish)
    click.echo(head_line(made.line))


def _revealed(registered: Path, opening: Path, out: Path | None) -> tuple[Registered, Path]:
    from calibrant.scaling.cards.register import read_registered, write_revealed

    file = out or registered.with_name(f"{registered.stem}.revealed.json")
    made = read_registered(registered, opening)
    write_revealed(made, file)
    return made, file
