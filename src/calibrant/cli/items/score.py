"""`calibrant items score BANK RESPONSES`: new subjects on calibrated items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import json_option, level_option
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.quality.scoring import Scores

_METHODS = ("eap", "map", "wle")


@click.command("score")
@click.argument("bank", type=click.Path(path_type=Path))
@click.argument("responses")
@click.option("--method", type=click.Choice(_METHODS), default="eap", show_default=True,
              help="Mean or mode of the posterior, or Warm's weighted likelihood.")  # fmt: skip
@level_option
@click.option("--uncertainty/--no-uncertainty", default=True, show_default=True,
              help="Carry the error of the items' parameters.")  # fmt: skip
@click.option("--fractional", type=click.Choice(["refuse", "share", "round"]), default="refuse",
              show_default=True, help="Scores between two that an item can have.")  # fmt: skip
@source_options
@figure_option
@json_option
def cli(bank: Path, responses: str, *, figure: Path | None, as_json: bool, **options: Any) -> None:
    """Find how able the subjects in RESPONSES are, on the scale of BANK (a JSON file).

    Intervals carry what is not known: few answers, and the error of the items. Subjects whose
    answers do not go together are named.
    """
    from calibrant._text import dumps
    from calibrant.quality.bank import read_bank
    from calibrant.quality.scoring import score

    known = read_bank(bank)
    with working("scoring"):
        found = score(known, responses_of(responses, options), **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Scores) -> None:
    import numpy as np
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(one_line(repr(found), 400)), soft_wrap=True)
    order = np.argsort(-np.nan_to_num(found.ability, nan=-np.inf), kind="stable")
    print_table(
        ["subject", "items", "ability", f"{found.level:.0%} interval", "mean", "whole bank",
         "interval", "fit", "p", ""],
        [
            [found.subjects[i], f"{found.answered[i]:,}", _number(found.ability[i]),
             f"{_number(found.low[i])} to {_number(found.high[i])}", _number(found.mean[i], 3),
             _number(found.whole[i], 3),
             f"{_number(found.whole_low[i], 3)} to {_number(found.whole_high[i], 3)}",
             _number(found.fit[i]), _number(found.fit_p[i], 3), "*" if found.aberrant[i] else ""]
            for i in order
        ],
        words=(9,),
    )  # fmt: skip
    if found.aberrant.any():
        console.print(Text("* answers do not go together"))
    for note in found.notes:
        console.print(Text(f"note: {one_line(note, 300)}"), soft_wrap=True)


def _number(x: float, digits: int = 2) -> str:
    if x != x:
        return "–"
    return ("∞" if x > 0 else "−∞") if abs(x) == float("inf") else f"{x:.{digits}f}"
