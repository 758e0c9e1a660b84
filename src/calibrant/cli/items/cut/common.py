"""What the commands of `calibrant items cut` share: options, and how a result is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items import tables
from calibrant.cli.items.options import json_option, level_option

if TYPE_CHECKING:
    from calibrant.quality.cuts.cut import Cut

F = TypeVar("F", bound=Callable[..., Any])


def cut_options(command: F) -> F:
    """Options of every command that makes a cut."""
    for option in (
        json_option,
        figure_option,
        click.option("-o", "--out", type=click.Path(path_type=Path), metavar="CUT.json",
                     help="Write the cut, for below: or above: in a suite."),
        click.option("--direction", type=click.Choice(["above", "below"]), default="above",
                     show_default=True, help="On which side of the cut a subject is acceptable."),
        level_option,
    ):  # fmt: skip
        command = option(command)
    return command


def finish(found: Any, cut: Cut, out: Path | None, figure: Path | None, *, as_json: bool) -> bool:
    """Write the cut and the figure, print JSON if asked; returns whether words are still due."""
    from calibrant._text import dumps, one_line
    from calibrant.quality.cuts.cut import write_cut

    if out is not None:
        write_cut(cut, out)
        click.echo(one_line(f"cut written to {out}", 1000), err=True)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
    return not as_json


def print_table(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table under a heading; the first column is names, the others numbers."""
    click.echo(f"\n{heading}")
    tables.print_table(columns, rows, indent=2)


def print_notes(notes: Iterable[str]) -> None:
    """Print what a reader should know, a line each."""
    from calibrant._text import one_line

    for note in notes:
        click.echo(f"note: {one_line(note, 400)}")


def shown(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def number_or_cut(text: str) -> float | Cut:
    """A score, or the cut in a file."""
    from calibrant.quality.cuts.cut import read_cut

    try:
        return float(text)
    except ValueError:
        return read_cut(text)
