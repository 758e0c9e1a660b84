"""`calibrant rate FILE`: ratings and rankings from comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.pairs import column, pairs

if TYPE_CHECKING:
    from calibrant.ratings.result import Rating, Ratings

MODELS = ("auto", "bt", "davidson", "rao-kupper", "win-rate", "elo", "online", "plackett-luce")


@click.command("rate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", type=click.Choice(MODELS), default="auto", show_default=True,
              help="auto: davidson if there are ties, else bt.")  # fmt: skip
@click.option("--cluster", multiple=True, metavar="COLUMN",
              help="Comparisons depend within this column, such as item; up to two.")  # fmt: skip
@click.option("--prior", type=float, metavar="SD",
              help="Normal prior on log-strengths.")  # fmt: skip
@click.option("--no-rating", "nonexistent", type=click.Choice(("error", "pools")),
              default="error", show_default=True,
              help="Where no finite rating exists: stop, or rate the pools apart.")  # fmt: skip
@click.option("--order-effect", is_flag=True, help="Estimate the advantage of standing left.")
@click.option("--covariate", "covariates", multiple=True, metavar="COLUMN",
              help="Adjust for this difference left minus right, such as length.")  # fmt: skip
@click.option("--item-effects", is_flag=True,
              help="A random effect of each subject on each item.")  # fmt: skip
@click.option("--bootstrap", type=int, default=0, metavar="ROUNDS",
              help="Standard errors and intervals by bootstrap.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--baseline", help="The subject whose Elo is 1500; by default the mean is.")
@click.option("--anchors", type=click.Path(path_type=Path), metavar="FILE",
              help="Subjects with absolute scores (columns subject, score).")  # fmt: skip
@click.option("--gold", metavar="COLUMN",
              help="Gold outcomes of some comparisons: corrects the judge's errors.")  # fmt: skip
@click.option("--column", "columns", multiple=True, metavar="NAME=COLUMN",
              callback=pairs(column, "NAME=COLUMN, as item=prompt"),
              help="What a column is called here, such as item=prompt.")  # fmt: skip
@click.option("--audit", is_flag=True,
              help="Also ask how easily this board is upset, and by whom.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@figure_option
@click.option("--heat-map", type=click.Path(path_type=Path), metavar="PATH",
              help="Draw the chances of each subject against each other.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    file: Path, *, figure: Path | None, heat_map: Path | None,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Rate the subjects compared in FILE (columns left, right, winner; .csv or .parquet).

    Says first whether ratings exist; tiers are statistically tied, rank intervals hold for all
    subjects at once. Ratings are relative: they cannot show that any subject is good or safe.
    """
    from calibrant._text import dumps
    from calibrant.ratings.figures import forest, heat
    from calibrant.ratings.rate import rate

    found = rate(file, **options)
    if figure is not None:
        save_figure(forest(found), figure)
    if heat_map is not None:
        save_figure(heat(found), heat_map)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    for line in table(found):
        click.echo(line)
    if found.audit is not None:
        click.echo(f"\n{found.audit['page']}")


def table(found: Ratings) -> list[str]:
    """The ratings as lines for people."""
    from calibrant._text import one_line

    lines = [one_line(repr(found), 300), ""]
    rated = [r for r in found.ratings if r.reason is None]
    width = min(max([len(one_line(r.subject, 40)) for r in rated] + [7]), 41)
    elo = any(r.elo is not None for r in rated)
    head = "Elo" if elo else "score"
    anchored = any(r.anchored is not None for r in rated)
    lines.append(
        f"{'tier':>4} {'rank':>4} {'ranks':>7}  {'subject':{width}} {head:>8} {'± se':>7} "
        f"{f'{found.level:.0%} interval':>18} {'best':>6} {'n':>9}"
        + (f" {'anchored':>9}" if anchored else "")
    )
    pool = 0
    for r in rated:
        if r.pool != pool:
            pool = r.pool
            lines.append(f"pool {pool + 1}, not comparable with those above:")
        lines.append(_line(r, width) + (f" {_number(r.anchored, '9.4g')}" if anchored else ""))
    lost = [r for r in found.ratings if r.reason is not None]
    lines += [one_line(f"not rated: {r.subject}: {r.reason}", 200) for r in lost]
    lines.append("")
    lines += [f"{name}: {text}" for name, text in _facts(found)]
    lines += [one_line(f"note: {n}", 600) for n in found.notes]
    return lines


def _line(r: Rating, width: int) -> str:
    from calibrant._text import one_line

    ranks = "" if r.rank_interval is None else f"{r.rank_interval[0]}–{r.rank_interval[1]}"
    if r.elo is not None:
        value, error = f"{r.elo:8.1f}", _number(r.elo_standard_error, "7.1f")
        limits = "" if r.elo_interval is None else "{:.0f} to {:.0f}".format(*r.elo_interval)
    else:
        value, error = _number(r.score, "8.4g"), _number(r.standard_error, "7.3g")
        ends = r.score_interval
        limits = "" if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"
    best = "" if r.best is None else f"{r.best:.1%}"
    return (
        f"{r.tier or '':>4} {r.rank or '':>4} {ranks:>7}  {one_line(r.subject, 40):{width}} "
        f"{value} {error} {limits:>18} {best:>6} {r.comparisons:9,.0f}"
    )


def _number(value: float | None, form: str) -> str:
    return " " * int(form.split(".")[0]) if value is None else f"{value:{form}}"


def _facts(found: Ratings) -> list[tuple[str, str]]:
    facts = [("uncertainty", found.uncertainty)]
    t = found.ties
    tie = f"{t['count']:,.0f} ({t['share']:.1%})"
    if t.get("parameter") is not None:
        low, high = t["interval"]
        up_to = "no limit" if high is None else f"{high:.4g}"
        tie += f"; {t['name']} = {t['parameter']:.4g}, {low:.4g} to {up_to}"
    facts.append(("ties", tie))
    if found.order_effect is not None:
        e = found.order_effect
        facts.append(("order effect", f"left gains {e['elo']:.1f} Elo (log-odds {e['log_odds']:.3f}"
                      f", {e['interval'][0]:.3f} to {e['interval'][1]:.3f})"))  # fmt: skip
    for c in found.covariates or []:
        text = "{:.4g} per root mean square, {:.4g} to {:.4g}"
        said = text.format(c["coefficient"], *c["interval"])
        facts.append((f"covariate {c['name']}", said))
    if found.existence is not None:
        facts.append(("existence", found.handled))
    if found.convergence is not None:
        c = found.convergence
        facts.append(("convergence", f"gradient {c['gradient']:.2g} after {c['rounds']} rounds"))
    if found.anchors is not None:
        facts.append(("anchors", found.anchors["summary"]))
    for name, value in (found.details or {}).items():
        if isinstance(value, str):
            facts.append((name.replace("_", " "), value))
    return facts
