"""`calibrant items check RESPONSES`: which items are bad, and what should be done about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import family_options, json_option, level_option, seed_option
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import name_of

if TYPE_CHECKING:
    from calibrant.quality.checks import ItemCheck

SHOWN = 12
"""Rows a table shows; --json has all."""


@click.command("check")
@click.argument("responses")
@source_options
@click.option(
    "--bank",
    type=click.Path(path_type=Path),
    help="Calibrated items to judge fit and dependence by; by default they are fitted.",
)
@family_options
@click.option(
    "--group",
    metavar="COLUMN",
    help="Two groups of subjects, such as open and closed weights: find items unfair to one.",
)
@click.option("--focal", metavar="LABEL", help="The group that may be treated unfairly.")
@click.option("--reference", metavar="LABEL", help="The group it is compared with.")
@click.option(
    "--before",
    metavar="DATE",
    help="The group's column is a date: from this one on against before.",
)
@click.option(
    "--date",
    default="date",
    show_default=True,
    metavar="COLUMN",
    help="When subjects came out, for the forecast of saturation.",
)
@click.option(
    "--target",
    type=float,
    default=0.95,
    show_default=True,
    help="The score at which the benchmark counts as saturated.",
)
@click.option(
    "--rate",
    type=float,
    default=0.05,
    show_default=True,
    help="False discovery rate of what is listed.",
)
@level_option
@click.option(
    "--replicates",
    type=click.IntRange(0),
    default=99,
    show_default=True,
    help="Data sets drawn for item fit and dependence; 0 for neither.",
)
@seed_option
@figure_option
@json_option
def cli(
    responses: str, *, bank: Path | None, figure: Path | None, as_json: bool, **options: Any
) -> None:
    """Find items in RESPONSES that are mis-keyed, alike, dependent, spent or unfair; what to do.

    RESPONSES is a matrix with one row a subject, a table with one row a score, trials, or logs.
    """
    from calibrant._text import dumps
    from calibrant.quality.bank import read_bank
    from calibrant.quality.checks import check

    given = responses_of(responses, options)
    with working("checking items"):
        found = check(given, None if bank is None else read_bank(bank), **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: ItemCheck) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text(repr(found)), soft_wrap=True)
    if found.actions:
        console.print(Text("\nWhat to do", style="bold"))
        for a in found.actions[:SHOWN]:
            responses = found.responses
            names = responses.subjects if a.what == "merge subjects" else responses.items
            about = ", ".join(name_of(names[j], 24) for j in a.items[:4])
            more = f" and {len(a.items) - 4} more" if len(a.items) > 4 else ""
            effect = "" if a.reliability != a.reliability else (
                f" [without: alpha {a.reliability:+.4f}, {a.swaps:,} pairs of subjects swap]"
            )  # fmt: skip
            line = f"  {a.what}: {about}{more}: {a.reason}{effect}"
            console.print(Text(line), soft_wrap=True)
        if len(found.actions) > SHOWN:
            console.print(Text(f"  and {len(found.actions) - SHOWN} more, in --json"))
    _print_more(found, console)


def _print_more(found: ItemCheck, console: Any) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(line: str) -> None:
        console.print(Text(one_line(line, 500)), soft_wrap=True)

    sat = found.saturation
    leader = name_of(found.responses.subjects[sat.leader])
    say("")
    say(
        f"frontier: {leader} scores {sat.best:.1%}; the best {sat.top} all get {sat.solved:.1%} of "
        f"the items right and differ on {sat.contested:.1%}; nobody gets {sat.unsolved:.1%}; "
        f"{sat.flawed:.1%} may be unscorable, {sat.room:.1%} of the rest is left to the leader"
    )
    if found.forecast is not None:
        say(f"forecast: {found.forecast!r}")
    if found.dependence is not None:
        d = found.dependence
        say(
            f"dependence: {len(d.pairs)} pairs beyond chance (score above {d.critical:.1f}; "
            f"{int(d.tested.sum())} items tested, {d.replicates} replicates)"
        )
        for w in d.within:
            say(
                f"  within {w.column}: mean score {w.score:+.2f} over {w.pairs:,} pairs, "
                f"p {w.p:.2g}"
            )
    if found.fit is not None:
        say(f"item fit: {int((found.fit.q <= found.rate).sum())} items misfit")
    if found.unfair is not None:
        say(f"groups: {found.unfair!r}")
    for note in found.notes:
        say(f"note: {note}")
