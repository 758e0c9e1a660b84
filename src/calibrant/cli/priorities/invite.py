"""`calibrant priorities invite DB people.csv`: a link of their own for each, and their letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.priorities._database import JSON, database, letters, opened, ready


@click.command("invite")
@database
@click.argument("table", type=click.Path(path_type=Path), metavar="[PEOPLE.csv]", required=False)
@letters
@click.option("--again", is_flag=True, help="Pass over those who are invited already.")
@JSON
def cli(
    db: str, people: str | None, table: Path | None, *, again: bool, as_json: bool, **how: Any
) -> None:
    """Invite people, and write their letters; no mail is sent.

    PEOPLE.csv has a column email, and may have name, categories (ids such as "4,7", for response
    rates) and note. The letters are those of everybody who had none so far.

    \b
    calibrant priorities invite survey.db people.csv -o letters.mbox
    """
    from calibrant._text import dumps
    from calibrant.web.survey.organising import organise
    from calibrant.web.survey.organising.guests import read_guests

    with opened(db, people) as store:
        write = ready(store, "invite", **how)
        guests = () if table is None else read_guests(table, store.areas.category)
        made = organise.invite(store, guests, again=again)
        written = write()
    if as_json:
        found = {"invited": len(made), "letters": written, "out": how["out"]}
        click.echo(dumps(found, indent=1))
        return
    passed = len(guests) - len(made)
    before = f", {passed:,} were invited before" if passed else ""
    click.echo(f"{len(made):,} invited{before}; letters to send: {written:,}, in {how['out']}")
