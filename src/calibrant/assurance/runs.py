"""Where does a run live, and is there one to resume? Run folders by suite and time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from calibrant.assurance.suite import Suite
from calibrant.bench.folder import read_manifest
from calibrant.errors import InputError, RunFolderError

RUNS = Path("runs")


def choose_folder(suite: Suite, out: Path | None, *, fresh: bool) -> Path:
    """The folder for a run of this suite: its latest unfinished one, or a new one.

    Args:
        out: the folder the user named, used as it is.
        fresh: never resume.

    Raises:
        InputError: if the named folder holds the run of another suite, or something else.
        RunFolderError: if a named folder is to be fresh but holds a run.
    """
    if out is not None:
        _check_named(suite, out, fresh)
        return out
    if not fresh:
        for folder in sorted(RUNS.glob(f"{_stem(suite)}-*"), reverse=True):
            if not folder.is_dir():
                continue
            manifest = read_manifest(folder)
            if manifest.get("fingerprint") == suite.fingerprint() and not manifest.get("finished"):
                return folder
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder, more = RUNS / f"{_stem(suite)}-{stamp}", 1
    while folder.exists():
        more += 1
        folder = RUNS / f"{_stem(suite)}-{stamp}-{more}"
    return folder


def _stem(suite: Suite) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in suite.name)[:80]


def _check_named(suite: Suite, out: Path, fresh: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise RunFolderError(f"{out}: wanted a folder for the run, got a file")
    manifest = read_manifest(out)
    if not manifest:
        # A kill in the first instants leaves a folder with nothing but its lock.
        if any(p.name not in {".lock", "journal.jsonl", "run.json.part"} for p in out.iterdir()):
            raise InputError(f"{out}: the folder is not empty and holds no calibrant run")
        return
    if fresh:
        raise RunFolderError(f"{out}: holds a run already; name another folder for a fresh one")
    if manifest.get("fingerprint") != suite.fingerprint():
        raise InputError(
            f"{out}: holds a run of another suite, seed or subject; name another folder with --out"
        )
