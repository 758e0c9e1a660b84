"""`calibrant items shorten RESPONSES`: the items to keep, beside three plain baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure
from calibrant.cli.items.options import family_options, json_option, seed_option, share
from calibrant.cli.items.progress import working
from calibrant.cli.items.source import responses_of, source_options
from calibrant.cli.items.tables import name_of, print_table

if TYPE_CHECKING:
    from calibrant.quality.responses import Responses
    from calibrant.quality.shorter import ShortForm

_TABLE = (5, 10, 25, 50, 100, 200)
_ROWS = ("short form", "by hand", "adaptive", "random sample", "random + model", "average")


def _list(_: click.Context, __: click.Parameter, given: str | None) -> list[str]:
    return [] if given is None else [name.strip() for name in given.split(",")]


@click.command("shorten")
@click.argument("responses")
@source_options
@click.option("--items-kept", "size", type=int, help="Items to keep; 25 by default.")
@click.option(
    "--error",
    type=float,
    metavar="E",
    help="Instead: the mean error of the full score to be reached on unseen families.",
)
@family_options
@click.option("--category", metavar="COLUMN", help="Items' categories; 'category' if known.")
@click.option(
    "--weights",
    type=click.Choice(["items", "categories"]),
    default="items",
    show_default=True,
    help="What the full score is the mean of.",
)
@click.option("--balance", is_flag=True, help="Give each category its part of the form.")
@click.option("--exclude", callback=_list, metavar="A,B,…", help="Items not to use.")
@seed_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FORM.json",
    help="Write the form, for --apply.",
)
@click.option(
    "--engine",
    "engine_file",
    type=click.Path(path_type=Path),
    help="Write the calibrated items, for adaptive tests: .json.",
)
@click.option(
    "--apply",
    "form_file",
    type=click.Path(path_type=Path),
    help="Predict full scores of RESPONSES by a form written before.",
)
@click.option("--by-hand", is_flag=True, help="With --apply: by the linear formula.")
@click.option(
    "--level", type=share, default=0.95, show_default=True, help="With --apply: of intervals."
)
@figure_option
@json_option
def cli(
    responses: str,
    *,
    out: Path | None,
    engine_file: Path | None,
    form_file: Path | None,
    by_hand: bool,
    level: float,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Choose the items of RESPONSES that say most of the full score, or --apply a form.

    Errors are measured on subjects whose family was not used: name families with --family or
    --family-pattern, or relatives will make the form look better than it is.
    """
    from calibrant._text import dumps

    if form_file is not None:
        _apply(form_file, responses_of(responses, _limited(form_file, options)), by_hand, level,
               as_json)  # fmt: skip
        return
    form = _shortened(responses_of(responses, options), options)
    if out is not None:
        from calibrant.quality.shorter import write_form

        write_form(form, out)
        _wrote("form", out)
    if engine_file is not None:
        from calibrant.quality.shorter import write_engine

        write_engine(form.engine, engine_file)
        _wrote("engine", engine_file)
    if figure is not None:
        save_figure(form.plot(), figure)
    if as_json:
        plain = {k: v for k, v in form.to_dict().items() if k != "engine"}
        about = {"of_items": len(form.engine.items), "subjects": form.engine.subjects,
                 "families": form.engine.families, "verdict": form.engine.verdict}  # fmt: skip
        click.echo(dumps(plain | about, indent=1))
    else:
        _print(form)


def _limited(form_file: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with the form's own range of scores where none is given."""
    from calibrant.quality.shorter import read_form

    if not options.get("limits"):
        engine = read_form(form_file).engine
        options["limits"] = (engine.low, engine.high)
    return options


def _shortened(responses: Responses, options: dict[str, Any]) -> ShortForm:
    from calibrant.quality.shorter import shorten

    with working("calibrating, each family held out in turn") as tick:
        return shorten(responses, tick=tick, **options)


def _wrote(what: str, path: Path) -> None:
    from calibrant._text import one_line

    click.echo(one_line(f"{what} written to {path}", 1000), err=True)


def _print(form: ShortForm) -> None:
    from rich.console import Console
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    click.echo(repr(form))
    click.echo(
        f"\nMean error of the full score on {form.engine.subjects} subjects, each predicted without"
        f" its family ({form.engine.families} families)"
    )
    errors = {(e.method, e.items): e for e in form.errors}
    lengths = sorted({e.items for e in form.errors if e.items in (*_TABLE, form.size)})
    rows = []
    for method in _ROWS:
        cells = (errors.get((method, n)) for n in lengths)
        rows.append([method, *("" if e is None else f"{e.error:.4f}" for e in cells)])
    print_table(["items", *(f"{n}" for n in lengths)], rows, names=(), words=(0,), indent=2)
    click.echo(f"\nBy hand: full score = {form.intercept:.4f} + the sum of weight × score")
    engine = form.engine
    kinds = engine.categories
    for name, weight in zip(form.items, form.weights, strict=True):
        kind = "" if kinds is None else f"{name_of(kinds[engine.number[name]] or '', 22):22}  "
        # The name is last and whole, as it is to be copied.
        click.echo(f"  {weight:7.4f}  {kind}{one_line(name, 200)}")
    for note in (*form.notes, *engine.reasons):
        console.print(Text(f"note: {one_line(note, 300)}"), soft_wrap=True)


def _apply(
    form_file: Path, responses: Responses, by_hand: bool, level: float, as_json: bool
) -> None:
    from calibrant._text import dumps
    from calibrant.quality.shorter import read_form

    form = read_form(form_file)
    found = form.predict(responses, scoring="by hand" if by_hand else "model", level=level)
    if as_json:
        click.echo(dumps({"form": form.size, "subjects": [p.to_dict() for p in found]}, indent=1))
        return
    click.echo(f"Full scores from {form.size} of {len(form.engine.items):,} items")
    print_table(
        ["subject", "full score", f"{level:.0%} interval", "items", ""],
        [[p.subject, f"{p.value:.3f}", f"{p.low:.3f} to {p.high:.3f}", f"{p.items}", p.note]
         for p in found],
        words=(4,), indent=2,
    )  # fmt: skip
