"""`calibrant items cut …`: where good enough begins, with its error; for `below: cut.json`."""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "angoff": "raters judge item by item how a just acceptable subject does",
    "bookmark": "raters mark a page in items ordered by difficulty",
    "borderline": "scores of subjects judged to be just on the border",
    "contrasting": "scores of subjects judged acceptable, and not",
    "cost": "the least expected cost, from costs of both errors and of items",
    "classify": "how often the cut is wrong about subjects, and how many items it needs",
    "sequential": "decide subject by subject, with as few items as it takes",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group("cut", cls=LazyGroup, package="calibrant.cli.items.cut", helps=COMMANDS)
def cli() -> None:
    """Set a threshold that is argued, with its standard error, for use in a suite."""
