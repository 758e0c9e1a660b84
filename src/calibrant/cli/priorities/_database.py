"""What have the commands about a survey's database in common?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from calibrant.web.survey.kept.store import Store
    from calibrant.web.survey.organising.organise import Kind

Command = TypeVar("Command", bound=Callable[..., Any])

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def database(command: Command) -> Command:
    """The database as an argument, and where people are kept."""
    command = click.option("--people", metavar="FILE|URL",
                           help="Where people are kept, if not beside DB.")(command)  # fmt: skip
    return click.argument("db", metavar="DB")(command)


def opened(db: str, people: str | None) -> Store:
    """The survey that a database holds.

    Raises:
        InputError: if there is none.
    """
    from calibrant.web import need_extra

    need_extra()
    from calibrant.web.survey.kept.store import open_survey

    return open_survey(db, people=people)


LETTERS = [
    click.option("-o", "--out", required=True, metavar="FILE",
                 help="The letters: .csv for mail merge, .mbox, or .zip with an .eml each."),
    click.option("--url", metavar="URL",
                 help="How people reach the server; if it ran before, it is known."),
    click.option("--text", "text_file", metavar="FILE",
                 help="The letter in your own words, with $name, $link, $title, $expires."),
    click.option("--from", "sender", default="", metavar="ADDRESS", help="Who writes."),
    click.option("--not-sent", "unsent", is_flag=True,
                 help="Do not note that these letters were sent: they come again next time."),
]  # fmt: skip
"""Options of letters."""


def letters(command: Command) -> Command:
    """The options of letters."""
    for option in reversed(LETTERS):
        command = option(command)
    return command


def ready(
    store: Store, kind: Kind, out: str, url: str | None, text_file: str | None, sender: str,
    *, unsent: bool, **whom: Any,
) -> Callable[[], int]:  # fmt: skip
    """Check everything that can be wrong about letters before anybody is invited; what is returned
    writes them, notes that they were sent, and says how many there are.

    Args:
        whom: as `organise.due` takes it.

    Raises:
        InputError: naming what is wrong.
    """
    from pathlib import Path

    from calibrant._text import one_line
    from calibrant.errors import InputError, RunFolderError
    from calibrant.report.page import write_whole
    from calibrant.web.serve import public
    from calibrant.web.survey.organising import letters, organise

    path = Path(out)
    makers: dict[str, Callable[[list[letters.Letter]], bytes]] = {
        ".csv": letters.as_csv,
        ".mbox": lambda found: letters.as_mbox(found, sender),
        ".zip": lambda found: letters.as_zip(found, sender),
    }
    make = makers.get(path.suffix.lower())
    if make is None:
        raise InputError(f"-o {one_line(out, 100)}: wanted a file as .csv, .mbox or .zip")
    if not path.parent.is_dir():
        raise InputError(f"-o {one_line(out, 100)}: no such folder")
    letters.checked_sender(sender)
    text = None
    if text_file is not None:
        try:
            text = Path(text_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise InputError(f"--text {one_line(text_file, 100)}: cannot be read ({e})") from e
        letters.checked(text)
    if url is None:
        url = organise.known_url(store)
        if url is None:
            raise InputError("--url: how do people reach the server? as https://survey.example.org")
    url = public(url, "--url")[0]

    def write() -> int:
        addressed = organise.due(store, kind, **whom)
        found = organise.written(store, addressed, kind, url, text)
        try:
            write_whole(path, make(found))
            # Links are keys: for the organiser's eyes only.
            path.chmod(0o600)
        except OSError as e:
            raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
        if not unsent:
            organise.note(store, addressed, kind)
        return len(found)

    return write
