"""How does a long command say that it is at work? In a line on stderr every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

QUIET = 5.0
"""Seconds without a line."""


@contextmanager
def working(what: str) -> Iterator[Callable[[float], None]]:
    """Says on stderr, every few seconds, for how long `what` has gone on.

    Yields:
        a function that takes how much is done, 0–1, for those who know.
    """
    start = time.monotonic()
    share = -1.0
    ended = threading.Event()

    def tick(done: float) -> None:
        nonlocal share
        share = done

    def say() -> None:
        while not ended.wait(QUIET):
            known = f", {share:.0%} done" if share >= 0 else ""
            click.echo(f"{what}: {time.monotonic() - start:.0f} s{known}", err=True)

    teller = threading.Thread(target=say, daemon=True)
    teller.start()
    try:
        yield tick
    finally:
        ended.set()
        teller.join()
