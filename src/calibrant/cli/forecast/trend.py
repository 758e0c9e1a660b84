"""`calibrant forecast trend FILE`: doubling times, and where a trend will be."""

from __future__ import annotations

from datetime import date as Day
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.scaling.trends.result import Trend


@click.command("trend")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--date", required=True, metavar="COLUMN", help="When each subject came.")
@click.option("--value", required=True, metavar="COLUMN", help="What it measured.")
@click.option(
    "--at",
    multiple=True,
    metavar="DATE[:FAMILY]",
    help="Forecast a new subject then; may be given again. 6 and 12 months if not.",
)
@click.option("--family", metavar="COLUMN", help="Errors are shared within, such as the lab.")
@click.option(
    "--version",
    metavar="COLUMN",
    help="Version of the instrument; subjects measured by two of them bridge.",
)
@click.option("--subject", metavar="COLUMN", help="Names of subjects; found if not named.")
@click.option("--se", metavar="COLUMN", help="Standard errors of the values.")
@click.option("--low", metavar="COLUMN", help="Lower ends of published intervals.")
@click.option("--high", metavar="COLUMN", help="Upper ends of published intervals.")
@click.option(
    "--interval-level",
    type=float,
    default=0.95,
    show_default=True,
    help="Level of the published intervals.",
)
@click.option(
    "--shared-se",
    type=float,
    metavar="SHARE",
    help="Correlation of errors of measurement by one version (the same tasks), 0 to 1; "
    "integrated if not given.",
)
@click.option(
    "--reach",
    type=float,
    multiple=True,
    metavar="VALUE",
    help="When does the trend reach this value? May be given again.",
)
@click.option(
    "--on",
    type=click.Choice(("log", "logit", "plain")),
    default="log",
    show_default=True,
    help="The scale on which it grows: by factors, as odds, plain.",
)
@click.option("--reference", metavar="VERSION", help="The version to forecast; else the latest.")
@click.option("--frontier", is_flag=True, help="Only subjects that were the best so far.")
@click.option("--level", type=float, default=0.9, show_default=True)
@click.option("--today", metavar="DATE", help="Later dates are left out; today if not given.")
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, today: str | None, figure: Path | None, as_json: bool, **options: Any
) -> None:
    """Doubling time, forecasts and a back-test from dated values in FILE, one row a subject.

    The line may wander and bend, and errors may be shared within families: intervals are integrated
    over how much. Forecasts whose back-test failed are withheld.
    """
    from calibrant._text import dumps, one_line
    from calibrant.errors import InputError
    from calibrant.scaling.trends.trend import trend

    try:
        now = Day.today() if today is None else Day.fromisoformat(today)
    except ValueError as error:
        raise InputError(
            f"--today: wanted a date such as 2026-01-31, got {one_line(str(today), 40)!r}"
        ) from error
    found = trend(file, today=now, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console

    _print(found, Console())


def _print(t: Trend, console: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(text: str) -> None:
        console.print(Text(one_line(text, 600)), soft_wrap=True)

    say(repr(t))
    say(f"  over the whole record it {t.average.sentence(t.on)}")
    if t.straight is not None:
        say(f"  (a straight line by ordinary least squares: {t.straight.sentence(t.on)})")
    _forecasts(t, console)
    for r in t.reaches:
        say(f"  {r.sentence(t.level)}")
    for v in t.versions:
        factor = f"{v.shift:+.2g} ({v.low:+.2g} to {v.high:+.2g})"
        if t.on == "log":
            factor = f"× {2**v.shift:.3g} ({2**v.low:.3g} to {2**v.high:.3g})"
        say(f"  version {v.version or '(none)'} measures {factor} against {v.reference}, "
            f"by {v.bridges} bridges")  # fmt: skip
    if t.backtest is None:
        say("  back-test: none, too few points before the last")
    else:
        say(f"  {t.backtest!r}")
        _horizons(t, console)
    for text in t.warnings:
        say(f"  warning: {text}")
    for text in t.notes:
        say(f"  note: {text}")


def _forecasts(t: Trend, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    names = ("  date", "family", "ahead", "value", f"{t.level:.0%} interval", "trend alone")
    for i, name in enumerate(names):
        table.add_column(name, justify="right" if i > 1 else "left", no_wrap=True)
    for f in t.forecasts:
        low, high = _plain(f.low), _plain(f.high)
        drift = f"{_plain(f.trend_low)} to {_plain(f.trend_high)}"
        shown = (
            ("withheld", "", "") if f.withheld else (_plain(f.median), f"{low} to {high}", drift)
        )
        family = one_line(f.family, 24) if f.family else "any"
        table.add_row(Text(f"  {f.date}"), Text(family), f"{f.months:.0f} mo", *shown)
    console.print(table)
    for why in dict.fromkeys(f.withheld for f in t.forecasts if f.withheld):
        console.print(Text(f"  withheld: {one_line(why, 400)}"), soft_wrap=True)


def _plain(x: float | None) -> str:
    """Three digits, without an exponent where people would not write one."""
    if x is None:
        return ""
    return f"{float(f'{x:.3g}'):,.10g}" if 1e-3 <= abs(x) < 1e7 else f"{x:.3g}"


def _horizons(t: Trend, console: Console) -> None:
    from rich.table import Table

    assert t.backtest is not None
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for i, name in enumerate(("  months ahead", "forecasts", "subjects", "covered", "")):
        table.add_column(name, justify="right" if 0 < i < 4 else "left", no_wrap=True)
    for h in t.backtest.horizons:
        reach = "more" if h.high is None else f"{h.high:g}"
        table.add_row(
            f"  {h.low:g} to {reach}", str(h.n), str(h.subjects), f"{h.coverage:.0%}",
            f"too few (p {h.p:.2g})" if h.failed else "",
        )  # fmt: skip
    console.print(table)
