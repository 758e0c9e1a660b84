"""`calibrant items FILE`: item parameters, abilities, their errors, and a check of the fit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import json_option, level_option, seed_option
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.quality.models.fit import Progress
    from calibrant.quality.models.result import Fit

MODELS = ("auto", "rasch", "2pl", "3pl", "grm", "pcm", "gpcm", "continuous",
          "m2pl", "testlet", "facets")  # fmt: skip


@click.command("fit")
@click.argument("source", metavar="FILE")
@click.option("--model", type=click.Choice(MODELS), default="auto", show_default=True)
@click.option("--prior", type=click.Choice(["guessing"]),
              help="A strong prior on the guessing of a 3pl.")  # fmt: skip
@click.option("--fractional", is_flag=True,
              help="Scores between 0 and 1 count as that share of a success.")  # fmt: skip
@click.option("--robust", is_flag=True, help="Sandwich standard errors.")
@level_option
@click.option("--dimensions", type=click.IntRange(1, 4),
              help="Abilities of an m2pl; 2 if not said.")  # fmt: skip
@click.option("--rotation", type=click.Choice(["none", "varimax", "promax", "oblimin"]),
              help="Of an m2pl; oblimin if not said.")  # fmt: skip
@click.option("--cluster", metavar="COLUMN",
              help="Of a testlet model: which items belong together.")  # fmt: skip
@click.option("--no-check", is_flag=True, help="Do not check the bank for adaptive use.")
@seed_option
@source_options
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="BANK.json",
              help="Write the calibrated items.")  # fmt: skip
@click.option("--rows", type=click.IntRange(0), default=20, show_default=True,
              help="Items and subjects to print; 0 for all.")  # fmt: skip
@figure_option
@json_option
def cli(
    source: str,
    *,
    no_check: bool,
    out: Path | None,
    rows: int,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Fit the items of FILE: how hard each is, how well it tells subjects apart, and how sure.

    FILE holds one row a subject and one column an item, or one row a score, or is a log or a table
    of trials. Marginal maximum likelihood without priors; missing answers say nothing.
    """
    from calibrant._text import dumps
    from calibrant.cli.items.beyond import MODELS as BEYOND
    from calibrant.cli.items.beyond import OWN, check_own, fit_beyond, print_beyond
    from calibrant.errors import InputError
    from calibrant.quality.models.fit import fit
    from calibrant.quality.models.result import Fit

    responses = responses_of(source, options)
    check_own(options)
    found: Any
    if options["model"] in BEYOND:
        with working(f"fitting a {options['model']}"):
            found = fit_beyond(responses, options, check=not no_check)
    else:
        own = {name: value for name, value in options.items() if name not in OWN}
        found = fit(responses, check=not no_check, progress=_progress(), **own)
    if out is not None:
        _save(found, out)
    if figure is not None:
        if not hasattr(found, "plot"):
            raise InputError("--figure: there is none of this model")
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
    elif isinstance(found, Fit):
        _print(found, rows)
    else:
        print_beyond(found, rows)


def _progress() -> Progress:
    """A line on stderr every few seconds of a long fit."""
    last = time.monotonic()

    def say(number: int, value: float, slope: float) -> None:
        nonlocal last
        if time.monotonic() - last > 3:
            last = time.monotonic()
            click.echo(
                f"pass {number}: log likelihood {value:,.3f}, largest derivative {slope:.2g}",
                err=True,
            )

    return say


def _save(found: Any, path: Path) -> None:
    from calibrant._text import one_line
    from calibrant.errors import InputError
    from calibrant.quality.bank import Bank, write_bank

    bank = getattr(found, "bank", None)
    if not isinstance(bank, Bank):
        raise InputError("--out: this model makes no bank of items")
    try:
        write_bank(bank, path)
    except OSError as e:
        raise InputError(f"{path}: cannot be written: {e.strerror or e}") from e
    click.echo(one_line(f"bank written to {path}", 1000), err=True)


def _print(found: Fit, rows: int) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(repr(found)), soft_wrap=True)
    # What to look at first: items that tell little or the wrong thing.
    order = sorted(
        found.items, key=lambda i: (i.discrimination is None, not i.flags, i.discrimination or 0.0)
    )
    print_table(
        ["item", "slope", "±", "difficulty", "±", "item-rest", "flags"],
        [
            [i.item, _number(i.discrimination), _number(i.standard_errors["discrimination"]),
             _number(i.difficulty), _number(i.standard_errors["difficulty"]),
             _number(i.item_rest), ", ".join(i.flags)]
            for i in order[: rows or None]
        ],
        words=(6,),
    )  # fmt: skip
    if rows and len(order) > rows:
        console.print(Text(f"… and {len(order) - rows:,} more items (--rows 0 shows all)"))
    best = sorted(range(len(found.subjects)), key=lambda i: -found.ability[i])
    interval = found.interval
    console.print()
    print_table(
        ["subject", "ability", f"{found.level:.0%} interval"],
        [
            [found.subjects[s], f"{found.ability[s]:.2f}",
             f"{interval[s, 0]:.2f} to {interval[s, 1]:.2f}"]
            for s in best[: rows or None]
        ],
    )  # fmt: skip
    if rows and len(best) > rows:
        console.print(Text(f"… and {len(best) - rows:,} more subjects"))
    console.print()
    if found.bank_check is not None:
        why = "; ".join(found.bank_check["reasons"][:2])
        said = f"bank: {found.bank_check['verdict']} ({why})"
        console.print(Text(one_line(said, 500)), soft_wrap=True)
    for line in (*found.adequacy.reasons, *found.notes):
        console.print(Text(f"note: {one_line(line, 300)}"), soft_wrap=True)


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple | list):
        return ", ".join(f"{v:.2f}" for v in value)
    return f"{value:.2f}"
