"""The option --figure: also draw the result, into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant._figure import Figure

figure_option = click.option(
    "--figure",
    type=click.Path(path_type=Path),
    help="Also draw the result: .svg, .png, .html, or .json (Vega-Lite).",
)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure, and say so on stderr: stdout is for the result."""
    from calibrant._text import one_line

    click.echo(one_line(f"figure written to {figure.save(path)}", 1000), err=True)
