"""How does a command line name a secret? By its file or variable, never by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from calibrant.contamination.fresh.stream import Secret

_OPTIONS = (
    click.option("--secret-file", type=click.Path(path_type=Path), metavar="FILE",
                 help="Holds the secret seed; only its owner should be able to read it."),
    click.option("--secret-env", metavar="NAME",
                 help="The environment variable that holds it, instead."),
)  # fmt: skip


def secret_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --secret-file and --secret-env: keyword arguments for `secret_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def secret_of(options: dict[str, Any]) -> Secret:
    """The secret that a command line means; says on stderr if it is not kept well.

    Raises:
        InputError: as `read_secret`.
    """
    from calibrant._text import one_line
    from calibrant.contamination.fresh.stream import read_secret
    from calibrant.errors import InputError

    if (options.get("secret_file") is None) == (options.get("secret_env") is None):
        got = "neither" if options.get("secret_file") is None else "both"
        raise InputError(f"secret: wanted one of --secret-file and --secret-env, got {got}")
    found = read_secret(options.get("secret_file"), variable=options.get("secret_env"))
    for note in found.notes:
        click.echo(f"warning: {one_line(note, 300)}", err=True)
    return found
