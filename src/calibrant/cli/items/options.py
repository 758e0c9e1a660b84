"""Which options do the commands of `calibrant items` share? The same names and words in all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

BANKS = ("auto", "rasch", "2pl", "3pl", "grm", "pcm", "gpcm")
"""Models that make a bank of items, and what chooses one."""

share = click.FloatRange(0, 1, min_open=True, max_open=True)
"""A number between 0 and 1, neither included."""

level_option = click.option(
    "--level", type=share, default=0.95, show_default=True, help="Of intervals."
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True,
    help="Of what is drawn: the same seed gives the same numbers.",
)  # fmt: skip
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)

_FAMILY = (
    click.option("--family", metavar="COLUMN",
                 help="Which subjects are relatives, such as versions of one model: a fact about "
                 "them."),
    click.option("--family-pattern", metavar="REGEX",
                 help="The same by name: its first group, as in '^([a-z]+)'."),
)  # fmt: skip


def family_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --family and --family-pattern."""
    for option in reversed(_FAMILY):
        command = option(command)
    return command
