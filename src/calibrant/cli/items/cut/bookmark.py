"""`calibrant items cut bookmark MARKS --bank BANK`: a cut from bookmarks in a booklet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.items.cut.common import cut_options, finish, print_notes, print_table, shown


@click.command("bookmark")
@click.argument("marks", type=click.Path(path_type=Path), required=False)
@click.option("--bank", type=click.Path(path_type=Path), required=True,
              help="Calibrated items, a JSON file of `items fit`.")  # fmt: skip
@click.option("--rp", "response_probability", type=float, default=0.67, show_default=True,
              help="Response probability with which a page counts as mastered.")  # fmt: skip
@click.option("--at", type=click.Choice(["between", "before", "marked"]), default="between",
              show_default=True, help="Where the cut of a bookmark lies: midway between the last "
              "mastered page and the marked one, or at either.")  # fmt: skip
@click.option("--average", type=click.Choice(["mean", "median"]), default="mean",
              show_default=True)  # fmt: skip
@click.option("--booklet", "only_booklet", is_flag=True,
              help="Print the pages for the raters, and no cut.")  # fmt: skip
@cut_options
def cli(
    marks: Path | None,
    *,
    bank: Path,
    only_booklet: bool,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Set a cut from raters who mark a page in items ordered by difficulty.

    MARKS has columns rater and page: the first page, from 1, that a just acceptable subject would
    not master; or that page's item.
    """
    from calibrant._text import dumps
    from calibrant.quality.bank import read_bank
    from calibrant.quality.cuts.booklet import booklet
    from calibrant.quality.cuts.bookmark import bookmark

    items = read_bank(bank)
    if only_booklet:
        pages, _ = booklet(items, response_probability=options["response_probability"])
        if as_json:
            click.echo(dumps([p.__dict__ for p in pages], indent=1))
            return
        rows = [[str(p.number), p.item, str(p.category), shown(p.location)] for p in pages]
        print_table("booklet", ["page", "item", "score step", "ability"], rows)
        return
    if marks is None:
        raise click.UsageError("wanted MARKS, a table of raters' pages, or --booklet")
    found = bookmark(marks, items, **options)
    if not finish(found, found.cut, out, figure, as_json=as_json):
        return
    click.echo(repr(found))
    print_table(
        "raters", ["rater", "page", "ability", "score"],
        [[n, str(found.marks[n]), shown(found.abilities[n]), shown(found.scores[n])]
         for n in found.marks],
    )  # fmt: skip
    items_part = "not known" if found.item_error is None else f"{found.item_error:.4f}"
    click.echo(f"standard error from raters {found.rater_error:.4f}, from items {items_part}")
    print_notes(found.notes)
