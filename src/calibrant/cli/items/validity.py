"""`calibrant items validity RESPONSES`: what scores mean, and what they predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import (
    family_options,
    json_option,
    level_option,
    seed_option,
    share,
)
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import source_options
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.quality.validity import Validity

PARTS = ("pairs", "discriminant", "factors", "capability", "redundancy", "agreement")

_READING = {"items": "items_table", "subjects": "subjects_table", "subject": "subject_column",
            "item": "item_column", "score": "score_column"}  # fmt: skip
"""Arguments of `read_responses` by the names of `source_options`."""


def _list(_: click.Context, __: click.Parameter, given: str | None) -> list[str] | None:
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


@click.command("validity")
@click.argument("responses", nargs=-1, required=True)
@click.option("--by", metavar="COLUMN",
              help="The fact about items that makes measures of them, such as category; without "
              "it every column is a measure.")  # fmt: skip
@click.option("--method", metavar="COLUMN",
              help="A second fact: measures are cells of --by and it.")  # fmt: skip
@click.option("--measures", callback=_list, metavar="A,B,…",
              help="Columns of a plain table that are scores; the rest are facts.")  # fmt: skip
@click.option("--reverse", callback=_list, metavar="A,B,…",
              help="Measures on which less is better: turned round.")  # fmt: skip
@family_options
@click.option("--ability", callback=_list, metavar="A,B,…",
              help="What general ability is taken from; all others by default.")  # fmt: skip
@click.option("--reference", metavar="MEASURE",
              help="What others should agree with; the mean of all others by default.")  # fmt: skip
@click.option("--criterion", metavar="TABLE",
              help="What scores should predict: a table with a number a subject, or a "
              "measure.")  # fmt: skip
@click.option("--criterion-column", metavar="COLUMN", help="Its column, if it has several.")
@click.option("--date", metavar="COLUMN", help="A fact about subjects: which came later.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS),
              help="Only this part; may be repeated.")  # fmt: skip
@click.option("--raw", is_flag=True, help="Means of measures as they are, not standardised.")
@source_options
@level_option
@click.option("--cover", type=share, default=0.9, show_default=True,
              help="Of intervals of predictions.")  # fmt: skip
@click.option("--draws", type=click.IntRange(20), default=200, show_default=True)
@seed_option
@figure_option
@click.option("--plot", type=click.Choice(["correlations", "scree", "capability", "agreement"]),
              default="correlations", show_default=True, help="What --figure draws.")  # fmt: skip
@json_option
def cli(
    responses: tuple[str, ...],
    *,
    parts: tuple[str, ...],
    raw: bool,
    figure: Path | None,
    plot: Any,
    as_json: bool,
    **options: Any,
) -> None:
    """Find what the scores in RESPONSES mean: what agrees, what differs, what predicts.

    RESPONSES are trials, logs, a matrix of subjects by items, or a plain table of subjects by
    benchmarks. Intervals are for models of other families: name them with --family or
    --family-pattern.
    """
    from calibrant._text import dumps
    from calibrant.quality.validity import validity

    for name, flag in _READING.items():
        options[name] = options.pop(flag)
    source = responses[0] if len(responses) == 1 else list(responses)
    with working("validity"):
        found = validity(source, parts=parts or None, standardize=not raw, **options)
    if figure is not None:
        save_figure(found.plot(plot), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Validity) -> None:
    from calibrant._text import one_line
    from calibrant.quality.validity.shown import tables_of

    click.echo(one_line(repr(found), 600))
    for shown in tables_of(found):
        click.echo(f"\n{shown.heading}")
        print_table(shown.columns, shown.rows, names=range(shown.names), indent=2)
    for note in found.notes:
        click.echo(f"note: {one_line(note, 400)}")
