"""Where do many logs' trials lie, and what does SQL say of them? A folder of Parquet, by run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from calibrant.errors import InputError, RunFolderError
from calibrant.records.merge import distinct
from calibrant.records.trials import SCHEMA, read_parquet, validate, write_parquet

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MARK = "calibrant-store.json"
"""Tells a store from other folders; holds its version."""

TABLES = ("trials", "comparisons", "ratings")

_VERSION = 1


class Added(NamedTuple):
    """Trials that were new, and trials that were there with another score (which stays)."""

    new: int
    conflicts: int


class Store:
    """Trials of many runs, one Parquet file a run, each trial once.

    Args:
        path: the folder.
        create: make it if it is not there.

    Raises:
        InputError: if there is no store, or one of a version that is not known.
        RunFolderError: if it cannot be made.
    """

    def __init__(self, path: str | Path, *, create: bool = False) -> None:
        self.path = Path(path)
        mark = self.path / MARK
        if create and not mark.is_file():
            _new(self.path, mark)
        try:
            version = json.loads(mark.read_text())["version"]
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise InputError(f"{self.path}: no store of trials ({MARK} is not there)") from e
        if version != _VERSION:
            raise InputError(f"{mark}: wanted version {_VERSION}, got {version!r}")

    def __repr__(self) -> str:
        files = len(list((self.path / "trials").glob("*.parquet")))
        return f"Store of trials in {self.path}: {files} runs"

    @property
    def size(self) -> int:
        """Trials in the store."""
        files = sorted((self.path / "trials").glob("*.parquet"))
        return int(pl.scan_parquet(files).select(pl.len()).collect().item()) if files else 0

    def add(self, trials: pl.DataFrame) -> Added:
        """Add trials, those that are there already once; return how many are new.

        Raises:
            InputError: if `trials` is no trials table.
            RunFolderError: if it cannot be written; files are replaced whole or not at all.
        """
        added = conflicts = 0
        with self._alone():
            for (run,), part in validate(trials).group_by("run", maintain_order=True):
                file = self._file(run)
                before = [read_parquet(file)] if file.is_file() else []
                merged, _, other = distinct([*before, part])
                conflicts += other
                if not (before and merged.equals(before[0])):
                    write_parquet(merged, file)
                added += merged.height - (before[0].height if before else 0)
        return Added(added, conflicts)

    def trials(self, *, runs: list[str] | None = None) -> pl.DataFrame:
        """All trials, or those of some runs; the order is that of the runs' files.

        Raises:
            InputError: for a run that is not there, or a file that cannot be read.
        """
        if runs is None:
            files = sorted((self.path / "trials").glob("*.parquet"))
        else:
            files = [self._file(run) for run in runs]
            for run, file in zip(runs, files, strict=True):
                if not file.is_file():
                    raise InputError(f"{self.path}: no run {run!r}")
        if not files:
            return pl.DataFrame(schema=SCHEMA)
        try:
            return pl.read_parquet(files, schema=SCHEMA)
        except (OSError, pl.exceptions.PolarsError) as e:
            reason = str(e).splitlines()[0]
            raise InputError(f"{self.path}: a file of the store cannot be read ({reason})") from e

    def query(self, sql: str) -> pl.DataFrame:
        """The answer to one SELECT statement over the tables `trials`, `comparisons`, `ratings`.

        Raises:
            InputError: for other statements, and whatever DuckDB finds wrong.
        """
        with _connection() as db:
            for name in TABLES:
                if any((self.path / name).glob("*.parquet")):
                    glob = str(self.path.resolve() / name / "*.parquet").replace("'", "''")
                    db.execute(
                        f"CREATE VIEW {name} AS "
                        f"SELECT * FROM read_parquet('{glob}', union_by_name=true)"
                    )
            return _ask(db, sql, [str(self.path.resolve()) + "/"])

    def _file(self, run: Any) -> Path:
        # Runs are anybody's text; their hash is a safe file name.
        name = hashlib.sha256(str(run or "").encode()).hexdigest()[:24]
        return self.path / "trials" / f"{name}.parquet"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process is adding; the lock goes when its holder does."""
        try:
            import fcntl
        except ImportError:  # Windows has no such lock; there, add from one process at a time
            yield
            return
        with (self.path / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def query(trials: pl.DataFrame, sql: str) -> pl.DataFrame:
    """The answer to one SELECT statement over one table, `trials`.

    Raises:
        InputError: for other statements, and whatever DuckDB finds wrong.
    """
    with _connection() as db:
        db.register("trials", trials.to_arrow())
        return _ask(db, sql, [])


def is_store(path: str | Path) -> bool:
    """Whether this folder is a store."""
    return (Path(path) / MARK).is_file()


def _new(path: Path, mark: Path) -> None:
    try:
        if path.is_dir() and any(path.iterdir()):
            raise InputError(f"{path}: wanted an empty or new folder for a store")
        (path / "trials").mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"version": _VERSION}) + "\n")
    except OSError as e:
        raise RunFolderError(f"{path}: no store can be made here ({e.strerror or e})") from e


@contextmanager
def _connection() -> Iterator[DuckDBPyConnection]:
    """A DuckDB in memory that fetches nothing from anywhere."""
    import duckdb

    db = duckdb.connect()
    try:
        db.execute("SET autoinstall_known_extensions = false")
        db.execute("SET autoload_known_extensions = false")
        yield db
    finally:
        db.close()


def _ask(db: DuckDBPyConnection, sql: str, folders: list[str]) -> pl.DataFrame:
    import duckdb

    try:
        statements = db.extract_statements(sql)
        kinds = [s.type for s in statements]
        if kinds != [duckdb.StatementType.SELECT]:
            raise InputError(f"query: wanted one SELECT statement, got {sql.strip()[:80]!r}")
        # A query may read the store, nothing else on this machine, and nothing beyond it.
        db.execute("SET allowed_directories = $1", [folders])
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        found: pl.DataFrame = db.sql(sql).pl()
        return found
    except duckdb.Error as e:
        raise InputError(f"query: {' '.join(str(e).split())[:400]}") from e
