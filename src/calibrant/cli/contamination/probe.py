"""`calibrant contamination probe ITEMS --subject M --method NAME`: what does a black box repeat?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import (
    error_rate,
    items_of,
    items_options,
    json_option,
    seed_option,
)
from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.bench.exposure.result import ExposureProbe


@click.command("probe")
@click.argument("items", metavar="ITEMS")
@click.option("--subject", "-s", required=True, metavar="MODEL", help="An Inspect model.")
@click.option("--method", type=click.Choice(["completion", "options", "order", "peaked"]),
              default="completion", show_default=True,
              help="Complete an item; name a masked option; options in their published order; "
              "how alike its answers are.")  # fmt: skip
@click.option("--twins", metavar="FILE", help="Unpublished items of the same design, one for each.")
@click.option("--split", metavar="COLUMN",
              help="Of ITEMS: true if published, false if held out.")  # fmt: skip
@click.option("--reason", metavar="NAME",
              help="Why a p-value is valid: random-twin, random-split, random-order.")  # fmt: skip
@click.option("--score", metavar="NAME", help="An item's value: rouge, run, start; exact, rouge.")
@click.option("--benchmark", metavar="NAME", help="Named in a second prompt of completion.")
@click.option("--plain", is_flag=True, help="Complete without any instruction: for base models.")
@click.option("--part", type=click.Choice(["question", "both"]), default="question",
              show_default=True, help="Of an item that is completed.")  # fmt: skip
@click.option("--orders", type=click.IntRange(1), default=7, show_default=True,
              help="Random orders of options besides the published one.")  # fmt: skip
@click.option("--samples", type=click.IntRange(1), default=20, show_default=True,
              help="Answers at temperature 1 of peaked.")  # fmt: skip
@click.option(
    "--alpha", type=error_rate, default=0.05, show_default=True, help="Level of the test."
)
@click.option("--draws", type=click.IntRange(99), default=9999, show_default=True,
              help="Random draws where the distribution is not worked out.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("-M", "args", multiple=True, metavar="KEY=VALUE", help="Of the model.")
@click.option("--max-connections", type=click.IntRange(1), help="Answers in flight.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@items_options
@seed_option
@figure_option
@json_option
def cli(
    items: str, twins: str | None, split: str | None, args: tuple[str, ...], quiet: bool,
    figure: Path | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Probe a subject that need not give log-probabilities, through Inspect.

    ITEMS is a table (.jsonl, .csv, .parquet). A p-value is printed only with --reason, and with
    twins, a split, or options whose published order was drawn at random. The same command goes on
    where it was cut off.
    """
    from contextlib import redirect_stdout

    from calibrant.bench.exposure.run import probe
    from calibrant.cli.contamination.options import model_args
    from calibrant.cli.items.progress import working

    columns = {key: options[key] for key in options if key.endswith("_column")}
    given = items_of(items, options)
    others = None if twins is None else items_of(twins, columns)
    parts = None if split is None else _column(items, split)
    # Providers may print; stdout is for the outcome alone.
    with redirect_stdout(sys.stderr), working("answered") as tick:
        found = probe(
            given, twins=others, split=parts, args=model_args(args),
            watch=None if quiet else lambda done, of: tick(done / of), **options,
        )  # fmt: skip
    if figure is not None:
        from calibrant.bench.exposure.figures import probe_figure

        save_figure(probe_figure(found), figure)
    if as_json:
        click.echo(found.to_json())
        return
    _print(found)


def _column(path: str, name: str) -> list[Any]:
    from calibrant.errors import InputError
    from calibrant.records.frames import table_of

    frame = table_of(path, "items")
    if name not in frame.columns:
        raise InputError(
            f"{path}: no column {name!r} (split); there are {', '.join(frame.columns)}"
        )
    return frame[name].to_list()


def _print(found: ExposureProbe) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    def say(text: str) -> None:
        click.echo(one_line(text, 1000))

    say(repr(found))
    whole = found.table.drop_nulls("value")
    rows = [
        [group, f"{int((whole['group'] == group).sum()):,}", f"{mean.value:.3f}",
         f"{mean.low:.3f} to {mean.high:.3f}"]
        for group, mean in found.means.items() if mean is not None
    ]  # fmt: skip
    print_table(["group", "items", found.score, "95% interval"], rows)
    if found.test.detects:
        say(f"limit of detection: {found.test.detects}")
    for blind in found.test.blind:
        say(
            f"without the subject, {blind['name']} tells the groups apart with AUROC "
            f"{blind['auroc']:.2f} ({blind['low']:.2f} to {blind['high']:.2f})"
        )
    if found.failed:
        say(f"warning: {found.failed:,} of {found.calls:,} answers failed")
    for item, why in found.left_out[:5]:
        say(f"warning: item {one_line(item, 60)!r} left out: {why}")
    if len(found.left_out) > 5:
        say(f"warning: {len(found.left_out) - 5:,} more are left out (--json has all)")
    for note in (*found.test.notes, *found.notes):
        say(f"note: {note}")
    say(f"{found.calls:,} answers, {found.tokens:,} tokens; run folder: {found.folder}")
