"""Options of commands that add to a log of forecasts: was it cut since its head was published?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def chain(command: Any) -> Any:
    """The options --head and --anchor."""
    command = click.option(
        "--anchor", type=click.Path(path_type=Path), metavar="FILE",
        help="Keeps the log's head: checked, then written anew. Store it elsewhere.",
    )(command)  # fmt: skip
    return click.option(
        "--head", multiple=True, metavar="HASH",
        help="Of the log, published before: refused unless it is still in it. Repeatable.",
    )(command)  # fmt: skip
