"""What has this run learnt so far? The run folder: one lock, one journal, atomic files.

The journal is a JSON line per finished trial, written before anything is decided with it, so that
a run killed at any moment resumes from what had finished.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from calibrant._text import dumps
from calibrant.bench.trial import Trial
from calibrant.errors import InputError, RunFolderError

JOURNAL, MANIFEST, LOCK = "journal.jsonl", "run.json", ".lock"


class RunFolder:
    """A folder that holds one run; use as a context manager, which locks it.

    Attributes:
        path: the folder.
        manifest: facts about the run, kept in run.json.
        trials: finished trials by (instrument key, position).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: dict[str, Any] = {}
        self.trials: dict[tuple[str, int], Trial] = {}
        self._lock: int | None = None
        self._journal: int | None = None

    def __enter__(self) -> RunFolder:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            _lock(self._lock, self.path)
            self.manifest = read_manifest(self.path)
            self._read_journal()
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._journal = os.open(self.path / JOURNAL, flags, 0o644)
        except BaseException as e:
            self._close()
            if isinstance(e, OSError) and not isinstance(e, RunFolderError):
                raise RunFolderError(
                    f"{self.path}: the run folder cannot be used ({e.strerror})"
                ) from e
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for handle in (self._journal, self._lock):
            if handle is not None:
                os.close(handle)
        self._journal = self._lock = None

    def _read_journal(self) -> None:
        file = self.path / JOURNAL
        if not file.exists():
            return
        data = file.read_bytes()
        whole, _, torn = data.rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                trial = Trial.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError) as e:
                raise InputError(f"{file}: line {number} is not a finished trial ({e})") from e
            self.trials.setdefault((trial.instrument, trial.position), trial)
        if torn:
            # The last line was cut by a kill or a full disk: its trial did not finish.
            os.truncate(file, len(data) - len(torn))

    def record(self, trial: Trial) -> None:
        """Keep a finished trial, on disk before in memory.

        Raises:
            RunFolderError: if it cannot be written; the journal stays whole.
        """
        assert self._journal is not None
        line = dumps(trial.to_dict()).encode() + b"\n"
        start = os.lseek(self._journal, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._journal, line[written:])
        except OSError as e:
            with contextlib.suppress(OSError):
                os.ftruncate(self._journal, start)
            raise RunFolderError(
                f"{self.path / JOURNAL}: cannot be written ({e.strerror}); "
                f"{len(self.trials)} finished trials are kept"
            ) from e
        self.trials[(trial.instrument, trial.position)] = trial

    def save_manifest(self, **facts: Any) -> None:
        """Add facts about the run to run.json.

        Raises:
            RunFolderError: if it cannot be written.
        """
        self.manifest.update(facts)
        self.write(MANIFEST, dumps(self.manifest, indent=1) + "\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the run, whole or not at all, and return its path.

        Raises:
            RunFolderError: if it cannot be written.
        """
        file, partial = self.path / name, self.path / (name + ".part")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(file)
        except OSError as e:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise RunFolderError(f"{file}: cannot be written ({e.strerror})") from e
        return file


def read_manifest(path: Path) -> dict[str, Any]:
    """The facts in a run folder's run.json; empty if there is none.

    Raises:
        InputError: if the file is not what calibrant writes.
    """
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise InputError(f"{file}: not a calibrant run ({e})") from e
    if not isinstance(manifest, dict):
        raise InputError(f"{file}: not a calibrant run (wanted an object)")
    return manifest


RUNS = Path("runs")


def choose_folder(
    name: str, fingerprint: str, out: Path | None, differs: str, *, fresh: bool = False
) -> Path:
    """The folder of a run: `out`, or the latest unfinished one in `RUNS`, or a new one.

    Args:
        name: of the run, the first part of the folder's name.
        fingerprint: of everything that decides what is asked; kept in the manifest.
        differs: what may differ, in words, if `out` holds another run.
        fresh: never resume.

    Raises:
        InputError: if `out` holds another run, or something else.
        RunFolderError: if `out` is a file, or is to be fresh but holds a run.
    """
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:80]
    if out is not None:
        _check_named(fingerprint, out, differs, fresh)
        return out
    for folder in [] if fresh else sorted(RUNS.glob(f"{stem}-*"), reverse=True):
        manifest = read_manifest(folder) if folder.is_dir() else {}
        if manifest.get("fingerprint") == fingerprint and not manifest.get("finished"):
            return folder
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder, more = RUNS / f"{stem}-{stamp}", 1
    while folder.exists():
        more += 1
        folder = RUNS / f"{stem}-{stamp}-{more}"
    return folder


def _check_named(fingerprint: str, out: Path, differs: str, fresh: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise RunFolderError(f"{out}: wanted a folder for the run, got a file")
    manifest = read_manifest(out)
    if not manifest:
        # A kill in the first instants leaves a folder with nothing but its lock.
        if {p.name for p in out.iterdir()} - {LOCK, JOURNAL, f"{MANIFEST}.part"}:
            raise InputError(f"{out}: the folder is not empty and holds no calibrant run")
        return
    if fresh:
        raise RunFolderError(f"{out}: holds a run already; name another folder for a fresh one")
    if manifest.get("fingerprint") != fingerprint:
        raise InputError(f"{out}: holds another run ({differs}); name another folder with --out")


def _lock(handle: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows has no fcntl; runs there are unlocked
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        raise RunFolderError(f"{path}: another process is running in this folder") from e
