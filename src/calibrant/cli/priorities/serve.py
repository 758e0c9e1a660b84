"""`calibrant priorities serve`: the survey's pages, until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from calibrant.web.survey.kept.store import Store


@click.command("serve")
@click.argument("survey", type=click.Path(path_type=Path), metavar="SURVEY.yaml")
@click.option("--db", metavar="FILE|URL", help="Where answers are kept: a SQLite file [default: "
              "SURVEY.db beside the survey], or postgresql://…")  # fmt: skip
@click.option("--people", metavar="FILE|URL", help="Where the invited are kept, apart from answers "
              "[default: beside the answers, as SURVEY.people.db].")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8766, show_default=True,
              help="0 takes a free one.")  # fmt: skip
@click.option(
    "--public-url", metavar="URL", help="How respondents reach it, if by another address."
)
@click.option("--behind-proxy", "proxies", multiple=True, metavar="ADDRESS",
              help="A proxy whose X-Forwarded-For is believed, as 127.0.0.1 or 10.0.0.0/8: clients "
              "are told apart by it; may be given again.")  # fmt: skip
@click.option("--per-minute", type=click.IntRange(1), default=3600, show_default=True,
              help="Requests that one client address may go on sending.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=lambda: min(os.cpu_count() or 1, 4),
              show_default="one a core, at most 4",
              help="Processes that answer; one uses one core.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    survey: Path, *, db: str | None, people: str | None, host: str, port: int,
    public_url: str | None, proxies: tuple[str, ...], per_minute: int, workers: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Serve a survey's pages until Ctrl-C; the same command goes on later.

    Prints the organiser's link, which invites, reminds, closes and exports.

    \b
    calibrant priorities serve survey.yaml
    calibrant priorities serve survey.yaml --public-url https://survey.example.org
    calibrant priorities serve survey.yaml --db postgresql://me@db/survey
    """
    from calibrant.web import need_extra

    need_extra("alembic", "sqlalchemy")
    from calibrant.web.limits import PER_ADDRESS, Allowance, networks
    from calibrant.web.serve import is_loopback, listen, run
    from calibrant.web.survey.app import Site, build
    from calibrant.web.survey.organising.organise import remember_url
    from calibrant.web.workers import run_workers

    believed = networks(proxies)
    per_address = Allowance(per_minute / 60, min(PER_ADDRESS.burst, 2 * per_minute))
    with _opened(survey, db, people) as store:
        place = listen(host, port, public_url)
        remember_url(store, place.url)
        if not is_loopback(host):
            secure = "" if place.https else ", and nothing is encrypted"
            click.echo(f"calibrant: warning: {host} is open to other machines{secure}", err=True)

        found = _about(store, place.url)

        def started() -> None:
            if as_json:
                from calibrant._text import dumps

                click.echo(dumps(found, indent=2))
            else:
                _say(store, found)

        def application() -> ASGIApp:
            return build(
                Site(store, place.url), place.hosts, proxies=believed, per_address=per_address
            )

        _shuffled(store)
        if workers == 1:
            run(application(), place, started)
        else:
            # No connection may outlive a fork; each worker opens its own.
            store.close()
            run_workers(application, place, workers, started)
        _shuffled(store)
        click.echo(f"stopped; answers are in {store.answers.name}; the same command goes on",
                   err=True)  # fmt: skip


def _opened(survey: Path, db: str | None, people: str | None) -> Store:
    from calibrant.priorities.survey.read import read_survey, taxonomy_of
    from calibrant.web.survey.kept.store import create_survey

    read = read_survey(survey)
    taxonomy = taxonomy_of(read, survey if survey.is_file() else None)
    return create_survey(db or default_db(survey), read, taxonomy.to_dict(), people=people)


def _shuffled(store: Store) -> None:
    """Leave no order of arrival in the files, between two times of serving."""
    from calibrant.errors import RunFolderError

    try:
        store.shuffle()
    except RunFolderError as e:
        click.echo(f"calibrant: warning: {e}; rows may lie in the order of arrival", err=True)


def default_db(survey: Path) -> str:
    """Where answers are kept if nobody says: beside the survey's file."""
    return str(survey.with_suffix(".db"))


def _about(store: Store, url: str) -> dict[str, Any]:
    """What is served, as plain data."""
    from calibrant.web.survey.kept import people

    window = store.window()
    open_path = people.open_path(store)
    return {
        "survey": store.survey.id, "title": store.survey.title, "url": url,
        "organiser": url + people.organiser_path(store),
        "open_link": None if open_path is None else url + open_path,
        "answers": store.answers.name, "people": store.people.name,
        "invited": len(people.invitations(store)), "state": window.state, "round": window.round,
        "closes": None if window.closes is None else window.closes.isoformat(),
    }  # fmt: skip


def _say(store: Store, found: dict[str, Any]) -> None:
    from calibrant._text import one_line

    areas = len(store.areas.area)
    click.echo(
        f"{one_line(found['title'], 120)}: {areas} areas in {len(store.areas.categories)} "
        f"categories, {len(store.survey.questions)} questions of each; round {found['round']} is "
        f"{ {'before': 'not open yet', 'open': 'open', 'closed': 'closed'}[found['state']] }"
    )
    click.echo(f"  answers    {found['answers']}")
    click.echo(f"  people     {found['people']}")
    click.echo(f"  organiser  {found['organiser']}")
    if found["open_link"]:
        click.echo(f"  everyone   {found['open_link']}")
    many = found["invited"]
    click.echo(
        f"{many:,} invited; the organiser's page invites more"
        if many else "nobody is invited yet: the organiser's page makes personal links"
    )  # fmt: skip
