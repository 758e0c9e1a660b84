"""`calibrant plan`: how many trials a claim, or items a comparison, needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.figures import figure_option, save_figure

_CLAIM = ("below", "above", "if_really", "at_most", "items", "tokens", "price")
_PAIRED = ("difference", "discordant", "sd", "within", "epochs", "margin", "items_available")


@click.command("plan")
@click.option("--below", type=float, help="The claim: the rate is below this.")
@click.option("--above", type=float, help="The claim: the rate is above this.")
@click.option("--if-really", type=float, help="The design alternative.")
@click.option("--alpha", type=float, default=0.05, show_default=True)
@click.option("--beta", type=float, default=0.10, show_default=True)
@click.option("--at-most", type=int, help="Largest number of trials of the sequential designs.")
@click.option("--items", type=int, help="Size of the data set, if the claim is about one.")
@click.option("--tokens", type=float, help="Tokens per trial.")
@click.option("--price", type=float, help="Dollars per million tokens.")
@click.option("--cluster-size", type=int, help="Trials (items) that share a cluster.")
@click.option("--icc", type=float, help="Correlation within clusters, 0–1.")
@click.option("--paired", is_flag=True, help="Plan a comparison of two subjects on the same items.")
@click.option("--difference", type=float, help="Paired: the true difference A - B to be seen.")
@click.option("--discordant", type=float,
              help="Paired, scores 0 or 1: share of items that one alone gets right.")  # fmt: skip
@click.option("--sd", type=float, help="Paired, other scores: SD over items of the difference.")
@click.option("--within", type=float, help="Paired: SD between epochs of an item, per subject.")
@click.option("--epochs", type=int, help="Paired: answers to an item, averaged; needs --within.")
@click.option("--margin", type=float, help="Paired: the smallest difference that matters.")
@click.option("--items-available", type=int, help="Paired: what difference do so many show?")
@figure_option
@click.option("--curves", is_flag=True, help="Add the operating curves to the JSON document.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(*, paired: bool, as_json: bool, figure: Path | None, curves: bool, **options: Any) -> None:
    """How many trials does a claim need? Exact error rates and expected trials of four designs.

    All decide whether the claim is supported: a fixed number of trials; the same, curtailed once
    the outcome is certain; the tuned sequential test; and the anytime-valid test. With --paired:
    how many items does a comparison of two subjects need?
    """
    from calibrant._text import dumps
    from calibrant.cli.plan_print import print_paired, print_plans
    from calibrant.measurement import plan, plan_paired

    _check_options(options, paired)
    options = {k: v for k, v in options.items() if v is not None}
    if paired:
        if figure is not None or curves:
            raise click.UsageError("--figure and --curves go with a claim, not with --paired")
        pairs = plan_paired(**options)
        click.echo(dumps(pairs.to_dict(), indent=1)) if as_json else print_paired(pairs)
        return
    plans = plan(**options)
    if figure is not None:
        save_figure(plans.plot(), figure)
    click.echo(dumps(plans.to_dict(curves=curves), indent=1)) if as_json else print_plans(plans)


def _check_options(options: dict[str, Any], paired: bool) -> None:
    """Refuse options of the other kind of plan."""
    foreign, where = (_CLAIM, "with --paired") if paired else (_PAIRED, "without --paired")
    given = [k for k in foreign if options[k] is not None]
    if given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} cannot be used {where}")
    if not paired and options["if_really"] is None:
        raise click.UsageError("missing option '--if-really'")
