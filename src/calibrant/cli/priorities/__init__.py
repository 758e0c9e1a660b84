"""`calibrant priorities …`: what should be tested at all, and how sure is that ranking?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "survey": "what is asked: begin, check and show a survey",
    "taxonomy": "which areas there are: show, check, compare versions",
    "serve": "the survey's pages, for respondents and organisers",
    "invite": "make personal links, and the letters that carry them",
    "remind": "letters to those whose link was not used",
    "status": "response rates, and areas short of answers",
    "close": "take no more answers; or open again, move the end, begin the next round",
    "results": "the answers as tables, from a survey's database",
    "import": "answers of Qualtrics and other tools as ratings",
    "export": "ratings as CSV, Parquet, or a CSV like those of Qualtrics",
    "rank": "which areas come first, and how sure is that",
    "published": "the tables of the paper's own analysis, from ratings, exactly",
    "audit": "can the numbers of a published table be true",
    "consensus": "where experts agree, where there are two camps, and what a round changed",
    "integrity": "answers that may not mean what they say",
    "ask": "which area to ask whom next",
    "portfolio": "what to fund with a budget, and at what risk",
    "coverage": "what is important and no instrument tests",
    "code": "comments: a codebook, coders, agreement, quotes, areas that are missing",
    "report": "all of it on one page that prints",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group("priorities", cls=LazyGroup, package="calibrant.cli.priorities", helps=COMMANDS)
def cli() -> None:
    """Ask experts what matters, watch it live, rank it honestly, fund it."""
