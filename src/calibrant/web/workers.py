"""How does one server use several cores? Processes that answer on the same socket.

The first process binds, forks, and waits: what ends it ends the others, a worker that dies is
replaced, and workers whose parent was killed end by themselves.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from starlette.types import ASGIApp

from calibrant._text import one_line
from calibrant.errors import RunError
from calibrant.web.serve import GRACE, Place, run

SHORTEST = 1.0
"""Seconds; a worker that lives no longer cannot start, and is not started again."""


def run_workers(
    build: Callable[[], ASGIApp], place: Place, workers: int, started: Callable[[], None]
) -> None:
    """Serve with several processes until Ctrl-C.

    Args:
        build: makes the application, in each worker anew: no database connection outlives a fork.

    Raises:
        RunError: if workers cannot start.
    """
    alive, away = os.pipe()
    births: dict[int, float] = {}
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        for pid in births:
            _tell(pid, signal.SIGTERM)

    def born() -> None:
        pid = os.fork()
        if pid == 0:
            _work(build, place, alive, away)
        births[pid] = time.monotonic()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        for _ in range(workers):
            born()
        started()
        while births:
            pid, _ = os.wait()
            age = time.monotonic() - births.pop(pid, 0.0)
            if stopping:
                continue
            if age < SHORTEST:
                raise RunError(f"{place.url}: a worker ended as it started")
            print("calibrant: a worker ended; another takes its place", file=sys.stderr, flush=True)
            born()
    finally:
        _end(births)
        for number, what in before.items():
            signal.signal(number, what)
        os.close(alive)
        os.close(away)
        place.socket.close()


def _work(build: Callable[[], ASGIApp], place: Place, alive: int, away: int) -> None:
    """One worker, which never returns."""
    code = 1
    try:
        os.close(away)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        # Ctrl-C reaches the whole group; the parent says when to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_until_orphaned, args=(alive,), daemon=True).start()
        run(build(), place)
        code = 0
    except BaseException as e:
        print(f"calibrant: a worker ended: {one_line(str(e))}", file=sys.stderr, flush=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _until_orphaned(alive: int) -> None:
    """Nobody writes into this pipe; it ends with the last process that could."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _end(births: dict[int, float]) -> None:
    """See that every worker has ended."""
    for pid in births:
        _tell(pid, signal.SIGTERM)
    last = time.monotonic() + GRACE + 2
    while births:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        births.pop(pid, None)
        if births and time.monotonic() > last:
            for left in births:
                _tell(left, signal.SIGKILL)
        time.sleep(0.02)
