"""`calibrant items cut classify SCORES --cut CUT`: how often a cut is wrong about a subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.cut.common import number_or_cut, print_notes, print_table, shown
from calibrant.cli.items.options import json_option, level_option, seed_option, share

if TYPE_CHECKING:
    from calibrant.quality.cuts.classify import Classification


def _whole(_: click.Context, __: click.Parameter, given: str | None) -> int | None:
    return None if given is None else int(given)


@click.command("classify")
@click.argument("scores", type=click.Path(path_type=Path), required=False)
@click.option("--cut", required=True, metavar="SCORE|CUT.json")
@click.option("--items", type=int, help="Number of items, if SCORES is a table of scores.")
@click.option("--reliability", type=float, help="Of the scores; by default α of the answers.")
@click.option("--model", type=click.Choice(["livingston-lewis", "binomial", "compound"]))
@click.option("--moments", type=click.Choice(["2", "4"]), callback=_whole,
              help="Of true scores; by default 4 from 1,000 subjects on.")  # fmt: skip
@click.option("--bank", type=click.Path(path_type=Path),
              help="Calibrated items, in place of SCORES: Lee's and Rudner's rules.")  # fmt: skip
@click.option("--target", type=share, help="Accuracy for which to say how many items it takes.")
@level_option
@click.option("--draws", type=int, default=200, show_default=True, help="Of the bootstrap.")
@seed_option
@figure_option
@json_option
def cli(
    scores: Path | None,
    *,
    cut: str,
    items: int | None,
    reliability: float | None,
    bank: Path | None,
    target: float | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find how often a cut classifies subjects wrongly, and how consistently.

    SCORES are answers of subjects, or a table with a column of scores from 0 to 1.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.quality.bank import read_bank
    from calibrant.quality.cuts.classify import classify, items_needed
    from calibrant.quality.cuts.curves import lee, rudner
    from calibrant.quality.cuts.subjects import scored

    at: Any = number_or_cut(cut)
    found: list[Classification] = []
    needed = None
    if bank is not None:
        known = read_bank(bank)
        found = [lee(known, at)]
        ability = getattr(at, "ability", None)
        if ability is not None:
            found.append(rudner(known, ability, direction=at.direction))
    elif scores is not None:
        given = scored(scores)
        if options["model"] != "binomial" and reliability is None:
            reliability = given.reliability
            if reliability is not None and reliability <= 0:
                raise InputError(
                    f"{scores}: α of these answers is not above 0: their scores do not tell "
                    "subjects apart; give --reliability, or --model binomial"
                )
        found = [classify(given.scores, at, items=items or given.steps, reliability=reliability,
                          **options)]  # fmt: skip
        if target is not None:
            needed = items_needed(found[0], target)
    else:
        raise click.UsageError("wanted SCORES, or --bank")
    if figure is not None:
        save_figure(found[0].plot(), figure)
    if as_json:
        told = [f.to_dict() for f in found]
        click.echo(dumps({"classifications": told, "items_needed": needed}, indent=1))
        return
    for one in found:
        _print(one)
    if target is not None and scores is not None:
        many = "more than 100,000" if needed is None else f"{needed:,}"
        click.echo(f"an accuracy of {target:g} takes {many} items like these "
                   f"(this test: {found[0].items:,.0f})")  # fmt: skip


def _print(found: Classification) -> None:
    click.echo(repr(found))
    print_table(
        "a subject", ["", "fails", "passes"],
        [["truly not acceptable",
          shown(1 - found.truly_acceptable - found.false_pass, ".4f"),
          shown(found.false_pass, ".4f")],
         ["truly acceptable", shown(found.false_fail, ".4f"),
          shown(found.truly_acceptable - found.false_fail, ".4f")]],
    )  # fmt: skip
    click.echo(f"standard error of a score just at the cut: {found.standard_error_at_cut:.4f}")
    print_notes(found.notes)
