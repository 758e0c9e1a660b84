"""Which shards are finished? A line each in a file, so that a killed scan goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from calibrant._text import dumps, reason
from calibrant.contamination.corpora.problems import Problems
from calibrant.contamination.corpora.scanning import ShardFound
from calibrant.errors import RunFolderError

FORMAT = 1


def key_of(fingerprint: str, reading: dict[str, Any]) -> str:
    """What a scan is of: two with the same key may share finished shards."""
    said = json.dumps([FORMAT, fingerprint, reading], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


class Journal:
    """Finished shards of one scan, in a folder; use as a context manager, which locks it.

    Each shard is written, in one piece, as soon as it is finished. A disk that is full ends the
    writing, not the scan.

    Args:
        folder: may hold the journals of several scans.
        key: of `key_of`.
        problems: takes what goes wrong.
    """

    def __init__(self, folder: Path, key: str, problems: Problems) -> None:
        self.path = folder / f"scan-{key}.jsonl"
        self._problems = problems
        self._file: int | None = None

    def __enter__(self) -> Journal:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _lock(self._file, self.path)
        except OSError as e:
            self.__exit__(None, None, None)
            if isinstance(e, RunFolderError):
                raise
            raise RunFolderError(f"{self.path}: cannot be used ({reason(e)})") from e
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def finished(self) -> Iterator[tuple[str, ShardFound]]:
        """Finished shards, by identity. A line torn by a kill is dropped; its shard is not done."""
        assert self._file is not None
        good = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                try:
                    row = json.loads(line)
                    found = ShardFound.from_dict(row["result"])
                except (ValueError, KeyError, TypeError) as e:
                    what = f"not a finished shard ({reason(e)}); it is scanned again"
                    self._problems.say(str(self.path), f"line {number:,}", what)
                    continue
                yield row["shard"], found
        if os.fstat(self._file).st_size > good:
            os.ftruncate(self._file, good)

    def write(self, identity: str, found: ShardFound) -> None:
        """Note a finished shard."""
        if self._file is None:
            return
        line = (dumps({"shard": identity, "result": found.to_dict()}) + "\n").encode()
        try:
            size = os.fstat(self._file).st_size
            written = 0
            try:
                while written < len(line):
                    written += os.write(self._file, line[written:])
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, size)
                raise
        except OSError as e:
            os.close(self._file)
            self._file = None
            self._problems.say(
                str(self.path), "",
                f"cannot be written ({reason(e)}); the scan goes on, and if it is stopped, "
                "shards that finish from here on are scanned again",
            )  # fmt: skip


def _lock(handle: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows has no fcntl; scans there are unlocked
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        raise RunFolderError(f"{path}: another scan is at work with it") from e
