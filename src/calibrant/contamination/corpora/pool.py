"""Who scans which shard? Workers, each with one shard at a time; those that die are replaced."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from calibrant.contamination.corpora.shards import Shard
from calibrant.errors import RunError

Tick = Callable[[int], None]
STARTS = 3
"""Times in a row that workers may die before they have scanned anything."""


class WorkerLost(Exception):
    """A worker died; its message says how."""


class Worker(Protocol):
    """Something that scans shards, one after the other, elsewhere."""

    @property
    def pid(self) -> int:
        """Its process, on its machine."""

    def scan(self, shard: Shard, tick: Tick) -> Any:
        """What a shard holds.

        Raises:
            WorkerLost: if the worker died.
            RunError: if the scan itself failed.
        """

    def close(self) -> None:
        """End it, whatever it does."""


@dataclass(frozen=True)
class Done:
    """A shard that is finished: with what it holds, or given up, with the reason."""

    shard: Shard
    result: Any
    lost: str = ""


class Pool:
    """Scans shards with several workers. The order in which they end is theirs.

    Args:
        make: starts a worker; may take long. Raises WorkerLost if it cannot be started.
        workers: how many at once.
        retries: how often a shard is scanned again after its worker died.
        tick: is called with a shard and bytes of it that were read.
        started: is called with a shard and the process that begins it.
    """

    def __init__(
        self,
        make: Callable[[], Worker],
        workers: int,
        *,
        retries: int = 2,
        tick: Callable[[Shard, int], None] = lambda _shard, _bytes: None,
        started: Callable[[Shard, int], None] = lambda _shard, _pid: None,
    ) -> None:
        self._make, self._count, self._retries = make, workers, retries
        self._tick, self._started = tick, started
        self._todo: deque[tuple[Shard, int]] = deque()
        self._open = 0
        self._change = threading.Condition()
        self._ended: queue.Queue[Done | BaseException] = queue.Queue()
        self._workers: dict[int, Worker] = {}
        self._closing = False
        self._failures = 0

    def run(self, shards: Sequence[Shard]) -> Iterator[Done]:
        """Every shard once, as they end.

        Raises:
            RunError: if no worker can be started, or a scan failed by a fault of ours.
        """
        self._todo.extend((shard, 0) for shard in shards)
        self._open = len(shards)
        for slot in range(min(self._count, len(shards))):
            threading.Thread(target=self._work, args=(slot,), daemon=True).start()
        try:
            for _ in shards:
                ended = self._ended.get()
                if isinstance(ended, BaseException):
                    raise ended
                yield ended
        finally:
            self.close()

    def close(self) -> None:
        """End all workers."""
        with self._change:
            self._closing = True
            self._open = 0
            self._change.notify_all()
            workers = list(self._workers.values())
        for worker in workers:
            worker.close()

    def _next(self) -> tuple[Shard, int] | None:
        """A shard to scan; waits while others are at work that might fail; None at the end."""
        with self._change:
            while not self._todo and self._open:
                self._change.wait()
            return self._todo.popleft() if self._open else None

    def _end(self, done: Done | BaseException) -> None:
        with self._change:
            if self._closing:
                return
            self._open -= 1
            self._change.notify_all()
        self._ended.put(done)

    def _work(self, slot: int) -> None:
        try:
            while (job := self._next()) is not None:
                self._one(slot, *job)
        except BaseException as e:
            self._end(e)
        finally:
            if (worker := self._workers.get(slot)) is not None:
                worker.close()

    def _one(self, slot: int, shard: Shard, tries: int) -> None:
        try:
            worker = self._workers.get(slot) or self._started_worker(slot)
        except WorkerLost as e:
            with self._change:
                self._failures += 1
                self._todo.appendleft((shard, tries))
                self._change.notify_all()
                if self._failures >= STARTS:
                    raise RunError(f"workers cannot be started ({e})") from e
            return
        try:
            self._started(shard, worker.pid)
            result = worker.scan(shard, lambda read: self._tick(shard, read))
        except WorkerLost as e:
            with self._change:
                if self._closing:
                    return
                del self._workers[slot]
            worker.close()
            self._tick(shard, 0)
            if tries < self._retries:
                with self._change:
                    self._todo.append((shard, tries + 1))
                    self._change.notify_all()
            else:
                self._end(Done(shard, None, str(e)))
            return
        self._failures = 0
        self._end(Done(shard, result))

    def _started_worker(self, slot: int) -> Worker:
        worker = self._make()
        with self._change:
            self._workers[slot] = worker
            if self._closing:
                worker.close()
        return worker
