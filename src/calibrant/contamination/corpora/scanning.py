"""What does a shard hold? A pure function of the items and the shard, the same on every machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.blocks import Piece
from calibrant.contamination.corpora.problems import Problem, Problems
from calibrant.contamination.corpora.read import Progress, Reading, batches
from calibrant.contamination.corpora.shards import Shard
from calibrant.contamination.matching import Found, Index, scan_batches

_WORD = 4
"""Bytes of a word, or fewer."""
_EXPANDS = 20
"""Times that text may be longer than the compressed file it stands in, or nearly."""


@dataclass(frozen=True)
class ShardFound:
    """What shards hold; two are merged in any order.

    Attributes:
        found: the counts.
        problems: what could not be read.
        lines: by file and first byte of a range, lines that begin in it: with those before, they
            number the documents of a file that was scanned in parts.
        verbatim: by file, items that stand there word for word, as bits.
        seconds: of computation.
    """

    found: Found
    problems: tuple[Problem, ...] = ()
    lines: Mapping[tuple[str, int], int] = field(default_factory=dict)
    verbatim: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def merge(self, other: ShardFound) -> ShardFound:
        """What both hold."""
        verbatim = dict(self.verbatim)
        for file, items in other.verbatim.items():
            verbatim[file] = verbatim.get(file, 0) | items
        return ShardFound(
            self.found.merge(other.found),
            (*self.problems, *other.problems),
            {**self.lines, **other.lines},
            verbatim,
            self.seconds + other.seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for the journal."""
        return {
            "found": self.found.to_dict(),
            "problems": [[p.file, p.where, p.what, p.times] for p in self.problems],
            "lines": [[file, start, count] for (file, start), count in self.lines.items()],
            "verbatim": [[file, f"{items:x}"] for file, items in self.verbatim.items()],
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ShardFound:
        """What `to_dict` said."""
        return cls(
            Found.from_dict(data["found"]),
            tuple(Problem(*row) for row in data["problems"]),
            {(file, start): count for file, start, count in data["lines"]},
            {file: int(items, 16) for file, items in data["verbatim"]},
            data["seconds"],
        )


def scan_shard(
    index: Index, shard: Shard, reading: Reading, tick: Callable[[int], None] = lambda _: None
) -> ShardFound:
    """What a shard holds of the items.

    Args:
        index: the items.
        shard: parts of files.
        reading: how files are read.
        tick: is called with the bytes read so far, now and then.
    """
    began = time.process_time()
    total = ShardFound(Found.empty(index))
    before = 0
    for pieces in _grouped(index, shard):
        total = total.merge(_scanned(index, pieces, reading, lambda n, b=before: tick(b + n)))  # type: ignore[misc]
        before += sum(piece.size for piece in pieces)
        tick(before)
    return replace(total, seconds=time.process_time() - began)


def _grouped(index: Index, shard: Shard) -> Iterator[tuple[Piece, ...]]:
    """Pieces that are scanned in one go: small files, none of which could hold the benchmark."""
    enough = _WORD * float(index.lengths.sum()) / _EXPANDS
    small: list[Piece] = []
    for piece in shard.pieces:
        if piece.size < enough and not _ranged(piece):
            small.append(piece)
            continue
        if small:
            yield tuple(small)
            small = []
        yield (piece,)
    if small:
        yield tuple(small)


def _ranged(piece: Piece) -> bool:
    return piece.kind != "parquet" and (piece.start > 0 or piece.stop is not None)


def _scanned(
    index: Index, pieces: tuple[Piece, ...], reading: Reading, tick: Callable[[int], None]
) -> ShardFound:
    problems = Problems()
    lines: dict[tuple[str, int], int] = {}

    def documents() -> Iterator[Batch]:
        before = 0
        for piece in pieces:
            progress = Progress(
                lambda taken, b=before, p=piece: tick(b + min(taken, p.size))  # type: ignore[misc]
            )
            yield from _numbered(batches(piece, reading, problems, progress), piece)
            before += piece.size
            if _ranged(piece):
                lines[piece.file, piece.start] = progress.lines

    found = scan_batches(index, documents())
    verbatim = sum(1 << item for item, counts in found.counts.items() if counts[0])
    alone = len(pieces) == 1 and verbatim
    return ShardFound(found, tuple(problems), lines, {pieces[0].file: verbatim} if alone else {})


def _numbered(documents: Iterator[Batch], piece: Piece) -> Iterator[Batch]:
    """Of a later part of a file, documents numbered from its first byte.

    How many lines stand before it is not known yet, but no more than bytes: numbers keep the
    order of the file, and are put right when all parts are there.
    """
    shift = 0 if piece.kind == "parquet" else piece.start
    for batch in documents:
        yield replace(batch, numbers=batch.numbers + shift) if shift else batch
