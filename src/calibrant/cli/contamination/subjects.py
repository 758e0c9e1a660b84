"""`calibrant contamination subjects …`: subjects with planted exposure, and what is found."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.contamination.options import json_option, seed_option
from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.subjects.planted.measured import PowerReport
    from calibrant.subjects.planted.power import Power
    from calibrant.subjects.planted.store import Kept


@click.group("subjects")
def cli() -> None:
    """Reference subjects with planted exposure: train, verify, list, power.

    Tiny transformers that read items 0, 1, 2, 4, 8 or 16 times, drawn at random, beside a clean
    twin and one that was fine-tuned on the items. They lie in the cache folder.
    """


@cli.command("train")
@click.argument("name", default="planted/pair-0")
@click.option("--variant", "variants", multiple=True,
              help="Only this one: clean, planted or tuned; may be given again.")  # fmt: skip
@json_option
def train(name: str, variants: tuple[str, ...], *, as_json: bool) -> None:
    """Train what is not trained yet of NAME, such as planted/pair-0 or planted/small-0.

    The number is the seed of everything. A pair takes about ten minutes of CPU, a small one ten
    seconds. What an interruption leaves is taken up again.
    """
    from calibrant.subjects.planted.store import VARIANTS
    from calibrant.subjects.planted.store import train as learn

    found = learn(name, variants=variants or VARIANTS, say=_teller())
    _show([found], as_json)


@cli.command("verify")
@click.argument("name", default="planted/pair-0")
@click.option("--corpora", is_flag=True, help="Draw its corpora again and hash them, too.")
@json_option
def verify(name: str, *, corpora: bool, as_json: bool) -> None:
    """Check every file of NAME against its manifest; exit code 2 if one is spoilt."""
    from calibrant.subjects.planted.store import verify as check

    _show([check(name, corpora=corpora)], as_json)


@cli.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the pairs in the cache folder."""
    from calibrant.subjects.planted.store import listed

    _show(list(listed()), as_json)


@cli.command("power")
@click.argument("names", nargs=-1)
@click.option("--items", type=click.IntRange(1), help="Of each arm; all there are if not said.")
@click.option("--detector", default="min-k++", show_default=True,
              help="Signal of the tests that take one.")  # fmt: skip
@click.option("--draws", type=click.IntRange(1), default=100, show_default=True,
              help="Tests of each arm, on parts drawn without replacement.")  # fmt: skip
@seed_option
@json_option
@figure_option
def power(names: tuple[str, ...], figure: Path | None, *, as_json: bool, **options: Any) -> None:
    """Measure what every detector and test finds on NAMES; they are trained if need be.

    Give several pairs of one design, such as planted/pair-0 planted/pair-1 planted/pair-2: power
    is a mean over them. One pair (planted/pair-0 if none is named) is one draw of arms.
    """
    from calibrant._text import dumps
    from calibrant.cli.items.progress import working
    from calibrant.subjects.planted.measured import measure_power, named

    some = names or ("planted/pair-0",)
    with working(named(some)):
        found = measure_power(some, notify=lambda text: click.echo(text, err=True), **options)
    if figure is not None:
        save_figure(found.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _power(found)


def _power(found: PowerReport) -> None:
    from calibrant.cli.items.tables import print_table
    from calibrant.subjects.planted.measured import named

    copies = sorted({r.copies for r in found.rates})
    heads = [f"{k} ×" for k in copies]

    def table(heading: str, heads: list[str], rows: dict[tuple[str, ...], list[str]]) -> None:
        print_table(
            ("what", "form", "exposed in", *heads), [(*k, *cells) for k, cells in rows.items()],
            names=(0,), words=(1, 2), heading=heading,
        )  # fmt: skip
        click.echo("")

    single: dict[tuple[str, ...], list[str]] = {}
    for r in found.rates:
        key = (r.detector, r.form, _WAYS[r.variant])
        cell = [f"{r.auroc:.2f}", *("–" if v is None else f"{v:.0%}" for v in (r.at_5, r.at_1))]
        single.setdefault(key, []).append(" / ".join(cell))
    where = named(found.names)
    table(f"{where}: AUROC / found at 5 % / at 1 % false positives, an item", heads, single)
    tests: dict[tuple[str, ...], list[str]] = {}
    never = {(c.test, c.form): c for c in found.curves if not c.copies}
    for c in found.curves:
        key = (f"{c.test} ({c.items})", c.form, _WAYS[c.variant])
        if c.copies:
            tests.setdefault(key, [f"{never[c.test, c.form].power:.0%}"]).append(_cell(c))
    table("tests of many items (how many): found at p ≤ .05, of one pair to of another",
          ["never", *heads], tests)  # fmt: skip
    for line in found.limits:
        click.echo(line)
    if len(found.names) == 1:
        click.echo("one pair: each arm is one draw of items; name more pairs for a mean over arms")


def _cell(c: Power) -> str:
    """A mean, and what pairs reach if they differ."""
    low, high = min(c.shares), max(c.shares)
    spread = f" ({low:.0%}–{high:.0%})" if f"{low:.0%}" != f"{high:.0%}" else ""
    return f"{c.power:.0%}{spread}"


_WAYS = {"planted": "training", "tuned": "fine-tuning", "clean": "never"}


def _show(found: list[Kept], as_json: bool) -> None:
    from calibrant._text import dumps
    from calibrant.cli.items.tables import print_table

    if as_json:
        click.echo(dumps([pair.to_dict() for pair in found], indent=1))
        return
    if not found:
        click.echo("no planted subjects yet: calibrant contamination subjects train")
    rows = [
        (
            pair.name, ", ".join(f"{v} ({pair.loss[v]:.3f})" for v in pair.variants) or "none",
            f"{pair.parameters:,}", f"{pair.cpu_seconds:.0f} s", pair.state,
        )
        for pair in found
    ]  # fmt: skip
    columns = ("subjects", "variants (loss)", "weights", "CPU", "state")
    print_table(columns, rows, names=(0,), words=(1,), prose=True)


def _teller() -> Callable[[str, int, int, float], None]:
    """Says on stderr how far training is, and when it will be done."""
    begun: dict[str, tuple[float, int]] = {}

    def say(variant: str, done: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        start, first = begun.setdefault(variant, (now, done))
        rate = (now - start) / (done - first) if done > first else 0.0
        left = f", {rate * (steps - done):.0f} s left" if rate else ""
        click.echo(f"{variant}: step {done:,} of {steps:,}, loss {loss:.3f}{left}", err=True)

    return say
