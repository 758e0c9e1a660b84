"""Which texts does the scan for paraphrases see? Documents of batches, long ones in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrant.contamination.corpora.batch import Batch, batch_of
from calibrant.errors import InputError
from calibrant.records.frames import read_table

TEXTS = ("text", "content", "document", "question", "body")
"""Columns that are taken for a document's text, in order of preference."""

_CARRIED = 1
"""Windows' widths of a document's last piece that come again before its next one."""


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


def documents(batches: Iterable[Batch], width: int) -> Iterator[Document]:
    """Documents of batches; a piece begins with the end of the one before, at least a window."""
    carry, before = "", 0
    for batch in batches:
        for place in range(len(batch)):
            text = batch.document(place).decode("utf-8", "replace")
            goes_on = place == 0 and batch.offset > 0
            if not goes_on:
                carry, before = "", 0
            whole = carry + text
            number = int(batch.numbers[place])
            yield Document(batch.file, number, whole, before - len(carry), goes_on)
            carry, before = whole[-_CARRIED * width :], before + len(text)


def batches_of(corpus: Any) -> Iterable[Batch]:
    """Batches of what a user means by a corpus.

    Args:
        corpus: batches, texts, or the path of a table with a column of `TEXTS`, or of a text file.

    Raises:
        InputError: if there is no such file or column.
    """
    if not isinstance(corpus, str | Path):
        return _batches(corpus)
    path = Path(corpus)
    if path.suffix.lower() == ".txt":
        try:
            return [batch_of([path.read_text("utf-8", "replace")], str(path))]
        except OSError as e:
            raise InputError(f"{path}: cannot be read: {e.strerror or e}") from e
    frame = read_table(path)
    name = next((n for n in TEXTS if n in frame.columns), None)
    if name is None:
        raise InputError(
            f"{path}: no column of texts; wanted one of {', '.join(TEXTS)}, there are "
            f"{', '.join(frame.columns)}"
        )
    return [batch_of(["" if t is None else str(t) for t in frame[name]], str(path))]


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
