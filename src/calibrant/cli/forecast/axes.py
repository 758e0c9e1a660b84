"""`calibrant forecast axes FILE`: how many capabilities benchmarks measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import drawable, figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.scaling.axes.growth import Growth
    from calibrant.scaling.axes.result import Axes


def names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str] | None:
    """Columns named by repeating the option or by commas; None where none are."""
    found = [part.strip() for text in given for part in text.split(",") if part.strip()]
    return found or None


@click.command("axes")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--family", metavar="COLUMN", help="Which subjects are relatives.")
@click.option("--family-pattern", metavar="REGEX",
              help="Or the first group found in each name, as ^([A-Za-z]+).")  # fmt: skip
@click.option("--scale", metavar="COLUMN", help="Compute; a unit in its name is multiplied in.")
@click.option("--log-scale", is_flag=True, help="The scale is a logarithm (base 10) already.")
@click.option("--columns", multiple=True, metavar="COLUMN,…", callback=names,
              help="The measures; by default every column of numbers that does not "
              "describe subjects.")  # fmt: skip
@click.option("--subject", metavar="COLUMN", help="Names of subjects, if not found.")
@click.option("--standardise", is_flag=True, help="Each measure counts the same.")
@click.option("--missing", type=click.Choice(("iterate", "ppca", "drop")), default="iterate",
              show_default=True,
              help="How gaps are filled, or that their rows are dropped.")  # fmt: skip
@click.option("--rank", type=int, default=1, show_default=True,
              help="Components that fill gaps.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--draws", type=int, default=200, show_default=True,
              help="Data sets per reference of the parallel analysis.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--lines", type=click.Path(path_type=Path), callback=drawable, metavar="PATH",
              help="Draw the first axis against compute, a line for each family.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, figure: Path | None, lines: Path | None, as_json: bool, log_scale: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Find the axes along which the subjects of FILE differ (one row each, columns of scores).

    Says how much each axis holds, how many are more than chance, and how the first grows with
    compute within families and over all. The figure is the scree.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.scaling.axes.verb import capability_axes

    if lines is not None and options["scale"] is None:
        raise InputError("--lines: wanted --scale COLUMN to draw the axis against")
    found = capability_axes(file, log=not log_scale, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if lines is not None:
        save_figure(found.plot_growth(), lines)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    for line in table(found):
        click.echo(line)


def table(found: Axes) -> list[str]:
    """The axes as lines for people."""
    from calibrant._text import one_line

    out = [one_line(repr(found), 400), ""]
    shown = found.loadings.shape[1]
    out.append(f"{'axis':>4} {'variance':>9} {f'{found.level:.0%} interval':>18} "
               f"{'together':>9} {'eigenvalue':>11} {'chance':>7}  steady")  # fmt: skip
    tested = found.parallel
    for j in range(shown):
        e, limit, root = found.share[j], "", ""
        if tested is not None:
            root = f"{tested.eigenvalues[j]:.3f}"
            limit = f"{tested.limits[j]:.3f}" if j < len(tested.limits) else ""
        stable = found.stable[j]
        ends = "" if e.low is None else f"{e.low:.1%} to {e.high:.1%}"
        steady = "" if stable != stable else f"{stable:.3f}"
        out.append(f"{j + 1:>4} {e.value or 0.0:>9.2%} {ends:>18} "
                   f"{found.cumulative[j].value or 0.0:>9.2%} {root:>11} {limit:>7} "
                   f" {steady}")  # fmt: skip
    out += ["", *_loadings(found), ""]
    if found.growth is not None:
        out += [*_growth(found.growth, found.level), ""]
    out += [f"done before: {one_line('; '.join(found.preprocessing), 300)}"]
    return out + noted(found.notes)


def noted(notes: tuple[str, ...]) -> list[str]:
    """Each note on its line; warnings say that they are."""
    from calibrant._text import one_line

    return [one_line(n if n.startswith("warning: ") else f"note: {n}", 600) for n in notes]


def _loadings(found: Axes) -> list[str]:
    from calibrant._text import one_line

    width = min(max([len(one_line(m, 32)) for m in found.measures] + [8]), 33)
    shown = found.loadings.shape[1]
    out = [f"{'loadings':{width}} " + " ".join(f"{f'axis {j + 1}':>16}" for j in range(shown))]
    for name, row, errors in zip(found.measures, found.loadings, found.loading_errors, strict=True):
        cells = [
            f"{v:>9.3f}" + (f" ± {e:.3f}" if e == e else " " * 7)
            for v, e in zip(row, errors, strict=True)
        ]
        out.append(f"{one_line(name, 32):{width}} " + " ".join(f"{c:>16}" for c in cells))
    return out


def _growth(found: Growth, level: float) -> list[str]:
    from calibrant._text import one_line

    out = []
    if found.lines:
        width = min(max(len(one_line(m.family, 28)) for m in found.lines), 29)
        width = max(width, 6)
        out.append(f"{'family':{width}} {'n':>3} {'slope':>7} {f'{level:.0%} interval':>17} "
                   f"{'R²':>6} {'adjusted':>8}")  # fmt: skip
        out += [
            f"{one_line(m.family, 28):{width}} {m.subjects:>3} {m.slope:>7.3f} "
            f"{f'{m.low:.3f} to {m.high:.3f}':>17} {m.r2:>6.3f} {m.adjusted:>8.3f}"
            for m in found.lines
        ]
        out.append("(the first axis per order of magnitude of compute)")
        out.append("")
    out.append(f"within families: median R² {found.median_r2!r}"
               + ("" if found.median_adjusted is None
                  else f", adjusted {found.median_adjusted:.3f}"))  # fmt: skip
    out.append(f"one line for all: R² {found.pooled_r2!r}")
    same = found.equal_slopes_p
    out.append(f"one slope, a height for each family: slope {found.common_slope!r}"
               + ("" if found.common_r2 is None else f", R² {found.common_r2:.3f}")
               + ("" if same is None else f"; that slopes are equal: p = {same:.2g}"))  # fmt: skip
    return out
