"""`calibrant judge probe JUDGE.yaml CASES`: is a judge moved by what should not move it?"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.judges.probes.findings import Finding, Probing


WIDTH = 120
"""Columns of the tables where there is no terminal."""


@click.command("probe")
@click.argument("judge", required=False, metavar="JUDGE.yaml")
@click.argument("cases", required=False, type=click.Path(path_type=Path))
@click.option("--probe", "probes", multiple=True, metavar="NAME",
              help="This probe or family, or all; by default a core of every sort.")  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="List the probes.")
@click.option("--at-most", type=click.IntRange(1), help="Cases at most, drawn at random.")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True,
              help="Put everything so often, to tell bias from chance.")  # fmt: skip
@click.option("--margin", type=float, default=0.1, show_default=True,
              help="The largest shift that does not matter, as a share of the range.")  # fmt: skip
@click.option("--wanted", type=float, default=0.8, show_default=True,
              help="The share of harmed answers that a working judge marks down.")  # fmt: skip
@click.option("--alpha", type=float, default=0.05, show_default=True,
              help="Chance of any false verdict over all probes.")  # fmt: skip
@click.option("--max-cost", type=float, help="Dollars; begin no case beyond it.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@figure_option
def cli(
    judge: str | None, cases: Path | None, probes: tuple[str, ...], only_list: bool, as_json: bool,
    quiet: bool, figure: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Put a judge to bias probes through Inspect, and say of each whether it is moved.

    JUDGE.yaml names a rule, a model with a scale, or an Inspect scorer; the name of a rule, such
    as exact, will do. CASES is a table (.jsonl, .csv, .parquet) with question and answer, or
    answer_1 and answer_2, or the folder of a run; without it the judge is put to questions of
    common knowledge, arithmetic and code. The same command resumes an interrupted run.
    """
    from contextlib import redirect_stdout

    if only_list:
        _list(as_json)
        return
    if judge is None:
        raise click.UsageError("wanted a judge, or --list")
    from calibrant.bench.judging.run import probe

    # Providers and scorers may print; stdout is for the outcome alone.
    with redirect_stdout(sys.stderr):
        found = probe(
            judge, cases, list(probes) or None, watch=None if quiet else _Watch(), **options
        )
    if figure is not None:
        from calibrant.judges.probes.figures import forest

        save_figure(forest(found), figure)
    if as_json:
        click.echo(found.to_json())
        return
    _print(found, _console())


def _console() -> Console:
    """The terminal, or wide enough for the tables where there is none."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=max(found.width, WIDTH))


class _Watch:
    """A line on stderr now and then."""

    def __init__(self, every: float = 5.0) -> None:
        self.every, self.last = every, time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self.last >= self.every:
            self.last = now
            click.echo(f"{done:,} of {of:,} verdicts", err=True)


def _list(as_json: bool) -> None:
    from calibrant._text import dumps
    from calibrant.bench.judging.run import all_probes

    rows: list[dict[str, Any]] = [
        {"name": p.name, "family": p.family, "expect": p.expect, "kinds": sorted(p.kinds),
         "asks": p.asks, "source": p.source}
        for p in all_probes()
    ]  # fmt: skip
    if as_json:
        click.echo(dumps(rows, indent=1))
        return
    kinds = {2: "both"}
    _table(
        _console(),
        ["probe", "family", "fair verdict", "judges", "asks"],
        [[r["name"], r["family"], r["expect"], kinds.get(len(r["kinds"]), r["kinds"][0]), r["asks"]]
         for r in rows],
        left=5,
    )  # fmt: skip


def _print(found: Probing, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(text: str) -> None:
        console.print(Text(one_line(text, 1000)), soft_wrap=True)

    say(repr(found))
    shifts = [f for f in found.findings if f.detection is None]
    level = f"{1 - found.alpha:.0%} interval"
    if shifts:
        head = ["probe", "shift", level, "p (Holm)", "towards / away", "power", "verdict"]
        _table(console, head, [_shift_row(f) for f in shifts])
    harms = [f for f in found.findings if f.detection is not None]
    if harms:
        head = ["harm", "marked down", level, "cases", "at floor", "failed", "verdict"]
        _table(console, head, [_harm_row(f) for f in harms])
    if found.order is not None:
        o = found.order
        say(
            f"both orders of {o.pairs} pairs: the first wins always {o.always_first!r}, the second "
            f"always {o.always_second!r}, the same answer {o.consistent!r}"
        )
        if o.log_odds is not None:
            say(f"standing first adds {o.log_odds:+.2f} to the log-odds ({o.log_odds_from})")
    if found.retest is not None:
        say(f"repeats of one showing differ in {found.retest.differ!r}")
    if found.cost is not None:
        say(f"cost: ${found.cost:.4f}")
    for warning in found.warnings:
        say(f"warning: {warning}")
    for note in found.notes:
        say(f"note: {note}")
    if found.folder:
        say(f"run folder: {found.folder}")


def _shift_row(f: Finding) -> list[str]:
    i = f.shift.interval
    lost = f.failed_base + f.failed_altered
    return [
        f.name,
        f"{f.shift.value:+.3g}",
        f"{i.low:+.2g} to {i.high:+.2g}",
        f"{f.p_holm:.2g}",
        f"{f.shift.towards} / {f.shift.away} of {f.shift.n}",
        f"{f.power.power:.0%}",
        f.verdict + (f", {lost} failed" if lost else ""),
    ]


def _harm_row(f: Finding) -> list[str]:
    assert f.detection is not None
    fell = f.detection.fell
    return [
        f.name,
        "" if fell.value is None else f"{fell.value:.0%}",
        f"{fell.low:.0%} to {fell.high:.0%}",
        f"{fell.n}",
        f"{f.detection.at_floor}",
        f"{f.detection.failed}",
        f.verdict,
    ]


def _table(console: Console, columns: list[str], rows: list[list[str]], left: int = 1) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for i, name in enumerate(columns):
        last = i == len(columns) - 1
        # Only the last of the columns of words may be broken.
        table.add_column(
            name, justify="left" if i < left or last else "right", no_wrap=left == 1 or i < left - 1
        )
    for row in rows:
        table.add_row(*(Text(one_line(cell, 200)) for cell in row))
    console.print(table)
