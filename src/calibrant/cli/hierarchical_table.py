"""`calibrant measure FILE --hierarchical`: one model of all trials, shown with priors and gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


_PLAIN = ("declared", "limit_lower", "limit_upper", "prior", "grader", "figure")
"""Arguments of the plain estimates that the model has no use for."""


def show(file: str, *, as_json: bool, pool_graders: bool, side: str, **options: Any) -> None:
    """Fit and print; options that the model does not have are refused."""
    from calibrant._text import dumps, one_line
    from calibrant.measurement import hierarchical

    if side != "two":
        raise click.UsageError("--side: hierarchical intervals are two-sided")
    for name in _PLAIN:
        if options.pop(name):
            flag = {"declared": "type-b", "grader": "gold-positive"}.get(name, name)
            raise click.UsageError(f"--{flag.replace('_', '-')} does not go with --hierarchical")
    del options["rule"], options["risk"]
    found = hierarchical(file, graders="sample" if pool_graders else "one", **options)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for m in found.measurements:
        console.print(Text(one_line(repr(m), 400)))
        if m.missing:
            console.print(Text(f"  {m.missing} trials are missing"))
    _table(console, ("contrast", "instrument", "difference", "interval", "P(first higher)"), [
        (f"{c['a']} − {c['b']}", c["instrument"], f"{c['difference']:.4g}", _ends(c["interval"]),
         f"{c['a_higher']:.3f}") for c in found.contrasts
    ])  # fmt: skip
    _table(console, ("scale", "instrument", "value", "interval", "unit"), [
        (s["term"], s["instrument"] or "all", f"{s['value']:.4g}", _ends(s["interval"]), s["unit"])
        for s in found.scales
    ])  # fmt: skip
    _table(console, ("parameter", "prior", "unit"), [
        (p["parameter"], p["prior"], p["unit"]) for p in found.priors
    ])  # fmt: skip
    _table(console, ("gate", "value", "wanted", ""), [
        (g.name, f"{g.value:.4g}", f"{g.wanted} {g.limit:g}", g.where) for g in found.gates
    ])  # fmt: skip
    for term, why in found.dropped.items():
        console.print(Text(f"no term for {term}: {why}"))


def _ends(interval: Sequence[float]) -> str:
    return f"[{interval[0]:.4g}, {interval[1]:.4g}]"


def _table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*(Text(one_line(cell, 60)) for cell in row))
    console.print(table)
    console.print()
