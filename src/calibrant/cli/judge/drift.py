"""`calibrant judge drift A B`: is it still the same judge?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.judges.drift import Drift, Shift, Watch


@click.command("drift")
@click.argument("before")
@click.argument("after", required=False)
@click.option("--version", metavar="COL", help="Column of versions or times, for one table.")
@click.option("--versions", nargs=2, help="Which two of them to compare; first and last if not.")
@click.option("--grader", help="Of logs with several graders, this one.")
@click.option("--item", default="item", show_default=True, metavar="COL")
@click.option("--score", default="score", show_default=True, metavar="COL")
@click.option("--key", multiple=True, metavar="COL",
              help="Column that, with the item, names an answer; may be given again.")  # fmt: skip
@click.option("--answer", metavar="COL", help="Column of the answers' texts, to compare them.")
@click.option("--gold", metavar="COL", help="Column of the truth, 0 or 1.")
@click.option("--stratum", metavar="COL", help="Column of categories to look at on their own.")
@click.option("--cut", type=float, help="Scores of at least this count as 1, others as 0.")
@click.option("--threshold", type=float, help="What the mean score is held against.")
@click.option("--tolerance", type=float, help="Accepted share of contradicted anchors.")
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(before: str, after: str | None, *, as_json: bool, **options: Any) -> None:
    """Compare the verdicts of two versions of a judge on the same answers.

    BEFORE and AFTER are logs that `calibrant read` takes, or tables (.csv, .tsv, .jsonl,
    .parquet); or BEFORE is one table with a column of versions. With more than two versions all of
    them are watched over time, and looking every week is allowed.
    """
    from calibrant._text import dumps
    from calibrant.judges.drift import drift

    found = drift(before, after, **options)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(d: Drift, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(text: str) -> None:
        console.print(Text(one_line(text, 600)), soft_wrap=True)

    say(repr(d))
    if d.kappa is not None and d.kappa_interval is not None:
        k = d.kappa_interval
        console.print(Text(f"  κ = {d.kappa:.3f} [{k.low:.3f}, {k.high:.3f}]; up and down alike "
                           f"often: p = {d.p_direction:.2g}"), soft_wrap=True)  # fmt: skip
    _shifts("against gold", d.against_gold, console)
    _shifts("category", d.strata, console)
    if d.headline is not None:
        console.print(Text(f"  {d.headline!r}"), soft_wrap=True)
    if d.watch is not None:
        _watch(d.watch, console)
    if d.flipped:
        shown = ", ".join(one_line(i, 30) for i in d.flipped[:8])
        more = f" and {len(d.flipped) - 8} more" * (len(d.flipped) > 8)
        console.print(Text(f"  changed: {one_line(shown, 300)}{more}"), soft_wrap=True)
    gone = ", ".join(f"{count:,} {why}" for why, count in d.left_out.items() if count)
    if gone:
        console.print(Text(f"  left out: {gone}"), soft_wrap=True)
    for note in d.notes:
        console.print(Text(f"  note: {one_line(note, 300)}"), soft_wrap=True)


def _shifts(title: str, shifts: tuple[Shift, ...], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    if not shifts:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for i, name in enumerate((f"  {title}", "n", "before", "after", "change", "p (Holm)")):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for s in shifts:
        table.add_row(
            Text(f"  {one_line(s.of, 30)}"), f"{s.n:,}", f"{s.before:.3g}", f"{s.after:.3g}",
            f"{s.change:+.3g} [{s.interval.low:+.2g}, {s.interval.high:+.2g}]",
            f"{s.p_adjusted:.2g}",
        )  # fmt: skip
    console.print(table)


def _watch(w: Watch, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console.print(Text(f"  {one_line(repr(w), 400)}"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    names = ("  time", "graded", "mean", "up", "down", "contradicted", "p so far")
    for i, name in enumerate(names):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for k in w.looks[-20:]:
        table.add_row(
            Text(f"  {one_line(k.time, 24)}"), f"{k.graded:,}", f"{k.mean:.3g}", str(k.up),
            str(k.down), f"{k.flips_low:.1%} to {k.flips_high:.1%}", f"{k.p_anytime:.2g}",
        )  # fmt: skip
    console.print(table)
