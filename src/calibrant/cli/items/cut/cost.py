"""`calibrant items cut cost`: the cut, and the number of items, of least expected cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.items.cut.common import (
    cut_options,
    finish,
    number_or_cut,
    print_notes,
    print_table,
    shown,
)

if TYPE_CHECKING:
    from calibrant.quality.cuts.cost import Choice, CostCut


@click.command("cost")
@click.argument("scores", type=click.Path(path_type=Path), required=False)
@click.option("--standard", required=True, metavar="RATE|CUT.json",
              help="The true rate that is just acceptable, or a cut for it.")  # fmt: skip
@click.option("--items", type=int, help="Of the test the cut is for; by default that of SCORES.")
@click.option("--scored", type=int, help="Items behind SCORES, if it is a table of scores.")
@click.option("--prior", nargs=2, type=float, metavar="A B",
              help="True rates are Beta(A, B), in place of SCORES.")  # fmt: skip
@click.option("--cost-false-pass", type=float, default=1.0, show_default=True)
@click.option("--cost-false-fail", type=float, default=1.0, show_default=True)
@click.option("--item-cost", type=float, help="Of one more item, in the same unit.")
@click.option("--loss", type=click.Choice(["threshold", "linear"]), default="threshold",
              show_default=True, help="Whether a wrong decision costs the same however wrong it "
              "is, or in proportion.")  # fmt: skip
@cut_options
def cli(
    scores: Path | None,
    *,
    standard: str,
    items: int | None,
    scored: int | None,
    prior: tuple[float, float] | None,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Set the cut with the least expected cost of wrong decisions.

    SCORES are answers of subjects like those to be tested, or a table with a column of scores.
    """
    from calibrant.quality.cuts.cost import cost_cut
    from calibrant.quality.cuts.subjects import scored as read

    values: Any = None
    if scores is not None:
        given = read(scores)
        values, scored = given.scores, scored or given.items
        if scored is None:
            raise click.UsageError("wanted --scored, the number of items behind each score")
        items = items or scored
    if items is None:
        raise click.UsageError("wanted --items, the length of the test")
    found = cost_cut(values, items=items, scored=scored if scores is not None else None,
                     standard=number_or_cut(standard), prior=prior, **options)  # fmt: skip
    if finish(found, found.cut, out, figure, as_json=as_json):
        _print(found)


def _print(found: CostCut) -> None:
    click.echo(repr(found))
    click.echo(
        f"true rates: mean {found.prior_mean:.3f}, standard deviation {found.prior_sd:.3f}; "
        f"the test saves {found.value:.4g} of {found.value_of_certainty:.4g} a subject"
    )
    rows: list[Choice] = list(found.curve)
    if found.best is not None and found.best.items not in {c.items for c in rows}:
        rows.append(found.best)
    rows.sort(key=lambda c: c.items)
    print_table(
        "lengths", ["items", "passes at", "false pass", "false fail", "cost of errors", "in all"],
        [[str(c.items), str(c.passes_at), shown(c.false_pass, ".4f"), shown(c.false_fail, ".4f"),
          shown(c.loss, ".4g"), shown(c.total, ".4g")] for c in rows],
    )  # fmt: skip
    print_notes(found.notes)
