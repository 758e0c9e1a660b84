"""Plans of claims and of comparisons as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from calibrant.measurement import PairedPlans, Plans
from calibrant.measurement.plan import PlannedDesign


def print_plans(plans: Plans) -> None:
    """Print four designs beside each other, by true rate; with clusters, also one trial each."""
    console = Console()
    title = (
        f"{plans.relation} {plans.threshold:g}, if really {plans.if_really:g}; "
        f"alpha {plans.alpha:g}, beta {plans.beta:g}"
    )
    if plans.one_per_cluster is not None:
        title += f"; clusters of {plans.cluster_size}, ICC {plans.icc:g}"
    console.print(_designs(title, plans.designs, plans.wald_bound))
    console.print("each cell: expected trials, and the chance that the claim is supported")
    _print_spending(plans.designs, console)
    if plans.one_per_cluster is None:
        return
    table = Table(title="chance of supporting the claim at its threshold", title_justify="left")
    table.add_column("if the ICC is", justify="right")
    for design in plans.designs:
        table.add_column(design.design, justify="right")
    for icc in plans.designs[0].false_support_if_icc or {}:
        chances = [(d.false_support_if_icc or {})[icc] for d in plans.designs]
        table.add_row(icc, *(f"{p:.3f}" for p in chances))
    console.print(table)
    console.print(_designs("one trial per cluster: no ICC to assume", plans.one_per_cluster, None))


def _designs(title: str, designs: tuple[PlannedDesign, ...], bound: float | None) -> Table:
    caption = None if bound is None else f"Wald's lower bound on expected trials: {bound:.1f}"
    table = Table(title=title, caption=caption, title_justify="left")
    table.add_column("true rate", justify="right")
    for design in designs:
        clusters = "" if design.clusters is None else f"\n{design.clusters:,} clusters"
        table.add_column(f"{design.design}\n≤ {design.trials:,}{clusters}", justify="right")
    for rate in designs[0].expected_trials:
        cells = [f"{d.expected_trials[rate]:,.1f}  {d.support_probability[rate]:.3f}"
                 for d in designs]  # fmt: skip
        table.add_row(f"{float(rate):.4g}", *cells)
    return table


def _print_spending(designs: tuple[PlannedDesign, ...], console: Console) -> None:
    for d in designs:
        if d.tokens is None:
            continue
        cost = "" if d.cost is None else (
            f", ${d.cost['expected']:,.2f}, at most ${d.cost['at_most']:,.2f}"
        )  # fmt: skip
        console.print(
            f"{d.design}: {d.tokens['expected']:,.0f} tokens expected, at most "
            f"{d.tokens['at_most']:,.0f}{cost}",
            highlight=False,
        )


def print_paired(plans: PairedPlans) -> None:
    """Print the designs of a comparison by true difference, then what the items at hand show."""
    console = Console()
    for design in plans.designs:
        how = "" if design.exact else " (approximate)"
        clusters = "" if design.clusters is None else f" in {design.clusters:,} clusters"
        most = "" if design.differing is None else (
            f"at most {design.differing:,} that differ, almost surely within "
        )  # fmt: skip
        console.print(
            f"{design.design}, {design.claim}: {most}{design.items:,} items{clusters}, "
            f"{design.trials:,} trials; {design.test}{how}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
        for d, n in design.expected_items.items():
            chance = design.support_probability[d]
            console.print(
                f"  if really {float(d):+g}: chance {chance:.3f}; expected items {n:,.0f}",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
    for test, found in (plans.mde or {}).items():
        seen = "no difference at all" if found is None else f"a difference of {found:.4g}"
        console.print(
            f"{plans.items_available:,} items show {seen} with chance {1 - plans.beta:g} ({test})",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
