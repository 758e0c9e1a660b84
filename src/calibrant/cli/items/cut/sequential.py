"""`calibrant items cut sequential CUT`: decide about a subject with as few items as it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.cut.common import number_or_cut, print_notes, print_table, shown
from calibrant.cli.items.options import json_option
from calibrant.cli.items.progress import working


@click.command("sequential")
@click.argument("cut", metavar="SCORE|CUT.json")
@click.option(
    "--margin",
    type=float,
    help="Half the width, in score, of the zone where either decision is right enough.",
)
@click.option("--ability-margin", type=float, help="The same in ability, on --bank.")
@click.option("--bank", type=click.Path(path_type=Path))
@click.option(
    "--alpha", type=float, default=0.05, show_default=True, help="Chance to pass below the zone."
)
@click.option(
    "--beta", type=float, default=0.05, show_default=True, help="Chance not to pass above the zone."
)
@click.option("--at-most", type=int, help="Largest number of items.")
@click.option(
    "--direction",
    type=click.Choice(["above", "below"]),
    help="On which side a subject is acceptable; by default as the cut says, or above.",
)
@figure_option
@json_option
def cli(
    cut: str, *, bank: Path | None, figure: Path | None, as_json: bool, **options: Any
) -> None:  # fmt: skip
    """Plan a sequential test that passes or fails one subject at a cut, with exact error rates."""
    from calibrant._text import dumps
    from calibrant.quality.bank import read_bank
    from calibrant.quality.cuts.sequential import sequential_cut

    with working("planning"):
        found = sequential_cut(
            number_or_cut(cut), bank=None if bank is None else read_bank(bank), **options
        )
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    click.echo(repr(found))
    print_table(
        "exact operating curve", ["true rate", "passes", "expected items"],
        [[shown(o.rate), shown(o.passes, ".4f"), shown(o.items, ".1f")] for o in found.operation],
    )  # fmt: skip
    print_notes(found.notes)
