"""`calibrant forecast curve FILE`: one measure against scale."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from rich.table import Table

    from calibrant.scaling.curves.curve import CurveReport


def places(
    _: click.Context, __: click.Parameter, given: tuple[str, ...]
) -> list[tuple[float, str]]:
    """SCALE or SCALE:FAMILY, scales in the plain unit."""
    from calibrant.errors import InputError

    found = []
    for text in given:
        size, family = (text + ":").split(":", 1)
        try:
            value = float(size)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"--at: wanted SCALE or SCALE:FAMILY such as 1e24:Llama, got {text!r}")
        found.append((value, family.rstrip(":").strip()))
    return found


def ends(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """LOW,HIGH; inf where there is none."""
    from calibrant.errors import InputError

    if value is None:
        return None
    try:
        low, high = (float(x) for x in value.split(","))
    except ValueError:
        low, high = 1.0, 0.0
    if not low < high:
        raise InputError(f"--limits: wanted LOW,HIGH such as 0,100 or 0,inf, got {value!r}")
    return low, high


@click.command("curve")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--target", required=True, metavar="COLUMN", help="The score.")
@click.option("--scale", required=True, metavar="COLUMN",
              help="Compute; a unit in its name such as (1E21) is multiplied in.")  # fmt: skip
@click.option("--family", metavar="COLUMN", help="Which subjects are relatives.")
@click.option("--subject", metavar="COLUMN", help="Names of subjects, if not found.")
@click.option("--se", metavar="COLUMN", help="The standard error of each score.")
@click.option("--at", multiple=True, metavar="SCALE[:FAMILY]", callback=places,
              help="Forecast there, in the plain unit, such as 1e24 or 1e24:Llama; by default "
              "half an order of magnitude beyond the largest.")  # fmt: skip
@click.option("--limits", metavar="LOW,HIGH", callback=ends,
              help="The lowest and highest score there can be, by default 0,1; 0,inf for "
              "losses.")  # fmt: skip
@click.option("--chance", type=float, metavar="SCORE", help="What a guesser scores.")
@click.option("--falls", is_flag=True, help="Better subjects score lower, as with losses.")
@click.option("--log-scale", is_flag=True, help="The scale is a logarithm (base 10) already.")
@click.option("--level", type=float, default=0.9, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, at: list[tuple[float, str]], log_scale: bool, figure: Path | None,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Fit one measure of FILE (one row a subject) against scale, and forecast its next point.

    Tests first whether the score only ever grows; where it does not, no growing curve is fitted.
    Shapes are compared by how well they forecast larger subjects than they had seen.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.scaling.curves.curve import curve

    wrong = [s for s, _ in at if not log_scale and s <= 0]
    if wrong:
        raise InputError(f"--at: wanted a scale above 0, got {wrong[0]:g}")
    asked = [(s if log_scale else math.log10(s), f) for s, f in at]
    found = curve(file, at=asked, log=not log_scale, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: CurveReport) -> None:
    from rich.console import Console

    from calibrant._text import one_line

    console = Console(highlight=False)
    low, high = found.scale
    click.echo(one_line(
        f"{found.target}: {found.subjects} subjects in "
        f"{found.families} {'family' if found.families == 1 else 'families'}, scale "
        f"10^{low:.2f} to 10^{high:.2f}", 300))  # fmt: skip
    click.echo(one_line(f"monotone: {found.monotone.verdict}: {found.monotone.says}", 400))
    for table in (shapes(found), numbers(found), points(found)):
        if table.row_count:
            click.echo()
            console.print(table)
    for s in found.shapes:
        if s.refused:
            click.echo(one_line(f"not fitted: {s.name}: {s.refused}", 400))
    for line in found.notes:
        click.echo(one_line(f"note: {line}", 600))


def shapes(found: CurveReport) -> Table:
    """The models tried, the best first."""
    from rich.table import Table

    table = Table(title=f"Shapes by {found.how} (log score, higher is better)", box=None,
                  title_justify="left")  # fmt: skip
    table.add_column("model")
    for name in ("log score", "behind the best", "90 % held", "forecasts"):
        table.add_column(name, justify="right")
    for s in found.shapes:
        if s.log_score is None or s.behind is None:
            continue
        error = "" if s.behind_error is None or s.behind == 0 else f" ± {s.behind_error:.2f}"
        table.add_row(
            s.name + (" (baseline)" if s.baseline else ""), f"{s.log_score:.3f}",
            "best" if s.behind == 0 else f"{s.behind:.3f}{error}",
            "" if s.covered is None else f"{s.covered:.0%}", str(s.scores),
        )  # fmt: skip
    return table


def numbers(found: CurveReport) -> Table:
    """Parameters of the best model."""
    from rich.table import Table

    table = Table(title=f"Parameters of the {found.chosen}", box=None, title_justify="left")
    table.add_column("parameter")
    table.add_column("value", justify="right")
    table.add_column(f"{found.level:.0%} interval", justify="right")
    table.add_column("unit")
    for p in found.parameters:
        table.add_row(p.name, f"{p.value:.3g}", f"{p.low:.3g} to {p.high:.3g}", p.unit)
    return table


def points(found: CurveReport) -> Table:
    """What is forecast."""
    from rich.markup import escape
    from rich.table import Table

    from calibrant._text import one_line

    table = Table(title=f"Next by the {found.chosen}", box=None, title_justify="left")
    for name in ("subject", "family"):
        table.add_column(name)
    for name in ("scale", "beyond", "median", f"{found.level:.0%} interval"):
        table.add_column(name, justify="right")
    for p in found.forecast:
        table.add_row(
            escape(one_line(p.subject, 40)), escape(one_line(p.family, 40)), f"10^{p.scale:.2f}",
            f"{p.distance:.1f} orders" if p.distance else "within", f"{p.median:.3f}",
            f"{p.low:.3f} to {p.high:.3f}",
        )  # fmt: skip
    return table
