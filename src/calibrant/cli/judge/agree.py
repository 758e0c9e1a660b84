"""`calibrant judge agree TABLE`: how far graders agree, each one's error, and who is inverted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.pairs import names

if TYPE_CHECKING:
    from calibrant.judges.agreement import Agreement
    from calibrant.judges.latent.ability import Glad, Severity
    from calibrant.judges.latent.result import LatentClasses

    Latent = LatentClasses | Glad | Severity

MODELS = ("dawid-skene", "one-coin", "bayesian", "glad", "severity")


def _names(_: click.Context, __: click.Parameter, given: str | None) -> str | list[str] | None:
    return given if given is None or "," not in given else names(_, __, given)


@click.command("agree")
@click.argument("table")
@click.option("--graders", callback=names, metavar="A,B,…",
              help="Columns of a wide table, one per grader.")  # fmt: skip
@click.option("--item", metavar="COLUMN", help="What was labelled.")
@click.option("--grader", metavar="COLUMN", help="Who labelled it, in a long table.")
@click.option("--label", metavar="COLUMN", help="The label, in a long table.")
@click.option("--votes", metavar="COLUMN", help="Strings of votes, one character each.")
@click.option("--gold", callback=_names, metavar="COLUMN",
              help="Taken for truth: a column or grader, several with commas (their majority), or "
              "'majority' of all others.")  # fmt: skip
@click.option("--cluster", metavar="COLUMN", help="Items that belong together.")
@click.option("--categories", callback=names, metavar="A,B,…",
              help="The labels there are, in order; others could not be read.")  # fmt: skip
@click.option("--unparsed", callback=names, metavar="A,B,…",
              help="Labels that mean that no verdict could be read.")  # fmt: skip
@click.option("--duplicates", type=click.Choice(["refuse", "drop"]), default="refuse",
              show_default=True, help="A grader that says two things about one item.")  # fmt: skip
@click.option("--scale", type=click.Choice(["nominal", "ordinal", "interval", "ratio"]),
              default="nominal", show_default=True)  # fmt: skip
@click.option("--weights", type=click.Choice(["identity", "linear", "quadratic"]),
              help="Of kappas and AC2; quadratic unless the scale is nominal.")  # fmt: skip
@click.option("--level", type=float, default=0.95, show_default=True)
@click.option("--bootstrap", type=int, default=2000, show_default=True, metavar="DRAWS",
              help="0 for none.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--model", "models", multiple=True, type=click.Choice(MODELS),
              help="Also fit who errs, and how, without gold; may be repeated.")  # fmt: skip
@figure_option
@click.option("--confusion", type=click.Path(path_type=Path), metavar="PATH",
              help="Draw what graders say where gold says what.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    table: str,
    *,
    figure: Path | None,
    confusion: Path | None,
    as_json: bool,
    models: tuple[str, ...],
    **options: Any,
) -> None:
    """Find how far the graders in TABLE agree beyond chance, and how often each is right.

    TABLE holds one label a row (columns item, grader, label), one column per grader (--graders),
    or strings of votes (--votes); or it is a table of trials or a log.
    """
    from calibrant._text import dumps
    from calibrant.judges.agreement import agree

    options["unparsed"] = options["unparsed"] or ()
    found = agree(table, **options)
    fitted = [_fit(table, model, options) for model in dict.fromkeys(models)]
    if figure is not None:
        save_figure(found.plot(), figure)
    if confusion is not None:
        save_figure(found.plot("confusion"), confusion)
    if as_json:
        more = {"latent": [f.to_dict() for f in fitted]} if fitted else {}
        click.echo(dumps(found.to_dict() | more, indent=1))
        return
    _print(found)
    for fit in fitted:
        _print_latent(fit)


def _fit(table: str, model: str, options: dict[str, Any]) -> Latent:
    """A model of graders' errors on the same labels."""
    from calibrant.judges.latent import latent

    same = ("graders", "item", "grader", "label", "votes", "categories", "unparsed", "duplicates",
            "level", "seed")  # fmt: skip
    return latent(table, model=model, **{name: options[name] for name in same})


def _print_latent(fit: Latent) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(f"\n{fit.model}: {one_line(repr(fit), 400)}"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name in ("  grader", "labels"):
        table.add_column(name, justify="left" if name.startswith(" ") else "right")
    names = [n for n in ("accuracy", "skill", "severity") if hasattr(fit.graders[0], n)]
    for name in names:
        table.add_column(f"{name}, {fit.level:.0%} interval", justify="right")
    for g in fit.graders:
        estimates = [getattr(g, n) for n in names]
        table.add_row(
            Text(f"  {one_line(g.grader, 40)}"), f"{g.labels:,}",
            *(f"{e.value:.3g}, {e.low:.3g} to {e.high:.3g}" for e in estimates),
        )  # fmt: skip
    console.print(table)
    for note in fit.notes:
        console.print(Text(f"  note: {one_line(note, 300)}"), soft_wrap=True)


def _print(found: Agreement) -> None:
    from calibrant.judges.agreement.shown import lines_of, tables_of, warnings_of

    click.echo(repr(found))
    for shown in tables_of(found):
        click.echo(f"\n{shown.heading}")
        for line in lines_of(shown):
            click.echo(line)
    said = warnings_of(found)
    if said:
        click.echo("\n" + "\n".join(said))
