"""How fast is a corpus scanned for 10,000 items, in how much memory, and what does it find?

Text is collected from folders of this machine. Every twentieth file is held out: items are drawn
from it, stretches of 20 to 60 words, beside those of --items. 500 items are planted, word for
word, at known places of the rest. Each scanner runs in a fresh process of one thread, gets the
same documents, and looks for the same n-grams of 13 words. Seconds are of CPU, without those for
making the index; peak memory includes the imports, the index and a batch of 8 MB. Slow scanners
get a part of the text.

Held-out stretches that share eight words in a row with the rest are dropped (licences do). What is
found of an item in a document without a plant is a false alarm; in one with another plant, the two
items may well resemble each other, and these are counted apart.

    python benchmarks/scan.py [--folder FOLDER …] [--megabytes 300] [--items test.jsonl …]
        [--ascii] [--corpus-assay PROGRAM]

The peers: "set" is a set of n-grams as tuples and words by a regular expression, what most
decontamination scripts do; "ngram strings" hashes joined strings, as datatrove's filter does.
corpus-assay (which leaves out stop words, so that its 13-grams are longer) is run if its program is
named; the seconds of the same run on one short document are taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.items import Item, read_items
from calibrant.contamination.matching import Rule, build_index, scan_batches

N, PLANTS, BATCH, LONGEST = 13, 500, 8 << 20, 1 << 20
KINDS = {".txt", ".md", ".rst", ".py", ".h", ".html", ".tex", ".csv", ".json", ".c", ".po", ""}


def files(folders: list[Path]) -> Iterator[bytes]:
    """Text files, in an order that does not depend on the machine's."""
    for folder in folders:
        for root, inside, names in os.walk(folder):
            inside.sort()
            for name in sorted(names):
                path = Path(root) / name
                if path.suffix in KINDS and path.is_file() and not path.is_symlink():
                    try:
                        data = path.read_bytes()
                    except OSError:
                        continue
                    if len(data) > 500 and b"\0" not in data[:2000]:
                        yield data


def made(options: argparse.Namespace, folder: Path) -> dict:
    """Writes documents and items; returns what was planted: document and byte by item."""
    rng = random.Random(0)
    own = [Item(f"file-{k}-{i.id}", i.question, i.answer)
           for k, path in enumerate(options.items) for i in read_items(path)]  # fmt: skip
    held: list[Item] = []
    documents: list[bytes] = []
    size = seen = 0
    want = options.megabytes * 1_000_000
    for number, data in enumerate(files(options.folder)):
        if options.ascii:
            data = data.decode("utf-8", "ignore").encode("ascii", "ignore")
        if number % 20 == 7:
            words = data[:200_000].decode("utf-8", "ignore").split()
            for _ in range(min(len(words) // 500, 40)):
                at = rng.randrange(max(len(words) - 60, 1))
                text = " ".join(words[at : at + rng.randrange(20, 61)])
                held.append(Item(f"held-{len(held)}", text))
            continue
        for at in range(0, len(data), LONGEST):
            if at and not options.ascii:
                break
            documents.append(data[at : at + LONGEST])
            size += len(documents[-1])
        seen = number
        if size >= want:
            break
    (folder / "data").write_bytes(b"".join(documents))
    np.save(folder / "starts.npy", np.cumsum([0, *map(len, documents)]))
    # What stands elsewhere, too (licences do), is not held out.
    index = build_index(held, Rule((8,), anchor=None, places=0))
    there = scan_batches(index, batches(folder, None)).matched
    held = [item for k, item in enumerate(held) if (8, k) not in there]
    rng.shuffle(held)
    rng.shuffle(own)
    items = [*own[: options.number], *held][: options.number]
    plants = {}
    for item in rng.sample(items[: len(own) or None], min(PLANTS, len(items))):
        where = rng.randrange(len(documents))
        text = f"{item.question}\n{item.answer}".encode()
        cut = documents[where].rfind(b"\n", 0, rng.randrange(len(documents[where]))) + 1
        documents[where] = (
            documents[where][:cut] + b"\n\n" + text + b"\n\n" + documents[where][cut:]
        )
        plants[item.id] = where
    (folder / "data").write_bytes(b"".join(documents))
    np.save(folder / "starts.npy", np.cumsum([0, *map(len, documents)]))
    (folder / "items.json").write_text(
        json.dumps([[i.id, i.question, i.answer] for i in items]), encoding="utf-8"
    )
    print(
        f"{sum(map(len, documents)) / 1e6:.0f} MB in {len(documents):,} documents of {seen:,} "
        f"files; {len(items):,} items, {len(plants)} of them planted"
    )
    return plants


def batches(folder: Path, most: int | None) -> Iterator[Batch]:
    """The documents, a batch of whole ones at a time."""
    starts = np.load(folder / "starts.npy")
    at, end = 0, len(starts) - 1
    with (folder / "data").open("rb") as file:
        while at < end and (most is None or starts[at] < most):
            to = max(int(np.searchsorted(starts, starts[at] + BATCH, side="right")) - 1, at + 1)
            data = file.read(int(starts[to] - starts[at]))
            yield Batch(data, starts[at : to + 1] - starts[at], "made", np.arange(at, to))
            at = to


def plain(items: list[Item], some: Iterator[Batch], joined: bool) -> tuple[set[int], int, float]:
    """Documents that share an n-gram with an item: what a short script does."""
    import re

    pattern = re.compile(r"\w+")
    key = (lambda words: hash(" ".join(words))) if joined else tuple
    known = set()
    for item in items:
        words = pattern.findall(f"{item.question}\n{item.answer}".lower())
        known |= {key(words[k : k + N]) for k in range(len(words) - N + 1)}
    start = time.process_time()
    found, size = set(), 0
    for batch in some:
        for place in range(len(batch)):
            text = batch.document(place).decode("utf-8", "ignore")
            size += len(batch.document(place))
            words = pattern.findall(text.lower())
            if any(key(words[k : k + N]) in known for k in range(len(words) - N + 1)):
                found.add(int(batch.numbers[place]))
    return found, size, time.process_time() - start


def child(kind: str, folder: Path, most: int | None, near: bool) -> None:
    """One scanner, in a process of its own; prints what it found as JSON."""
    items = [Item(*row) for row in json.loads((folder / "items.json").read_text("utf-8"))]
    said: dict = {}
    if kind in ("set", "strings"):
        found, size, seconds = plain(items, batches(folder, most), kind == "strings")
        said = {"bytes": size, "documents": sorted(found)}
    else:
        start = time.process_time()
        index = build_index(items, Rule((N,), anchor=8 if near else None, places=1000))
        said["index"] = time.process_time() - start
        warm = Batch(b"a b c", np.array([0, 5]), "warm", np.array([0]))
        scan_batches(index, [warm], engine=kind)  # loads compiled code, or compiles it
        start = time.process_time()
        found = scan_batches(index, batches(folder, most), engine=kind)
        seconds = time.process_time() - start
        said |= {
            "bytes": found.bytes,
            "places": [[index.ids[i], p.document, p.kind, p.excerpt]
                       for i, places in found.where.items() for p in places],
        }  # fmt: skip
    said |= {"seconds": seconds, "memory": memory()}
    print(json.dumps(said))


def memory() -> float:
    """The most MB that this process held; what the system counts for children begins with the
    parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    line = next(x for x in status.read_text().split("\n") if x.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def ran(kind: str, folder: Path, most: int | None, near: bool = True) -> dict:
    """What a fresh process reports."""
    one = {f"{n}_NUM_THREADS": "1" for n in ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMBA")}
    run = subprocess.run(
        [sys.executable, __file__, "--child", kind, "--at", str(folder)]
        + (["--most", str(most)] if most else []) + ([] if near else ["--no-near"]),
        capture_output=True, text=True, env=os.environ | one,
    )  # fmt: skip
    if run.returncode:
        raise SystemExit(run.stderr[-2000:])
    return json.loads(run.stdout.strip().split("\n")[-1])


def corpus_assay(program: str, folder: Path, most: int, plants: dict) -> dict:
    """What corpus-assay reports, without what it takes to start."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = json.loads((folder / "items.json").read_text("utf-8"))
    items = folder / "items.jsonl"
    items.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for _, q, a in rows))
    (folder / "assay.yaml").write_text(
        f"benchmarks:\n  - name: Made\n    dataset: json\n    data_files: {{test: {items}}}\n"
        f"    splits: [test]\n    fields: [question, answer]\nngram: {N}\nmin_hits: 1\n"
        "min_coverage: 0.0\n"
    )
    texts = [b.document(k).decode("utf-8", "ignore")
             for b in batches(folder, most) for k in range(len(b))]  # fmt: skip
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    config = ["--config", str(folder / "assay.yaml")]
    index = str(folder / "assay.native")
    subprocess.run([program, "build-index", "--out-index", index, *config, "--allow-unpinned"],
                   check=True, capture_output=True, env=env)  # fmt: skip
    seconds, flagged = [], 0
    for name, some in (("start", ["Nothing to be found."]), ("texts", texts)):
        (folder / name).mkdir()
        pq.write_table(pa.table({"text": some, "id": [str(k) for k in range(len(some))]}),
                       folder / name / "a.parquet", compression="none")  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [program, "scan", "--input", str(folder / name), "--index", index, "--out-dir",
             str(folder / f"{name}-out"), "--workers", "1", *config],
            check=True, capture_output=True, env=env,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        summary = json.loads((folder / f"{name}-out" / "_FINAL_SUMMARY.json").read_text())
        flagged = int(summary["total_contaminated"])
    return {
        "bytes": sum(len(t.encode()) for t in texts), "seconds": seconds[1] - seconds[0],
        "flagged": flagged, "planted": len({d for d in plants.values() if d < len(texts)}),
    }  # fmt: skip


def rate(said: dict) -> float:
    """MB a CPU second."""
    return said["bytes"] / 1e6 / said["seconds"]


def told(name: str, said: dict, plants: dict) -> None:
    """Prints speed, recall and false alarms."""
    exposed = [(i, d, k, e) for i, d, k, e in said["places"] if k != "fragment"]
    there = {(i, d) for i, d, k, _ in exposed if k == "verbatim"}
    hit = sum((i, d) in there for i, d in plants.items())
    holds = set(plants.values())
    false = [row for row in exposed if row[1] not in holds]
    alike = sum(plants.get(row[0]) != row[1] for row in exposed) - len(false)
    print(
        f"{name}: {rate(said):.0f} MB a CPU second ({said['seconds']:.2f} s; index "
        f"{said['index']:.1f} s), {said['memory']:.0f} MB at most; verbatim plants found "
        f"{hit} of {len(plants)}; false alarms {len(false)}; items that resemble a plant {alike}",
        flush=True,
    )
    for i, d, k, e in false[:10]:
        print(f"    {i} in document {d}, {k}: {e[:100]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, action="append", help="where texts are")
    parser.add_argument("--megabytes", type=int, default=30)
    parser.add_argument("--items", action="append", default=[], help="a file of items")
    parser.add_argument("--number", type=int, default=10_000, help="of items")
    parser.add_argument("--ascii", action="store_true", help="leave out all that is not ASCII")
    parser.add_argument("--corpus-assay", help="the program of that package")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--at", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--most", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--no-near", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.at, options.most, not options.no_near)
        return
    options.folder = options.folder or [Path(os.__file__).parent, Path("/usr/share")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plants = made(options, folder)
        ours = ran("compiled", folder, None)
        told("compiled, with near-verbatim", ours, plants)
        only = ran("compiled", folder, None, near=False)
        told("compiled, n-grams only", only, plants)
        for kind, most in (("vectors", 10 << 20), ("set", 10 << 20), ("strings", 10 << 20)):
            said = ran(kind, folder, most, near=False)
            print(f"{kind}: {rate(said):.2f} MB a CPU second, ratio {rate(only) / rate(said):.1f} "
                  f"(with near-verbatim {rate(ours) / rate(said):.1f}); {said['memory']:.0f} MB",
                  flush=True)  # fmt: skip
        if options.corpus_assay:
            said = corpus_assay(options.corpus_assay, folder, 25 << 20, plants)
            print(f"corpus-assay: {rate(said):.2f} MB a CPU second, ratio "
                  f"{rate(only) / rate(said):.1f} (with near-verbatim "
                  f"{rate(ours) / rate(said):.1f}); {said['flagged']} documents flagged, "
                  f"{said['planted']} planted")  # fmt: skip
        else:
            print("corpus-assay: not compared (--corpus-assay PROGRAM)")


if __name__ == "__main__":
    main()
