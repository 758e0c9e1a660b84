"""`calibrant contamination subjects …`: train, verify and list subjects with planted exposure."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from calibrant.cli.contamination.options import json_option

if TYPE_CHECKING:
    from calibrant.subjects.planted.store import Kept


@click.group("subjects")
def cli() -> None:
    """Reference subjects with planted exposure: train, verify, list.

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
