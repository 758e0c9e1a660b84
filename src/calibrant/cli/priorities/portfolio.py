"""`calibrant priorities portfolio TABLE_OR_RATINGS`: what to fund with a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.priorities._options import of_areas, own_areas, owned

if TYPE_CHECKING:
    from calibrant.priorities.portfolio.result import Other, Portfolio


@click.command("portfolio")
@click.argument("source", metavar="TABLE_OR_RATINGS", type=click.Path(path_type=Path))
@click.option("--budget", required=True, metavar="MONEY", help="Such as 100M.")
@click.option("--grant", default="10M", show_default=True, metavar="MONEY",
              help="What one grant costs.")  # fmt: skip
@click.option("--long-term", type=float, default=0.0, show_default=True, metavar="SHARE",
              help="Share of the budget for important areas that are hard.")  # fmt: skip
@click.option("--costs", type=click.Path(path_type=Path), metavar="FILE",
              help="What areas cost: columns area, cost; least, most if there.")  # fmt: skip
@click.option("--most", type=click.IntRange(1), default=1, show_default=True,
              help="Grants to one area, at most.")  # fmt: skip
@click.option("--returns", type=float, default=0.5, show_default=True,
              help="Worth of a further grant to an area, to the one before.")  # fmt: skip
@click.option("--category-share", type=float, metavar="SHARE",
              help="At most this share of the budget in one category.")  # fmt: skip
@click.option("--categories", type=click.IntRange(0), default=0,
              help="At least so many categories get a grant.")  # fmt: skip
@click.option("--utility", default="product", show_default=True,
              help="What a grant is worth: product, from zero, convex or sum.")  # fmt: skip
@click.option("--min-ratings", type=click.IntRange(1), default=3, show_default=True,
              help="Areas rated by fewer are not funded.")  # fmt: skip
@click.option("--robust/--no-robust", default=True, show_default=True,
              help="Also find the portfolio whose worst tenth is best.")  # fmt: skip
@of_areas
@owned
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    source: Path, *, budget: str, grant: str, long_term: float, costs: Path | None, most: int,
    returns: float, category_share: float | None, categories: int, utility: str,
    min_ratings: int, robust: bool, survey: Path | None, taxonomy: str | None, scale: str | None,
    own: Path | None, seed: int, figure: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """What to fund with a budget, from ratings or a published table of means, and at what risk.

    Near term: importance times tractability. Long term: importance at least 4, tractability at
    most 3.5, by importance times the gap. Likert points are no utilities: other readings are tried.
    """
    from calibrant._text import dumps
    from calibrant.priorities.portfolio.portfolio import plan_portfolio
    from calibrant.priorities.portfolio.terms import Terms, money, read_costs
    from calibrant.priorities.ranks.believed import believed

    terms = Terms(
        money(budget), money(grant), long_term, most, returns, category_share, categories,
        {} if costs is None else read_costs(costs, most),
    )  # fmt: skip
    known = believed(
        source, survey=survey, taxonomy=taxonomy, scale=scale, own=own_areas(own), seed=seed
    )  # fmt: skip
    found = plan_portfolio(
        known.posterior, terms, utility=utility, min_ratings=min_ratings, robust=robust,
        names=known.labels.names, categories=known.labels.categories, seed=seed,
    )  # fmt: skip
    if figure is not None:
        from calibrant.priorities.portfolio.figures import portfolio_figure

        save_figure(portfolio_figure(found), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    show(found)


def show(found: Portfolio) -> None:
    """The portfolio as a table for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._figure import shorten
    from calibrant._text import one_line
    from calibrant.priorities.portfolio.terms import short_money

    console = Console(highlight=False, soft_wrap=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head, side in (
        ("id", "left"), ("area", "left"), ("strategy", "left"), ("amount", "right"),
        ("I", "right"), ("T", "right"), ("worth", "right"), ("90 %", "left"), ("in best", "right"),
    ):  # fmt: skip
        table.add_column(head, justify=side, no_wrap=head != "area")  # type: ignore[arg-type]
    for f in found.funded:
        low, high = f.value_interval
        cells = (one_line(f.id, 20), shorten(f.name, 44), f.strategy, short_money(f.amount),
                 f"{f.importance:.2f}", f"{f.tractability:.2f}", f"{f.value:.1f}",
                 f"{low:.1f} to {high:.1f}", f"{f.p_best:.0%}")  # fmt: skip
        table.add_row(*(Text(c) for c in cells))
    console.print(Text(one_line(repr(found), 400)), "")
    console.print(table)
    console.print()
    for line in _below(found):
        console.print(Text(line))


def _below(found: Portfolio) -> list[str]:
    from calibrant._text import one_line

    low, high = found.value_interval
    lines = [
        f"worth {found.value:.1f} ({found.level:.0%}: {low:.1f} to {high:.1f}); below "
        f"{found.at_risk:.1f} with a chance of 5 %; {found.shortfall:.1f} in the worst tenth",
        f"regret {found.regret:.2f} (± {found.regret_error:.2f}); the best portfolio in truth with "
        f"a chance of {found.p_exact:.1%}",
    ]
    if found.close:
        close = ", ".join(f"{i} ({p:.0%})" for i, _, p in found.close[:6])
        lines.append(one_line(f"next, by the chance to belong in the best: {close}", 300))
    others = [*([found.robust] if found.robust else []), *found.sensitivity]
    lines += ["", "other yardsticks: what would be funded instead"]
    lines += [one_line(f"- {o.name}: {_said(o)}", 300) for o in others]
    return [
        *lines,
        "",
        f"worth: {found.utility}",
        *(one_line(f"note: {n}", 600) for n in found.notes),
    ]


def _said(other: Other) -> str:
    if not other.enter and not other.leave:
        return "the same"
    return f"in {', '.join(other.enter)}; out {', '.join(other.leave)} ({other.loss:.2%} better)"
