"""`calibrant items adapt TEST.yaml`: an adaptive test of one subject, run through Inspect."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import json_option
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.bench.adaptive.result import Adapted
    from calibrant.bench.adaptive.test import Progress


@click.command("adapt")
@click.argument("file", type=click.Path(path_type=Path), metavar="TEST.yaml")
@click.option("--subject", help="Test this subject instead of the file's.")
@click.option("--at-most", type=click.IntRange(1), help="Items asked at most.")
@click.option("--batch", type=click.IntRange(1), help="Items chosen, and in flight, together.")
@click.option("--seed", type=click.IntRange(0), help="Use this seed instead of the file's.")
@click.option("--max-cost", type=float, help="Dollars; begin no batch beyond it.")
@click.option("--force", is_flag=True, default=None,
              help="Adapt although the items were found unfit for it.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--fresh", is_flag=True, help="Begin anew even if an unfinished run is there.")
@figure_option
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def cli(file: Path, *, figure: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Predict a subject's score on a whole benchmark from the items that tell most of it.

    TEST.yaml names an engine (see `calibrant items shorten`), an instrument and a subject. The same
    command resumes an interrupted run. With a claim the exit code is that of its verdict.
    """
    from contextlib import redirect_stdout

    from calibrant.bench.adaptive.run import adapt

    # Providers and tasks may print; stdout is for the outcome alone.
    with redirect_stdout(sys.stderr):
        found = adapt(file, watch=None if quiet else _watch, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(found.to_json())
    else:
        _print(found)
    raise SystemExit(found.exit_code)


def _watch(now: Progress) -> None:
    e = now.estimate
    click.echo(
        f"{now.asked:,} of at most {now.at_most:,} items: {e.value:.3f} "
        f"[{e.low:.3f}, {e.high:.3f}]", err=True,
    )  # fmt: skip


def _print(found: Adapted) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()

    def say(text: str) -> None:
        console.print(Text(one_line(text, 1000)), soft_wrap=True)

    say(repr(found))
    say(f"standard error {found.standard_error:.3g}; ended: {found.stopped}")
    say("\non subjects of families that were not used in calibration:")
    print_table(
        ["method", "items", "mean error", f"{found.level:.0%} interval"],
        [
            [str(row["method"]), f"{row['items']:,}", f"{row['error']:.3f}",
             f"{row['low']:.3f} to {row['high']:.3f}"]
            for row in found.baselines
        ],
        indent=2,
    )  # fmt: skip
    if found.cost is not None:
        say(f"cost: ${found.cost:.4f}")
    for warning in found.warnings:
        say(f"warning: {warning}")
    for note in found.notes:
        say(f"note: {note}")
    say(f"run folder: {found.folder}")
