"""How do documents reach a scan? Many in one buffer, so that a compiled loop can run over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive documents of one file, in the file's order.

    Attributes:
        data: UTF-8 text of all documents, end to end.
        starts: shape (documents + 1,), where each begins in `data`.
        file: where they came from: a path or URL.
        numbers: shape (documents,), the number of each in its file, from 0: row or record.
        offset: bytes of the first document's text that stood in earlier batches: 0 but for a
            document too long for one batch, which goes on in the next (with `numbers` as before).
    """

    data: bytes
    starts: Ints
    file: str
    numbers: Ints
    offset: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def document(self, place: int) -> bytes:
        """The text of the document at a place, 0 for the first (or what this batch has of it)."""
        return self.data[self.starts[place] : self.starts[place + 1]]


def batch_of(texts: list[str], file: str = "memory") -> Batch:
    """A batch of texts."""
    parts = [text.encode("utf-8", "replace") for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return Batch(b"".join(parts), starts, file, np.arange(len(parts), dtype=np.int64))
