"""`calibrant forecast card FORECAST.json`: a forecast on one page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("card")
@click.argument("forecast", type=click.Path(path_type=Path))
@click.option("--settled", type=click.Path(path_type=Path), metavar="FILE",
              help="What `calibrant forecast score --out` wrote.")  # fmt: skip
@click.option("--opening", type=click.Path(path_type=Path), metavar="FILE",
              help="Of a hidden forecast.")  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="FILE",
              help="The page; by default NAME.card.html. A JSON file stands beside.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="Print one JSON document; files are written only with --out.")  # fmt: skip
def cli(
    forecast: Path, *, settled: Path | None, opening: Path | None, out: Path | None, as_json: bool
) -> None:
    """Make the transfer card of FORECAST: of `forecast --json`, or registered.

    Forecast, assumptions, back-test, distance, seal, and what came of it: one page that opens
    offline.
    """
    from calibrant._text import dumps, one_line
    from calibrant.report.transfer_card import TransferCard, card_files, write_card
    from calibrant.scaling.cards.documents import load
    from calibrant.scaling.cards.register import FORMAT, read_registered
    from calibrant.scaling.cards.settle import read_settled

    document, made = load(forecast, "a forecast"), None
    if document.get("format") == FORMAT:
        made = read_registered(forecast, opening)
    card = TransferCard(
        document=document if made is None else made.document, registered=made,
        settled=None if settled is None else read_settled(settled), where=str(forecast),
    )  # fmt: skip
    files: tuple[Path, ...] = ()
    if out is not None or not as_json:
        page = out or forecast.with_name(f"{forecast.stem}.card.html")
        _spared(card_files(page), (forecast, settled, opening))
        files = write_card(card, page)
    if as_json:
        click.echo(dumps(card.to_dict(), indent=1))
        return
    click.echo(one_line(repr(card), 800))
    for file in files:
        click.echo(one_line(str(file), 600))


def _spared(written: tuple[Path, ...], given: tuple[Path | None, ...]) -> None:
    """That no file that was given is written over."""
    from calibrant.errors import InputError

    inputs = {p.resolve() for p in given if p is not None}
    for file in written:
        if file.resolve() in inputs:
            raise InputError(f"{file}: would be written over; give another --out")
