"""`calibrant priorities consensus RATINGS`: where do the experts agree, and since when?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.priorities.delphi.consensus import Cell, Consensus
    from calibrant.priorities.survey.model import Survey


@click.command("consensus")
@click.argument("ratings", type=click.Path(path_type=Path))
@click.option("--survey", "survey_file", type=click.Path(path_type=Path), metavar="FILE",
              help="The survey: gives the scale and the order of questions.")  # fmt: skip
@click.option("--scale", "--levels", metavar="1-K",
              help="Lowest and highest rating, as 1-7; by default the survey's, or 1-5."
              )  # fmt: skip
@click.option("--rule", type=click.FloatRange(0), metavar="WIDTH",
              help="The widest interquartile range that is consensus; a quarter of the scale by "
              "default.")  # fmt: skip
@click.option("--level", type=click.FloatRange(0.5, 1, max_open=True), default=0.95,
              show_default=True)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    ratings: Path, *, survey_file: Path | None, scale: str | None, figure: Path | None,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Consensus and polarisation by area and round, from a ratings table.

    RATINGS has the columns respondent, area, question and value, and may have state and round
    (.csv, .tsv, .jsonl, .parquet).
    """
    from calibrant._text import dumps, one_line
    from calibrant.priorities.delphi.consensus import consensus
    from calibrant.priorities.delphi.figure import spreads
    from calibrant.priorities.ranks.believed import levels_of

    levels = None if scale is None else levels_of(scale)
    found = consensus(ratings, survey=_survey(survey_file), levels=levels, **options)
    if figure is not None:
        save_figure(spreads(found), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    click.echo(repr(found))
    _print(found)
    for note in found.notes:
        click.echo(one_line(f"note: {note}", 600))


def _survey(path: Path | None) -> Survey | None:
    """The survey that a file holds."""
    if path is None:
        return None
    from calibrant.priorities.survey.read import read_survey

    return read_survey(path)


def _print(found: Consensus) -> None:
    from rich.console import Console
    from rich.table import Table

    from calibrant._text import one_line

    console = Console()
    for q in found.questions:
        click.echo("\n" + one_line(f"{q.question}, round {q.round}", 100))
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("area")
        for name in ("n", "median", "IQR"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("consensus", no_wrap=True)
        for name in ("A", "D", "camps"):
            table.add_column(name, justify="right", no_wrap=True)
        for cell in found.cells:
            if (cell.question, cell.round) == (q.question, q.round):
                table.add_row(one_line(cell.area, 40), str(cell.n), *_numbers(cell))
        console.print(table, markup=False, highlight=False)
    click.echo(
        "\nIn brackets: intervals for the experts at large. A: van der Eijk's agreement. D: Leik's "
        "dispersion.\nCamps: p of one peak, adjusted.\n"
    )
    for line in _lines(found):
        click.echo(one_line(line, 400))


def _numbers(cell: Cell) -> tuple[str, ...]:
    s = cell.spread
    if s is None:
        return "", "", "too few"
    (a, b), (c, d), (e, f) = s.median_interval, s.iqr_interval, s.dispersion_interval
    return (
        f"{s.median:g} ({a}–{b})", f"{s.iqr:g} ({c}–{d})", s.consensus, f"{s.agreement:.2f}",
        f"{s.dispersion:.2f} ({e:.2f}–{f:.2f})", f"{cell.two_camps:.2g}",
    )  # fmt: skip


def _lines(found: Consensus) -> list[str]:
    lines = []
    for q in found.questions:
        head = f"{q.question}, round {q.round}"
        if q.order is None:
            lines.append(f"{head}: Kendall's W: {q.why}")
        else:
            o = q.order
            ends = "" if o.interval is None else " ({:.3f} to {:.3f})".format(*o.interval)
            lines.append(
                f"{head}: Kendall's W {o.w:.3f}, {o.by_chance:.3f} by chance; beyond chance "
                f"{o.beyond_chance:.3f}{ends}; p = {o.p:.3g}; {o.respondents} respondents, "
                f"{o.areas} areas"
            )
        lines.append(f"{head}: {q.alpha!r}")
    for moved in found.movements:
        m = moved.movement
        chance = "" if m.towards_by_chance is None else f" ({m.towards_by_chance:.0%} by chance)"
        told = m.towards + m.away
        share = f"{m.towards / told:.0%} of {told}{chance}" if told else "none"
        narrow = "no spread to lose" if m.narrowing is None else f"{m.narrowing:.1%}"
        shift = "" if m.shift_p is None else f", p = {m.shift_p:.3g}"
        lines.append(
            f"{moved.question}, round {m.first} to {m.second}: {m.revised} of {m.pairs} answers of "
            f"{m.respondents} respondents revised; towards the median {share}; shift "
            f"{m.shift:+.3f}{shift}; narrowing {narrow}, p = {m.p:.3g}"
        )
    return lines
