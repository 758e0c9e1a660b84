"""`calibrant compare FILE A B`: two subjects on the same items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.figures import figure_option, save_figure


@click.command("compare")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("a")
@click.argument("b")
@click.option("--margin", type=float, help="The smallest difference that matters.")
@click.option("--score", help="Compare by this score only.")
@click.option("--instrument", help="Compare on this instrument only.")
@click.option("--cluster", help="Column that names clusters of items.")
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(file: Path, a: str, b: str, *, as_json: bool, figure: Path | None, **options: Any) -> None:
    """Compare subjects A and B on the items of FILE that both answered.

    Prints one comparison for each instrument and score they share; --json prints the comparison
    itself if there is one, else a list.
    """
    from calibrant._text import dumps, one_line
    from calibrant.measurement import compare

    found = compare(file, a, b, **options)
    if figure is not None:
        from calibrant.measurement import plot_comparisons

        save_figure(plot_comparisons(found), figure)
    if as_json:
        data = [c.to_dict() for c in found]
        click.echo(dumps(data[0] if len(data) == 1 else data, indent=1))
        return
    for c in found:
        d = c.comparison
        name = {"A": c.a, "B": c.b}
        click.echo(one_line(f"{c.score} on {c.instrument}: A = {c.a}, B = {c.b}", 300))
        click.echo(one_line(f"  {d!r}", 400))
        if len(found) > 1:
            click.echo(f"  p = {c.p_adjusted:.3g} adjusted for {len(found)} comparisons (Holm)")
        click.echo(f"  method: {d.method}; smallest difference seen with 80 % power: {d.mde:.4g}")
        for letter, items in (("A", d.a_higher), ("B", d.b_higher)):
            shown = ", ".join(str(i) for i in items[:8])
            more = f" and {len(items) - 8} more" if len(items) > 8 else ""
            if items:
                click.echo(one_line(f"  higher for {name[letter]}: {shown}{more}", 600))
        if c.only_a or c.only_b:
            click.echo(f"  left out, scored for one only: {c.only_a} of A, {c.only_b} of B")
