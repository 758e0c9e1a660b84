"""`calibrant forecast ladder`: train a ladder of tiny models and forecast the next rung."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.figures import figure_option, save_figure

if TYPE_CHECKING:
    from calibrant.subjects.ladder.chain import Climb


@click.command("ladder")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True,
              metavar="FOLDER", help="What is made stands here; it is taken up again.")  # fmt: skip
@click.option("--ladder", default="seven", show_default=True,
              help="seven: a few minutes of CPU; tiny: seconds, learns little.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True,
              help="Of the world, its text and the networks.")  # fmt: skip
@figure_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(out: Path, *, ladder: str, seed: int, figure: Path | None, as_json: bool) -> None:
    """Climb a ladder of tiny language models, from log-probabilities to a settled forecast.

    Trains all subjects but the largest on text with planted skills, climbs the metric ladder,
    registers a forecast of the largest, trains it, settles, and makes a card of it, card.html.
    Ctrl-C loses nothing: the same command goes on. Needs the extra 'train'.
    """
    from calibrant._text import dumps, one_line
    from calibrant.subjects.ladder.chain import climb_ladder
    from calibrant.subjects.ladder.design import LADDERS

    rungs = LADDERS.get(ladder)
    say = _teller(0 if rungs is None else len(rungs.sizes))
    found = climb_ladder(out, ladder=ladder, seed=seed, say=say)
    page = _card(out)
    if figure is not None:
        save_figure(found.after.plot(), figure)
    if as_json:
        click.echo(dumps(found.to_dict(), indent=1))
        return
    _show(found)
    click.echo(one_line(f"all of it on a page: {page}", 600))


def _card(out: Path) -> Path:
    """The forecast and what came of it on one page, in the ladder's folder."""
    from calibrant.report.transfer_card import TransferCard, write_card
    from calibrant.scaling.cards.register import read_registered
    from calibrant.scaling.cards.settle import read_settled

    made = read_registered(out / "registered.json")
    card = TransferCard(made.document, made, read_settled(out / "settled.json"))
    return write_card(card, out / "card.html")[0]


def _show(found: Climb) -> None:
    from calibrant._text import one_line
    from calibrant.cli.items.tables import print_table

    rows = [
        (s.subject, f"{s.parameters:,}", f"{s.tokens:,}", f"{s.compute:.3g}", f"{s.loss:.3f}",
         f"{s.cpu_seconds:.0f} s")
        for s in found.subjects
    ]  # fmt: skip
    columns = ("subject", "weights", "tokens", "compute", "loss", "CPU")
    print_table(columns, rows, names=(0,))
    click.echo(f"\nregistered before {found.subjects[-1].subject} was trained: {found.seal}")
    last = {f"{a.measure}: {r.name}": r.values[-1] for a in found.before.ladders for r in a.rungs}
    told = [
        (r["measure"], f"{last[r['measure']]:.3g}", f"{r['median']:.3g}", _between(r),
         f"{r['outcome']:.3g}", "held" if r["covered"] else "missed", f"{r['crps']:.3g}",
         f"{r['against']['persistence']['crps']:.3g}")
        for r in found.settled["rows"]
    ]  # fmt: skip
    heads = ("skill and rung", "largest known", "forecast", "interval", "truth", "", "CRPS",
             "of persistence")  # fmt: skip
    click.echo()
    print_table(heads, told, names=(0,))
    click.echo()
    for a, b in zip(found.before.ladders, found.after.ladders, strict=True):
        click.echo(one_line(f"{a.measure}, before: {a.emergence!r}", 300))
        click.echo(one_line(f"{b.measure}, with the largest: {b.emergence!r}", 300))
    click.echo(f"\n{found!r}")


def _between(row: dict[str, Any]) -> str:
    """An interval; its density reaches half an item beyond the limits, which nobody need see."""
    from calibrant.scaling.metrics.rungs import rung

    r = rung(row["measure"].rpartition(": ")[2])
    return f"{max(row['low'], r.low):.3g} to {min(row['high'], r.high):.3g}"


def _teller(rungs: int) -> Callable[[str, int, int, float], None]:
    """A bar on a terminal, else lines on stderr, now and then; of how many rungs."""
    import sys

    begun: dict[str, tuple[float, int, float]] = {}
    wide = sys.stderr.isatty()

    def say(name: str, done: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        start, first, told = begun.setdefault(name, (now, done, 0.0))
        if not wide and now - told < 5 and done < steps:
            return
        begun[name] = start, first, now
        rate = (now - start) / (done - first) if done > first else 0.0
        left = f", {rate * (steps - done):.0f} s left" if rate and done < steps else ""
        at = int(name.rpartition("/")[2]) + 1
        text = f"{name} ({at} of {rungs}): step {done:,} of {steps:,}, loss {loss:.3f}{left}"
        if wide:
            full = 24 * done // steps
            text = f"\r{'█' * full}{'░' * (24 - full)} {text:70}"
        click.echo(text, err=True, nl=not wide or done == steps)

    return say
