"""How are shards scanned on all cores of a machine? By fresh Python processes over pipes.

Fresh ones, which import nothing of the program that calls: `scan` works in scripts without a main
guard, in notebooks, and with threads about.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from typing import Any, BinaryIO

from calibrant._text import reason
from calibrant.contamination.corpora.pool import Tick, WorkerLost
from calibrant.contamination.corpora.shards import Shard
from calibrant.errors import RunError

_EVERY = 0.5
"""Seconds between reports of progress."""


class ProcessWorker:
    """A Python process on this machine that scans shards.

    Args:
        setup: the pickled arguments of `scan_shard` but for the shard.
    """

    def __init__(self, setup: bytes) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        paths = [p or os.getcwd() for p in sys.path]  # noqa: PTH109
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "calibrant.contamination.corpora.processes"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )  # fmt: skip
        except OSError as e:
            self._said.close()
            raise WorkerLost(f"its worker cannot be started: {reason(e)}") from e
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(setup)
            self._process.stdin.flush()
            self._receive()
        except OSError as e:
            how = self._how()
            self.close()
            raise WorkerLost(how) from e
        except BaseException:  # Ctrl-C, too, leaves no process behind
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def scan(self, shard: Shard, tick: Tick) -> Any:
        """What a shard holds; see `Worker`."""
        try:
            assert self._process.stdin is not None
            pickle.dump(shard, self._process.stdin)
            self._process.stdin.flush()
        except OSError as e:
            raise WorkerLost(self._how()) from e
        while True:
            kind, value = self._receive()
            if kind == "done":
                return value
            if kind == "failed":
                raise RunError(value)
            tick(value)

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # what was not yet sent to a process that is gone
                continue
        self._said.close()

    def _receive(self) -> tuple[str, Any]:
        assert self._process.stdout is not None
        try:
            found: tuple[str, Any] = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError, OSError, ValueError) as e:
            raise WorkerLost(self._how()) from e
        return found

    def _how(self) -> str:
        """How it ended, in words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "its worker stopped to answer"
        if code < 0:
            return f"its worker was killed by signal {-code}"
        try:
            self._said.seek(0)
            lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        except ValueError:
            lines = []
        return f"its worker ended with code {code}" + (f": {lines[-1]}" if lines else "")


def _serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """The life of a worker: shards in, what they hold out, until there are no more."""
    from calibrant.contamination.corpora.scanning import scan_shard

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers)
        answers.flush()

    index, reading = pickle.load(commands)
    send("ready", None)
    last = time.monotonic()

    def tick(read: int) -> None:
        nonlocal last
        if time.monotonic() - last > _EVERY:
            last = time.monotonic()
            send("tick", read)

    while True:
        try:
            shard = pickle.load(commands)
        except EOFError:
            return
        try:
            found = scan_shard(index, shard, reading, tick)
        except Exception as e:
            send("failed", f"shard {shard.number}: {type(e).__name__}: {e}")
        else:
            send("done", found)


def _main() -> None:
    # Nobody else may write where answers go.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        _serve(sys.stdin.buffer, answers)
    except (BrokenPipeError, KeyboardInterrupt):
        # Who asked is gone, or was interrupted.
        os._exit(1)


if __name__ == "__main__":
    _main()
