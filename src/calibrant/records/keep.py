"""How are trials kept that come in pieces? Into one file, each once; and a folder is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from calibrant.errors import InputError, RunFolderError
from calibrant.records.merge import distinct
from calibrant.records.read import Found, Places, locate, read_files
from calibrant.records.readers.batch import Options
from calibrant.records.readers.reading import Reading
from calibrant.records.store import Store, is_store
from calibrant.records.trials import read_parquet, validate, write_parquet

_FORMULA = r"^[=+\-@\t\r]"


@dataclass(frozen=True)
class Kept:
    """What came of writing.

    Attributes:
        path: the file.
        added: trials that it did not hold before.
        trials: trials that it holds now.
        conflicts: trials that it held already with another score; that score stays.
        aggregates: the file of aggregates beside it, if there are any.
    """

    path: Path
    added: int
    trials: int
    conflicts: int = 0
    aggregates: Path | None = None


def aggregates_beside(path: Path) -> Path:
    """Where the aggregates are kept whose trials would be at `path`."""
    return path.with_suffix(".aggregates.parquet")


def keep(reading: Reading, path: Path) -> Kept:
    """Write trials to `path`: `.parquet` or a store, added to what is there, or a new `.csv`.

    A path without an ending is a store, made if it is not there. Aggregates are kept in a file
    beside the trials. In CSV, text that a spreadsheet would take for a formula begins with an
    apostrophe.

    Raises:
        InputError: if `path` has another ending, or holds something else.
        RunFolderError: if it cannot be written.
    """
    ending = path.suffix.lower()
    if is_store(path) or not (ending or path.is_file()):
        return _into_store(reading, path)
    if ending not in (".parquet", ".csv"):
        raise InputError(f"{path}: wanted .parquet, .csv, or a folder for a store of many runs")
    conflicts = 0
    if ending == ".csv":
        if path.exists():
            raise InputError(f"{path}: is there already; only to .parquet can trials be added")
        _write_csv(reading.trials, path)
        added = trials = reading.trials.height
    else:
        before = read_parquet(path) if path.is_file() else None
        tables = [reading.trials] if before is None else [before, reading.trials]
        merged, _, conflicts = distinct(tables)
        validate(merged)
        trials, added = merged.height, merged.height - (before.height if before is not None else 0)
        if before is None or not merged.equals(before):
            write_parquet(merged, path)
    beside = _keep_aggregates(reading, aggregates_beside(path))
    return Kept(path, added, trials, conflicts, beside)


def _into_store(reading: Reading, path: Path) -> Kept:
    store = Store(path, create=True)
    added, conflicts = store.add(reading.trials)
    beside = _keep_aggregates(reading, path / "aggregates.parquet")
    return Kept(path, added, store.size, conflicts, beside)


def _keep_aggregates(reading: Reading, beside: Path) -> Path | None:
    if not reading.aggregates.height:
        return None
    old = [pl.read_parquet(beside)] if beside.is_file() else []
    write_parquet(pl.concat([*old, reading.aggregates]).unique(maintain_order=True), beside)
    return beside


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write any table as `.parquet` or `.csv`, harmless to spreadsheets.

    Raises:
        InputError: for another ending. RunFolderError: if it cannot be written.
    """
    match path.suffix.lower():
        case ".parquet":
            write_parquet(table, path)
        case ".csv":
            _write_csv(table, path)
        case _:
            raise InputError(f"{path}: wanted a file that ends in .parquet or .csv")


def _write_csv(trials: pl.DataFrame, path: Path) -> None:
    text = pl.col(pl.String())
    harmless = trials.with_columns(
        pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text).name.keep()
    )
    partial = path.with_name(path.name + ".part")
    try:
        harmless.write_csv(partial)
        partial.replace(path)
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RunFolderError(f"{path}: cannot be written ({str(e).splitlines()[0]})") from e


class Follower:
    """Reads what is new or has changed since the last look."""

    def __init__(
        self, paths: Sequence[str | Path], options: Options, exclude: Iterable[str | Path] = ()
    ) -> None:
        self.paths, self.options, self.exclude = list(paths), options, list(exclude)
        self._seen: dict[str, tuple[int, int]] = {}

    def step(self, progress: Callable[[int, int], None] | None = None) -> Reading | None:
        """The trials of files that changed; None if none did.

        A file that cannot be read is still being written: it is tried again when it has changed.

        Raises:
            InputError: if a path leads nowhere.
        """
        places = locate(self.paths, self.options, self.exclude, strict=False)
        if not places.files and places.left_out:
            raise InputError(places.left_out[0])
        changed = [f for f in places.files if self._changed(f)]
        if not changed:
            return None
        try:
            return read_files(
                Places(places.said, changed, [], places.unknown), self.options, progress=progress
            )
        except InputError:
            return None

    def _changed(self, found: Found) -> bool:
        path = found.file.path
        if found.file.remote:
            from calibrant.records.readers.files import size_of

            now = (size_of(found.file), 0)
        else:
            try:
                status = Path(path).stat()
            except OSError:
                return False
            now = (status.st_mtime_ns, status.st_size)
        if self._seen.get(path) == now:
            return False
        self._seen[path] = now
        return True
