"""The scan: the same for any workers, any kill, any resume; nothing lost, nothing silent."""

from __future__ import annotations

import errno
import gzip
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.contamination.corpora import journal as journal_module
from calibrant.contamination.corpora import processes
from calibrant.contamination.corpora.pool import Pool, WorkerLost
from calibrant.contamination.corpora.run import Workers
from calibrant.contamination.corpora.run import scan as scan_corpus
from calibrant.contamination.corpora.scanning import scan_shard
from calibrant.contamination.corpora.shards import Shard
from calibrant.contamination.items import Item
from calibrant.contamination.matching import Scan
from calibrant.errors import InputError, RunError, RunFolderError

WORDS = [f"{a}{b}" for a in ("ba", "ce", "di", "fo", "gu") for b in ("rin", "sol", "tam", "vek")]


def sentence(seed: int, length: int = 30) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(rng.choice(WORDS, length))


ITEMS = [Item(str(i), sentence(i), f"answer {sentence(1000 + i, 15)}") for i in range(12)]


def write_corpus(folder: Path, documents: int = 400) -> Path:
    """Documents of which every 50th holds an item, in .jsonl, as one big file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "a.jsonl").open("w") as file:
        for d in range(documents):
            text = sentence(5000 + d, 60)
            if d % 50 == 7:
                text += " " + ITEMS[d // 50 % len(ITEMS)].question + " " + sentence(9000 + d, 9)
            file.write(json.dumps({"text": text}) + "\n")
    return folder / "a.jsonl"


def plain(scan: Any) -> Scan:
    """What was found, without how long it took."""
    return replace(scan.found, seconds=0.0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def whole(corpus: Path) -> Any:
    return scan_corpus(ITEMS, corpus, engine="none")


def test_plants_are_found_where_they_are(whole: Any) -> None:
    assert whole.documents == 400
    assert {i.item for i in whole.items if i.exposures} == {str(k) for k in range(8)}
    place = whole.items[2].where[0]
    assert (place.document, place.kind) == (107, "verbatim")
    assert whole.items[2].question.containment == 1.0
    assert not whole.problems


def test_parts_of_a_file_number_documents_as_the_whole_does(corpus: Path, whole: Any) -> None:
    parts = scan_corpus(ITEMS, corpus, engine="none", shard_bytes=10_000)
    assert parts.shards > 10
    assert plain(parts) == plain(whole)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three small files; the second takes a while, as it holds one line many times."""
    folder = tmp_path_factory.mktemp("files")
    found = [folder / f"{k}.jsonl.gz" for k in range(3)]
    for k, file in enumerate(found):
        line = json.dumps({"text": ITEMS[k].question})
        filler = (json.dumps({"text": sentence(77, 200)}) + "\n") * (8_000 if k == 1 else 10)
        file.write_bytes(gzip.compress(f"{line}\n{filler}{line}\n".encode(), 1))
    return found


@pytest.fixture(scope="module")
def three(files: list[Path]) -> Any:
    return scan_corpus(ITEMS, files, engine="none", shard_bytes=1)


def killer(name: str, killed: list[int]) -> Any:
    """Kills, once, the worker that has opened a file of this name: in the middle of its scan."""

    def watch(pid: int) -> None:
        folder = Path(f"/proc/{pid}/fd")
        for _ in range(20_000):
            try:
                opened = [str(fd.readlink()) for fd in folder.iterdir()]
            except OSError:
                opened = []
            if any(o.endswith(name) for o in opened):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return
            time.sleep(0.001)

    def started(shard: Shard, pid: int) -> None:
        if shard.pieces[0].file.endswith(name) and not killed:
            threading.Thread(target=watch, args=(pid,), daemon=True).start()

    return started


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="needs /proc to see what a worker reads"
)


@needs_proc
def test_a_worker_killed_in_the_middle_changes_nothing(files: list[Path], three: Any) -> None:
    killed: list[int] = []
    who = Workers("process", 2, started=killer("1.jsonl.gz", killed))
    scan = scan_corpus(ITEMS, files, workers=who, shard_bytes=1)
    assert killed
    assert (scan.engine, scan.workers, scan.shards, scan.lost) == ("process", 2, 3, 0)
    assert plain(scan) == plain(three)
    assert not scan.problems
    assert [i.exposures for i in scan.items[:4]] == [2, 2, 2, 0]


@pytest.mark.slow
@needs_proc
@pytest.mark.timeout(300)  # Ray's start takes 20 s where other tests keep all cores busy
def test_ray_with_a_worker_killed_in_the_middle(files: list[Path], three: Any) -> None:
    pytest.importorskip("ray", reason="Ray (extra cluster) is not installed")
    killed: list[int] = []
    who = Workers("ray", 2, started=killer("1.jsonl.gz", killed))
    scan = scan_corpus(ITEMS, files, workers=who, shard_bytes=1)
    assert killed
    assert (scan.engine, scan.workers, scan.lost) == ("ray", 2, 0)
    assert plain(scan) == plain(three)
    assert not scan.problems


class MortalWorker:
    """Scans in this process, and always dies of the second shard."""

    pid = 1

    def __init__(self, setup: bytes) -> None:
        self.setup = pickle.loads(setup)

    def scan(self, shard: Shard, tick: Any) -> Any:
        if shard.number == 1:
            raise WorkerLost("its worker was killed by signal 9")
        index, reading = self.setup
        return scan_shard(index, shard, reading, tick)

    def close(self) -> None:
        pass


def test_a_shard_that_kills_its_workers_is_given_up_and_said(
    files: list[Path], three: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "ProcessWorker", MortalWorker)
    scan = scan_corpus(ITEMS, files, workers=2, shard_bytes=1, state=tmp_path)
    assert scan.lost == 1
    (problem,) = scan.problems
    assert problem.file == str(files[1])
    assert problem.what == "not scanned: its worker was killed by signal 9, 3 times"
    assert [i.exposures for i in scan.items[:4]] == [2, 0, 2, 0]
    assert "1 of 3 shards were not scanned" in repr(scan)
    # What was given up is not finished: the next scan does it.
    again = scan_corpus(ITEMS, files, engine="none", shard_bytes=1, state=tmp_path)
    assert (again.resumed, again.lost) == (2, 0)
    assert plain(again) == plain(three)


def test_a_worker_that_cannot_start_or_is_interrupted_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []

    def interrupted(worker: processes.ProcessWorker) -> Any:
        started.append(worker)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.ProcessWorker, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        processes.ProcessWorker(b"")
    assert started[0]._process.returncode is not None
    assert started[0]._said.closed

    def full(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(processes.subprocess, "Popen", full)
    with pytest.raises(WorkerLost, match="cannot be started: Resource temporarily"):
        processes.ProcessWorker(b"")


SCRIPT = """
import sys, time
sys.path[:0] = {paths!r}
from test_corpora_scan_items import ITEMS
from calibrant.contamination.corpora.run import scan as scan_corpus

def wait(at):
    if at.done > at.total / 2:
        print("half", flush=True)
        time.sleep(100)

scan_corpus(ITEMS, sys.argv[1], engine="none", shard_bytes=10_000, state=sys.argv[2], progress=wait)
"""


def test_a_scan_killed_midway_resumes_to_the_same(tmp_path: Path, corpus: Path, whole: Any) -> None:
    (tmp_path / "test_corpora_scan_items.py").write_text(
        f"from calibrant.contamination.items import Item\nITEMS = {ITEMS!r}\n"
    )
    state = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(paths=[str(tmp_path), *sys.path]), corpus, state],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        with pytest.raises(RunFolderError, match="another scan is at work with it"):
            scan_corpus(ITEMS, corpus, engine="none", shard_bytes=10_000, state=state)
        process.kill()
    (file,) = state.iterdir()
    finished = file.read_bytes().count(b"\n")
    with file.open("ab") as torn:
        torn.write(b'{"shard": "half a li')
    scan = scan_corpus(ITEMS, corpus, engine="none", shard_bytes=10_000, state=state)
    assert scan.resumed == finished > 3
    assert scan.resumed < scan.shards
    assert plain(scan) == plain(whole)
    assert file.read_bytes().count(b"\n") == scan.shards
    again = scan_corpus(ITEMS, corpus, engine="none", shard_bytes=10_000, state=state)
    assert again.resumed == again.shards == scan.shards
    assert plain(again) == plain(whole)


def test_finished_shards_are_used_only_for_the_same_scan(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c", 60)
    state = tmp_path / "state"

    def resumed(**options: Any) -> int:
        found = scan_corpus(ITEMS, corpus, engine="none", state=state, shard_bytes=5_000, **options)
        return int(found.resumed)

    assert resumed() == 0
    assert resumed() > 2
    assert resumed(n=8) == 0
    assert resumed(text_column="text") == 0
    file = next(state.glob("*.jsonl"))
    lines = file.read_bytes().splitlines(keepends=True)
    os.utime(corpus, ns=(1, 1))
    assert resumed() == 0
    file.write_bytes(b"".join([lines[0], b"nonsense\n", *lines[2:]]))
    os.utime(corpus, ns=(1, 1))
    found = scan_corpus(ITEMS, corpus, engine="none", state=state, shard_bytes=5_000)
    assert [p.where for p in found.problems if "scanned again" in p.what] in ([], ["line 2"])


def test_a_full_disk_ends_the_journal_and_not_the_scan(
    tmp_path: Path, corpus: Path, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.write, []

    def full(handle: int, data: bytes) -> int:
        calls.append(handle)
        if len(calls) == 4:
            return real(handle, data[:50])
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(journal_module.os, "write", full)
    scan = scan_corpus(ITEMS, corpus, engine="none", shard_bytes=10_000, state=tmp_path)
    monkeypatch.undo()
    assert plain(scan) == plain(whole)
    (problem,) = scan.problems
    assert problem.what.startswith("cannot be written (No space left on device); the scan goes on")
    (file,) = tmp_path.iterdir()
    assert file.read_bytes().count(b"\n") == 3
    assert file.read_bytes().endswith(b"\n")
    again = scan_corpus(ITEMS, corpus, engine="none", shard_bytes=10_000, state=tmp_path)
    assert again.resumed == 3
    assert plain(again) == plain(whole)


def test_a_state_folder_that_cannot_be_used(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be used"):
        scan_corpus(ITEMS, corpus, engine="none", state=tmp_path / "file")


def test_a_corpus_that_is_the_benchmark_itself(tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    rows = [{"id": i.id, "question": i.question, "answer": i.answer} for i in ITEMS]
    test.write_text("".join(json.dumps(r) + "\n" for r in rows))
    copy = tmp_path / "sub" / "copy.jsonl"
    copy.parent.mkdir()
    copy.write_text("".join(json.dumps({"text": r["question"]}) + "\n" for r in rows))
    scan = scan_corpus(test, [test, copy], engine="none", text_column="question,answer,text")
    assert scan.itself == {str(test): 12, str(copy): 12}
    notes = " ".join(scan.notes)
    assert f"{test}: the corpus holds the very file that the items come from" in notes
    assert f"{copy}: 12 of 12 items stand in this one file word for word" in notes
    # In parts that are smaller than the benchmark, too.
    scan = scan_corpus(ITEMS, copy, engine="none", shard_bytes=600)
    assert scan.shards > 3
    assert scan.itself == {str(copy): 12}


def test_everything_wrong_at_once_is_said_per_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "image.txt").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n' * 9)[:-9])
    (tmp_path / "no_text.jsonl").write_text('{"a": 1, "b": 2}\n')
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    (tmp_path / "latin.txt").write_bytes("caf\xe9 ".encode("latin-1") + ITEMS[3].question.encode())
    scan = scan_corpus(ITEMS, tmp_path, engine="none")
    assert scan.files == 6
    assert {Path(p.file).name for p in scan.problems} == {
        "empty.jsonl", "image.txt", "broken.jsonl.gz", "no_text.jsonl", "bad.parquet", "latin.txt",
    }  # fmt: skip
    assert scan.items[3].exposures == 1
    assert json.loads(json.dumps(scan.to_dict()))["problems"]


def test_small_files_are_scanned_together_and_keep_their_names(tmp_path: Path) -> None:
    for k in range(30):
        (tmp_path / f"{k:02}.txt").write_text(sentence(k + 300, 20))
    (tmp_path / "17.txt").write_text(ITEMS[5].question)
    items = [*ITEMS, *(Item(f"x{i}", sentence(2000 + i, 200)) for i in range(40))]
    scan = scan_corpus(items, tmp_path, engine="none")
    assert scan.documents == 30
    assert [(p.file, p.document) for p in scan.items[5].where] == [(str(tmp_path / "17.txt"), 0)]


def test_items_that_cannot_be_scanned_are_named(corpus: Path) -> None:
    items = [*ITEMS, Item("short", "too short"), Item("none", ""), replace(ITEMS[2], id="twin")]
    scan = scan_corpus(items, corpus, engine="none")
    assert set(scan.found.not_scannable) == {"short", "none"}
    assert scan.found.duplicates == {"twin": "2"}


def test_memory_files_are_scanned_here(whole: Any, corpus: Path) -> None:
    import fsspec

    with fsspec.open("memory://scan/a.jsonl", "wb") as file:
        file.write(corpus.read_bytes())
    scan = scan_corpus(ITEMS, "memory://scan/a.jsonl", workers=2, shard_bytes=10_000)
    assert scan.engine == "none"
    assert [i.exposures for i in scan.items] == [i.exposures for i in whole.items]


def test_wrong_options(corpus: Path) -> None:
    with pytest.raises(InputError, match="at least 1 worker"):
        scan_corpus(ITEMS, corpus, workers=0)
    with pytest.raises(InputError, match="widths of n-grams"):
        scan_corpus(ITEMS, corpus, n=0)
    with pytest.raises(InputError, match="no such file"):
        scan_corpus(ITEMS, "nowhere.txt")


class FakeWorker:
    """Dies where it is told to, in this process."""

    pid = 1

    def __init__(self, dies: dict[int, int]) -> None:
        self.dies = dies

    def scan(self, shard: Shard, tick: Any) -> str:
        tick(1)
        if self.dies.get(shard.number, 0) > 0:
            self.dies[shard.number] -= 1
            raise WorkerLost("it died")
        return f"shard {shard.number}"

    def close(self) -> None:
        pass


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_pool_retries_and_gives_up(workers: int) -> None:
    shards = [Shard(i, ()) for i in range(20)]
    dies = {3: 2, 7: 99, 19: 1}
    pool = Pool(lambda: FakeWorker(dies), workers, retries=2)
    ended = {d.shard.number: d for d in pool.run(shards)}
    assert len(ended) == 20
    assert [n for n, d in ended.items() if d.lost] == [7]
    assert all(d.result == f"shard {n}" for n, d in ended.items() if n != 7)


def test_a_pool_without_workers_says_so() -> None:
    def make() -> FakeWorker:
        raise WorkerLost("no module named calibrant")

    with pytest.raises(RunError, match=r"workers cannot be started \(no module named calibrant\)"):
        list(Pool(make, 3).run([Shard(i, ()) for i in range(5)]))


def test_a_fault_in_a_scan_ends_the_pool() -> None:
    class Faulty(FakeWorker):
        def scan(self, shard: Shard, tick: Any) -> str:
            raise RunError("shard 0: a fault")

    with pytest.raises(RunError, match="a fault"):
        list(Pool(lambda: Faulty({}), 2).run([Shard(i, ()) for i in range(5)]))
