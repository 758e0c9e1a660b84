"""`calibrant items link OLD NEW`: releases of a benchmark on one scale; anchors that drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import BANKS, json_option, level_option, share
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.quality.linking import Link

_METHODS = ("stocking-lord", "haebara", "mean-sigma", "mean-mean")


@click.command("link")
@click.argument("old")
@click.argument("new")
@click.option("--method", type=click.Choice(_METHODS), default="stocking-lord", show_default=True)
@click.option("--anchor", "anchors", multiple=True, metavar="ITEM",
              help="Only this shared item; may be repeated. By default all.")  # fmt: skip
@click.option("--purify/--no-purify", default=True, show_default=True,
              help="Drop anchors that drift, and link again.")  # fmt: skip
@click.option("--alpha", type=share, default=0.05, show_default=True,
              help="False ones among the anchors said to drift.")  # fmt: skip
@level_option
@click.option(
    "--model",
    type=click.Choice(BANKS),
    default="auto",
    show_default=True,
    help="Where responses are fitted.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="BANK.json",
              help="Write the new bank on the old scale.")  # fmt: skip
@source_options
@figure_option
@json_option
def cli(
    old: str, new: str, *, figure: Path | None, out: Path | None, as_json: bool, **options: Any
) -> None:
    """Put the release NEW on the scale of OLD by the items that they share.

    Each is a bank (.json) or a table of responses, which is first fitted. Says which shared items
    have become harder or easier, or turned round, and how much they would move the link.
    """
    from calibrant._text import dumps, one_line
    from calibrant.quality.bank import write_bank
    from calibrant.quality.linking import link

    sources = [
        path if Path(path).suffix.lower() == ".json" else responses_of(path, dict(options))
        for path in (old, new)
    ]
    chosen = {k: options[k] for k in ("method", "purify", "alpha", "level", "model")}
    with working("linking"):
        found = link(*sources, anchors=options["anchors"] or None, **chosen)
    if out is not None:
        write_bank(found.bank, out)
        click.echo(one_line(f"bank written to {out}", 1000), err=True)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Link) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(one_line(repr(found), 600)), soft_wrap=True)
    low, high = found.slope_interval
    console.print(Text(f"slope {found.slope:.3f} ({low:.3f} to {high:.3f})"))
    if found.dropped:
        slope, shift = found.all_anchors
        said = (
            f"with all anchors: slope {slope:.3f}, shift {shift:.3f}; dropping moves the average "
        )
        console.print(Text(f"{said}new subject by {found.effect:+.3f} sd"), soft_wrap=True)
    rows = sorted(found.anchors, key=lambda a: (a.used, a.p if a.p is not None else -1.0))[:12]
    print_table(
        ["shared item", "harder by", "error", "p", "adjusted", ""],
        [
            [a.item, _number(a.shift, "+.2f"), _number(a.standard_error, ".2f"),
             _number(a.p, ".2g"), _number(a.adjusted, ".2g"), a.reason]
            for a in rows
        ],
        words=(5,),
    )  # fmt: skip
    for note in found.notes:
        console.print(Text(f"note: {one_line(note, 300)}"), soft_wrap=True)


def _number(x: float | None, how: str) -> str:
    return "–" if x is None else format(x, how)
