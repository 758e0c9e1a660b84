"""`calibrant priorities …`: what should be tested at all, and how sure is that ranking?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "integrity": "answers that may not mean what they say",
    "portfolio": "what to fund with a budget, and at what risk",
    "coverage": "what is important and no instrument tests",
    "consensus": "where experts agree, where there are two camps, and what a round changed",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group("priorities", cls=LazyGroup, package="calibrant.cli.priorities", helps=COMMANDS)
def cli() -> None:
    """Ask experts what matters, watch it live, rank it honestly, fund it."""
