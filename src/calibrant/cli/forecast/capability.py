"""`calibrant forecast capability FILE`: is this safety score only capability?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.forecast.axes import names, noted

if TYPE_CHECKING:
    from calibrant.scaling.capability.result import OnlyCapability
    from calibrant.stats.relations.spread import Estimate

ADJUST = ("holm", "benjamini-hochberg", "benjamini-yekutieli", "none")


@click.command("capability")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--capability", multiple=True, required=True, metavar="COLUMN,…", callback=names,
              help="The columns that make up the capability score.")  # fmt: skip
@click.option("--score", multiple=True, metavar="COLUMN,…", callback=names,
              help="The scores asked about; by default every other column of numbers that does "
              "not describe subjects.")  # fmt: skip
@click.option("--family", metavar="COLUMN", help="Which subjects are relatives.")
@click.option("--family-pattern", metavar="REGEX",
              help="Or the first group found in each name, as ^([A-Za-z]+).")  # fmt: skip
@click.option("--scale", metavar="COLUMN",
              help="Compute: what do scores share with capability beyond it?")  # fmt: skip
@click.option("--log-scale", is_flag=True, help="The scale is a logarithm (base 10) already.")
@click.option("--subject", metavar="COLUMN", help="Names of subjects, if not found.")
@click.option("--margin", type=float, default=0.3, show_default=True,
              help="A correlation surely smaller is independent.")  # fmt: skip
@click.option("--driven", type=float, default=0.5, show_default=True,
              help="A correlation surely larger is driven by capability.")  # fmt: skip
@click.option("--multiplicity", type=click.Choice(ADJUST), default="holm", show_default=True,
              help="How verdicts on many scores pay for their number.")  # fmt: skip
@click.option("--level", type=float, default=0.9, show_default=True,
              help="Of intervals; verdicts err in half of the rest.")  # fmt: skip
@click.option("--reliability", type=float, metavar="SHARE",
              help="The least that the capability score's reliability may be; by default what its "
              "columns say.")  # fmt: skip
@click.option("--draws", type=int, default=9999, show_default=True, help="Shuffles.")
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(file: Path, *, figure: Path | None, as_json: bool, log_scale: bool, **options: Any) -> None:
    """Say which scores of FILE follow capability, which do not, and which cannot be told.

    One row a subject. Intervals are for subjects of other families, and verdicts hold for all
    scores at once. Undetermined is not independent.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.scaling.capability.verb import only_capability

    if options["capability"] is None:
        raise InputError("--capability: wanted at least one column, got none")
    found = only_capability(file, log=not log_scale, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    for line in table(found):
        click.echo(line)


def table(found: OnlyCapability) -> list[str]:
    """The verdicts as lines for people, by falling correlation."""
    from calibrant._text import one_line

    out = [one_line(repr(found), 400), ""]
    width = max(min(max(len(one_line(s.score, 40)) for s in found.scores), 41), 5)
    scaled = any(s.beyond_scale is not None for s in found.scores)
    out.append(
        f"{'score':{width}} {'n':>4} {'rho':>6} {f'{found.level:.0%} interval':>16} "
        f"{'capability itself':>24} {'verdict':>17} {'p':>7} {'needs':>6} {'within families':>16} "
        f"{'between':>15}" + (f" {'beyond compute':>22}" if scaled else "")
    )
    for s in sorted(found.scores, key=lambda s: -_or(s.correlation.value, -2.0)):
        e = s.correlation
        row = (
            f"{one_line(s.score, 40):{width}} {s.subjects:>4} {_number(e.value):>6} {_ends(e):>16} "
            f"{_number(s.itself.value) + _bracket(s.itself):>24} {s.verdict:>17} "
            f"{_p(s.adjusted):>7} {_needs(s.needs):>6} {_with_p(s.within, s.within_p):>16} "
            f"{_with_p(s.between, s.between_p):>15}"
        )
        if scaled and s.beyond_scale is not None:
            row += f" {_number(s.beyond_scale.value) + _bracket(s.beyond_scale):>22}"
        out.append(row + (f"  ({one_line(s.note, 80)})" if s.note else ""))
    return [*out, "", *_said(found), *noted(found.notes)]


def _said(found: OnlyCapability) -> list[str]:
    """What the columns mean, and what the capability score is worth."""
    out = [
        f"independent: capability itself surely within ±{found.margin:g}; capability-driven: the "
        f"score surely beyond ±{found.driven:g}; p after {found.multiplicity} for "
        f"{len(found.scores)}"
    ]
    if any(s.needs is not None for s in found.scores):
        out.append("needs: subjects that would decide it with 80% chance, alone, if its "
                   "correlation is what it seems")  # fmt: skip
    out.append(
        f"capability: the first component of {len(found.capability)} columns, {found.share:.1%} of "
        f"their rank correlations; {found.families} families, as good as {found.effective:.1f} of "
        "one size"
    )
    said, given = found.reliability, found.least_reliability
    if given is not None:
        own = "" if said is None else f" (its columns say {said:.2f})"
        out.append(f"its reliability is taken to be {given:.2f}{own}")
    elif said is not None and said > 0:
        out.append(
            f"its reliability is about {said:.2f} by its columns: correlations with capability "
            f"itself are some {said**-0.5 - 1:.1%} larger"
        )
    return out


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _ends(e: Estimate) -> str:
    return "" if e.low is None else f"{e.low:.3f} to {e.high:.3f}"


def _bracket(e: Estimate) -> str:
    return "" if e.low is None else f" ({e.low:.2f} to {e.high:.2f})"


def _needs(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def _with_p(value: float | None, p: float | None) -> str:
    return "" if value is None else f"{value:.2f} (p {_p(p)})"
