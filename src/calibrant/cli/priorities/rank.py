"""`calibrant priorities rank`: what is most promising, and how sure is that?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import drawable, figure_option, save_figure
from calibrant.cli.priorities._options import of_areas, own_areas, owned

if TYPE_CHECKING:
    from calibrant.priorities.ranks.result import Ranked, RankedArea


@click.command("rank")
@click.argument("source", metavar="TABLE_OR_RATINGS", type=click.Path(path_type=Path))
@of_areas
@owned
@click.option("--by", default="promise", show_default=True, metavar="SCORE",
              help="promise, sum, minimum, gap (importance less tractability) or a question."
              )  # fmt: skip
@click.option("--top", type=int, default=10, show_default=True, help="Areas to be funded.")
@click.option("--min-ratings", type=int, default=3, show_default=True,
              help="Areas rated by fewer are not ranked.")  # fmt: skip
@click.option("--level", type=float, default=0.9, show_default=True, help="Of all intervals.")
@click.option("--engine", type=click.Choice(("laplace", "nuts")), default="laplace",
              show_default=True, help="nuts needs the extra bayes.")  # fmt: skip
@click.option("--draws", type=int, metavar="N", help="Draws of the posterior.")
@click.option("--sensitivity/--no-sensitivity", default=True, show_default=True,
              help="Also rank by other rules, definitions, readings of don't-knows."
              )  # fmt: skip
@click.option(
    "--influence",
    is_flag=True,
    help="Leave out every respondent, not only the most influential.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--chances", type=click.Path(path_type=Path), metavar="PATH", callback=drawable,
              help="Draw the chances of the top k.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    source: Path, *, own: Path | None, figure: Path | None, chances: Path | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Rank areas from ratings, or from a published table of means, with honest ranks.

    A rank interval holds an area's rank with the stated probability; areas of one tier cannot be
    told apart. Areas that nobody rated are unrated, never low.
    """
    from calibrant._text import dumps
    from calibrant.priorities.ranks.verb import rank

    found = rank(source, own=own_areas(own), **options)
    if figure is not None or chances is not None:
        from calibrant.priorities.ranks.figures import chance_figure, rank_figure

        if figure is not None:
            save_figure(rank_figure(found), figure)
        if chances is not None:
            save_figure(chance_figure(found), chances)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    show(found)


def show(found: Ranked) -> None:
    """The ranking as tables for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console = Console(highlight=False, soft_wrap=False)
    k = found.decision.k
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head, side in (
        ("rank", "right"), (f"{found.level:.0%} interval", "center"), ("tier", "right"),
        ("id", "left"), ("area", "left"), ("I", "right"), ("T", "right"),
        (found.by, "right"), ("", "left"), ("n", "right"), ("top 10", "right"),
        *((((f"top {k}"), "right"),) if k != 10 else ()), ("", "left"),
    ):  # fmt: skip
        table.add_column(head, justify=side, no_wrap=head != "area")
    for a in found.areas:
        table.add_row(*(Text(cell) for cell in _cells(a, k)))
    console.print(Text(one_line(repr(found), 400)))
    console.print()
    console.print(table)
    console.print()
    for line in _below(found):
        console.print(Text(line))


def _cells(a: RankedArea, k: int) -> list[str]:
    from calibrant._figure import shorten
    from calibrant._text import one_line

    def number(x: float | None) -> str:
        return "" if x is None else f"{x:.2f}"

    return [
        str(a.rank), f"{a.rank_interval[0]}–{a.rank_interval[1]}", str(a.tier),
        one_line(a.id, 20), shorten(a.name, 56), number(a.importance), number(a.tractability),
        number(a.score), f"{a.score_interval[0]:.1f} to {a.score_interval[1]:.1f}", str(a.n),
        f"{a.p_top10:.0%}", *([f"{a.p_top:.0%}"] if k != 10 else []),
        "fund" if a.funded else "",
    ]  # fmt: skip


def _below(found: Ranked) -> list[str]:
    from calibrant._text import one_line

    d = found.decision
    low, high = d.regret_interval
    lines = [
        f"funding these {d.k}: {d.expected_regret:.2f} of {found.by} lost per area in expectation "
        f"({found.level:.0%}: {low:.2f} to {high:.2f}); {d.expected_overlap:.0%} of them are "
        "expected to be of the true best",
        f"tiers: {found.tier_rule}",
    ]
    for title, what in (
        ("other rules", ("exclusion", "definition", "don't-knows")),
        ("without", ("respondent",)),
    ):
        some = [c for c in found.sensitivity if c.what in what]
        if some:
            lines += ["", f"{title}: what would be funded instead"]
        for c in some:
            lost = "" if c.regret is None else f", {c.regret:.3f} per area worse by this analysis"
            moved = (
                f"in {', '.join(c.enter)}; out {', '.join(c.leave)}{lost}" if c.enter else "same"
            )
            lines.append(one_line(f"  {c.what}, {c.option}: {c.overlap:.0%} stay; {moved}", 300))
    lines.append("")
    few = [e for e in found.excluded if e.n > 0]
    none = [e for e in found.excluded if e.n == 0]
    if few:
        shown = ", ".join(f"{e.id} ({e.n})" for e in few)
        lines.append(one_line(f"not ranked, {few[0].reason}: {shown}", 600))
    if none:
        lines.append(one_line(f"unrated, not low: {', '.join(e.id for e in none)}", 600))
    if found.unrated_categories:
        lines.append(one_line(f"unrated categories: {', '.join(found.unrated_categories)}", 600))
    return lines + [one_line(f"note: {n}", 600) for n in found.notes]
