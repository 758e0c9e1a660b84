"""`calibrant contamination score ITEMS --subject M -o FILE`: how likely is each token?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import items_of, items_options, json_option

if TYPE_CHECKING:
    from calibrant.subjects.logprobs import Scored


@click.command("score")
@click.argument("items", metavar="ITEMS")
@click.option("--subject", "-s", required=True, metavar="MODEL",
              help="local/NAME, hf/FOLDER, or an Inspect model whose provider tells the "
              "log-probabilities of prompts.")  # fmt: skip
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="A Parquet file for the scores.")  # fmt: skip
@click.option("--part", type=click.Choice(["question", "answer", "both"]), default="question",
              show_default=True, help="Of each item; an answer after its question.")  # fmt: skip
@click.option("--template", metavar="TEXT",
              help="The text, with {question}, {choices} and {answer} in it.")  # fmt: skip
@click.option("--form", default="verbatim", show_default=True,
              help="How the texts stand to their items: verbatim, paraphrase, twin, …")  # fmt: skip
@click.option("--prefix", metavar="TOKEN",
              help="What stands before each text; '' for nothing; by default its own.")  # fmt: skip
@click.option("-M", "args", multiple=True, metavar="KEY=VALUE", help="Of the model.")
@click.option("--full", is_flag=True,
              help="Refuse a subject that tells only the top of its distribution.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@items_options
@json_option
def cli(
    items: str, args: tuple[str, ...], template: str | None, quiet: bool, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Score the texts of a test's items with a subject, token by token.

    ITEMS is a table (.jsonl, .csv, .parquet). The scores are what `calibrant contamination test`
    takes. The same command goes on where it was cut off.
    """
    from contextlib import redirect_stdout

    from calibrant.cli.contamination.options import model_args
    from calibrant.cli.items.progress import working
    from calibrant.subjects.logprobs import score_items

    given = items_of(items, options)
    unescaped = None if template is None else template.replace("\\n", "\n")
    # Providers may print; stdout is for the outcome alone.
    with redirect_stdout(sys.stderr), working("scored") as tick:
        found = score_items(
            given, template=unescaped, args=model_args(args),
            watch=None if quiet else lambda done, of: tick(done / of), **options,
        )  # fmt: skip
    if as_json:
        from calibrant._text import dumps

        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Scored) -> None:
    from calibrant._text import one_line

    told = found.to_dict()
    loss = told["loss"]
    what = {
        "whole": "mean and sd of the whole distribution",
        "top-k": f"the top {told['top_k']} of the distribution",
        "none": "nothing else of the distribution",
    }
    for line in (
        repr(found),
        f"prefix {told['prefix']!r}; tokenizer {told['tokenizer']}; {what[told['distribution']]}"
        + (f"; read by {told['access']}" if told["access"] else ""),
        f"loss a token: {loss['mean']:.3f} nats in the mean over texts, median "
        f"{loss['median']:.3f}, {loss['lowest']:.3f} to {loss['highest']:.3f}",
    ):
        click.echo(one_line(line, 1000))
    if found.kept:
        click.echo(f"{found.kept:,} were scored in an earlier session")
    for item, why in found.left_out[:5]:
        click.echo(f"warning: item {one_line(item, 60)!r} left out: {one_line(why)}")
    if len(found.left_out) > 5:
        click.echo(f"warning: {len(found.left_out) - 5:,} more are left out (--json has all)")
    click.echo(f"{one_line(found.out)}: {told['seconds']:g} s")
