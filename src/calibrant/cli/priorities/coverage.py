"""`calibrant priorities coverage TABLE_OR_RATINGS`: what is important and untested?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.priorities._options import of_areas, own_areas, owned

if TYPE_CHECKING:
    from calibrant.assurance.coverage import Coverage, CoveredArea

_MOST = 15


@click.command("coverage")
@click.argument("source", metavar="TABLE_OR_RATINGS", type=click.Path(path_type=Path))
@click.option("--instruments", type=click.Path(path_type=Path), metavar="FILE",
              help="Your own: a table (instrument, area, weight) or YAML.")  # fmt: skip
@click.option("--only-mine", is_flag=True, help="Leave calibrant's own instruments out.")
@click.option("--assessments", type=click.Path(path_type=Path), multiple=True, metavar="PATH",
              help="Assessments or folders of them: their verdicts count.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=10, show_default=True,
              help="Important: among the first so many by promise.")  # fmt: skip
@click.option("--min-ratings", type=click.IntRange(1), default=3, show_default=True,
              help="Areas rated by fewer are unrated.")  # fmt: skip
@of_areas
@owned
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    source: Path, *, instruments: Path | None, only_mine: bool, assessments: tuple[Path, ...],
    top: int, min_ratings: int, survey: Path | None, taxonomy: str | None, scale: str | None,
    own: Path | None, seed: int, figure: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Set what instruments test against what experts hold promising, with its uncertainty.

    An instrument declares which areas it touches and how much of their question it answers.
    """
    from calibrant._text import dumps
    from calibrant.assurance.coverage_of import coverage_of

    found = coverage_of(
        source, instruments=instruments, only_mine=only_mine, assessments=assessments, top=top,
        min_ratings=min_ratings, survey=survey, taxonomy=taxonomy, scale=scale,
        own=own_areas(own), seed=seed,
    )  # fmt: skip
    if figure is not None:
        from calibrant.assurance.coverage_figure import coverage_figure

        save_figure(coverage_figure(found), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    show(found)


def show(found: Coverage) -> None:
    """The findings as lines for people."""
    from calibrant._text import one_line

    click.echo(one_line(repr(found), 300))
    for title, areas in (("important, untested", found.gaps), ("tested, unimportant", found.spare)):
        click.echo(f"\n{title}:")
        for a in areas[:_MOST]:
            click.echo(_line(a, found.k))
        if not areas:
            click.echo("  none")
        if len(areas) > _MOST:
            click.echo(f"  and {len(areas) - _MOST} more (all with --json)")
    tested = [a for a in found.areas if a.coverage > 0]
    click.echo("\ntouched:")
    for a in sorted(tested, key=lambda a: -a.coverage):
        by = ", ".join(f"{one_line(i, 40)} {w:g}" for i, w, _ in a.instruments)
        said = "; ".join(f"{n} {v}" for v, n in a.verdicts.items() if n)
        click.echo(
            f"  {one_line(a.id, 20):6} {a.coverage:4.0%}  {by}{f' ({said})' if said else ''}"
        )
    click.echo(f"\nunrated, neither important nor not: {len(found.unknown)} areas")
    if found.untouched:
        click.echo(f"touch no area: {one_line(', '.join(found.untouched), 300)}")
    for note in found.notes:
        click.echo(one_line(f"note: {note}", 400))


def _line(area: CoveredArea, k: int) -> str:
    from calibrant._figure import shorten

    return (
        f"  {shorten(area.id, 20):6} {shorten(area.name, 60):60} "
        f"first {k}: {area.p_top or 0:4.0%}  "
        f"lower half: {area.p_lower or 0:4.0%}  covered {area.coverage:4.0%}"
    )
