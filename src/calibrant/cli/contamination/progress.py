"""How far is a scan? A bar on a terminal, else a line on stderr every few seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.contamination.corpora.read import At

QUIET = 5.0
"""Seconds without a line."""
_KNOWN = 0.005
"""Of the work, from which on the time that is left is said: before, starting is all there was."""
_ENOUGH = 64_000_000
"""Bytes after which it can be said, too."""


@contextmanager
def scanning(what: str = "scan") -> Iterator[Callable[[At], None]]:
    """Shows how far a scan is, on stderr.

    Args:
        what: is at work.

    Yields:
        a function that takes where it is; may be called from several threads.
    """
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(at: At) -> None:
            bar.update(task, completed=at.done, total=max(at.total, 1), description=said(at))

        yield show


def _lines(what: str) -> Callable[[At], None]:
    last = time.monotonic()
    lock = threading.Lock()

    def show(at: At) -> None:
        nonlocal last
        with lock:
            if time.monotonic() - last < QUIET:
                return
            last = time.monotonic()
        click.echo(f"{what}: {said(at)}", err=True)

    return show


def said(at: At) -> str:
    """Where a scan is, in words: share, speed, time left."""
    share = at.done / at.total if at.total else 1.0
    fresh = at.done - at.resumed
    rate = fresh / at.seconds if at.seconds > 0 else 0.0
    known = fresh >= min(_KNOWN * (at.total - at.resumed), _ENOUGH)
    left = f", {_time((at.total - at.done) / rate)} left" if rate and known else ""
    return f"{share:.0%} of {_mega(at.total)} MB, {_mega(rate)} MB/s of files{left}"


def _mega(count: float) -> str:
    """Millions of bytes, with as many places as say something."""
    return f"{count / 1e6:,.0f}" if count >= 1e8 else f"{count / 1e6:.2g}" if count else "0"


def _time(seconds: float) -> str:
    """Seconds in two parts."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
