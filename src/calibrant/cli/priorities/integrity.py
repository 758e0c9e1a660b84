"""`calibrant priorities integrity RATINGS`: answers that may not mean what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.priorities.integrity.result import Integrity

_MOST = 15


@click.command("integrity")
@click.argument("ratings", type=click.Path(path_type=Path))
@click.option("--own", type=click.Path(path_type=Path), metavar="FILE",
              help="Who works in which area: columns respondent, area.")  # fmt: skip
@click.option("--seconds", type=click.Path(path_type=Path), metavar="FILE",
              help="How long each took for all (columns respondent, seconds).")  # fmt: skip
@click.option("--alpha", type=float, default=0.01, show_default=True,
              help="For each kind of check, the chance of any flag if all are honest.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=10, show_default=True,
              help="Watch the first so many areas of the ranking.")  # fmt: skip
@click.option("--floor", type=float, default=2.0, show_default=True,
              help="Seconds an answer below which nobody reads.")  # fmt: skip
@click.option("--draws", type=click.IntRange(1), default=999, show_default=True,
              help="Random tables.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    ratings: Path, *, own: Path | None, seconds: Path | None, alpha: float, top: int,
    floor: float, draws: int, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Check RATINGS (columns respondent, area, question, value) for answers that may mean nothing.

    Same answer again and again, rows alike, groups that agree too much, speed, single respondents
    who move the ranking, own areas. Flags are reasons to look; nothing is removed.
    """
    from calibrant._text import dumps
    from calibrant.priorities.integrity.check import check_integrity
    from calibrant.priorities.integrity.read import read_seconds
    from calibrant.priorities.ranks.source import read_own

    found = check_integrity(
        ratings,
        own=None if own is None else read_own(own),
        seconds=None if seconds is None else read_seconds(seconds),
        alpha=alpha, top=top, floor=floor, draws=draws, seed=seed,
    )  # fmt: skip
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    for line in lines(found):
        click.echo(line)


def lines(found: Integrity) -> list[str]:
    """The findings as lines for people."""
    from calibrant._text import one_line
    from calibrant.priorities.integrity.result import MEANING

    said = [one_line(repr(found), 300), ""]
    for flag, change in zip(found.flags, found.without, strict=False):
        p = "rule" if flag.p is None else f"p = {flag.p:.3g}"
        said.append(f"{one_line(', '.join(flag.respondents), 120)}: {MEANING[flag.kind]} ({p})")
        said.append(f"    {one_line(flag.reason, 200)}")
        said.append(f"    {one_line(repr(change), 200)}")
        if not flag.alone:
            said.append("    means little alone")
    if len({f.respondents for f in found.flags}) > 1:
        last = found.without[-1]
        said.append(f"without all of these: {_change(last.enters, last.leaves)}")
    if not found.flags:
        said.append("no flags")
    said += ["", f"top {len(found.top)} by means: {one_line(', '.join(found.top), 200)}"]
    for one in found.influence[:_MOST]:
        said.append(f"  {one_line(repr(one), 200)}")
    if len(found.influence) > _MOST:
        said.append(f"  and {len(found.influence) - _MOST} more (all with --json)")
    said += [one_line(repr(c), 300) for c in found.conflicts]
    tested = ", ".join(f"{kind} {n:,}" for kind, n in found.tested.items())
    said += ["", f"looked at: {tested}; each kind false at most {found.alpha:.1%} of the time"]
    return said + [one_line(f"note: {n}", 400) for n in found.notes]


def _change(enters: tuple[str, ...], leaves: tuple[str, ...]) -> str:
    if not enters and not leaves:
        return "the top stays"
    return f"in {', '.join(enters)}, out {', '.join(leaves)}"
