"""`calibrant contamination inflation TRIALS`: what would the score be without exposure?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import json_option, share
from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.contamination.inflation.result import Inflation

OF = {
    "twins": ("pairs", "mismatch", "fixed_clusters"),
    "reference": ("references", "families", "without"),
    "scan": ("references", "exposed_from", "unexposed_to", "hidden", "bound"),
}
"""Options that go with each design."""


@click.command("inflation")
@click.argument("trials")
@click.option("--subject", required=True, help="Whose score.")
@click.option("--instrument", required=True, help="On which benchmark.")
@click.option("--score", help="Which score, where there are several.")
@click.option("--twins", metavar="INSTRUMENT", help="Design: unpublished twins of its items.")
@click.option(
    "--pairs",
    metavar="FILE",
    help="Twins: a table with columns published and twin, or the twins of `generate`.",
)
@click.option("--mismatch", type=click.FloatRange(0, 1, max_open=True),
              help="Twins: by how much their mean difficulty may differ.")  # fmt: skip
@click.option("--fixed-clusters", is_flag=True,
              help="Twins: clusters (templates) are all that are meant, not a sample of such.",
              )  # fmt: skip
@click.option("--reference", multiple=True, metavar="INSTRUMENT",
              help="Design: a benchmark that nobody was exposed to; may be repeated.")  # fmt: skip
@click.option("--families", metavar="REGEX",
              help="Reference: its first group is a subject's family.")  # fmt: skip
@click.option("--without", multiple=True, metavar="SUBJECT",
              help="Reference: a subject to leave out; may be repeated.")  # fmt: skip
@click.option("--scan", metavar="FILE",
              help="Design: exposed against unexposed items, by the JSON of a scan.")  # fmt: skip
@click.option("--references", multiple=True, metavar="SUBJECT",
              help="Reference, scan: unexposed subjects; all others by default.")  # fmt: skip
@click.option("--exposed-from", type=click.FloatRange(0, 1, min_open=True),
              help="Scan: exposed from this containment (0.8; 0.2 with --bound).")  # fmt: skip
@click.option("--unexposed-to", type=click.FloatRange(0, 1),
              help="Scan: containment up to which it is not (0.2).")  # fmt: skip
@click.option("--hidden", type=click.FloatRange(0, 1, max_open=True),
              help="Scan: by how much exposed items may be easier, unseen by others.")  # fmt: skip
@click.option("--bound", is_flag=True,
              help="Scan: only what exposure can explain at most; needs no others.")  # fmt: skip
@click.option("--reason",
              type=click.Choice(["random-twin", "matched-twin", "unexposed-reference"]),
              help="What makes a p-value valid; without it none is given.")  # fmt: skip
@click.option("--level", type=share, default=0.95, show_default=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write the JSON, for `measure --exposure` and suites.")  # fmt: skip
@figure_option
@json_option
def cli(
    trials: str,
    *,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Estimate how much of a score is exposure, and the score without it, with an interval.

    TRIALS is a table of trials, a log, or a folder of logs: whatever `calibrant read` takes. Name
    one design: --twins, --reference, or --scan.
    """
    from calibrant._text import dumps
    from calibrant.contamination.inflation.result import write_inflation

    found = _estimate(trials, {k: v for k, v in options.items() if v not in (None, (), False)})
    if out is not None:
        write_inflation(found, out)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _estimate(trials: str, options: dict[str, Any]) -> Inflation:
    from calibrant.contamination.inflation.benchmarks import benchmark_inflation
    from calibrant.contamination.inflation.items import item_inflation
    from calibrant.contamination.inflation.scans import inflation_bound
    from calibrant.contamination.inflation.twins import twin_inflation
    from calibrant.errors import InputError

    designs = [name for name in OF if name in options]
    if len(designs) != 1:
        got = " and ".join(f"--{d}" for d in designs) or "none"
        raise InputError(f"design: wanted one of --twins, --reference and --scan, got {got}")
    mine = set(OF[designs[0]])
    for name in {n for some in OF.values() for n in some} - mine:
        if name in options:
            raise InputError(f"--{name.replace('_', '-')}: does not go with --{designs[0]}")
    if designs[0] == "twins":
        return twin_inflation(trials, **options)
    if designs[0] == "reference":
        return benchmark_inflation(trials, **options)
    if options.pop("bound", False):
        extra = [n for n in ("references", "unexposed_to", "hidden", "reason") if n in options]
        if extra:
            raise InputError(f"--{extra[0].replace('_', '-')}: does not go with --bound")
        return inflation_bound(trials, **options)
    return item_inflation(trials, **options)


def _print(found: Inflation) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line
    from calibrant.cli.contamination.inflation_table import tables

    console = Console()

    def say(line: str, style: str = "") -> None:
        console.print(Text(one_line(line, 1000), style=style), soft_wrap=True)

    say(repr(found))
    for heading, table in tables(found):
        console.print()
        say(heading)
        console.print(table)
    for heading, lines in (("assumes", found.assumptions), ("note", found.notes)):
        for line in lines:
            say(f"{heading}: {line}", "dim")
