"""`calibrant judge …`: graders on trial."""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {
    "agree": "how far graders agree, each category's error, and who errs",
    "probe": "bias probes of a judge, run through Inspect",
    "correct": "a rate by a judge, corrected by gold labels",
    "plan": "how many gold labels, and on which items",
    "panel": "judges combined by measured error; when to ask a person",
    "pressure": "best-of-n against the judge, empty answers",
    "drift": "two versions of a judge on the same answers; anchors over time",
    "label": "a page on which people label stored answers, blind",
    "card": "a grader's certificate card",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group("judge", cls=LazyGroup, package="calibrant.cli.judge", helps=COMMANDS)
def cli() -> None:
    """Audit, correct and stress a grader before believing it."""
