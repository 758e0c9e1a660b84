"""The option --figure: also draw the result, into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant._figure import Figure


def drawable(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuses at once what could not be written when the work is done."""
    from calibrant._figure import ENDINGS
    from calibrant.errors import InputError

    if path is None:
        return None
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"{path}: wanted a figure to end in {', '.join(ENDINGS)}, got {ending or 'none'!r}"
        )
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written: there is no folder {path.parent}")
    return path


figure_option = click.option(
    "--figure",
    type=click.Path(path_type=Path),
    callback=drawable,
    help="Also draw the result: .svg, .png, .html, or .json (Vega-Lite).",
)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure, and say so on stderr: stdout is for the result."""
    from calibrant._text import one_line

    click.echo(one_line(f"figure written to {figure.save(path)}", 1000), err=True)
