"""What documents does a piece of a corpus hold? The one entrance to every reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from calibrant._text import reason
from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.blocks import COMPRESSED, Blocks, Piece, compression_of
from calibrant.contamination.corpora.problems import Problems
from calibrant.errors import InputError

Documents = Literal["file", "line", "paragraph"]

_KINDS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv",
    ".parquet": "parquet", ".pq": "parquet", ".warc": "warc", ".wet": "warc",
}  # fmt: skip
_BINARY = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF"), (b"PK\x03\x04", "a zip archive"), (b"\x7fELF", "a program"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"SQLite format 3", "a database"),
    (b"ARROW1", "an Arrow file"), (b"Rar!", "a rar archive"),
)  # fmt: skip
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")


@dataclass(frozen=True)
class Reading:
    """How a corpus is read.

    Attributes:
        text_column: the column of text in tables; None to find one in each file.
        documents: what is one document of a plain text: the file, a line, a paragraph.
        force: whether files that look binary are scanned all the same.
    """

    text_column: str | None = None
    documents: Documents = "file"
    force: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class At:
    """How far a scan of a corpus is.

    Attributes:
        done, total: bytes of files, as they lie.
        seconds: since the beginning.
        resumed: bytes of `done` that were finished before.
    """

    done: int
    total: int
    seconds: float
    resumed: int = 0


@dataclass
class Progress:
    """How far the reading of a piece is.

    Attributes:
        tick: is called with the bytes of the file read so far, now and then.
        lines: when it has ended, lines of a piece with a range.
    """

    tick: Callable[[int], None] = lambda _: None
    lines: int = 0


def kind_of(name: str) -> str:
    """Which reader takes a file of this name; "text" if it has no ending that is known."""
    name = name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), "text")


def batches(
    piece: Piece, reading: Reading, problems: Problems, progress: Progress | None = None
) -> Iterator[Batch]:
    """The documents of a piece; whatever is wrong with it is said, and never raised.

    Args:
        problems: takes what could not be read.
        progress: is told how far it is.
    """
    blocks = Blocks(piece, problems)
    progress = progress or Progress()
    try:
        for batch in _batches(piece, reading, problems, blocks):
            yield batch
            progress.tick(blocks.taken)
    except InputError as e:
        problems.say(piece.file, "", str(e).removeprefix(f"{piece.file}: "))
    except Exception as e:
        # Readers of other libraries raise what they like at what a stranger wrote; one file must
        # not cost the others. It is said with its type, as it may be a fault of ours.
        problems.say(piece.file, "", f"cannot be read further ({type(e).__name__}: {reason(e)})")
    progress.lines = blocks.lines


def _batches(piece: Piece, reading: Reading, problems: Problems, blocks: Blocks) -> Iterator[Batch]:
    from calibrant.contamination.corpora import rows, text

    if piece.kind == "parquet":
        from calibrant.contamination.corpora.parquet import parquet_batches

        yield from parquet_batches(piece, problems, reading.text_column)
        return
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        if not piece.start and not any(p.file == piece.file for p in problems):
            problems.say(piece.file, "", "the file is empty")
        return
    parts = _rejoined(first, stream)
    if piece.kind == "warc":
        from calibrant.contamination.corpora.warc import warc_batches

        yield from warc_batches(parts, piece, problems)
        return
    if not reading.force and not piece.start and (what := binary(first)):
        raise InputError(f"{what}, not text: not scanned (--force-binary scans it)")
    column = reading.text_column
    match piece.kind:
        case "jsonl":
            yield from rows.jsonl_batches(parts, piece, problems, column)
        case "json":
            yield from rows.json_batches(parts, piece, problems, column)
        case "csv" | "tsv":
            yield from rows.csv_batches(parts, piece, problems, column)
        case _:
            yield from text.text_batches(parts, piece, problems, reading.documents)


def _rejoined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def binary(head: bytes) -> str:
    """What a file is that begins so, if it is no text: it has a known mark, or zero bytes."""
    found = next((what for mark, what in _BINARY if head.startswith(mark)), "")
    if found or compression_of(head):
        return found or "compressed twice"
    if b"\0" in head[:65536] and not head.startswith(_BOMS):
        return "a binary file"
    return ""
