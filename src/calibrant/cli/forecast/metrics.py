"""`calibrant forecast metrics FILE`: does the ability jump, or the metric?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.pairs import column, pairs

if TYPE_CHECKING:
    from calibrant.scaling.metrics.ladder import MetricLadder, MetricLadders


@click.command("metrics")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--column", "columns", multiple=True, metavar="NAME=COLUMN",
              callback=pairs(column, "NAME=COLUMN, as scale=FLOPs"),
              help="What a column is called here: subject, scale, measure, item, cluster, choice, "
              "logprob, correct, probability, score, rung, value, se.")  # fmt: skip
@click.option("--scales", type=click.Path(path_type=Path), metavar="FILE",
              help="Where FILE has no scale, as trials: a table of subject and scale.")  # fmt: skip
@click.option("--k", "ks", type=int, multiple=True, default=(4,), show_default=True,
              help="Of pass^k: right in all of k tries; may be given again.")  # fmt: skip
@click.option("--log-scale", is_flag=True, help="The scale is a base-10 logarithm already.")
@click.option("--mark", help="The rung that seems to jump; by default accuracy.")
@click.option("--base", help="The rung that stands for the ability; by default log share.")
@click.option("--cut", type=float, metavar="SCALE",
              help="The jump is after this scale; by default it is sought.")  # fmt: skip
@click.option("--level", type=float, default=0.9, show_default=True)
@click.option("--draws", type=int, default=200, show_default=True,
              help="Of item clusters, for intervals.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, figure: Path | None, as_json: bool, log_scale: bool,
    columns: dict[str, str], **options: Any,
) -> None:  # fmt: skip
    """Climb from log-probabilities to accuracy: what each rung lets one forecast.

    FILE (.csv, .jsonl, .parquet) has a row for each choice (subject, scale, item, choice, logprob,
    correct), each item (item, logprob or probability, score), each trial (item, score) or each
    finished rung (rung, value, se); a column measure keeps several apart. Scale is compute.
    """
    from calibrant._text import dumps
    from calibrant.scaling.metrics.ladder import metric_ladder

    found = metric_ladder(file, columns=columns, log=not log_scale, **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    show(found)


def show(found: MetricLadders) -> None:
    """The ladders as tables for people."""
    from calibrant._text import one_line

    for i, ladder in enumerate(found.ladders):
        if i:
            click.echo()
        _show(ladder, found.level)
    click.echo()
    for note in found.notes:
        click.echo(one_line(f"note: {note}", 400))


def _show(ladder: MetricLadder, level: float) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    e = ladder.emergence
    items = f", {ladder.items} items" if ladder.items else ""
    click.echo(
        one_line(f"{ladder.measure}: {len(ladder.subjects)} subjects{items}, "
                 f"compute {10 ** ladder.scale[0]:.3g} to {10 ** ladder.scale[-1]:.3g}", 200)
    )  # fmt: skip
    unforeseen = {u.rung: u for u in e.unforeseen}
    rows = []
    for r, t in zip(ladder.rungs, ladder.tried, strict=True):
        u = unforeseen.get(r.name)
        rows.append((
            r.name, _n(r.values[0]), _n(r.values[-1]), _n(r.chance), _n(t.rank), _n(t.item_rank),
            _n(t.signal), _with(t.skill, t.skill_interval), _with(t.through, t.through_interval),
            "" if u is None else _with(u.share, u.interval),
        ))  # fmt: skip
    columns = ("rung", "smallest", "largest", "chance", "rank with scale", "of items",
               "signal to noise", f"skill ({level:.0%})", "skill through the ladder",
               "unforeseen at the jump")  # fmt: skip
    print_table(columns, rows, names=(0,))
    where = ""
    if e.cut is not None and e.next is not None:
        where = f" (after {10**e.cut:.3g}, to {10**e.next:.3g})"
    click.echo(one_line(f"{e.says}: {e.why}{where}", 400))


def _n(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3g}"


def _with(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or value != value:
        return "–"
    if interval is None:
        return f"{value:.2f}"
    return "{:.2f} ({:.2f} to {:.2f})".format(value, *(max(min(v, 99), -99) for v in interval))
