"""`calibrant forecast FILE`: a target at a larger scale, tried on the past first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.forecast.curve import ends
from calibrant.cli.pairs import pairs

if TYPE_CHECKING:
    from calibrant.scaling.result import Forecast


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--target", multiple=True, metavar="COLUMN",
              help="The score to forecast, again for more; empty cells are asked for.")  # fmt: skip
@click.option("--scale", metavar="COLUMN",
              help="Compute; a unit in its name such as (1E21) is multiplied in. Needed unless "
              "--given is.")  # fmt: skip
@click.option("--given", multiple=True, metavar="COLUMN",
              help="A score that stays known where the target is not, again for more, such as "
              "MMLU: the target is also forecast from what these say of ability.")  # fmt: skip
@click.option("--family", metavar="COLUMN", help="Subjects of one family miss together.")
@click.option("--subject", metavar="COLUMN", help="Their names; found by themselves if common.")
@click.option("--date", metavar="COLUMN", help="When each was released.")
@click.option("--se", metavar="COLUMN", help="The standard error of each score.")
@click.option("--measure", metavar="COLUMN",
              help="Of a long table, one row a score: the column that names measures.")  # fmt: skip
@click.option("--score", metavar="COLUMN", help="Of a long table: the column of scores.")
@click.option("--with", "joins", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Another table of the same subjects, joined to FILE.")  # fmt: skip
@click.option("--cut", default="rolling", show_default=True, metavar="RULE",
              help="How the past is cut: scale<=8.4e22, date<=2024-01-31, family, rolling, "
              "rolling date; rolling:9 for nine cuts; with --given also axis<=0.5 and rolling "
              "axis (abilities, in standard deviations).")  # fmt: skip
@click.option("--at", multiple=True, metavar="SCALE[:FAMILY[:DATE]]",
              help="Also forecast a subject of this scale, such as 1e26:Llama.")  # fmt: skip
@click.option("--level", type=float, default=0.9, show_default=True,
              help="The share that intervals promise.")  # fmt: skip
@click.option("--limits", metavar="LOW,HIGH", callback=ends,
              help="The lowest and highest score there can be; else as it looks.")  # fmt: skip
@click.option("--chance", multiple=True, metavar="COLUMN=SCORE",
              callback=pairs(float, "COLUMN=SCORE, as MMLU=0.25"),
              help="What a guesser scores on a target.")  # fmt: skip
@click.option("--log-scale", is_flag=True, help="The scale is a base-10 logarithm already.")
@click.option("--bayes", is_flag=True,
              help="Add the hierarchical model by its sampler (extra bayes); minutes.")  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Keep what models said here: a stopped run goes on from it.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, target: tuple[str, ...], chance: dict[str, float], log_scale: bool,
    figure: Path | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Forecast the empty cells of a target in FILE (one row a subject), and --at others.

    Models are stacked by what they were worth on the past. The past is cut as --cut says, and each
    forecast is judged by those of the past that reached as far: where they failed, were too few,
    or none reached so far, it is withheld, and that is said.
    """
    from calibrant._text import dumps
    from calibrant.scaling.forecast import forecast

    found = forecast(
        file, target=target or None, chance=chance or None, log=not log_scale,
        tell=lambda line: click.echo(line, err=True), **options,
    )  # fmt: skip
    if figure is not None:
        from calibrant.scaling.figures import forecast_figure

        save_figure(forecast_figure(found), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Forecast) -> None:
    from rich.console import Console

    from calibrant._text import one_line
    from calibrant.cli.forecast.run_print import tables

    console = Console(highlight=False)
    click.echo(one_line(repr(found), 600))
    for table in tables(found):
        console.print(table)
    click.echo(one_line(repr(found.backtest), 300))
    for line in found.warnings:
        click.echo(one_line(f"warning: {line}", 600))
    for line in found.notes:
        click.echo(one_line(f"note: {line}", 600))
