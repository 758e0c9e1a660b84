"""What trials do these paths hold? The one entrance to every reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from calibrant.errors import InputError, RunError
from calibrant.records.merge import distinct
from calibrant.records.readers.batch import GIB, Batch, Options, aggregates_frame
from calibrant.records.readers.files import File, find
from calibrant.records.readers.kinds import kind_of
from calibrant.records.readers.reading import Reading, Source
from calibrant.records.trials import validate

_READERS = {
    "inspect": "inspect_log:read_eval",
    "inspect-json": "inspect_log:read_json",
    "lm-eval": "lm_eval:read_results",
    "lm-eval-samples": "lm_eval:read_samples",
    "helm": "helm:read_run",
    "eee": "every_eval:read_aggregate",
    "eee-samples": "every_eval:read_instances",
    "csv": "tables:read_csv",
    "lines": "tables:read_lines",
    "parquet": "tables:read_parquet_table",
}
_TABLES = ("csv", "lines", "parquet")


@dataclass(frozen=True)
class Found:
    """A file to read, by which reader."""

    file: File
    kind: str
    named: bool


@dataclass
class Places:
    """Where there is something to read, and where it cannot be.

    Attributes:
        said: the paths as the user gave them.
        files: what to read.
        left_out: why something is not read.
        unknown: files in folders that no reader knows.
    """

    said: str
    files: list[Found] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read(
    sources: Any,
    *,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    cluster_key: str | None = None,
    strict: bool = False,
    max_member: int = GIB,
    exclude: Iterable[str | Path] = (),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read trials from logs and tables of any known kind.

    Args:
        sources: a path, folder, glob or URL, or several; or a table of trials (polars, pandas,
            pyarrow, duckdb, whatever narwhals knows).
        columns: for tables, trials column → the table's column; others are guessed by name.
        constants: for tables, trials column → value for every row.
        cluster_key: metadata key of Inspect samples that names their cluster.
        strict: raise for the first file that cannot be read, instead of leaving it out.
        max_member: bytes that one file, or one member of an archive, may unpack to.
        exclude: files to pass over, such as the one that will be written.
        workers: processes that read; more than one pays from some ten megabytes on.
        progress: called with the number of files read and the number of files.

    Raises:
        InputError: if nothing can be read; with `strict`, if anything cannot.
        RunError: if a process that reads ends early.
    """
    options = Options(cluster_key, max_member, columns or {}, constants or {})
    if not isinstance(sources, str | Path | list | tuple):
        batch = _frame(sources, options)
        return _reading([(Source("table", "frame", batch.size, 0, 0), batch)], [], [], options)
    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    places = locate(paths, options, exclude, strict=strict)
    return read_files(places, options, strict=strict, workers=workers, progress=progress)


def locate(
    paths: Sequence[str | Path], options: Options, exclude: Iterable[str | Path], *, strict: bool
) -> Places:
    """Find the files that paths, folders, globs and URLs stand for, and their readers.

    Raises:
        InputError: with `strict`, for the first that cannot be placed.
    """
    places = Places(", ".join(str(p) for p in paths)[:300])
    out = {str(Path(e).resolve()) for e in exclude}
    for found in _find([str(p) for p in paths], options, out):
        if isinstance(found, Found):
            places.files.append(found)
        elif isinstance(found, str):
            places.unknown.append(found)
        elif strict:
            raise found
        else:
            places.left_out.append(str(found))
    return places


def read_files(
    places: Places,
    options: Options,
    *,
    strict: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Read the files that `locate` found.

    Raises:
        InputError: if nothing can be read; with `strict`, if anything cannot.
    """
    left_out, unknown = list(places.left_out), list(places.unknown)
    done: list[tuple[Source, Batch]] = []
    for i, (one, result) in enumerate(_each(places.files, options, workers), 1):
        if isinstance(result, Batch):
            done.append((_source(one, result), result))
        elif not one.named and one.kind in _TABLES:
            # A folder of logs may hold tables about other things.
            unknown.append(one.file.path)
        elif strict:
            raise result
        else:
            left_out.append(str(result))
        if progress is not None:
            progress(i, len(places.files))
    if not done:
        raise InputError(_nothing(places.said, left_out, unknown))
    return _reading(done, left_out, unknown, options)


def _frame(table: Any, options: Options) -> Batch:
    from calibrant.records.readers.tables import read_frame

    if not isinstance(table, pl.DataFrame):
        if isinstance(table, pl.LazyFrame):
            table = table.collect()
        elif hasattr(table, "pl"):  # a duckdb relation
            table = table.pl()
        else:
            import narwhals as nw

            try:
                table = nw.from_native(table, eager_only=True).to_polars()
            except TypeError as e:
                raise InputError(
                    f"trials: wanted a path or a table of trials, got {type(table).__name__}"
                ) from e
    return read_frame(table, options, "table", offset=0)


def _find(
    paths: Sequence[str], options: Options, exclude: set[str]
) -> Iterator[Found | str | InputError]:
    """Every file once, with its reader; unknown ones as text, faults as they are."""
    seen: set[str] = set()
    for path in paths:
        for one in find(path, exclude):
            if isinstance(one, InputError):
                yield one
                continue
            key = one.path if one.remote else str(Path(one.path).resolve())
            if key in seen or key in exclude:
                continue
            seen.add(key)
            try:
                kind = kind_of(one, options)
            except InputError as e:
                yield e
                continue
            named = one.path == path
            if kind == "helm":
                if f"{one.folder}\0helm" in seen:
                    continue
                seen.add(f"{one.folder}\0helm")
            if kind is not None:
                yield Found(one, kind, named)
            elif named:
                yield InputError(
                    f"{path}: wanted an Inspect, lm-eval, HELM or Every Eval Ever log, or a table"
                    " as .csv, .parquet or .jsonl"
                )
            else:
                yield one.path


def read_one(found: Found, options: Options) -> Batch | InputError:
    """The trials of one file, or why there are none."""
    module, name = _READERS[found.kind].split(":")
    reader = getattr(import_module(f"calibrant.records.readers.{module}"), name)
    try:
        batch: Batch = reader(found.file, options)
    except InputError as e:
        return e
    except OSError as e:
        return InputError(f"{found.file.path}: cannot be read ({e.strerror or e})")
    return batch


def _packed(found: Found, options: Options) -> Batch | InputError:
    """As `read_one`, with the trials as a table, which travels better between processes."""
    batch = read_one(found, options)
    if isinstance(batch, Batch) and batch.table is None:
        table = batch.frame()
        return replace(batch, table=table, columns={})
    return batch


def _each(
    chosen: list[Found], options: Options, workers: int
) -> Iterator[tuple[Found, Batch | InputError]]:
    if workers <= 1 or len(chosen) < 2:
        for one in chosen:
            yield one, read_one(one, options)
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from functools import partial
    from multiprocessing import get_context

    # Forking a process that runs Polars' threads may hang it.
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            size = max(1, min(32, len(chosen) // (4 * workers)))
            results = pool.map(partial(_packed, options=options), chosen, chunksize=size)
            yield from zip(chosen, results, strict=True)
    except BrokenProcessPool as e:
        raise RunError(
            "a process that was reading ended early: out of memory, or started from a script"
            " without `if __name__ == '__main__'`; workers=1 needs no other process"
        ) from e


def _source(found: Found, batch: Batch) -> Source:
    path = found.file.folder if found.kind == "helm" else found.file.path
    return Source(
        path, found.kind.removesuffix("-json"), batch.size, batch.expected, batch.samples,
        len(batch.aggregates), tuple(batch.notes),
    )  # fmt: skip


def _reading(
    done: list[tuple[Source, Batch]], left_out: list[str], unknown: list[str], options: Options
) -> Reading:
    key = options.cluster_key
    inspected = [b for s, b in done if s.kind == "inspect" and b.size]
    if key is not None and inspected and not any(b.clustered for b in inspected):
        raise InputError(f"--cluster-key {key}: no sample has this key in its metadata")
    trials, repeated, conflicts = distinct([b.frame() for _, b in done])
    aggregates = aggregates_frame([row for _, b in done for row in b.aggregates])
    sources = tuple(s for s, _ in done)
    return Reading(
        validate(trials), aggregates, sources, tuple(left_out), tuple(unknown), repeated, conflicts
    )


def _nothing(where: str, left_out: list[str], unknown: list[str]) -> str:
    if left_out:
        more = f" (and {len(left_out) - 1} more)" if len(left_out) > 1 else ""
        return left_out[0] + more
    if unknown:
        return f"{where}: {len(unknown)} files and no log or table of trials among them"
    return f"{where}: no logs and no tables of trials here"
