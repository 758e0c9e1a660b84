"""`calibrant priorities remind DB`: letters to those whose link was not used."""

from __future__ import annotations

from typing import Any

import click

from calibrant.cli.priorities._database import JSON, database, letters, opened, ready


@click.command("remind")
@database
@letters
@click.option("--after", type=click.IntRange(0), default=0, show_default=True, metavar="DAYS",
              help="Only those whose last letter is so many days old.")  # fmt: skip
@click.option("--at-most", type=click.IntRange(1), metavar="N",
              help="Only those who had fewer than N reminders.")  # fmt: skip
@JSON
def cli(db: str, people: str | None, *, as_json: bool, **how: Any) -> None:
    """Write letters to those who were invited and did not use their link; no mail is sent.

    Who used a link and did not finish cannot be reminded: nothing leads from answers to people.

    \b
    calibrant priorities remind survey.db -o reminders.csv --after 7 --at-most 2
    """
    from calibrant._text import dumps

    with opened(db, people) as store:
        written = ready(store, "remind", **how)()
    if as_json:
        click.echo(dumps({"letters": written, "out": how["out"]}, indent=1))
        return
    click.echo(f"letters to send: {written:,}, in {how['out']}")
