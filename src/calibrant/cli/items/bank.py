"""`calibrant items bank BANK.json [RESPONSES]`: may tests on this bank adapt?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.items.options import family_options, json_option, seed_option
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import name_of, print_table

if TYPE_CHECKING:
    from calibrant.quality.banks import BankCheck


@click.command("bank")
@click.argument("bank", type=click.Path(path_type=Path))
@click.argument("responses", required=False)
@source_options
@family_options
@seed_option
@json_option
def cli(
    bank: Path,
    responses: str | None,
    *,
    family: str | None,
    family_pattern: str | None,
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Find whether tests may choose items from BANK by their information, and why not.

    RESPONSES are what the bank was calibrated with, or other subjects' answers to its items:
    adaptive tests are tried on subjects held out. Without them the bank's own errors are used.
    """
    from calibrant._text import dumps
    from calibrant.quality.bank import read_bank
    from calibrant.quality.banks import check_bank

    given = None if responses is None else responses_of(responses, options)
    with working("checking the bank"):
        found = check_bank(
            read_bank(bank), given, family=family, family_pattern=family_pattern, seed=seed
        )
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: BankCheck) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text(found.verdict, style="bold"))
    print_table(
        ["finding", "weight", "why"],
        [[f.name, "" if f.weight == "ok" else f.weight, f.reason] for f in found.findings],
        names=(), words=(0, 1), prose=True,
    )  # fmt: skip
    if found.reversed_items:
        names = ", ".join(name_of(i, 40) for i in found.reversed_items[:10])
        more = len(found.reversed_items) - 10
        console.print(Text(
            f"check the keys of, or drop: {names}{f' and {more} more' if more > 0 else ''}"
        ), soft_wrap=True)  # fmt: skip
