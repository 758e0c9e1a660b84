"""`calibrant contamination test SCORES…`: valid tests of exposure, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import (
    error_rate,
    items_options,
    json_option,
    seed_option,
    share,
)
from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.contamination.evidence import ExposureTest

METHODS = (
    "order", "split", "rank", "combined", "twin", "paraphrase", "canary", "reference", "correct",
    "correct-twin",
)  # fmt: skip
REASONS = ("random-order", "random-split", "random-canary", "random-twin", "unexposed-reference")
SIGNALS = ("loss", "total", "perplexity", "zlib", "min-k", "min-k++", "tail-top1", "reference")


@click.command("test")
@click.argument("sources", nargs=-1, required=True, metavar="SCORES…")
@click.option("--method", required=True, type=click.Choice(METHODS), help="Which test.")
@click.option("--reason", required=True, type=click.Choice(REASONS),
              help="What you know to have been drawn at random, or to be unexposed: what makes the "
              "p-value valid.")  # fmt: skip
@click.option("--signal", "signals", multiple=True, type=click.Choice(SIGNALS),
              help="What is compared; may be repeated, and p-values are then adjusted (Holm). "
              "[default: loss]")  # fmt: skip
@click.option("--subject", "-s", metavar="NAME",
              help="Who is tested, where there are scores of several; a model, where items are "
              "scored now.")  # fmt: skip
@click.option("--form", default="verbatim", show_default=True, help="Form of published texts.")
@click.option("--against", metavar="FORM",
              help="Form of what they are compared with. [default: held-out, twin, paraphrase or "
              "other, by method]")  # fmt: skip
@click.option("--items", "table", metavar="TABLE", help="What is known of items, by their ids.")
@click.option("--group", metavar="COLUMN",
              help="Of that table: whether an item was published (true or false, 1 or 0, "
              "published or held-out), where forms do not tell.")  # fmt: skip
@click.option("--stratum", metavar="COLUMN", help="Of that table: within what was drawn.")
@click.option("--correct", metavar="COLUMN", help="Of SCORES: whether the answer was right.")
@click.option("--k", type=share, default=0.2, show_default=True, help="Of min-k and min-k++.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True,
              help="Tokens of tail-top1.")  # fmt: skip
@click.option("--statistic", type=click.Choice(["rank", "mean"]), default="rank",
              show_default=True, help="Of split, twin and paraphrase.")  # fmt: skip
@click.option("--skip", type=click.IntRange(0), default=0, show_default=True,
              help="First tokens of each text that are left out.")  # fmt: skip
@click.option("--missing", "lost", type=click.Choice(["refuse", "drop"]), default="refuse",
              show_default=True, help="Texts without log-probabilities.")  # fmt: skip
@click.option("--part", type=click.Choice(["question", "both"]), default="question",
              show_default=True, help="Of items that are scored now; an answer after its "
              "question.")  # fmt: skip
@click.option("--between", default="\\n\\n", show_default=True,
              help="What stands between items in the published file, of order.")  # fmt: skip
@click.option("--shards", type=click.IntRange(1), default=20, show_default=True,
              help="Runs of neighbouring items, of order.")  # fmt: skip
@click.option("--permutations", type=click.IntRange(1), default=39, show_default=True,
              help="Random orders of each shard, of order.")  # fmt: skip
@click.option("--alpha", type=error_rate, default=0.05, show_default=True)
@click.option("--draws", type=click.IntRange(99), default=9999, show_default=True,
              help="Random arrangements where all are too many.")  # fmt: skip
@click.option("--effect", type=float, metavar="D",
              help="Also say the power for a shift of D standard deviations, and how many items "
              "give 80 %.")  # fmt: skip
@items_options
@seed_option
@figure_option
@json_option
def cli(
    sources: tuple[str, ...], figure: Path | None, as_json: bool, effect: float | None,
    **options: Any,
) -> None:  # fmt: skip
    """Test whether a subject saw published items, by a p-value with a reason.

    SCORES are tables of `calibrant contamination score`, of one subject or several: published
    texts and what they are compared with (--form, --against, or --group). With --method order,
    or with --group, SCORES may be a table of items, scored now by --subject; with --method correct
    or correct-twin a table of answers (--correct).
    """
    from calibrant._text import dumps
    from calibrant.cli.contamination.exposed import tests_of

    tests = tests_of(sources, options)
    planned = [] if effect is None else [_planned(t, effect) for t in tests]
    if figure is not None:
        from calibrant.contamination.exposure.figures import null_figure

        drawn = next((t for t in tests if t.verdict == "seen" and "null" in t.detail), tests[0])
        save_figure(null_figure(drawn), figure)
    if as_json:
        more = {"power": planned} if planned else {}
        click.echo(dumps({"tests": [t.to_dict() for t in tests], **more}, indent=1))
        return
    _print(tests)
    for line in dict.fromkeys(_said(one) for one in planned):
        click.echo(line)


def _planned(test: ExposureTest, effect: float) -> dict[str, Any]:
    """Power of the test as it was, and the items that give 80 %."""
    from calibrant.contamination.exposure import planned_items, power
    from calibrant.errors import InputError

    design = {"split": "split", "rank": "split", "twin": "twin", "paraphrase": "twin",
              "order": "order"}.get(test.method)  # fmt: skip
    if design is None:
        raise InputError(f"effect: the power of {test.method} is not worked out")
    more: dict[str, Any] = {"alpha": test.alpha}
    if design == "split":
        sizes = test.detail["units"]
        size = sum(sizes.values())
        more["share"] = sizes["published"] / size
    elif design == "twin":
        size = test.detail["pairs"]
    else:
        size, more["permutations"] = test.detail["shards"], test.detail["permutations"]
    return {"method": test.method, "effect": effect, "units": size,
            "power": power(design, size, effect, **more),  # type: ignore[arg-type]
            "wanted": planned_items(design, effect, **more)}  # type: ignore[arg-type]  # fmt: skip


def _said(planned: Mapping[str, Any]) -> str:
    return (
        f"power for a shift of {planned['effect']:g} standard deviations: {planned['power']:.0%} "
        f"with {planned['units']:,}; 80% take {planned['wanted']:,}"
    )


def _print(tests: Sequence[ExposureTest]) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table
    from calibrant.contamination.evidence import REASONS as WHY

    rows = [
        (t.subject, t.method, str(t.detail.get("signal", "")), f"{t.items:,}",
         "" if t.statistic is None else f"{t.statistic:.3g}",
         "" if t.p is None else f"{t.p:.3g}", t.verdict)
        for t in tests
    ]  # fmt: skip
    print_table(("subject", "method", "signal", "items", "statistic", "p", "verdict"), rows,
                names=(0,), words=(1, 2, 6))  # fmt: skip
    first = tests[0]
    click.echo(f"\nvalid if {WHY[first.reason]}")
    if first.detects:
        click.echo(f"would find {one_line(first.detects, 300)}")
    if (moved := first.detail.get("first_token")) is not None:
        prefix = one_line(first.detail["prefix"], 40) or "nothing"
        click.echo(
            f"scored after {prefix!r}; the first token of a text moves its mean log-probability "
            f"by {moved['median']:.2g} nats a token in the median, {moved['most']:.2g} at most"
            + (f"; the first {first.detail['skip']} are left out" if first.detail["skip"] else "")
        )
    if first.blind:
        print_table(
            ("  text alone", "AUROC", "interval", ""),
            [(f"  {b['name']}", f"{b['auroc']:.2f}", f"{b['low']:.2f} to {b['high']:.2f}",
              "" if b["low"] <= 0.5 <= b["high"] else "differs") for b in first.blind],
            heading="\nblind baseline (intervals that hold together at 95%)", words=(3,),
        )  # fmt: skip
    if (left := first.detail.get("p_beyond_texts")) is not None:
        click.echo(f"beyond what these explain: p = {left:.3g}")
    said = dict.fromkeys(note for t in tests for note in t.notes)
    for note in said:
        click.echo(f"note: {one_line(note, 500)}")
