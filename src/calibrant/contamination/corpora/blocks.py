"""What bytes does a file hold, uncompressed? In blocks, as far as they can be had."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from calibrant._text import reason
from calibrant.contamination.corpora.problems import Problems
from calibrant.records.readers.files import File

BLOCK = 1 << 20
"""Bytes read at once."""
STEP = 1 << 14
"""Compressed bytes that are expanded at once."""

COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A part of one file that is read by one worker.

    Attributes:
        file: path or URL.
        kind: "text", "jsonl", "json", "csv", "tsv", "parquet" or "warc".
        start, stop: bytes, or row groups of Parquet; `stop` None for the end. Lines that begin in
            the range belong to it.
        size: bytes to be read, for progress.
        identity: what changes when the file does: its size and time or tag.
    """

    file: str
    kind: str
    start: int = 0
    stop: int | None = None
    size: int = 0
    identity: str = ""


def compression_of(head: bytes) -> str:
    """How a file that begins with `head` is compressed: "gzip", "zstd", …; empty if it is not."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def _decompressor(kind: str) -> Any:
    match kind:
        case "gzip":
            return zlib.decompressobj(wbits=31)
        case "bzip2":
            return bz2.BZ2Decompressor()
        case "xz":
            return lzma.LZMADecompressor()
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()


def _is_broken(e: Exception) -> bool:
    if isinstance(e, zlib.error | OSError | EOFError | ValueError | lzma.LZMAError):
        return True
    return type(e).__name__ == "ZstdError"


def _rescued(engine: Any, step: bytes) -> bytes:
    """What a step holds before its first broken byte, by an engine that has not seen it."""
    out: list[bytes] = []
    for i in range(0, len(step) if engine is not None else 0, 16):
        try:
            out.append(engine.decompress(step[i : i + 16]))
        except Exception as e:
            if not _is_broken(e):
                raise
            break
    return b"".join(out)


class Blocks:
    """The uncompressed content of a file, in blocks; what breaks is said, what came before kept.

    Attributes:
        taken: bytes of the file itself that were read.
        lines: of a piece with a range, lines that begin in it.
    """

    def __init__(self, piece: Piece, problems: Problems) -> None:
        self.piece = piece
        self.taken = 0
        self.lines = 0
        self._problems = problems

    def __iter__(self) -> Iterator[bytes]:
        with File(self.piece.file).open() as stream:
            try:
                yield from self._read(stream)
            except OSError as e:
                self._say(f"reading broke off ({reason(e)}); what came before was scanned")

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        if self.piece.start or self.piece.stop is not None:
            block = b""
            for block in self._range(stream, self.piece.start, self.piece.stop):
                self.lines += block.count(b"\n")
                yield block
            self.lines += block != b"" and not block.endswith(b"\n")
            return
        block = self._take(stream)
        if kind := compression_of(block):
            yield from self._decompressed(stream, kind, block)
            return
        while block:
            yield block
            block = self._take(stream)

    def _range(self, stream: BinaryIO, start: int, stop: int | None) -> Iterator[bytes]:
        """The lines that begin at `start` or later and before `stop`."""
        place = max(start - 1, 0)
        stream.seek(place)
        skipping = start > 0
        while block := self._take(stream):
            if skipping:
                end = block.find(b"\n") + 1
                place += end or len(block)
                if stop is not None and place >= stop:
                    return
                if not end:
                    continue
                block, skipping = block[end:], False
            if stop is not None and place + len(block) >= stop:
                end = block.find(b"\n", max(stop - 1 - place, 0))
                if end >= 0:
                    yield block[: end + 1]
                    return
            place += len(block)
            if block:
                yield block

    def _take(self, stream: BinaryIO) -> bytes:
        block = stream.read(BLOCK)
        self.taken += len(block)
        return block

    def _decompressed(self, stream: BinaryIO, kind: str, block: bytes) -> Iterator[bytes]:
        engine = _decompressor(kind)
        members = at = 0
        fresh = True  # nothing of this member was read yet
        out: list[bytes] = []
        held = 0
        while True:
            if at == len(block):
                block, at = self._take(stream), 0
                if not block:
                    break
            if fresh and members and compression_of(block[at : at + 6]) != kind:
                if not block[at:].strip(b"\0"):  # padding after the last member, as tapes have
                    at = len(block)
                    continue
                if len(block) - at >= 6:
                    self._say(f"bytes after the end of the {kind} data were not read")
                    fresh = True
                    break
            # Small steps: a step may expand thirty thousand times.
            step = block[at : at + STEP]
            before = engine.copy() if kind == "gzip" and not fresh else None
            try:
                part = engine.decompress(step)
            except Exception as e:
                if not _is_broken(e):
                    raise
                out.append(_rescued(_decompressor(kind) if fresh else before, step))
                self._say(f"the {kind} data are broken ({reason(e)}); what came before was scanned")
                fresh = True
                break
            at += len(step)
            fresh = False
            out.append(part)
            held += len(part)
            if engine.eof:
                at -= len(engine.unused_data)
                engine, members, fresh = _decompressor(kind), members + 1, True
            if held >= BLOCK:
                yield b"".join(out)
                out, held = [], 0
        if not fresh:
            self._say(f"the {kind} data end too early; what came before was scanned")
        if any(out):
            yield b"".join(out)

    def _say(self, what: str) -> None:
        self._problems.say(self.piece.file, f"byte {self.piece.start + self.taken:,}", what)


class Stream:
    """Blocks as a stream of bytes, for libraries that read one."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._block, self._at = b"", 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; fewer only at the end of a block, none at the end of all."""
        if size < 0:
            return self._block[self._at :] + b"".join(self._blocks)
        if self._at == len(self._block):
            self._block, self._at = next(self._blocks, b""), 0
        part = self._block[self._at : self._at + size]
        self._at += len(part)
        return part
