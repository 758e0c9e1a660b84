"""How fast is a corpus scanned, by format? Readers alone, and readers with the scan.

Real text (a folder of text files, by default Python's own sources and documentation on this
machine) is written as documents of some kilobytes in every format. Each is then read, and scanned
for made-up items, in one process, and CPU seconds are counted: what the planner takes as rates.

    OMP_NUM_THREADS=1 python benchmarks/corpora.py [MB] [FOLDER]
"""

from __future__ import annotations

import bz2
import gzip
import json
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from calibrant.contamination.corpora.problems import Problems
from calibrant.contamination.corpora.read import Reading, batches
from calibrant.contamination.corpora.scanning import scan_shard
from calibrant.contamination.corpora.shards import find_corpus
from calibrant.contamination.items import Item
from calibrant.contamination.matching import Rule, build_index

ITEMS, WORDS, DOCUMENT = 1_300, 60, 4_000


def documents(folder: Path, size: int) -> list[str]:
    """Documents of `DOCUMENT` characters, some `size` bytes of them."""
    found: list[str] = []
    held = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".py", ".txt", ".md", ".rst") or not path.is_file():
            continue
        text = path.read_text("utf-8", "replace")
        parts = [text[i : i + DOCUMENT] for i in range(0, len(text), DOCUMENT)]
        found += parts
        held += sum(len(p.encode("utf-8", "replace")) for p in parts)
        if held > size:
            return found
    return found


def items(texts: list[str]) -> list[Item]:
    """Items of words of the text, in an order that does not occur in it."""
    rng = np.random.default_rng(1)
    words = " ".join(texts[:500]).split()
    return [Item(str(i), " ".join(rng.choice(words, WORDS))) for i in range(ITEMS)]


def write_warc(path: Path, texts: list[str], *, page: bool) -> None:
    """One record a document: pages as a crawl has them, or the text taken out of them."""
    with path.open("wb") as file:
        for text in texts:
            if page:
                lines = "".join(
                    f'<p class="line">{escape(line)}</p>\n' for line in text.split("\n")
                )
                body = f"<html><head><title>x</title></head><body>{lines}</body></html>".encode()
                body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
                kind, content = "response", "application/http; msgtype=response"
            else:
                body, kind, content = text.encode("utf-8", "replace"), "conversion", "text/plain"
            head = (
                f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.org/\r\n"
                "WARC-Record-ID: <urn:uuid:0>\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
                f"Content-Type: {content}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            file.write(gzip.compress(head.encode() + body + b"\r\n\r\n", 6))


def write_all(folder: Path, texts: list[str]) -> Iterator[Path]:
    """Files in every format."""
    rows = "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts)).encode()
    plain = "\n".join(texts).encode("utf-8", "replace")
    packed: dict[str, Callable[[], bytes]] = {
        "text.txt": lambda: plain,
        "text.txt.gz": lambda: gzip.compress(plain, 6),
        "rows.jsonl": lambda: rows,
        "rows.jsonl.gz": lambda: gzip.compress(rows, 6),
        "rows.jsonl.zst": lambda: zstandard.compress(rows, 3),
        "rows.jsonl.bz2": lambda: bz2.compress(rows),
    }
    for name, content in packed.items():
        (folder / name).write_bytes(content())
        yield folder / name
    table = pa.table({"id": range(len(texts)), "text": texts})
    for codec in ("snappy", "zstd"):
        pq.write_table(table, folder / f"{codec}.parquet", compression=codec, row_group_size=5_000)
        yield folder / f"{codec}.parquet"
    for name, page in (("pages.warc.gz", True), ("text.wet.gz", False)):
        # A page is as long as one of a crawl: some tens of kilobytes.
        longer = ["\n".join(texts[i : i + 8]) for i in range(0, len(texts), 8)]
        write_warc(folder / name, longer if page else texts, page=page)
        yield folder / name


def main(size: int = 60, folder: str = "") -> None:
    """Print a line a format."""
    texts = documents(Path(folder or sysconfig.get_paths()["stdlib"]), size * 1_000_000)
    index = build_index(items(texts), Rule())
    reading = Reading()
    print(f"{len(texts):,} documents; {index!r}")
    print(
        f"{'file':16} {'stored':>8} {'text':>8} {'reading':>12} {'with scan':>12} {'of files':>12}"
    )
    with tempfile.TemporaryDirectory() as place:
        for path in write_all(Path(place), texts):
            corpus = find_corpus(path, shard=1 << 40)
            began = time.process_time()
            text = sum(
                len(batch.data)
                for shard in corpus.shards for piece in shard.pieces
                for batch in batches(piece, reading, Problems())
            )  # fmt: skip
            read = time.process_time() - began
            if path.name == "text.txt":
                scan_shard(index, corpus.shards[0], reading)  # compiles
            began = time.process_time()
            found = [scan_shard(index, shard, reading) for shard in corpus.shards]
            both = time.process_time() - began
            assert not any(f.problems for f in found), found[0].problems
            print(
                f"{path.name:16} {corpus.size / 1e6:6.0f} MB {text / 1e6:5.0f} MB "
                f"{text / 1e6 / read:7.0f} MB/s {text / 1e6 / both:7.0f} MB/s "
                f"{corpus.size / 1e6 / both:7.0f} MB/s"
            )
            path.unlink()


if __name__ == "__main__":
    main(*(int(v) if v.isdigit() else v for v in sys.argv[1:]))  # type: ignore[arg-type]
