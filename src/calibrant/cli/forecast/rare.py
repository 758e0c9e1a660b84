"""`calibrant forecast rare FILE`: from n trials to deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from calibrant.scaling.rare.attempts import BestOfN
    from calibrant.scaling.rare.forecast import Rare
    from calibrant.scaling.rare.largest import Tail


def numbers(_: click.Context, param: click.Parameter, value: str | None) -> list[float] | None:
    """Numbers separated by commas, such as 1,10,1e6."""
    from calibrant._text import one_line
    from calibrant.errors import InputError

    if value is None:
        return None
    found = []
    for part in value.split(","):
        try:
            found.append(float(part))
        except ValueError:
            raise InputError(
                f"--{param.name}: wanted numbers separated by commas, such as 1,10,1e6, got "
                f"{one_line(part, 40)!r}"
            ) from None
    return found


def whole(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    """Whole numbers separated by commas."""
    from calibrant.errors import InputError

    found = numbers(ctx, param, value)
    for r in found or []:
        if r != r or abs(r) > 1e12 or r != int(r):
            raise InputError(f"--{param.name}: wanted whole numbers, got {r:g}")
    return None if found is None else [int(r) for r in found]


@click.command("rare")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--deployments", default="1e6", show_default=True, callback=numbers,
              help="Queries that deployment will see; several with commas.")  # fmt: skip
@click.option("--k", callback=whole, metavar="K,K…",
              help="Attempts at one item; beyond those made, by best of n.")  # fmt: skip
@click.option("--what", type=click.Choice(("auto", "tail", "best-of-n", "pass-at-k")),
              default="auto", show_default=True)  # fmt: skip
@click.option("--column", metavar="COLUMN", help="One value a query: a probability or a score.")
@click.option("--of", type=click.Choice(("probability", "logprob", "score")),
              help="What the column holds; known for usual names.")  # fmt: skip
@click.option("--above", type=float, metavar="LEVEL",
              help="Also: the share of queries above this level.")  # fmt: skip
@click.option("--exceedances", type=int, metavar="N",
              help="Largest values that form the tail; by default as many as fit.")  # fmt: skip
@click.option("--at-least", type=float, metavar="SCORE",
              help="A trial is an event from this score on; else 0 and 1 are wanted.")  # fmt: skip
@click.option("--event", type=click.Choice(("1", "0")), default="1", show_default=True,
              help="Which score is the event.")  # fmt: skip
@click.option("--fixed-items", is_flag=True, help="pass@k of these items, not of their kind.")
@click.option("--subject", help="Whose trials, where there are several.")
@click.option("--instrument", help="Which instrument's trials.")
@click.option("--grader", help="Which grader's scores.")
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, event: str, fixed_items: bool, figure: Path | None, as_json: bool, **options: Any
) -> None:
    """Say what n trials in FILE tell about events at deployment, and what they cannot.

    FILE holds trials (logs, or columns item and score), counts (columns events and attempts), or
    one probability or score a query. Prints the chance of an event, pass@k and pass^k, best of n,
    the tail, and what a mode that no trial showed would do.
    """
    from calibrant._text import dumps
    from calibrant.scaling.rare.forecast import rare_events

    found = rare_events(
        file, event=int(event), items="fixed" if fixed_items else "sampled", **options
    )
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Rare) -> None:
    from rich.console import Console

    from calibrant._text import one_line

    console = Console(highlight=False)
    console.print(one_line(repr(found), 900), markup=False)
    for heading, table in tables(found):
        console.print(f"\n{heading}", markup=False)
        if table.row_count:
            console.print(table)
    if found.notes:
        console.print()
    for note in found.notes:
        console.print(f"note: {one_line(note, 600)}", markup=False)


def tables(found: Rare) -> Iterator[tuple[str, Table]]:
    """Headings with tables."""
    percent = f"{found.level:.0%} interval"
    if found.chance:
        yield _chance(found, percent)
    if found.tail is not None:
        yield from _tail(found.tail, percent)
    if found.pass_at_k:
        one = found.pass_at_k[0]
        passes = [
            (str(a.k), _p(a.value), _ends(a.low, a.high), _p(b.value), _ends(b.low, b.high))
            for a, b in zip(found.pass_at_k, found.pass_hat_k, strict=True)
        ]
        names = ("k", "pass@k (any)", percent, "pass^k (all)", percent)
        yield f"k attempts at an item, over {one.items:,} {one.of} items", _table(names, passes)
    if found.best_of_n is not None:
        yield _best(found.best_of_n, percent)
    yield _hidden(found)


def _chance(found: Rare, percent: str) -> tuple[str, Table]:
    head, d = "chance of at least one event", found.deployment
    if d is None:
        rate = None if found.tail is None else found.tail.rate
        if rate is not None:
            head += (
                f", by the law of the tail (rate {_p(rate.value)}, {_ends(rate.low, rate.high)})"
            )
        rows = [
            (f"{c.deployments:,.6g}", _p(c.value), _ends(c.low, c.high), _p(c.floored_high))
            for c in found.chance
        ]
        names = ("deployments", "chance", percent, "at most, with a mode that no query showed")
        return head, _table(names, rows)
    head += f" (rate {d.rate:.4g}, {_ends(d.low, d.high)}; {d.method})"
    counted = [
        (f"{a.deployments:,.6g}", _p(a.value), _ends(a.low, a.high), _many(a.expected),
         _many(a.expected_high))
        for a in d.at_least_one
    ]  # fmt: skip
    return head, _table(
        ("deployments", "at the rate seen", percent, "events expected", "at most"), counted
    )


def _tail(tail: Tail, percent: str) -> Iterator[tuple[str, Table]]:
    by = {True: "the law alone", False: "the sample too"}
    rows = [
        (f"{r.deployments:,.6g}", _p(r.value), _ends(r.low, r.high), _p(r.largest),
         _ends(r.largest_low, r.largest_high), by[r.parametric_only])
        for r in tail.levels
    ]  # fmt: skip
    names = ("one query in", "reaches", percent, "largest of as many", percent, "bounded above by")
    s = tail.shape
    yield (
        f"tail: shape {s.value:.3f}, {_ends(s.low, s.high)}, over {tail.exceedances:,} of "
        f"{tail.n:,} queries (fit p = {tail.p:.2g})",
        _table(names, rows),
    )
    if tail.above is not None:
        a = tail.above
        row = (_p(tail.above_level), _p(a.value), _ends(a.low, a.high), _p(a.floored_high))
        heads = ("level", "share of queries above", percent, "or with a mode that no query showed")
        yield "share above a level", _table(heads, [row])


def _best(best: BestOfN, percent: str) -> tuple[str, Table]:
    rows = [
        (f"{b.k:,}", "withheld" if b.value is None else _p(b.value), _ends(b.low, b.high),
         "–" if b.power is None else _p(b.power), _ends(b.power_low, b.power_high),
         _ends(b.bound_low, b.bound_high))
        for b in best.curve
    ]  # fmt: skip
    names = ("k", "beta law", percent, "power law", percent, "any law")
    fit = "" if best.fit is None else f", fit p = {best.fit:.2g}"
    e = best.exponent
    return (
        f"best of n, beyond {best.fewest:,} attempts: failures fall as k^-{e.value:.3g}, "
        f"{_ends(e.low, e.high)}{fit}",
        _table(names, rows),
    )


def _hidden(found: Rare) -> tuple[str, Table]:
    h = found.hidden
    head = (
        f"a hidden mode: up to {h.worst_share:.3g} of deployment is not ruled out "
        f"({h.level:.0%}), {_many(h.worst_expected)} events in {h.deployments:,.6g} deployments;\n"
        f"one of {h.small_share:.3g}, which brings an event with chance 5 %, stays unseen with "
        f"chance {_p(h.small_unseen)}"
    )
    if found.deployment is not None and found.deployment.events == 0:
        head += (
            f";\nthe limit is about 3/{h.units:,}; {_many(found.deployment.needed)} trials without "
            "an event would rule out a chance above 5 %"
        )
    pick = range(0, len(h.shares), max(1, (len(h.shares) - 1) // 8))
    rows = [
        (_p(h.shares[i]), _p(h.unseen[i]), _p(h.from_mode[i]), _many(h.shares[i] * h.deployments),
         "yes" if h.shares[i] > h.worst_share else "no")
        for i in pick
    ]  # fmt: skip
    names = ("share of deployment", f"none of {h.units:,} trials shows it",
             f"brings an event in {h.deployments:,.6g}", "events expected",
             "ruled out")  # fmt: skip
    return head, _table(names, rows)


def _many(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= value < 1e12 else f"{value:.4g}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    # What is not certain must not look so.
    return f"1 − {1 - value:.1g}" if 0.9995 <= value < 1 else f"{value:.3g}"


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{_p(low)} to {_p(high)}"


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
