"""`calibrant judge pressure TABLE`: what gold does as answers are picked harder by the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from calibrant.judges.pressure import Pressure

SHOWN = 14
"""Rows of the curve for people."""


@click.command("pressure")
@click.argument("table")
@click.option("--item", required=True, metavar="COL", help="Column of the prompt.")
@click.option("--judge", required=True, metavar="COL", help="Column of the judge's score.")
@click.option("--gold", required=True, metavar="COL", help="Column of the gold score.")
@click.option("--null", metavar="COL", help="Column that names planted null answers.")
@click.option("--n", type=int, help="The largest n; prompts with fewer answers are left out.")
@click.option("--labelled", type=click.Choice(["all", "random"]),
              help="How golds were chosen, where some are missing.")  # fmt: skip
@click.option("--chance", metavar="COL", help="Column of each answer's chance of a gold label.")
@click.option("--failed", type=click.Choice(["leave-out", "last"]), default="leave-out",
              show_default=True, help="Answers that the judge could not score.")  # fmt: skip
@click.option("--gold-range", type=float, nargs=2, help="Ends of the gold scale.")
@click.option("--same-scale", is_flag=True, help="Judge and gold are on one scale.")
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(table: str, *, as_json: bool, figure: Path | None, **options: Any) -> None:
    """Pick the best of n answers by the judge, for every n, and see what gold says of the pick.

    TABLE (.csv, .tsv, .jsonl, .parquet) has one row an answer, several for each prompt. Prints
    the curves, where gold turns, whether the judge is over-optimised, Gao's law, and how null
    answers do.
    """
    from calibrant._text import dumps
    from calibrant.judges.pressure import pressure

    found = pressure(table, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(p: Pressure, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(text: str) -> None:
        console.print(Text(one_line(text, 600)), soft_wrap=True)

    say(repr(p))
    _curves(p, console)
    t = p.turn
    gains = "none" if t.gains_to is None else f"{t.gains_to:,}"
    falls = "none" if t.declines_from is None else f"{t.declines_from:,}"
    console.print(Text(f"  gold is highest at {t.where()}; the largest n shown to beat n = 1: "
                       f"{gains}; the first shown to be worse than a smaller n: {falls}"),
                  soft_wrap=True)  # fmt: skip
    if p.fit is not None:
        fits = f"  {p.fit!r}; test of the form p = {p.fit.p_value:.2g}"
        if p.fit.peak.value is not None and not p.fit.peak.inside:
            fits += "; not shown to peak within the data"
        console.print(Text(fits), soft_wrap=True)
    else:
        console.print(Text(f"  no law fitted: {one_line(str(p.no_fit), 300)}"), soft_wrap=True)
    for null in p.nulls:
        console.print(Text(f"  {one_line(repr(null), 300)}"), soft_wrap=True)
    if p.if_missing is not None:
        low, high = (float(end[-1]) for end in p.if_missing)
        console.print(Text(f"  {p.unlabelled:,} answers without gold, {p.failed:,} the judge could "
                           f"not score: with nothing assumed about them gold at n = {p.n_max:,} "
                           f"lies in [{low:.4g}, {high:.4g}]"), soft_wrap=True)  # fmt: skip
    for note in p.notes:
        console.print(Text(f"  note: {one_line(note, 300)}"), soft_wrap=True)


def _curves(p: Pressure, console: Console) -> None:
    import numpy as np
    from rich.table import Table

    n = p.gold.n
    wanted = np.geomspace(1, n[-1], SHOWN)
    rows = np.unique([int(np.abs(n - w).argmin()) for w in wanted] + [int(p.gold.value.argmax())])
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name in ("  n", "√KL ≤", "gold", f"{p.level:.0%} band", "judge", "promised"):
        table.add_column(name, justify="right", no_wrap=True)
    g, promise, best = p.gold, p.promise(), set(p.turn.among)
    for i in rows:
        table.add_row(
            f"{n[i]:,}" + (" *" if int(n[i]) in best else "  "),
            f"{p.kl_bound[i] ** 0.5:.2f}",
            f"{g.value[i]:.4g}",
            f"{g.band_low[i]:.3g} to {g.band_high[i]:.3g}",
            f"{p.judge.value[i]:.4g}",
            "" if p.scale is None else f"{promise[i]:.4g}",
        )
    console.print(table)
