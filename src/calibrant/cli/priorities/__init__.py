"""`calibrant priorities …`: what should be tested at all, and how sure is that ranking?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "invite": "make personal links, and the letters that carry them",
    "remind": "letters to those whose link was not used",
    "status": "response rates, and areas short of answers",
    "close": "take no more answers; or open again, move the end, begin the next round",
    "results": "the answers as tables, from a survey's database",
    "serve": "the survey's pages, for respondents and organisers",
    "consensus": "where experts agree, where there are two camps, and what a round changed",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group("priorities", cls=LazyGroup, package="calibrant.cli.priorities", helps=COMMANDS)
def cli() -> None:
    """Ask experts what matters, watch it live, rank it honestly, fund it."""
