"""How do documents reach several processes and come back in their order?"""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from calibrant.contamination.rewording.documents import Document
from calibrant.contamination.rewording.scan import Scanned, Scanner
from calibrant.errors import RunError

DOCUMENTS = 256
"""Most documents a job."""
CHARACTERS = 200_000
"""Characters after which a job has enough documents."""

_scanner: Scanner | None = None


def scanned(scanner: Scanner, given: Iterable[Document], workers: int) -> Iterator[Scanned]:
    """What came of documents, in their order, whatever the number of workers.

    Only a few jobs are under way at a time, so that memory does not grow with the corpus.

    Raises:
        RunError: if a process dies.
    """
    if workers == 1:
        for job in jobs(given):
            yield from scanner.scan(job)
        return
    # A process in which JAX runs has threads that a fork would leave holding locks.
    method = get_context("spawn") if "jax" in sys.modules else None
    under_way: deque[Future[list[Scanned]]] = deque()
    pool = ProcessPoolExecutor(workers, method, _open, (scanner,))
    try:
        for job in jobs(given):
            under_way.append(pool.submit(_scan, job))
            if len(under_way) > 2 * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    except BrokenProcessPool as e:
        raise RunError("a process that looked for paraphrases died (out of memory?)") from e
    finally:
        # Whoever stops us waits for the jobs that were begun, a second each, and for no other.
        pool.shutdown(cancel_futures=True)


def jobs(given: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in lots."""
    lot: list[Document] = []
    size = 0
    for document in given:
        lot.append(document)
        size += len(document.text)
        if len(lot) == DOCUMENTS or size > CHARACTERS:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


def _open(scanner: Scanner) -> None:
    global _scanner
    _scanner = scanner
    # Ctrl-C reaches all processes; the one that asked answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _scan(job: list[Document]) -> list[Scanned]:
    assert _scanner is not None
    return _scanner.scan(job)
