"""Which texts does the scan for paraphrases see? Documents of batches, long ones in pieces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrant.contamination.corpora.batch import Batch, batch_of
from calibrant.contamination.corpora.problems import Problems
from calibrant.contamination.corpora.read import At, Documents, Progress, Reading, batches
from calibrant.contamination.corpora.shards import find_corpus
from calibrant.errors import InputError

_CARRIED = 1
"""Windows' widths of a document's last piece that come again before its next one."""
_PIECE = 100_000
"""Characters of a piece, at most: a job of one is done within a second."""


@dataclass(frozen=True)
class Document:
    """A document, or a piece of a long one.

    Attributes:
        file, number: where it stands: a path or URL, and its row or record from 0.
        text: of it, or of this piece.
        start: characters of the document before this piece.
        goes_on: whether this is a later piece of the document before.
    """

    file: str
    number: int
    text: str
    start: int = 0
    goes_on: bool = False


def documents(given: Iterable[Batch], width: int) -> Iterator[Document]:
    """Documents of batches; a piece begins with the end of the one before, at least a window."""
    carry, before = "", 0
    for batch in given:
        for place in range(len(batch)):
            number = int(batch.numbers[place])
            goes_on = place == 0 and batch.offset > 0
            for text in _pieces(batch.document(place).decode("utf-8", "replace")):
                if not goes_on:
                    carry, before = "", 0
                whole = carry + text
                yield Document(batch.file, number, whole, before - len(carry), goes_on)
                carry, before = whole[-_CARRIED * width :], before + len(text)
                goes_on = True


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces, cut after blanks where there are any."""
    start = 0
    while len(text) - start > _PIECE:
        cut = text.rfind(" ", start + _PIECE // 2, start + _PIECE) + 1 or start + _PIECE
        yield text[start:cut]
        start = cut
    yield text[start:]


class Files:
    """The documents of files, folders, globs or URLs, read by one process, as often as asked.

    Attributes:
        problems: what could not be read, once it was tried.
        size: bytes of all files, as they lie.
        tick: is called with the bytes read so far, now and then.
    """

    def __init__(
        self, paths: str | Path | Sequence[str | Path], *, text_column: str | None = None,
        documents: Documents = "file", force_binary: bool = False,
    ) -> None:  # fmt: skip
        """Find the files.

        Args:
            text_column: of tables; None to find one in each file.
            documents: what is one document of plain text: the file, a line, a paragraph.
            force_binary: whether files that look binary are read all the same.

        Raises:
            InputError: if there is none.
        """
        self._reading = Reading(text_column, documents, force_binary)
        # Whole files: several processes share the work by documents, not by bytes.
        self._corpus = find_corpus(paths, self._reading, shard=1 << 62)
        self.problems = Problems(self._corpus.problems)
        self.size = self._corpus.size
        self.tick: Callable[[int], None] = lambda _: None

    def __iter__(self) -> Iterator[Batch]:
        self.problems = Problems(self._corpus.problems)
        before = 0
        for piece in (p for shard in self._corpus.shards for p in shard.pieces):
            progress = Progress(lambda read, b=before, p=piece: self.tick(b + min(read, p.size)))  # type: ignore[misc]
            yield from batches(piece, self._reading, self.problems, progress)
            before += piece.size
            self.tick(before)


def watched(given: Iterable[Files], progress: Callable[[At], None]) -> None:
    """Has files, which are read one after the other, say how far all of them are together."""
    every = list(given)
    total = sum(files.size for files in every)
    began = time.monotonic()
    before = 0
    for files in every:
        files.tick = lambda read, b=before: progress(At(b + read, total, time.monotonic() - began))  # type: ignore[misc]
        before += files.size


def batches_of(corpus: Any) -> Iterable[Batch]:
    """Batches of what a user means by a corpus: batches, texts, or a path.

    Raises:
        InputError: if there is no such file.
    """
    if isinstance(corpus, str | Path):
        return Files(corpus)
    return corpus if isinstance(corpus, Files) else _batches(corpus)


def _batches(corpus: Iterable[str | Batch]) -> Iterator[Batch]:
    texts: list[str] = []
    for one in corpus:
        if isinstance(one, Batch):
            yield one
        elif isinstance(one, str):
            texts.append(one)
        else:
            raise InputError(f"corpus: wanted texts or batches, got {type(one).__name__}")
    if texts:
        yield batch_of(texts)
