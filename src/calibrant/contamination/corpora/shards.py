"""Which files is a corpus, and in which parts is it scanned? A list of shards.

The list is a function of the corpus alone, not of how many workers there are; so are the results.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from calibrant._text import reason
from calibrant.contamination.corpora.blocks import Piece, compression_of
from calibrant.contamination.corpora.problems import Problem, Problems
from calibrant.contamination.corpora.read import Reading, kind_of
from calibrant.errors import InputError
from calibrant.records.readers.files import File, find

SHARD = 64 << 20
"""Bytes of a shard: larger files are cut where that can be done, small ones go together."""
MANY = 1000
"""Files of one shard, at most."""


@dataclass(frozen=True)
class Shard:
    """A part of a corpus that one worker scans.

    Attributes:
        number: its place in the list.
        pieces: parts of files.
    """

    number: int
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes to be read."""
        return sum(piece.size for piece in self.pieces)

    @property
    def identity(self) -> str:
        """A hash of what it is; it changes when a file does."""
        said = json.dumps([asdict(piece) for piece in self.pieces], sort_keys=True)
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True)
class Corpus:
    """What there is to scan.

    Attributes:
        shards: in order of files as they were named.
        files: how many.
        problems: what was named and is not there, or cannot be read.
    """

    shards: tuple[Shard, ...]
    files: int
    problems: tuple[Problem, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files, as they lie."""
        return sum(shard.size for shard in self.shards)

    @property
    def names(self) -> tuple[str, ...]:
        """Paths and URLs of the files, each once, in order."""
        return tuple(dict.fromkeys(p.file for s in self.shards for p in s.pieces))


@dataclass
class _Files:
    """Files found so far, each once."""

    problems: Problems = field(default_factory=Problems)
    pieces: list[Piece] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    files: int = 0


def find_corpus(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    reading: Reading | None = None,
    *,
    shard: int = SHARD,
) -> Corpus:
    """The shards of files, folders, globs and URLs.

    Args:
        paths: one or several; what is named twice is scanned once.
        reading: how files are read: plain text is cut only where lines are documents.
        shard: bytes of a shard.

    Raises:
        InputError: if there is no file at all, or a path is empty.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    state = _Files()
    for path in given:
        if not os.fspath(path):
            raise InputError("no corpus to scan: a path is empty")
        for found in find(os.fspath(path), plain=True):
            if isinstance(found, InputError):
                where, _, what = str(found).rpartition(": ")
                state.problems.say(where, "", f"{what}; not scanned")
            else:
                _add(state, found, reading or Reading(), shard)
    if not state.files:
        first = next(iter(state.problems), None)
        said = f"{first.file}: {first.what}" if first else "no paths"
        raise InputError(f"no corpus to scan: {said}")
    return Corpus(tuple(_grouped(state.pieces, shard)), state.files, tuple(state.problems))


def _add(state: _Files, file: File, reading: Reading, shard: int) -> None:
    own = file.path if file.remote else os.path.realpath(file.path)
    if own in state.seen:
        return
    state.seen.add(own)
    try:
        size, identity = _status(file)
        pieces = _pieces(file, size, identity, reading, shard)
    except Exception as e:
        if not (file.remote or isinstance(e, OSError | ValueError)):
            raise
        what = str(e).removeprefix(f"{file.path}: ") if isinstance(e, InputError) else reason(e)
        state.problems.say(file.path, "", f"{what}; not scanned")
        return
    state.files += 1
    state.pieces.extend(pieces)


def _status(file: File) -> tuple[int, str]:
    """A file's size, and what changes when it does."""
    if not file.remote:
        status = Path(file.path).stat()
        return status.st_size, f"{status.st_size} {status.st_mtime_ns}"
    from fsspec.core import url_to_fs  # type: ignore[import-untyped, unused-ignore]

    filesystem, path = url_to_fs(file.path)
    facts: dict[str, Any] = filesystem.info(path)
    keys = ("ETag", "etag", "md5Hash", "content_md5", "checksum", "mtime", "LastModified",
            "last_modified", "updated", "created")  # fmt: skip
    tag = next((str(facts[k]) for k in keys if facts.get(k)), "")
    size = int(facts.get("size") or 0)
    return size, f"{size} {tag}"


def _pieces(file: File, size: int, identity: str, reading: Reading, shard: int) -> Iterable[Piece]:
    kind = kind_of(file.name)
    whole = Piece(file.path, kind, size=size, identity=identity)
    if size <= shard:
        return [whole]
    if kind == "parquet":
        return _by_groups(whole, shard)
    by_lines = kind == "jsonl" or (kind == "text" and reading.documents == "line")
    if not by_lines:
        return [whole]
    head = file.head(8)
    if compression_of(head) or head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return [whole]
    count = -(-size // shard)
    cuts = [size * i // count for i in range(count + 1)]
    return [Piece(file.path, kind, a, b, b - a, identity) for a, b in itertools.pairwise(cuts)]


def _by_groups(whole: Piece, shard: int) -> list[Piece]:
    """Row groups together until there are about `shard` bytes of the file."""
    from calibrant.contamination.corpora.parquet import row_groups

    with File(whole.file).open() as stream:
        try:
            sizes = row_groups(stream)
        except Exception:
            return [whole]  # not Parquet, or broken: the reader says so
    scale = whole.size / max(sum(sizes), 1)
    pieces: list[Piece] = []
    start, held = 0, 0.0
    for i, size in enumerate(sizes):
        held += size * scale
        if held >= shard or i == len(sizes) - 1:
            pieces.append(Piece(whole.file, whole.kind, start, i + 1, int(held), whole.identity))
            start, held = i + 1, 0.0
    return pieces or [whole]


def _grouped(pieces: Sequence[Piece], shard: int) -> Iterable[Shard]:
    number = 0
    held: list[Piece] = []
    size = 0
    for piece in pieces:
        if held and (size + piece.size > shard or len(held) >= MANY):
            yield Shard(number, tuple(held))
            number, held, size = number + 1, [], 0
        held.append(piece)
        size += piece.size
    if held:
        yield Shard(number, tuple(held))
