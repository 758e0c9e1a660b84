"""What would it take? A plan as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibrant._text import one_line
from calibrant.assurance.plan import Plan
from calibrant.assurance.words import percent


def print_plan(plan: Plan, console: Console) -> None:
    """Print a plan: claims with their designs and error rates, then what it would cost."""
    suite = plan.suite
    claims = Table(
        title=Text(f"{one_line(suite.subject)}, seed {suite.seed}"),
        caption="trials: expected if the claim is as true as designed, expected at the threshold,"
        " at most, and of a fixed design with the same error rates",
        title_justify="left",
    )
    claims.add_column("claim")
    for name in ("expected", "threshold", "at most", "fixed", "power"):
        claims.add_column(name, justify="right", no_wrap=True)
    for planned in plan.claims:
        claim, design = planned.claim, planned.design
        really = (
            ", anytime-valid"
            if claim.if_really is None
            else f", if really {percent(claim.if_really)}"
        )
        says = f"{claim.score} {claim.relation} {percent(claim.threshold)}{really}"
        title = Text(one_line(claim.name, 60), style="bold")
        claims.add_row(
            title + Text(f"\n{one_line(says, 80)}", style="not bold"),
            f"{planned.expected_trials:,.0f}",
            f"{planned.expected_at_threshold:,.0f}",
            f"{design.at_most:,}",
            "—" if planned.fixed_trials is None else f"{planned.fixed_trials:,}",
            "—" if design.power is None else f"{design.power:.3f}",
        )
    console.print(claims)
    for label, at_most in (("expected", False), ("at most", True)):
        given, output = plan.tokens(at_most=at_most)
        cost = plan.cost(at_most=at_most)
        money = "no price given" if cost is None else f"${cost:,.2f}"
        console.print(
            Text(f"{label}: about {given:,} tokens in, up to {output:,} out; {money}"),
            highlight=False,
        )
