"""`calibrant contamination …`: has the subject seen the test, and what is its score without it?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "scan": "which items stand in a corpus, word for word or nearly",
    "paraphrase": "which items stand in a corpus in other words",
    "score": "how likely a subject finds each token of the items",
    "test": "valid tests of exposure, each with its reason",
    "probe": "what a subject that gives no log-probabilities completes, prefers, repeats",
    "inflation": "what the score would be without exposure, with an interval",
    "subjects": "reference subjects with planted exposure: train, verify, list",
    "generate": "items from templates and a secret seed; twins; canary strings",
    "refresh": "replace spoilt items and link the scores",
    "commit": "publish the hash of a hidden test before it is used; verify it after",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group("contamination", cls=LazyGroup, package="calibrant.cli.contamination", helps=COMMANDS)
def cli() -> None:
    """Find, measure and design away contamination."""
