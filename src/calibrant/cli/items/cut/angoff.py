"""`calibrant items cut angoff RATINGS`: a panel's cut, its error, and who is out of line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.items.cut.common import (
    cut_options,
    finish,
    print_notes,
    print_table,
    shown,
)

if TYPE_CHECKING:
    from calibrant.quality.cuts.angoff import Angoff


@click.command("angoff")
@click.argument("ratings", type=click.Path(path_type=Path))
@click.option("--items", type=click.Choice(["fixed", "sampled"]), default="fixed",
              show_default=True, help="Whether the cut is for these items, or for more like them: "
              "then their spread is part of its error.")  # fmt: skip
@click.option("--unit", type=click.Choice(["probability", "percent", "yes-no"]),
              help="What judgements are; by default found, and refused if not clear.")  # fmt: skip
@click.option("--rows", type=click.Choice(["raters", "items"]), help="Of a wide table.")
@click.option("--round", metavar="NAME", help="The round that counts; by default the last.")
@click.option("--rater-column", "rater", metavar="COLUMN", help="In a long table.")
@click.option("--item-column", "item", metavar="COLUMN")
@click.option("--judgement-column", "judgement", metavar="COLUMN")
@click.option("--responses", metavar="FILE",
              help="Answers of subjects: how hard items are, and who would pass.")  # fmt: skip
@click.option("--bank", type=click.Path(path_type=Path),
              help="Calibrated items: each rater's ability and consistency.")  # fmt: skip
@cut_options
def cli(
    ratings: Path,
    *,
    responses: str | None,
    bank: Path | None,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Set a cut from raters who judge how likely a just acceptable subject gets each item right.

    RATINGS is long (columns rater, item, judgement, and perhaps round) or wide (one row a rater
    or one row an item).
    """
    from calibrant.quality.bank import read_bank
    from calibrant.quality.cuts.angoff import angoff
    from calibrant.quality.cuts.judgements import read_judgements

    reading = {k: options.pop(k) for k in ("rater", "item", "judgement", "rows", "unit")}
    given = read_judgements(ratings, **reading)
    if responses is not None:
        from calibrant.quality.cuts.feedback import feedback

        options |= feedback(responses, given.items)
    found = angoff(given, bank=None if bank is None else read_bank(bank), **options)
    if finish(found, found.cut, out, figure, as_json=as_json):
        _print(found)


def _print(found: Angoff) -> None:
    click.echo(repr(found))
    if found.passing is not None:
        click.echo(f"{found.passing:.0%} of the subjects scored are acceptable at this cut")
    print_table(
        "raters", ["rater", "cut", "judged", "away", "p", "r, others", "r, easy",
                   "consistency"],
        [
            [r.name + (" !" if r.outlying else ""), shown(r.cut), str(r.judged),
             shown(r.away, "+.2f"), shown(r.p), shown(r.correlation, ".2f"),
             shown(r.difficulty, ".2f"), shown(r.consistency, ".2f")]
            for r in found.raters
        ],
    )  # fmt: skip
    print_table(
        "where the error comes from", ["", "variance of one judgement"],
        [["raters", shown(found.rater_variance, ".4g")],
         ["items", shown(found.item_variance, ".4g")],
         ["rest", shown(found.residual_variance, ".4g")]],
    )  # fmt: skip
    click.echo(
        f"standard error for these items {found.standard_error_fixed:.4f}, "
        f"for more of their kind {found.standard_error_sampled:.4f}; median of raters "
        f"{found.median:.4f}"
    )
    if len(found.rounds) > 1:
        print_table("rounds", ["round", "cut", "spread of raters"],
                    [[r.name, shown(r.value), shown(r.spread)] for r in found.rounds])  # fmt: skip
    if found.departures:
        print_table(
            "judgements to discuss", ["rater", "item", "judged", "others", "observed"],
            [[d.rater, d.item, shown(d.judged, ".2f"), shown(d.others, ".2f"),
              shown(d.observed, ".2f")] for d in found.departures[:8]],
        )  # fmt: skip
    if found.without_outlying is not None:
        names = ", ".join(found.outlying)
        print_notes([f"without {names} the cut would be {found.without_outlying:.4f}"])
    print_notes(found.notes)
