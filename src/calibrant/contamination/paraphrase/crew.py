"""How do documents reach several processes and come back in their order?"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from calibrant.contamination.paraphrase.documents import Document
from calibrant.contamination.paraphrase.scan import Scanned, Scanner

DOCUMENTS = 256
"""Most documents a job."""
CHARACTERS = 400_000
"""Characters after which a job has enough documents."""

_scanner: Scanner | None = None


def scanned(scanner: Scanner, given: Iterable[Document], workers: int) -> Iterator[Scanned]:
    """What came of documents, in their order, whatever the number of workers.

    Only a few jobs are under way at a time, so that memory does not grow with the corpus.
    """
    if workers == 1:
        for job in jobs(given):
            yield from scanner.scan(job)
        return
    # A process in which JAX runs has threads that a fork would leave holding locks.
    method = get_context("spawn") if "jax" in sys.modules else None
    under_way: deque[Future[list[Scanned]]] = deque()
    with ProcessPoolExecutor(workers, method, _open, (scanner,)) as pool:
        for job in jobs(given):
            under_way.append(pool.submit(_scan, job))
            if len(under_way) > 2 * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()


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


def _scan(job: list[Document]) -> list[Scanned]:
    assert _scanner is not None
    return _scanner.scan(job)
