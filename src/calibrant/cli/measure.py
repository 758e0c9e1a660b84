"""`calibrant measure FILE`: estimates with uncertainty budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.conformity import decision_line, decisions, taken
from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.pairs import amount, pairs

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from calibrant.measurement import Measurement


@click.command("measure")
@click.argument("file")
@click.option("--score", help="Measure this score only.")
@click.option("--cluster", help="Column that names clusters.")
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--side", type=click.Choice(["two", "upper", "lower"]), default="two")
@click.option("--population", type=click.Choice(["items", "tasks"]), default="tasks",
              help="Items are a sample of tasks, or all there is.")  # fmt: skip
@click.option("--type-b", "declared", multiple=True, metavar="SOURCE=U",
              callback=pairs(amount, "SOURCE=U with U 0 or more"),
              help="A declared Type B standard uncertainty.")  # fmt: skip
@click.option("--exposure", "exposures", multiple=True, metavar="FILE",
              help="Correct for exposure, by the JSON of `contamination inflation`.")  # fmt: skip
@decisions
@figure_option
@click.option("--hierarchical", is_flag=True,
              help="One model of all trials (needs calibrant[bayes]).")  # fmt: skip
@click.option("--pool-graders", is_flag=True,
              help="Hierarchical: take several scores for graders of one thing.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, help="Hierarchical: of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: str,
    *,
    as_json: bool,
    figure: Path | None,
    hierarchical: bool,
    pool_graders: bool,
    seed: int,
    exposures: tuple[str, ...],
    **options: Any,
) -> None:
    """Estimate every score of every subject on every instrument, with an uncertainty budget.

    FILE is a table of trials, a log, or a folder of logs: whatever `calibrant read` takes.
    """
    from calibrant._text import dumps
    from calibrant.measurement import measure

    options = taken(options)
    if exposures:
        from calibrant.contamination.inflation.result import read_inflation

        if hierarchical:
            raise click.UsageError("--exposure does not go with --hierarchical")
        options["exposure"] = [read_inflation(path) for path in exposures]
    if hierarchical:
        from calibrant.cli.hierarchical_table import show

        show(file, as_json=as_json, pool_graders=pool_graders, seed=seed, figure=figure, **options)
        return
    if pool_graders:
        raise click.UsageError("--pool-graders goes with --hierarchical")
    found = measure(file, **options)
    if figure is not None:
        from calibrant.measurement import plot_measurements

        save_figure(found[0].plot() if len(found) == 1 else plot_measurements(found), figure)
    if as_json:
        click.echo(dumps([m.to_dict() for m in found], indent=1))
        return
    from rich.console import Console

    console = Console()
    for measurement in found:
        _print(measurement, console)


def _print(m: Measurement, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console.print(Text(one_line(repr(m), 400)))
    if m.raw_value is not None:
        console.print(Text(f"  {m.raw_value:.4g} before the correction for the grader's errors"))
    if m.exposure is not None:
        low, high = m.exposure["low"], m.exposure["high"]
        console.print(Text(
            f"  {m.exposure['observed']:.4g} as observed; inflation by exposure "
            f"{m.exposure['inflation']:+.4g} in {_ends((low, high))}"
        ))  # fmt: skip
    if m.conformity is not None:
        console.print(Text(f"  {one_line(decision_line(m.conformity), 400)}"), soft_wrap=True)
    if m.missing:
        where = "" if m.if_missing is None else f"; it could be {_ends(m.if_missing)} with them"
        console.print(Text(f"  {m.missing} trials are missing{where}"))
    if not m.budget:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name in ("  source", "type", "u", "share", ""):
        table.add_column(name, justify="right" if name in ("u", "share") else "left")
    for row in m.budget:
        bar = "█" * round(24 * max(row["share"], 0.0))
        table.add_row(
            Text(f"  {one_line(row['source'], 40)}"), row["type"], f"{row['u']:.4g}",
            f"{row['share']:.0%}", bar,
        )  # fmt: skip
    console.print(table)


def _ends(interval: tuple[float, float]) -> str:
    return f"[{interval[0]:.4g}, {interval[1]:.4g}]"
