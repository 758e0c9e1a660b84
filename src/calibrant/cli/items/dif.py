"""`calibrant items dif RESPONSES`: items that treat groups of equal ability unequally."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import json_option, level_option, seed_option, share
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.quality.dif import Dif, ItemDif

_ADJUSTMENTS = ("benjamini-hochberg", "benjamini-yekutieli", "holm", "bonferroni")


@click.command("dif")
@click.argument("responses")
@click.option("--group", metavar="COLUMN", required=True,
              help="A fact about the subjects, such as family or date.")  # fmt: skip
@click.option("--focal", metavar="LABEL", help="The group that may be treated unequally.")
@click.option("--reference", metavar="LABEL", help="The group it is compared with.")
@click.option("--before", metavar="DATE",
              help="The column is a date: from this one on against before.")  # fmt: skip
@click.option("--test", type=click.Choice(["logistic", "non-uniform", "mantel-haenszel", "irt-lr"]),
              default="logistic", show_default=True)  # fmt: skip
@click.option("--purify/--no-purify", default=True, show_default=True,
              help="Leave flagged items out of the score that others are matched on.")  # fmt: skip
@click.option("--adjustment", type=click.Choice(_ADJUSTMENTS), default="benjamini-hochberg",
              show_default=True)  # fmt: skip
@click.option("--alpha", type=share, default=0.05, show_default=True)
@level_option
@seed_option
@source_options
@figure_option
@json_option
def cli(responses: str, *, figure: Path | None, as_json: bool, **options: Any) -> None:
    """Find the items in RESPONSES on which two groups of equal score differ.

    The tests hold their error with a few dozen subjects, also where the groups differ in ability.
    """
    from calibrant._text import dumps
    from calibrant.quality.dif import dif

    with working("comparing groups"):
        found = dif(responses_of(responses, options), **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Dif) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(one_line(repr(found), 600)), soft_wrap=True)
    tested = [i for i in found.items if i.p is not None]
    rows = list(found.flagged) or sorted(tested, key=lambda i: i.p or 0.0)[:5]
    if not found.flagged:
        console.print(Text("the five with the smallest p-values:"))
    if found.irt is not None:
        _print_curves(found, rows, console)
        return
    heads = ("item", "log odds ratio", f"{found.level:.0%} interval", "ETS", "p", "adjusted",
             "p non-uniform", "p exact")  # fmt: skip
    print_table(heads, [
        [i.item, _number(i.odds, "+.2f"), f"{_number(i.low, '.2f')} to {_number(i.high, '.2f')}",
         i.ets or "–",
         *(_number(p, ".2g") for p in (i.p, i.adjusted, i.p_nonuniform, i.p_mantel))]
        for i in rows
    ])  # fmt: skip
    _print_notes(found, console)


def _print_curves(found: Dif, rows: list[ItemDif], console: Console) -> None:
    """The items' curves in the two groups."""
    from rich.text import Text

    from calibrant._text import one_line

    heads = ("item", "easier by", f"{found.level:.0%} interval", "slopes", "score by", "p",
             "adjusted", "p difficulty", "p slope")  # fmt: skip
    print_table(heads, [
        [i.item, _number(c.easier, "+.2f"), f"{_number(c.low, '.2f')} to {_number(c.high, '.2f')}",
         f"{c.slope_reference:.2f}, {c.slope_focal:.2f}", f"{c.score_difference:+.2f}",
         *(_number(p, ".2g") for p in (i.p, i.adjusted, c.p_difficulty, c.p_slope))]
        for i in rows if (c := i.irt) is not None
    ])  # fmt: skip
    ability = found.irt
    if ability is not None:
        console.print(Text(
            f"ability of {one_line(found.focal, 40)}: mean {ability.mean:+.2f} "
            f"± {ability.mean_error:.2f}, sd {ability.sd:.2f} ± {ability.sd_error:.2f}, where "
            f"{one_line(found.reference, 40)} has 0 and 1"
        ), soft_wrap=True)  # fmt: skip
    _print_notes(found, console)


def _print_notes(found: Dif, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    for note in found.notes:
        console.print(Text(f"note: {one_line(note, 300)}"), soft_wrap=True)


def _number(x: float | None, how: str) -> str:
    return "–" if x is None else format(x, how)
