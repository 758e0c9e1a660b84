"""`calibrant plan`: how many trials a claim needs, by four designs."""

from __future__ import annotations

from typing import Any

import click


@click.command("plan")
@click.option("--below", type=float, help="The claim: the rate is below this.")
@click.option("--above", type=float, help="The claim: the rate is above this.")
@click.option("--if-really", type=float, required=True, help="The design alternative.")
@click.option("--alpha", type=float, default=0.05, show_default=True)
@click.option("--beta", type=float, default=0.10, show_default=True)
@click.option("--at-most", type=int, help="Largest number of trials of the sequential designs.")
@click.option("--items", type=int, help="Size of the data set, if the claim is about one.")
@click.option("--tokens", type=float, help="Tokens per trial.")
@click.option("--price", type=float, help="Dollars per million tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(*, as_json: bool, **claim: Any) -> None:
    """How many trials does a claim need? Exact error rates and expected trials of four designs.

    All decide whether the claim is supported: a fixed number of trials; the same, curtailed once
    the outcome is certain; the tuned sequential test; and the anytime-valid test.
    """
    from calibrant._text import dumps
    from calibrant.measurement import plan

    plans = plan(**claim)
    if as_json:
        click.echo(dumps(plans.to_dict(), indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{plans.relation} {plans.threshold:g}, if really {plans.if_really:g}; "
        f"alpha {plans.alpha:g}, beta {plans.beta:g}",
        caption=f"Wald's lower bound on expected trials: {plans.wald_bound:.1f}",
        title_justify="left",
    )
    table.add_column("true rate", justify="right")
    for design in plans.designs:
        table.add_column(f"{design.design}\n≤ {design.trials:,}", justify="right")
    for rate in plans.designs[0].expected_trials:
        cells = [
            f"{d.expected_trials[rate]:,.1f}  {d.support_probability[rate]:.3f}"
            for d in plans.designs
        ]
        table.add_row(f"{float(rate):.4g}", *cells)
    console = Console()
    console.print(table)
    console.print("each cell: expected trials, and the chance that the claim is supported")
