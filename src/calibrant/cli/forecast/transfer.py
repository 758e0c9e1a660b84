"""`calibrant forecast transfer ASSESSMENT…`: will the claim hold for the next subject?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.assurance.transfer import ClaimTransfer


@click.command("transfer")
@click.argument("assessments", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--claim", required=True, metavar="NAME", help="The claim, by its name.")
@click.option("--threshold", type=float, help="Of the claim; else the strictest assessed.")
@click.option(
    "--scale",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A table of scales of subjects.",
)
@click.option("--scale-column", metavar="COLUMN", help="Its column of scales, such as FLOPs.")
@click.option("--subject-column", metavar="COLUMN", help="Its column of names of subjects.")
@click.option("--at", type=float, metavar="SCALE", help="The next subject's scale.")
@click.option("--plain-scale", is_flag=True, help="The scale is a logarithm already.")
@click.option("--level", type=float, default=0.9, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    assessments: tuple[Path, ...],
    *,
    plain_scale: bool,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """The probability that a claim holds for the next subject of a family.

    ASSESSMENTS are run folders of `calibrant assess`, one a subject. The probability is integrated
    over how much subjects differ; with one subject it is withheld.
    """
    from calibrant._text import dumps
    from calibrant.assurance.transfer import transfer

    found = transfer(assessments, log=not plain_scale, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(t: ClaimTransfer, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    def say(text: str) -> None:
        console.print(Text(one_line(text, 600)), soft_wrap=True)

    say(repr(t))
    f = t.found
    if f.probability is not None:
        say(f"  of such subjects {f.share:.0%} satisfy it ({f.share_low:.0%} to {f.share_high:.0%})"
            f"; log-odds differ by {f.differ:.2g}")  # fmt: skip
        other = ", ".join(f"{v:.2f} if {k}" for k, v in f.sensitivity.items())
        say(f"  by other priors: {other}")
    if f.slope is not None:
        say("  over the assessed scales log-odds change by "
            f"{f.slope[0]:+.2g} ({f.slope[1]:+.2g} to {f.slope[2]:+.2g})")  # fmt: skip
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for i, name in enumerate(("  subject", "verdict", "counted", "trials", "rate", "interval")):
        table.add_column(name, justify="right" if i > 1 else "left", no_wrap=True)
    for s in t.subjects:
        rate = "" if s.value is None else f"{s.value:.3g}"
        table.add_row(
            Text(f"  {one_line(s.subject, 40)}"), s.verdict, f"{s.counted:,.4g}",
            f"{s.trials:,.4g}", rate, f"{s.low:.3g} to {s.high:.3g}",
        )  # fmt: skip
    console.print(table)
    for a in t.assumptions:
        say(f"  {a.state}: {a.name}: {a.says}")
    for text in t.warnings:
        say(f"  warning: {text}")
