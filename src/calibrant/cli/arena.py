"""`calibrant arena ARENA.yaml`: subjects meet on items before judges until it is settled."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.bench.arena.result import Arena, ArenaProgress


@click.command("arena")
@click.argument("file", type=click.Path(path_type=Path), metavar="ARENA.yaml")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--max-comparisons", type=click.IntRange(1), help="Instead of the file's budget.")
@click.option("--seed", type=int, help="Use this seed instead of the file's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def cli(
    file: Path, out: Path | None, max_comparisons: int | None, seed: int | None, as_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Compare subjects until it is settled who is best, their order, or their tiers.

    Pairs are chosen by what the decision needs; the error rate holds whenever it stops. The same
    command resumes an interrupted run, and goes on with a larger budget. Exit code 3 if it is
    not settled.
    """
    from contextlib import redirect_stdout

    from calibrant.bench.arena.run import arena

    # Providers and tasks may print; stdout is for the outcome alone.
    with redirect_stdout(sys.stderr):
        found = arena(
            file, out=out, max_comparisons=max_comparisons, seed=seed,
            watch=None if quiet else _Watch(),
        )  # fmt: skip
    if as_json:
        click.echo(found.to_json())
    else:
        for line in table(found):
            click.echo(line)
    raise SystemExit(found.exit_code)


class _Watch:
    """A line on stderr now and then."""

    def __init__(self, every: float = 2.0) -> None:
        self.every, self.last = every, float("-inf")

    def __call__(self, p: ArenaProgress) -> None:
        now = time.monotonic()
        if now - self.last >= self.every or p.settled:
            self.last = now
            click.echo(progress_line(p), err=True)


def progress_line(p: ArenaProgress) -> str:
    """Where an arena stands, in one line."""
    go = "" if p.to_go is None or p.settled else f", about {p.to_go:,.0f} to go"
    return (
        f"{p.comparisons:,} of at most {p.budget:,} comparisons{go}; {p.done} of {p.pairs} pairs "
        f"need no more; {_tiers(p.tiers)}"
    )


def _tiers(tiers: tuple[tuple[str, ...], ...]) -> str:
    from calibrant._text import one_line

    return one_line(" > ".join(", ".join(one_line(n, 40) for n in t) for t in tiers), 400)


def table(found: Arena) -> list[str]:
    """The outcome as lines for people."""
    from calibrant._text import one_line

    lines = [one_line(repr(found), 400), f"ended: {one_line(found.reason, 300)}", ""]
    rated = {}
    if found.ratings is not None:
        rated = {r["subject"]: r for r in found.ratings["ratings"]}
    width = max(len(one_line(n, 40)) for n in found.subjects)
    lines.append(f"{'tier':>4}  {'subject':{width}} {'Elo':>7} {'± se':>6} {'answers':>8}")
    for number, tier in enumerate(found.tiers, 1):
        for name in tier:
            r = rated.get(name, {})
            elo = "" if r.get("elo") is None else f"{r['elo']:.0f}"
            se = "" if r.get("elo_standard_error") is None else f"{r['elo_standard_error']:.0f}"
            asked = found.answers[name]["asked"]
            lines.append(f"{number:4}  {one_line(name, 40):{width}} {elo:>7} {se:>6} {asked:8,}")
    lines.append("")
    for p in found.pairs:
        who = f"{one_line(p['better'], 40)} over {one_line(p['worse'], 40)}"
        games = f"{p['wins']}–{p['losses']}, {p['ties']} ties"
        games += f", {p['failed']} failed" if p["failed"] else ""
        low, high = p["interval"]
        lines.append(f"{p['state']:>9}  {who}: {games}; share {low:.2f} to {high:.2f}")
    lines.append("")
    for name, judge in found.judges.items():
        text = f"judge {one_line(name, 60)}: {judge['verdicts']:,} verdicts, "
        text += f"{judge['failed']:,} failed"
        if judge.get("changed_by_order") is not None:
            text += f", {judge['changed_by_order']:.0%} changed by order"
        lines.append(text)
    if found.cost is not None:
        lines.append(f"cost: ${found.cost:.4f}")
    lines += [one_line(f"warning: {w}", 600) for w in found.warnings]
    lines += [one_line(f"note: {n}", 600) for n in found.notes]
    lines.append(f"run folder: {one_line(found.folder, 300)}")
    return lines
