"""`calibrant items reliability RESPONSES`: would its scores repeat, and how many items it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import family_options, json_option, level_option, seed_option
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import print_table

if TYPE_CHECKING:
    from calibrant.quality.reliability import Reliability

SHOWN = 12


@click.command("reliability")
@click.argument("source", metavar="RESPONSES")
@source_options
@click.option("--clusters", metavar="COLUMN",
              help="Which items belong together; by default 'cluster' if it is known.")  # fmt: skip
@click.option("--groups", metavar="COLUMN",
              help="What items measure, for hierarchical ω; by default 'category'.")  # fmt: skip
@family_options
@click.option("--bank", type=click.Path(path_type=Path), help="Calibrated items, for their errors.")
@click.option("--cut", type=float, metavar="SCORE", help="A threshold, for the reliability of it.")
@click.option("--target", "targets", type=float, multiple=True, default=(0.8, 0.9, 0.95),
              show_default=True, help="A reliability to plan for; may be repeated.")  # fmt: skip
@level_option
@click.option("--draws", type=click.IntRange(100), default=2000, show_default=True,
              help="Of the bootstrap.")  # fmt: skip
@click.option("--splits", type=click.IntRange(1), default=1000, show_default=True)
@seed_option
@figure_option
@click.option("--draw", type=click.Choice(["items", "error", "variants"]), default="items",
              show_default=True, help="What the figure shows.")  # fmt: skip
@json_option
def cli(source: str, *, figure: Path | None, draw: str, as_json: bool, **options: Any) -> None:
    """Find how far scores on RESPONSES would repeat, and how many items are enough.

    RESPONSES holds trials, one score a row, or one row a subject and one column an item.
    """
    from calibrant._text import dumps
    from calibrant.quality.reliability import reliability

    with working("reliability"):
        found = reliability(responses_of(source, options), **options)
    if figure is not None:
        save_figure(found.plot(draw), figure)  # type: ignore[arg-type]
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _print(found)


def _print(found: Reliability) -> None:
    from rich.console import Console

    console = Console()
    say = _say(console)
    say(repr(found))
    _table(["coefficient", "value", f"{found.level:.0%} interval", "how"], [
        [c.name, _number(c.value), _ends(c.low, c.high), c.method or c.note]
        for c in found.coefficients
    ], words=(3,))  # fmt: skip
    if found.halves is not None:
        say(f"{found.halves!r}; Spearman–Brown {found.halves.spearman_brown:.4f}")
    _study(found)
    _errors(found, console)
    if found.ranks is not None:
        unsure = [n for n in found.ranks.neighbours if n.right < 0.95]
        say(f"ranks: {found.ranks!r}")
        _table(["above", "below", "difference", "error", "chance"], [
            [n.above, n.below, f"{n.difference:.4f}",
             f"{n.error:.4f}", f"{n.right:.3f}"] for n in unsure[:SHOWN]
        ], names=(0, 1))  # fmt: skip
        if len(unsure) > SHOWN:
            say(f"  … and {len(unsure) - SHOWN} more pairs of neighbours that are not told apart")
    _variants(found, console)
    for what, why in found.cannot:
        say(f"not computed: {what}: {why}")
    for note in found.notes:
        say(f"note: {note}")


def _study(found: Reliability) -> None:
    study = found.study
    if study is None:
        return
    _table(["source", "variance", f"{found.level:.0%} interval", "share"], [
        [c.term.replace(":", " × "), f"{c.variance:.5g}", _ends(c.low, c.high), f"{c.share:.0%}"]
        for c in study.components
    ])  # fmt: skip
    rows = [["Eρ², order", *_three(study.coefficient)], ["Φ, value", *_three(study.dependability)]]
    if study.cut_dependability is not None:
        rows.append(["Φ(λ), decisions at the cut", *_three(study.cut_dependability)])
    _table(["of a mean", "value", f"{found.level:.0%} interval"], rows)
    _table(["to reach", "items", f"{found.level:.0%} interval"], [
        [f"{n.coefficient} {n.target:g}", "no number" if n.items is None else f"{n.items:,}",
         "" if n.low is None or n.high is None else f"{n.low:,} to {n.high:,}"]
        for n in study.needed
    ])  # fmt: skip


def _errors(found: Reliability, console: Any) -> None:
    if found.conditional is not None:
        known = sorted(found.conditional.subjects, key=lambda s: -s.score)
        step = max(1, len(known) // SHOWN)
        _table(["error at a score", "score", "absolute", "order only",
                         f"{found.level:.0%} interval"], [
            [s.subject, f"{s.score:.4f}", f"{s.absolute:.4f}", f"{s.relative:.4f}",
             _ends(s.low, s.high)] for s in known[::step]
        ])  # fmt: skip
    if found.bank is not None:
        _say(console)(f"by the bank: marginal reliability {found.bank.marginal:.4f}")
        _table(["ability", "error", "true score", "error"], [
            [f"{a:.2f}", "∞" if e is None else f"{e:.3f}", f"{s:.3f}", f"{o:.4f}"]
            for a, e, s, o in list(zip(found.bank.abilities, found.bank.of_ability,
                                       found.bank.scores, found.bank.of_score,
                                       strict=True))[::10]
        ])  # fmt: skip


def _variants(found: Reliability, console: Any) -> None:
    known = found.variants
    if known is None:
        return
    text = (
        f"over {len(known.variants)} variants: the best subject is first in {known.same_first:.0%}"
    )
    if known.agreement is not None:
        text += f", rankings agree with τ {known.agreement:.3f}"
    if known.share is not None:
        text += f", {known.share:.1%} of the variance of a trial"
    _say(console)(text)
    best = sorted(known.subjects, key=lambda s: -s.mean.value)[:SHOWN]
    _table(["subject", "run", "mean", "worst", "5 %", "median", "best", "ranks"], [
        [s.subject, f"{s.seen:.0%}", _spread(s.mean), _spread(s.worst),
         _spread(dict(s.quantiles)[0.05]), _spread(dict(s.quantiles)[0.5]), _spread(s.best),
         f"{s.ranks[0]}–{s.ranks[1]}"] for s in best
    ])  # fmt: skip


def _spread(s: Any) -> str:
    if s.high - s.low < 5e-4:
        return f"{s.value:.3f}"
    return f"{s.value:.3f} ({s.low:.3f}–{s.high:.3f})"


def _three(given: tuple[float, float | None, float | None]) -> list[str]:
    return [f"{given[0]:.4f}", _ends(given[1], given[2])]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _say(console: Any) -> Any:
    from rich.text import Text

    from calibrant._text import one_line

    return lambda text: console.print(Text(one_line(text, 600)), soft_wrap=True)


def _table(
    columns: list[str], rows: list[list[str]], names: tuple[int, ...] = (0,), words: Any = ()
) -> None:
    if rows:
        click.echo()
    print_table(columns, rows, names=names, words=words)
