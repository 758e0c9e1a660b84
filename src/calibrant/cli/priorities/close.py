"""`calibrant priorities close DB`: take no more answers; or open again, move the end, go on."""

from __future__ import annotations

import click

from calibrant.cli.priorities._database import JSON, database, opened


@click.command("close")
@database
@click.option("--reopen", is_flag=True, help="Take answers of this round again.")
@click.option("--next-round", "following", is_flag=True, help="End this round, begin the next.")
@click.option("--until", metavar="TIME", help="With these: take answers until then (UTC), as "
              "2026-12-24T18:00; alone: move the end.")  # fmt: skip
@JSON
def cli(
    db: str, people: str | None, *, reopen: bool, following: bool, until: str | None, as_json: bool
) -> None:
    """Take no more answers. Respondents can still read their own.

    \b
    calibrant priorities close survey.db
    calibrant priorities close survey.db --until 2026-12-24T18:00
    calibrant priorities close survey.db --next-round --until 2027-01-31
    """
    from calibrant._text import dumps
    from calibrant.web.survey.kept.store import now
    from calibrant.web.survey.kept.windows import closed, next_round, reopened, time_of

    if reopen and following:
        raise click.UsageError("--reopen or --next-round, not both")
    with opened(db, people) as store:
        at, end = now(), None if until is None else time_of(until, "--until")
        if following:
            window = store.decide(lambda door: next_round(store.survey, door, at, end))
        elif reopen or end is not None:
            window = store.decide(lambda door: reopened(store.survey, door, at, end))
        else:
            window = store.decide(closed)
    closes = None if window.closes is None else window.closes.isoformat(timespec="minutes")
    if as_json:
        found = {"round": window.round, "state": window.state, "closes": closes}
        click.echo(dumps(found, indent=1))
        return
    end_said = f" until {closes}" if window.is_open and closes else ""
    click.echo(f"round {window.round} is {window.state}{end_said}")
