"""Which responses does a command mean? Options shared by the commands of `calibrant items`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from calibrant.quality.responses import Responses

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--items", "items_table", metavar="TABLE",
                 help="What is known about items, such as their category, cluster or text."),
    click.option("--subjects", "subjects_table", metavar="TABLE",
                 help="What is known about subjects, such as their family and date."),
    click.option("--grader", metavar="NAME",
                 help="Whose scores; by default the mean over graders."),
    click.option("--layout", type=click.Choice(["wide", "long"]),
                 help="One row a subject, or one row a score; by default found by the columns."),
    click.option("--subject-column", metavar="COLUMN", help="Who was tested."),
    click.option("--item-column", metavar="COLUMN", help="What was asked, in a long table."),
    click.option("--score-column", metavar="COLUMN", help="The score, in a long table."),
    click.option("--limits", type=float, nargs=2, metavar="LOW HIGH",
                 help="The lowest and highest possible score; by default 0 and 1, or what occurs."),
)  # fmt: skip

_NAMES = (
    "items_table", "subjects_table", "grader", "layout", "subject_column", "item_column",
    "score_column", "limits",
)  # fmt: skip


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options by which responses are read: keyword arguments for `responses_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def responses_of(source: str, options: dict[str, Any]) -> Responses:
    """The responses that a command line means.

    Args:
        source: a path.
        options: the command's keyword arguments; those of `source_options` are taken out, so that
            what remains are the command's own.

    Raises:
        InputError: as `read_responses`.
    """
    from calibrant.quality.read import read_responses

    given = {name: options.pop(name, None) for name in _NAMES}
    return read_responses(
        source, layout=given["layout"], subject=given["subject_column"],
        item=given["item_column"], score=given["score_column"], grader=given["grader"],
        items=given["items_table"], subjects=given["subjects_table"], limits=given["limits"],
    )  # fmt: skip
