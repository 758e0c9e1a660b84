"""Options that the commands on ratings and published tables share, by the same names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def of_areas(command: Callable[..., Any]) -> Callable[..., Any]:
    """--survey, --taxonomy and --scale: what is rated, and on which scale."""
    options = (
        click.option("--survey", type=click.Path(path_type=Path), metavar="FILE",
                     help="The survey's file: its taxonomy and scales."),
        click.option("--taxonomy", metavar="NAME|FILE",
                     help="Areas and categories; by default the survey's, or the shipped one if it "
                     "has all areas."),
        click.option("--scale", metavar="1-K",
                     help="Lowest and highest rating, as 1-7; by default the survey's, or 1-5."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def owned(command: Callable[..., Any]) -> Callable[..., Any]:
    """--own: who works in which area."""
    return click.option(
        "--own", type=click.Path(path_type=Path), metavar="FILE",
        help="Who works in which area: columns respondent, area.",
    )(command)  # fmt: skip


def own_areas(path: Path | None) -> list[tuple[str, str]] | None:
    """The pairs that such a file holds."""
    from calibrant.priorities.ranks.source import read_own

    return None if path is None else read_own(path)
