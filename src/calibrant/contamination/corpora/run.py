"""Which items of a test stand in a corpus? The verb: shards, workers, journal, result."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from calibrant.contamination.corpora.journal import Journal, key_of
from calibrant.contamination.corpora.pool import Done, Pool, Worker
from calibrant.contamination.corpora.problems import Problems
from calibrant.contamination.corpora.read import At, Documents, Reading
from calibrant.contamination.corpora.result import CorpusScan, itself
from calibrant.contamination.corpora.scanning import ShardFound, scan_shard
from calibrant.contamination.corpora.shards import SHARD, Corpus, Shard, find_corpus
from calibrant.contamination.items import read_items
from calibrant.contamination.matching import Found, Index, Place, Rule, build_index, scan_of
from calibrant.errors import InputError

Engine = Literal["process", "ray", "none"]
_HERE = ("memory", "local", "localfs")
"""fsspec's protocols whose files other processes do not see, or need not."""


@dataclass(frozen=True)
class Workers:
    """Who scans.

    Attributes:
        engine: processes on this machine, Ray's actors, or none but this process.
        count: how many; None for one a core, and no more than there are shards.
        address: of a Ray cluster; None starts one here.
        retries: how often a shard is scanned again after its worker died.
        started: is called with a shard and the process that begins it.
    """

    engine: Engine = "process"
    count: int | None = None
    address: str | None = None
    retries: int = 2
    started: Callable[[Shard, int], None] = lambda _shard, _pid: None


def scan(
    items: Any,
    corpus: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    n: int | Sequence[int] = 13,
    rule: Rule | None = None,
    workers: int | Workers | None = None,
    engine: Engine = "process",
    ray_address: str | None = None,
    text_column: str | None = None,
    documents: Documents = "file",
    force_binary: bool = False,
    state: str | os.PathLike[str] | None = None,
    shard_bytes: int = SHARD,
    progress: Callable[[At], None] | None = None,
    **columns: str | None,
) -> CorpusScan:
    """Find which items stand in a corpus, word for word or nearly.

    The result is the same for any number of workers, any order in which they end, and for a scan
    that was killed and resumed.

    Args:
        items: as `read_items`: a table, an Inspect task, items.
        corpus: files, folders, globs, URLs of fsspec: text, JSON lines, Parquet, WARC, CSV,
            compressed or not.
        n: words of an n-gram; or several widths, of which the first judges.
        rule: what counts as what, instead of `n`.
        workers: how many processes; None for one a core; or who, in full.
        engine: "process", "ray" for many machines, "none" for this process alone.
        ray_address: of a Ray cluster.
        text_column: the column of text in tables; several with commas, paths with dots, "*" for
            all. None finds one in each file.
        documents: what is one document of plain text.
        force_binary: scan files that look binary, too.
        state: a folder for the journal of finished shards; a scan of the same items, rule and
            files goes on from there.
        shard_bytes: bytes of a shard.
        progress: is called now and then.
        **columns: of `items`, as `read_items`.

    Raises:
        InputError: if there are no such items, no corpus, no such option; or if not one document
            could be read.
        RunError: if no worker can be started, or the state folder cannot be used.
    """
    who = workers if isinstance(workers, Workers) else Workers(engine, workers, ray_address)
    if who.count is not None and who.count < 1:
        raise InputError(f"wanted at least 1 worker, got {who.count}")
    widths = (n,) if isinstance(n, int) else tuple(n)
    index = build_index(read_items(items, **columns), rule or Rule(n=widths))
    reading = Reading(text_column, documents, force_binary)
    found = find_corpus(corpus, reading, shard=shard_bytes)
    run = _Run(index, reading, found, who, progress or (lambda _: None))
    with ExitStack() as stack:
        journal = None
        if state is not None:
            key = key_of(index.fingerprint, reading.to_dict())
            journal = stack.enter_context(Journal(Path(state), key, run.problems))
        run.go(journal)
    return run.result(_path_of(items))


def _path_of(items: Any) -> str | None:
    return os.path.realpath(items) if isinstance(items, str | os.PathLike) else None


class _Run:
    """One scan, from its shards to its result."""

    def __init__(
        self, index: Index, reading: Reading, corpus: Corpus, who: Workers,
        progress: Callable[[At], None],
    ) -> None:  # fmt: skip
        self.index, self.reading, self.corpus = index, reading, corpus
        self.problems = Problems(corpus.problems)
        self._total = ShardFound(Found.empty(index))
        self._progress = progress
        self._began = time.monotonic()
        self._resumed = self._resumed_bytes = self._lost = 0
        self._read: dict[int, int] = {}
        self._done = 0
        self._who = self._chosen(who)

    def _chosen(self, who: Workers) -> Workers:
        """Who scans in truth: nobody else where there is nothing to share."""
        if who.engine == "none":
            return replace(who, count=1)
        remote = [f for f in self.corpus.names if f.split("://")[0] in _HERE]
        if remote:
            return replace(who, engine="none", count=1)
        if who.engine == "process":
            count = min(who.count or _cores(), len(self.corpus.shards))
            return replace(who, count=count, engine="process" if count > 1 else "none")
        return who

    def go(self, journal: Journal | None) -> None:
        """Scan every shard that is not finished."""
        todo = {shard.identity: shard for shard in self.corpus.shards}
        for identity, found in journal.finished() if journal else ():
            shard = todo.pop(identity, None)
            if shard is not None:
                self._total = self._total.merge(found)
                self._resumed += 1
                self._resumed_bytes += shard.size
                self._done += shard.size
        self._say()
        for done in self._engine(list(todo.values())):
            self._read.pop(done.shard.number, None)
            self._done += done.shard.size
            if done.result is None:
                self._given_up(done)
            else:
                if journal is not None:
                    journal.write(done.shard.identity, done.result)
                self._total = self._total.merge(done.result)
            self._say()

    def _given_up(self, done: Done) -> None:
        self._lost += 1
        times = self._who.retries + 1
        for piece in done.shard.pieces:
            place = f"from byte {piece.start:,}" if piece.start else ""
            what = f"not scanned: {done.lost}, {times} times"
            self.problems.say(piece.file, place, what)

    def _engine(self, shards: list[Shard]) -> Iterator[Done]:
        if not shards:
            return
        if self._who.engine == "none":
            for shard in shards:
                yield Done(
                    shard,
                    scan_shard(self.index, shard, self.reading, lambda b, s=shard: self._at(s, b)),  # type: ignore[misc]
                )
            return
        if self._who.engine == "process":
            from calibrant.contamination.corpora.processes import ProcessWorker

            setup = pickle.dumps((self.index, self.reading))
            yield from self._pool(lambda: ProcessWorker(setup), self._who.count or 1, shards)
            return
        from calibrant.contamination.corpora.cluster import ray_workers

        with ray_workers((self.index, self.reading), self._who.address, self._who.count) as (
            make,
            count,
        ):
            self._who = replace(self._who, count=min(count, len(shards)))
            yield from self._pool(make, count, shards)

    def _pool(self, make: Callable[[], Worker], count: int, shards: list[Shard]) -> Iterator[Done]:
        pool = Pool(
            make, count, retries=self._who.retries, tick=self._at, started=self._who.started
        )
        yield from pool.run(shards)

    def _at(self, shard: Shard, read: int) -> None:
        self._read[shard.number] = read
        self._say()

    def _say(self) -> None:
        done = self._done + sum(list(self._read.values()))
        self._progress(
            At(
                done, self.corpus.size, time.monotonic() - self._began, self._resumed_bytes
            )
        )  # fmt: skip

    def result(self, own: str | None) -> CorpusScan:
        """What was found.

        Args:
            own: the real path of the file that the items come from, if they come from one.

        Raises:
            InputError: if files had something wrong and there was not one document.
        """
        total, index = self._total, self.index
        self.problems.extend(total.problems)
        if not (total.found.documents or self._lost) and len(self.problems):
            # "No item was found" would be read as "clean".
            first = next(iter(self.problems))
            more = f" (and {len(self.problems) - 1:,} more)" if len(self.problems) > 1 else ""
            raise InputError(f"nothing could be scanned: {first.file}: {first.what}{more}")
        same = itself(index, total)
        notes = [
            f"{file}: {count:,} of {len(index):,} items stand in this one file word for word: "
            "it holds the benchmark itself"
            for file, count in same.items()
        ]
        for file in self.corpus.names:
            if own is not None and "://" not in file and os.path.realpath(file) == own:
                same.setdefault(file, 0)
                notes.append(f"{file}: the corpus holds the very file that the items come from")
        scan = scan_of(index, total.found, seconds=total.seconds)
        lines = _Lines(self.corpus, total.lines)
        items = tuple(replace(i, where=tuple(map(lines.place, i.where))) for i in scan.items)
        return CorpusScan(
            found=replace(scan, items=items), n=index.rule.n[0], files=self.corpus.files,
            shards=len(self.corpus.shards), stored=self.corpus.size,
            elapsed=time.monotonic() - self._began, engine=self._who.engine,
            workers=self._who.count or 1, resumed=self._resumed, lost=self._lost,
            problems=tuple(self.problems), itself=same, notes=(*scan.notes, *notes),
        )  # fmt: skip


class _Lines:
    """Numbers of lines in files that were scanned in parts, by the lines of the parts before."""

    def __init__(self, corpus: Corpus, lines: Mapping[tuple[str, int], int]) -> None:
        self._before: dict[str, list[tuple[int, int | None]]] = {}
        for piece in (p for shard in corpus.shards for p in shard.pieces):
            parts = self._before.setdefault(piece.file, [])
            if parts:
                start, before = parts[-1]
                count = lines.get((piece.file, start))
                known = None if before is None or count is None else before + count
                parts.append((piece.start, known))
            else:
                parts.append((piece.start, 0))

    def place(self, place: Place) -> Place:
        """A place numbered by the lines of the whole file.

        After a part that was given up, whose lines nobody counted, the number stays what it was:
        the first byte of its part and the lines from there on.
        """
        parts = self._before.get(place.file, [])
        if len(parts) < 2:
            return place
        start, before = max(part for part in parts if part[0] <= place.document)
        if before is None:
            return place
        return replace(place, document=before + place.document - start)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
