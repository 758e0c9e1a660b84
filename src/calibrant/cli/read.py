"""`calibrant read PATH… -o FILE`: logs and tables of other tools into one table of trials."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from calibrant.cli.pairs import column, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from calibrant.records.keep import Kept
    from calibrant.records.readers.reading import Reading

_PARALLEL_FROM = 64 * 2**20
"""Bytes from which on several processes are worth their start."""


def _size(_: click.Context, __: click.Parameter, given: str) -> int:
    """A size such as 500M in bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", given.strip(), re.I)
    size = float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ") if match else 0
    if not 1 <= size < 2**60:
        raise click.BadParameter(f"wanted a size such as 500M or 2G, got {given!r}")
    return int(size)


@click.command("read")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the trials to FILE (.parquet: added to what is there; .csv).",
)
@click.option(
    "--map",
    "columns",
    multiple=True,
    callback=pairs(column, "COLUMN=NAME, as score=correct"),
    metavar="OURS=THEIRS",
    help="For tables: which column is which, as score=correct.",
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    callback=pairs(column, "COLUMN=NAME, as score=correct"),
    metavar="OURS=VALUE",
    help="For tables: one value for all rows, as subject=gpt-4o.",
)
@click.option("--cluster-key", metavar="KEY", help="Metadata key that names clusters of items.")
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read.")
@click.option(
    "--max-member",
    default="1G",
    show_default=True,
    callback=_size,
    metavar="SIZE",
    help="What one file, or one member of an archive, may unpack to.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that read.")
@click.option("--watch", is_flag=True, help="Go on: follow what a run is writing, until Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(0.05),
    default=5.0,
    show_default=True,
    help="Seconds between two looks with --watch.",
)
@click.option("--idle", type=click.FloatRange(0), help="End --watch after so many quiet seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(paths: tuple[str, ...], *, out: Path | None, as_json: bool, **given: Any) -> None:
    """Turn logs of Inspect, lm-eval, HELM and Every Eval Ever, and tables, into trials.

    PATHS are files, folders, globs and URLs (s3://…). Reading the same twice adds nothing.
    """  # fmt: skip
    watching = [given.pop(name) for name in ("watch", "every", "idle")]
    if watching[0]:
        if out is None:
            raise click.UsageError("--watch needs -o FILE")
        _watch(paths, out, given, *watching[1:], as_json=as_json)
        return
    from calibrant.records import read
    from calibrant.records.keep import aggregates_beside, keep

    exclude = [out, aggregates_beside(out)] if out else []
    with _progress() as progress:
        workers = given.pop("workers") or _workers(paths)
        found = read(list(paths), **given, exclude=exclude, workers=workers, progress=progress)
    if not as_json:
        _show(found)
    kept = keep(found, out) if out else None
    if as_json:
        _print_json(found, kept)
    elif kept is not None:
        click.echo(_written(kept))


def _workers(paths: tuple[str, ...]) -> int:
    """One process, or as many as there are processors where there is much to read."""
    total = 0
    for path in map(Path, paths):
        files = path.rglob("*") if path.is_dir() else [path]
        for file in files:
            try:
                total += file.stat().st_size
            except OSError:
                continue
            if total > _PARALLEL_FROM:
                return min(len(os.sched_getaffinity(0)), 8) if sys.platform == "linux" else 4
    return 1


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress("reading", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                  console=console, transient=True) as bar:  # fmt: skip
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _watch(
    paths: tuple[str, ...], out: Path, given: dict[str, Any], every: float, idle: float | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    from calibrant.records.keep import Follower, aggregates_beside, keep
    from calibrant.records.readers.batch import Options

    options = Options(
        given["cluster_key"], given["max_member"], given["columns"], given["constants"]
    )
    follower = Follower(paths, options, [out, aggregates_beside(out)])
    last, quiet = None, time.monotonic()
    try:
        while True:
            found = follower.step()
            if found is not None:
                kept = keep(found, out)
                last, quiet = (found, kept), time.monotonic()
                click.echo(_written(kept), err=as_json)
            elif idle is not None and time.monotonic() - quiet >= idle:
                break
            time.sleep(every)
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on", err=True)
    if as_json and last is not None:
        _print_json(*last)


def _written(kept: Kept) -> str:
    from calibrant._text import one_line

    said = f"{kept.path}: {kept.added:,} trials added, {kept.trials:,} in all"
    if kept.conflicts:
        said += f"; {kept.conflicts:,} were there with another score, which stays"
    if kept.aggregates is not None:
        said += f"; aggregates in {kept.aggregates}"
    return one_line(said, 500)


def _print_json(found: Reading, kept: Kept | None) -> None:
    from calibrant._text import dumps

    document = found.to_dict()
    if kept is not None:
        document["written"] = {
            "path": str(kept.path), "added": kept.added, "trials": kept.trials,
            "conflicts": kept.conflicts,
            "aggregates": str(kept.aggregates) if kept.aggregates else None,
        }  # fmt: skip
    click.echo(dumps(document, indent=1))


def _show(found: Reading) -> None:
    """What was understood, on stdout; what was left out, on stderr."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from calibrant._text import one_line

    console = Console()
    console.print(Text(one_line(repr(found), 400)))
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for name in ("  subject", "instrument", "grader"):
        table.add_column(name, overflow="fold")
    for name in ("items", "epochs", "trials", "missing"):
        table.add_column(name, justify="right")
    rows = found.summary()
    for row in rows[:40]:
        names = [Text(one_line(row[n], 80)) for n in ("subject", "instrument", "grader")]
        names[0] = Text("  ") + names[0]
        counts = [f"{row[n]:,}" for n in ("items", "epochs", "trials", "missing")]
        table.add_row(*names, *counts)
    if rows:
        console.print(table)
    if len(rows) > 40:
        console.print(f"  … and {len(rows) - 40} more")
    _remarks(found, console, Console(stderr=True))


def _remarks(found: Reading, console: Console, err: Console) -> None:
    from rich.text import Text

    from calibrant._text import one_line

    def say(line: str, where: Console = console) -> None:
        where.print(Text(one_line(line, 600)), soft_wrap=True)

    if found.aggregates.height:
        say(f"{found.aggregates.height:,} aggregates without trials; they are kept apart")
    if found.absent:
        say(f"{found.absent:,} answers announced by the logs are not in them")
    if found.repeated:
        say(f"{found.repeated:,} trials lay there more than once and count once")
    for source in found.sources:
        for note in source.notes:
            say(f"{source.path}: {note}")
    if found.conflicts:
        say(f"{found.conflicts:,} trials lay there again with another score; the first counts", err)
    for line in found.left_out:
        say(f"left out: {line}", err)
    if found.unknown:
        names = ", ".join(Path(u).name for u in found.unknown[:5])
        say(f"passed over {len(found.unknown)} files that hold no trials: {names}")
