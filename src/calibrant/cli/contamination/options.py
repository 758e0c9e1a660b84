"""Which options do the commands of `calibrant contamination` share?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_COLUMNS = (
    click.option("--id-column", metavar="COLUMN", help="Ids of items."),
    click.option("--question-column", metavar="COLUMN", help="What is asked."),
    click.option("--answer-column", metavar="COLUMN", help="What is right."),
    click.option("--choices-column", metavar="COLUMN", help="Options, as a list or its JSON."),
    click.option("--cluster-column", metavar="COLUMN", help="Which items belong together."),
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True,
    help="Of what is drawn: the same seed gives the same numbers.",
)  # fmt: skip
share = click.FloatRange(0, 1, min_open=True, max_open=True)
"""A number between 0 and 1, neither included."""
error_rate = click.FloatRange(0, 0.5, min_open=True, max_open=True)
"""Of alarms without exposure: less than chance alone gives."""


def items_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options by which items are read: keyword arguments for `items_of`."""
    for option in reversed(_COLUMNS):
        command = option(command)
    return command


def items_of(source: str, options: dict[str, Any]) -> Any:
    """The items that a command line means.

    Args:
        source: a path, or an Inspect task.
        options: the command's keyword arguments; those of `items_options` are taken out.

    Raises:
        InputError: as `read_items`.
    """
    from calibrant.contamination.items import NAMES, read_items

    return read_items(source, **{part: options.pop(f"{part}_column", None) for part in NAMES})


def model_args(given: tuple[str, ...]) -> dict[str, Any]:
    """Arguments of a model, from KEY=VALUE; values are read as YAML, as Inspect does.

    Raises:
        InputError: if one has no KEY, or its value is broken.
    """
    import yaml

    from calibrant.errors import InputError

    found: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise InputError(f"-M: wanted KEY=VALUE, got {pair!r}")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as e:
            raise InputError(f"-M {key}: not a value: {value!r}") from e
    return found
